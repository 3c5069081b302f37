import type { TwinElsewhere } from '../checks/cluster-status.ts';
import type { ServerPlace } from '../net/server-door.ts';
import { probe } from './probe.ts';
import type { ServiceDefinition } from './service-definition.ts';

/** One that does not answer within this time counts as one that does not. */
const ANSWER_MS_MAX = 1000;

/**
 * Asks the twins of this monitor's nodes that run elsewhere, under other monitors, whether they serve: they stand in for those here.
 */
export class TwinWatch {
  readonly #changed: () => void;
  /** By group and name. */
  #twins: readonly TwinElsewhere[] = [];
  #isLooking = false;

  /** @param changed one answers that did not, or the other way round */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get twins(): readonly TwinElsewhere[] {
    return this.#twins;
  }

  /** Asks all of them, unless it is still asking. @param services all that run here */
  look(services: readonly ServiceDefinition[]): void {
    if (this.#isLooking) return;
    const places = placesElsewhere(services);
    if (places.length === 0) {
      this.#twins = [];
      return;
    }
    this.#isLooking = true;
    void Promise.all(places.map(ask)).then((twins) => {
      this.#isLooking = false;
      const before = this.#twins;
      this.#twins = twins;
      if (JSON.stringify(before) !== JSON.stringify(twins)) this.#changed();
    });
  }
}

type Place = Pick<TwinElsewhere, 'group' | 'name'> & ServerPlace;

function placesElsewhere(services: readonly ServiceDefinition[]): Place[] {
  const own = new Set(services.map(({ probe: { host, port } }) => `${host} ${port}`));
  const places = new Map<string, Place>();
  for (const { group, twins } of services)
    for (const twin of twins) {
      const key = `${twin.host} ${twin.port}`;
      if (!own.has(key)) places.set(key, { ...twin, group });
    }
  return [...places.values()];
}

async function ask(place: Place): Promise<TwinElsewhere> {
  const { group, name, host, port } = place;
  const { ok: answers } = await probe({ ...place, stats: false }, ANSWER_MS_MAX, 'node');
  return { group, name, address: `${host}:${port}`, answers };
}
