/*
 * What the page makes of a snapshot: who is whose twin and how far behind, how much flows where, what needs somebody's attention. Pure, and run in
 * the browser; the page's own files only draw it.
 */
import type { NodeStats, ProxyServer, ServiceStatus } from '../checks/cluster-status.ts';
import type { PageSnapshot } from './page-snapshot.ts';

/** A node's link to one of its twins, as the node sees it. */
export interface TwinLink {
  /** The twin's name, or its address when it is no service of ours. */
  readonly twin: string;
  readonly state: string;
  readonly lagMs: number | null;
  readonly lagChanges: number | null;
  readonly lagBytes: number | null;
  /** Of a full copy under way; 100 when there is none. */
  readonly syncPercent: number;
  /** Since the twin was heard of last. */
  readonly seenMs: number | null;
}

/** The lines of a node about each of its peers, as one object each. */
export function twinLinks(node: ServiceStatus, services: readonly ServiceStatus[]): readonly TwinLink[] {
  const lines = node.stats?.replication ?? {};
  const indices = new Set(
    Object.keys(lines).flatMap((name) => /^replication_peer_(\d+)_state$/.exec(name)?.[1] ?? []),
  );
  const others = services.filter(
    ({ group, role, name }) => role === 'node' && group === node.group && name !== node.name,
  );
  return [...indices].map((index): TwinLink => {
    const text = (what: string): string | null => lines[`replication_peer_${index}_${what}`] ?? null;
    const number = (what: string): number | null => {
      const value = text(what);
      return value === null || !Number.isFinite(Number(value)) ? null : Number(value);
    };
    const slot = text('node_slot');
    const twin =
      others.find(({ stats }) => slot !== null && stats?.replication['replication_node_slot'] === slot) ??
      (others.length === 1 ? others[0] : undefined);
    return {
      twin: twin?.name ?? text('address') ?? '',
      state: text('state') ?? '',
      lagMs: number('lag_ms'),
      lagChanges: number('lag_changes'),
      lagBytes: number('lag_bytes'),
      syncPercent: number('sync_percent') ?? 100,
      seenMs: number('seen_ms'),
    };
  });
}

export type LinkTone = 'good' | 'busy' | 'bad' | 'idle';

/** A phrase on how a node stands to its twins, and how good that is. */
export interface LinkWord {
  readonly text: string;
  readonly tone: LinkTone;
}

/** Copies that lag less than this are called in sync. */
const LAG_SHOWN_MS = 50;

/** How two twins stand to each other, by what either of them says. */
export function linkWord(
  one: ServiceStatus,
  other: ServiceStatus,
  services: readonly ServiceStatus[],
): LinkWord {
  const links = [
    ...twinLinks(one, services).filter(({ twin }) => twin === other.name),
    ...twinLinks(other, services).filter(({ twin }) => twin === one.name),
  ];
  if (one.state !== 'running' || other.state !== 'running') return { text: 'no link', tone: 'idle' };
  const syncing = links.find(({ syncPercent }) => syncPercent < 100);
  if (syncing !== undefined) return { text: `syncing ${Math.floor(syncing.syncPercent)} %`, tone: 'busy' };
  const unsure = [one, other].some(({ stats }) => stats?.replication['replication_in_sync'] === '0');
  if (unsure) return { text: 'catching up', tone: 'busy' };
  if (!links.some(({ state }) => state === 'linked')) {
    const known = [one, other].some(({ stats }) => stats?.replication['replication_state'] !== undefined);
    return known ? { text: 'no link', tone: 'bad' } : { text: 'no twins', tone: 'idle' };
  }
  const lag = Math.max(...links.map(({ lagMs }) => lagMs ?? 0));
  if (lag < LAG_SHOWN_MS) return { text: 'in sync', tone: 'good' };
  return {
    text: `${lag < 1000 ? `${Math.round(lag)} ms` : `${(lag / 1000).toFixed(1)} s`} behind`,
    tone: 'busy',
  };
}

/** Nodes that stand in for each other, in the order of the cluster file. */
export interface NodeGroup {
  readonly name: string;
  readonly members: readonly ServiceStatus[];
  /** The twin that is asked first; null when no proxy knows. */
  readonly serving: string | null;
}

