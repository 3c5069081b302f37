/** The addresses of proxies as lines of `twincached status`, out of what comes over the wire, perhaps from another release. */
import { isRecord } from '../base/json-record.ts';
import { shownText } from './status-reading.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * One line for each pool of a proxy, or for its only address: name, state, address, requests a second, requests, errors, times that servers were lost,
 * and ejected, and the servers with their states. No lines of a node, or of a proxy that does not run.
 *
 * @param services all of them, for the names of servers
 */
export function poolRows(service: Fields, services: readonly unknown[]): string[][] {
  if (service['role'] !== 'proxy' || service['state'] !== 'running') return [];
  const name = shownText(service['name']);
  const pools = records(service['pools']);
  if (pools.length === 0)
    return [poolRow(name, { ...service, answers: true, stats: service['proxy'] }, services)];
  return pools.map((pool) => poolRow(`${name}/${shownText(pool['name'])}`, pool, services));
}

function poolRow(name: string, pool: Fields, services: readonly unknown[]): string[] {
  const { answers, address } = pool;
  const stats = isRecord(pool['stats']) ? pool['stats'] : null;
  const state = answers === true ? 'up' : answers === false ? 'no answer' : 'unknown';
  if (stats === null) return [name, state, shownText(address)];
  const servers = records(stats['servers']);
  const downs = servers.reduce((sum, { downs: times }) => sum + (typeof times === 'number' ? times : 0), 0);
  const rate = stats['requestsPerSecond'];
  return [
    name,
    state,
    shownText(address),
    typeof rate === 'number' ? rate.toFixed(rate > 0 && rate < 10 ? 1 : 0) : '',
    ...['requests', 'failures'].map((figure) => shownText(stats[figure])),
    String(downs),
    shownText(stats['ejections']),
    servers.map((server) => serverText(server, pool, services)).join(', '),
  ];
}

/** `one-a up`: by the name of the service where there is one. */
function serverText(server: Fields, pool: Fields, services: readonly unknown[]): string {
  const address = shownText(server['name']);
  const planned = records(pool['shards'])
    .flatMap(({ servers }) => records(servers))
    .find((one) => one['address'] === address);
  const service = records(services).find((one) => one['address'] === address);
  const name = shownText(planned?.['name'] ?? service?.['name'] ?? address);
  return `${name} ${server['isEjected'] === true ? 'ejected' : shownText(server['state'])}`;
}

function records(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
