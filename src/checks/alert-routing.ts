import type { AlertTarget, ServiceEntry } from '../control/tree.ts';
import type { ServiceEvent } from './event-kinds.ts';

/** Most events that await their reminder; more are not reminded of. */
const STANDING_MAX = 10_000;

/**
 * Decides who hears of an event: an entry's own recipients, and those of `set alert` that the entry does not exclude. An entry's own statement for an
 * address replaces the general one.
 */
export function recipients(
  event: Pick<ServiceEvent, 'name'>,
  entry: Pick<ServiceEntry, 'alerts' | 'noAlerts'> | null,
  general: readonly AlertTarget[],
): AlertTarget[] {
  const own = entry?.alerts ?? [];
  const others = general.filter(
    ({ address }) =>
      !(entry?.noAlerts.includes(address) ?? false) && !own.some((target) => target.address === address),
  );
  return [...own, ...others].filter((target) => wants(target, event.name));
}

function wants({ events, isExclusion }: AlertTarget, name: ServiceEvent['name']): boolean {
  if (events === null) return true;
  return events.includes(name) !== isExclusion;
}

/** An event and to whom it is told again. */
export interface Reminder {
  readonly service: string;
  readonly event: ServiceEvent;
  readonly target: AlertTarget;
}

/** Remembers failures that somebody wants to be reminded of. */
export class Reminders {
  readonly #standing = new Map<string, { readonly reminder: Reminder; cycles: number }>();

  /** An event was told to somebody. */
  told(service: string, event: ServiceEvent, target: AlertTarget): void {
    const key = JSON.stringify([service, event.name, event.about ?? '', target.address]);
    if (event.state !== 'failed' || target.reminderCycles === 0) this.#standing.delete(key);
    else if (this.#standing.size < STANDING_MAX)
      this.#standing.set(key, { reminder: { service, event, target }, cycles: 0 });
  }

  /** A cycle has passed. @returns what is due to be told again */
  cycle(): Reminder[] {
    const due: Reminder[] = [];
    for (const standing of this.#standing.values()) {
      standing.cycles += 1;
      if (standing.cycles < standing.reminder.target.reminderCycles) continue;
      standing.cycles = 0;
      due.push(standing.reminder);
    }
    return due;
  }

  /** Nobody looks at a service any more. */
  forget(service: string): void {
    for (const [key, { reminder }] of this.#standing)
      if (reminder.service === service) this.#standing.delete(key);
  }
}