export function nodeGroups({ services, serving }: PageSnapshot): readonly NodeGroup[] {
  const groups: Map<string, ServiceStatus[]> = new Map();
  for (const service of services) {
    if (service.role !== 'node') continue;
    const members = groups.get(service.group) ?? [];
    groups.set(service.group, members);
    members.push(service);
  }
  return [...groups].map(([name, members]) => ({
    name,
    members,
    serving: serving[name] ?? null,
  }));
}

/** What a node of a group is there for at present. */
export function roleWord(node: ServiceStatus, { members, serving }: NodeGroup): string {
  if (members.length === 1) return 'alone';
  if (node.state !== 'running') return 'away';
  if (node.stats?.replication['replication_in_sync'] === '0') return 'catching up';
  const main = members.find(({ name }) => name === serving) ?? members[0];
  if (node === main) return 'primary';
  return main?.state === 'running' ? 'replica' : 'stands in';
}

/** The services in layers as requests flow: those that nobody of the cluster sends to first. */
export function flowLayers(services: readonly ServiceStatus[]): ServiceStatus[][] {
  const depths = new Map(services.map(({ name }) => [name, 0]));
  // The longest way from the top. A circle would go on for ever, hence the bound.
  for (let round = 0; round < services.length; round++) {
    for (const { name, sendsTo } of services)
      for (const target of sendsTo) {
        const depth = depths.get(target);
        if (depth !== undefined)
          depths.set(target, Math.min(Math.max(depth, (depths.get(name) ?? 0) + 1), services.length));
      }
  }
  const layers: Map<number, ServiceStatus[]> = new Map();
  for (const service of services) {
    const depth = depths.get(service.name) ?? 0;
    layers.set(depth, [...(layers.get(depth) ?? []), service]);
  }
  return [...layers].sort(([one], [other]) => one - other).map(([, layer]) => layer);
}

/** A proxy's connection to a server. */
export interface Flow {
  readonly from: string;
  /** Name of a service. */
  readonly to: string;
  readonly requestsPerSecond: number;
  /** `up`, `down`, ... as the proxy says; `unknown` while it says nothing; `out`: an operator has taken it out. */
  readonly state: string;
}

/** What goes from each proxy to each of the services that it sends to. */
export function flows(services: readonly ServiceStatus[]): readonly Flow[] {
  return services.flatMap((proxy) =>
    proxy.sendsTo.flatMap((target): Flow[] => {
      const service = services.find(({ name }) => name === target);
      if (service === undefined) return [];
      const server = serverOf(proxy, service);
      const isOut = proxy.shards.some(({ servers }) =>
        servers.some((one) => one.name === target && one.isOut),
      );
      return [
        {
          from: proxy.name,
          to: target,
          requestsPerSecond: server?.requestsPerSecond ?? 0,
          state: isOut ? 'out' : (server?.state ?? 'unknown'),
        },
      ];
    }),
  );
}

/** What a proxy says of a service that it sends to; null while it says nothing. */
export function serverOf(proxy: ServiceStatus, service: ServiceStatus): ProxyServer | null {
  const { address } = service;
  const colon = address.lastIndexOf(':');
  const bracketed = `[${address.slice(0, colon)}]${address.slice(colon)}`;
  return proxy.proxy?.servers.find(({ name }) => name === address || name === bracketed) ?? null;
}

/** The proxies that no other one sends to: where clients come in. */
export function entryProxies(services: readonly ServiceStatus[]): readonly ServiceStatus[] {
  const inner = new Set(services.flatMap(({ role, sendsTo }) => (role === 'proxy' ? sendsTo : [])));
  return services.filter(({ role, name }) => role === 'proxy' && !inner.has(name));
}

/** The numbers at the head of the page; null where nothing is known yet. */
export interface Totals {
  readonly nodesUp: number;
  readonly nodes: number;
  readonly proxiesUp: number;
  readonly proxies: number;
  readonly requestsPerSecond: number | null;
  /** Of the gets of the last second, or, when there were none, of all time. */
  readonly hitPercent: number | null;
  readonly bytes: number;
  readonly limitBytes: number;
  readonly connections: number;
  readonly lagMs: number | null;
}

