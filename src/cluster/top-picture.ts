/** What `twincached top` shows, out of a monitor's status. It comes over the wire, perhaps from another release, so nothing is taken for granted. */
import { isRecord } from '../base/json-record.ts';

/** One process, or one of several pools of a proxy, whose role is `pool` and name is `PROXY/POOL`. Figures that it does not have, or that are not known yet, are null. */
export interface TopService {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly reason: string;
  readonly address: string;
  readonly pid: number | null;
  readonly uptimeSeconds: number | null;
  readonly requestsPerSecond: number | null;
  /** Of the gets of the last second, or of all where there were none lately. */
  readonly hitPercent: number | null;
  readonly evictionsPerSecond: number | null;
  readonly items: number | null;
  readonly bytes: number | null;
  readonly limitBytes: number | null;
  /** Of a node: of clients. Of a proxy: requests that are not answered yet. */
  readonly connections: number | null;
  /** The largest of its links, in milliseconds and in changes. */
  readonly lagMs: number | null;
  readonly lagChanges: number | null;
  /** How much of a full copy to a twin is sent; null: none is under way. */
  readonly syncPercent: number | null;
  readonly p99Micros: number | null;
  readonly cpuPercent: number | null;
  readonly residentBytes: number | null;
  readonly restarts: number | null;
  /** All that is known, for the page of one service: name and value. */
  readonly details: readonly (readonly [string, string])[];
}

export interface TopEvent {
  readonly atMs: number;
  readonly service: string;
  readonly level: string;
  readonly text: string;
}

export interface TopPicture {
  readonly cluster: string;
  readonly state: string;
  readonly atMs: number;
  readonly uptimeSeconds: number;
  readonly services: readonly TopService[];
  /** Oldest first. */
  readonly events: readonly TopEvent[];
  /** What an operator asked for and is under way, with its share; null: nothing. */
  readonly operation: { readonly text: string; readonly percent: number } | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** @returns null when the text is no status */
export function readTopPicture(text: string): TopPicture | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || !Array.isArray(value['services'])) return null;
  const services: unknown[] = value['services'];
  const events: unknown[] = Array.isArray(value['events']) ? value['events'] : [];
  return {
    cluster: shown(value['cluster']),
    state: shown(value['state']),
    atMs: number(value['atMs']) ?? 0,
    uptimeSeconds: number(value['uptimeSeconds']) ?? 0,
    services: services.filter(isRecord).flatMap((service) => [readService(service), ...readPools(service)]),
    events: events.filter(isRecord).map(({ atMs, service, level, text: words }) => ({
      atMs: number(atMs) ?? 0,
      service: shown(service),
      level: shown(level),
      text: shown(words),
    })),
    operation: readOperation(value['operation']),
  };
}

function readService(service: Fields): TopService {
  const [stats, proxy, process] = [
    fields(service['stats']),
    fields(service['proxy']),
    fields(service['process']),
  ];
  const replication = fields(stats['replication']);
  const links = (name: string): number | null => {
    const values = Object.entries(replication).flatMap(([key, value]) =>
      key.startsWith('replication_peer_') && key.endsWith(`_${name}`) ? [Number(value)] : [],
    );
    const known = values.filter(Number.isFinite);
    return known.length === 0 ? null : Math.max(...known);
  };
  const syncs = Object.entries(replication).flatMap(([key, value]) =>
    /^replication_peer_\d+_sync_percent$/.test(key) && Number(value) < 100 ? [Number(value)] : [],
  );
  const gets = number(stats['getsPerSecond']);
  const hits = number(stats['hitsPerSecond']);
  return {
    name: shown(service['name']),
    role: shown(service['role']),
    state: shown(service['state']),
    reason: shown(service['reason']),
    address: shown(service['address']),
    pid: number(service['pid']),
    uptimeSeconds: number(service['uptimeSeconds']),
    requestsPerSecond: number(stats['requestsPerSecond']) ?? number(proxy['requestsPerSecond']),
    hitPercent:
      gets !== null && hits !== null && gets > 0
        ? Math.min(100, (hits * 100) / gets)
        : share(number(stats['getHits']), number(stats['getMisses'])),
    evictionsPerSecond: number(stats['evictionsPerSecond']),
    items: number(stats['currItems']),
    bytes: number(stats['bytes']),
    limitBytes: number(stats['limitMaxbytes']),
    connections: number(stats['currConnections']) ?? number(proxy['open']),
    lagMs: links('lag_ms'),
    lagChanges: links('lag_changes'),
    syncPercent: syncs.length === 0 ? null : Math.min(...syncs),
    p99Micros: number(proxy['p99Micros']),
    cpuPercent: number(process['cpuPercent']),
    residentBytes: number(process['residentBytes']),
    restarts: number(service['restarts']),
    details: detailsOf(service, '').slice(0, DETAILS_MAX),
  };
}

/** The pools of a proxy, each as a service of its own that has no process. */
function readPools(service: Fields): TopService[] {
  const pools: unknown[] = Array.isArray(service['pools']) ? service['pools'] : [];
  return pools.filter(isRecord).map((pool) => {
    const state = pool['answers'] === true ? 'up' : pool['answers'] === false ? 'no answer' : 'unknown';
    const name = `${shown(service['name'])}/${shown(pool['name'])}`;
    return readService({ ...pool, name, role: 'pool', state, proxy: pool['stats'], stats: null });
  });
}

/** Lines of one service's page. */
const DETAILS_MAX = 500;

/** Every value of an object with its path as name: `stats.bytes`, `proxy.servers.0.state`. */
function detailsOf(value: unknown, path: string): [string, string][] {
  if (typeof value !== 'object' || value === null)
    return value === null || value === '' ? [] : [[shown(path), shown(value)]];
  return Object.entries(value).flatMap(([name, inner]) =>
    detailsOf(inner, path === '' ? name : `${path}.${name}`),
  );
}

function readOperation(value: unknown): TopPicture['operation'] {
  const { state, action, text, stepsDone, stepsTotal } = fields(value);
  if (state !== 'under-way') return null;
  const [done, total] = [number(stepsDone) ?? 0, number(stepsTotal) ?? 0];
  return {
    text: `${shown(action)}, ${done} of ${total}: ${shown(text)}`,
    percent: total === 0 ? 0 : Math.min(100, (done * 100) / total),
  };
}

function share(part: number | null, rest: number | null): number | null {
  return part === null || rest === null || part + rest === 0 ? null : (part * 100) / (part + rest);
}

function fields(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** As text, free of what could move a terminal's cursor. */
function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? value.replace(/\p{C}/gu, ' ') : '';
}
