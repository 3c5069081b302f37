import { VERB_SPELLINGS } from '../protocol/text/verbs.ts';
import type { RequestPool } from './request-pool.ts';
import type { RouteHandle } from './route-handle.ts';

/** The lines of `stats` about clients and buffers, as `name value`, without `STAT`. Of one thread. */
export function poolFigureLines(requests: RequestPool, failures: number): string[] {
  const { budget, uploads, figures } = requests;
  const lines: (readonly [string, number | string])[] = [];
  for (const [verb, spelling] of VERB_SPELLINGS) {
    const count = figures.commands[verb] ?? 0;
    if (count > 0) lines.push([`cmd_${spelling}`, count]);
  }
  lines.push(
    ['requests_open', requests.live],
    ['request_failures', failures],
    ['request_latency_p50_us', figures.latency.percentileMicros(0.5)],
    ['request_latency_p99_us', figures.latency.percentileMicros(0.99)],
    ['request_latency_max_us', figures.latency.percentileMicros(1)],
    ['request_latency_buckets_us', figures.latency.text || '-'],
    ['buffer_bytes', budget.used],
    ['buffer_bytes_max', budget.max],
    ['buffer_refusals', budget.refusals],
    ['uploads', uploads.count],
    ['uploads_given_up', uploads.givenUp],
    ['client_stalls', figures.clientStalls],
    ['client_grants', figures.clientGrants],
    ['clients_dropped', figures.clientsDropped],
    ['requests_waiting_for_server', figures.returnWait?.count ?? 0],
    ['requests_waited_for_server', figures.returnWait?.waited ?? 0],
    ['requests_not_waited', figures.returnWait?.notWaited ?? 0],
    ['servers_leaving', figures.leavingServers?.count ?? 0],
  );
  return lines.map(([name, value]) => `${name} ${value}`);
}

/** Lines as `stats` answers them. */
export function statText(lines: readonly string[]): string {
  return `${lines.map((line) => `STAT ${line}\r\n`).join('')}END\r\n`;
}

/** Of handles of one kind together. */
export function counterLines(root: RouteHandle): string[] {
  const sums: Map<string, number> = new Map();
  for (const handle of root.walk())
    for (const [name, count] of handle.counters()) sums.set(name, (sums.get(name) ?? 0) + count);
  return [...sums].map(([name, count]) => `${name} ${count}`);
}
