/** What the page makes of a proxy: where its keys and its requests go, and which of its servers it asks. Pure, and run in the browser. */
import type { ProxyPoolStatus, ProxyServer, ProxyStats, ServiceStatus } from '../checks/cluster-status.ts';

/** One of a proxy's servers, as it was planned and as the proxy has it. */
export interface ServerView {
  /** Of the service, or the address where none is known. */
  readonly name: string;
  readonly address: string;
  /** An operator has taken it out. */
  readonly isOut: boolean;
  /** Null while the proxy says nothing of it. */
  readonly figures: ProxyServer | null;
}

export interface ShardView {
  readonly name: string;
  /** Of all keys; null where it is not known. */
  readonly keyPercent: number | null;
  /** Only asked when another one cannot serve. */
  readonly isSpare: boolean;
  readonly requestsPerSecond: number;
  /** Of the requests of the last second; null when there were none. */
  readonly requestPercent: number | null;
  readonly servers: readonly ServerView[];
}

/** One address of a proxy: what clients ask of it, and where their keys lie. */
export interface PoolView {
  readonly name: string;
  readonly address: string;
  /** `up`, `down` when nothing answers there, `unknown` until it was asked. */
  readonly state: 'up' | 'down' | 'unknown';
  /** Null unless it answers. */
  readonly stats: ProxyStats | null;
  readonly shards: readonly ShardView[];
}

/** The pools of a proxy that serves several; of all others none. */
export function poolViews({ pools }: Pick<ServiceStatus, 'pools'>): readonly PoolView[] {
  return pools.map(({ name, address, answers, stats, shards }) => ({
    name,
    address,
    state: poolState(answers),
    stats,
    shards: shardViews({ proxy: stats, shards }),
  }));
}

/** Whether a pool answers, as a word. */
function poolState(answers: ProxyPoolStatus['answers']): PoolView['state'] {
  if (answers === null) return 'unknown';
  return answers ? 'up' : 'down';
}

/** The shards of a proxy; of one whose plan is not known one without a name, of all servers that it tells of. */
export function shardViews({ proxy, shards }: Pick<ServiceStatus, 'proxy' | 'shards'>): readonly ShardView[] {
  const told = proxy?.servers ?? [];
  const planned =
    shards.length > 0
      ? shards
      : [
          {
            name: '',
            keyShare: null,
            servers: told.map(({ name }) => ({ name, address: name, isOut: false })),
          },
        ];
  const views = planned.map(({ name, keyShare, servers }) => {
    const seen = servers.map((server) => ({
      ...server,
      figures: told.find((one) => one.name === server.address) ?? null,
    }));
    return {
      name,
      keyPercent: keyShare === null ? null : keyShare * 100,
      isSpare: keyShare === 0,
      requestsPerSecond: seen.reduce((sum, { figures }) => sum + (figures?.requestsPerSecond ?? 0), 0),
      servers: seen,
    };
  });
  const total = views.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0);
  return views.map((view) => ({
    ...view,
    requestPercent: total > 0 ? (view.requestsPerSecond * 100) / total : null,
  }));
}

/** How a proxy has a server, in a word: `out` where an operator has taken it out, `ejected` where others have its keys because it was dead. */
export function serverState({ isOut, figures }: ServerView): string {
  if (isOut) return 'out';
  return figures?.isEjected === true ? 'ejected' : (figures?.state ?? 'unknown');
}

/** The proxies that a node is taken out of. */
export function proxiesWithout(node: string, services: readonly ServiceStatus[]): readonly string[] {
  return services.flatMap(({ name, shards }) =>
    shards.some(({ servers }) => servers.some((server) => server.name === node && server.isOut))
      ? [name]
      : [],
  );
}

/** The proxies that ask a node and could ask a twin of it instead. */
export function proxiesToTakeOutOf(node: string, services: readonly ServiceStatus[]): readonly string[] {
  return services.flatMap(({ name, shards }) =>
    shards.some(
      ({ servers }) =>
        servers.some((server) => server.name === node && !server.isOut) &&
        servers.some((server) => server.name !== node && !server.isOut),
    )
      ? [name]
      : [],
  );
}

/** The proxies that have nobody but this node to ask for its keys, though it has twins. */
export function proxiesLeftWith(node: string, services: readonly ServiceStatus[]): readonly string[] {
  return services.flatMap(({ name, shards }) =>
    shards.some(
      ({ servers }) =>
        servers.length > 1 &&
        servers.some((server) => server.name === node) &&
        servers.every((server) => server.isOut === (server.name !== node)),
    )
      ? [name]
      : [],
  );
}
