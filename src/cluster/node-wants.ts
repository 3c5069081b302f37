/** What nodes want before they answer, TLS or a login, as they run: what they were started with, whether the cluster file says so still or not yet. */
import type { TwinAddress } from '../monitor/service-definition.ts';
import type { ServerAccess } from '../net/server-door.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { askNode } from './node-sync.ts';
import { twinAddress } from './placed-services.ts';
import type { PlannedService } from './plan.ts';
import { type NodesWant, serverText } from './proxy-configuration.ts';

export class NodeWants {
  readonly #services: () => readonly PlannedService[];
  /** By `HOST:PORT`, of nodes on other hosts of which the file says something else than before, as they answer. */
  #elsewhere: NodesWant = new Map();

  /** @param services as they run now */
  constructor(services: () => readonly PlannedService[]) {
    this.#services = services;
  }

  /**
   * A changed file has come: sees how those nodes stand that run on other hosts, whose monitors read the file when they are told to.
   *
   * @param before the file before
   */
  async look(before: ClusterDescription, after: ClusterDescription): Promise<void> {
    const known = new Map<string, ServerAccess | null>();
    for (const shard of before.shards)
      for (const twin of shard.twins) known.set(serverText(twin), twin.access ?? null);
    const looks = after.shards
      .flatMap(({ twins }) => twins)
      .map(async (twin): Promise<readonly [string, ServerAccess | null] | null> => {
        const place = serverText(twin);
        const was = this.#elsewhere.has(place) ? this.#elsewhere.get(place) : known.get(place);
        const now = twin.access ?? null;
        if (was === undefined || isSame(was, now) || this.#runsHere(twinAddress(twin)) !== undefined)
          return null;
        const { answers } = await askNode(twinAddress(twin));
        return [place, answers ? now : was];
      });
    this.#elsewhere = new Map((await Promise.all(looks)).filter((entry) => entry !== null));
  }

  /** From now on nodes on other hosts are taken to be as the file says: their proxies and twins have others to ask until they are. */
  settle(): void {
    this.#elsewhere = new Map();
  }

  /** Of all nodes of which it is known; of the others the file says it. */
  get all(): NodesWant {
    const here = this.#services()
      .filter(({ role }) => role === 'node')
      .map(({ probe }) => [placeText(probe), probe.access ?? null] as const);
    return new Map([...this.#elsewhere, ...here]);
  }

  /** The service with its twins as they run. */
  twinsOf(service: PlannedService): PlannedService {
    return { ...service, twins: service.twins.map((twin) => this.addressOf(twin)) };
  }

  /** The node as it runs. */
  addressOf(node: TwinAddress): TwinAddress {
    const { name, host, port } = node;
    const access = this.#runsHere(node)?.probe.access ?? this.#elsewhere.get(placeText(node));
    if (access === undefined && this.#runsHere(node) === undefined) return node;
    return { name, host, port, ...(access === undefined || access === null ? {} : { access }) };
  }

  #runsHere({ host, port }: { readonly host: string; readonly port: number }): PlannedService | undefined {
    return this.#services().find(({ probe: own }) => own.host === host && own.port === port);
  }
}

function placeText({ host, port }: { readonly host: string; readonly port: number }): string {
  return serverText({ address: host, port });
}

/** Whether a change is one of what nodes want. */
export function changesWants(before: PlannedService, after: PlannedService): boolean {
  return before.role === 'node' && !isSame(before.probe.access ?? null, after.probe.access ?? null);
}

function isSame(one: ServerAccess | null, other: ServerAccess | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