export function totals(services: readonly ServiceStatus[]): Totals {
  const up = (role: string): number =>
    services.filter((service) => service.role === role && service.state === 'running').length;
  const stats = services.flatMap(({ stats: one }) => (one === null ? [] : [one]));
  const sum = (value: (one: NodeStats) => number | null): number =>
    stats.reduce((total, one) => total + (value(one) ?? 0), 0);
  const lags = services.flatMap((service) => twinLinks(service, services).map(({ lagMs }) => lagMs ?? 0));
  return {
    nodesUp: up('node'),
    nodes: services.filter(({ role }) => role === 'node').length,
    proxiesUp: up('proxy'),
    proxies: services.filter(({ role }) => role === 'proxy').length,
    requestsPerSecond: stats.some(({ requestsPerSecond }) => requestsPerSecond !== null)
      ? sum(({ requestsPerSecond }) => requestsPerSecond)
      : null,
    hitPercent: hitPercent(stats),
    bytes: sum(({ bytes }) => bytes),
    limitBytes: sum(({ limitMaxbytes }) => limitMaxbytes),
    connections: sum(({ currConnections }) => currConnections),
    lagMs: lags.length === 0 ? null : Math.max(...lags),
  };
}

/** Of the gets of the last second, or, when there were none, of all time; null when there never were any. */
export function hitPercent(stats: readonly NodeStats[]): number | null {
  const sum = (value: (one: NodeStats) => number | null): number =>
    stats.reduce((total, one) => total + (value(one) ?? 0), 0);
  const gets = sum(({ getsPerSecond }) => getsPerSecond);
  if (gets > 0) return Math.min(100, (sum(({ hitsPerSecond }) => hitsPerSecond) * 100) / gets);
  const hits = sum(({ getHits }) => getHits);
  const all = hits + sum(({ getMisses }) => getMisses);
  return all === 0 ? null : (hits * 100) / all;
}

/** Something that is not as it should be. */
export interface Incident {
  readonly service: string;
  readonly tone: 'busy' | 'bad';
  readonly text: string;
}

const PASSING_STATES: ReadonlySet<string> = new Set(['starting', 'stopping', 'backing-off', 'stopped']);

/** What an operator should know first, the worst first. */
export function incidents(snapshot: PageSnapshot): readonly Incident[] {
  const { services } = snapshot;
  const found: Incident[] = [];
  const running = (name: string): boolean =>
    services.some((service) => service.name === name && service.state === 'running');
  for (const { name, state, reason, monitored, findings } of services) {
    if (state !== 'running')
      found.push({
        service: name,
        tone: PASSING_STATES.has(state) ? 'busy' : 'bad',
        text: reason === '' ? stateWord(state) : `${stateWord(state)}: ${reason}`,
      });
    else if (!monitored) found.push({ service: name, tone: 'busy', text: 'is not monitored' });
    for (const text of findings) found.push({ service: name, tone: 'busy', text });
  }
  for (const group of nodeGroups(snapshot)) {
    if (group.members.every(({ state }) => state !== 'running'))
      found.push({ service: group.name, tone: 'bad', text: 'no node of it runs: its keys are not served' });
    const [first, ...rest] = group.members;
    for (const member of rest) {
      if (first === undefined || !running(first.name) || !running(member.name)) continue;
      const { text, tone } = linkWord(first, member, services);
      if (tone === 'busy' || tone === 'bad')
        found.push({ service: group.name, tone, text: `${first.name} and ${member.name}: ${text}` });
    }
  }
  for (const { name, pools } of services)
    for (const pool of pools)
      if (pool.answers === false)
        found.push({ service: name, tone: 'bad', text: `${pool.name} does not answer at ${pool.address}` });
  for (const [node, proxies] of takenOut(services))
    found.push({ service: node, tone: 'busy', text: `is taken out of ${proxies.join(', ')}` });
  for (const { from, to, state } of flows(services)) {
    if (!running(from) || !running(to)) continue;
    if (state === 'down') found.push({ service: from, tone: 'busy', text: `does not reach ${to}` });
    else if (state === 'refused') found.push({ service: from, tone: 'busy', text: `is not let in by ${to}` });
  }
  return found.sort((one, other) => Number(one.tone === 'busy') - Number(other.tone === 'busy'));
}

/** By node the proxies that it is taken out of. */
function takenOut(services: readonly ServiceStatus[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { name, shards } of services)
    for (const server of shards.flatMap(({ servers }) => servers))
      if (server.isOut) found.set(server.name, [...(found.get(server.name) ?? []), name]);
  return found;
}

const STATE_WORDS: Readonly<Record<string, string>> = {
  'backing-off': 'waits before it is started again',
  'gave-up': 'given up',
  out: 'taken out',
  refused: 'refuses the login',
};

/** A service's state as people say it. */
export function stateWord(state: string): string {
  return STATE_WORDS[state] ?? state;
}
