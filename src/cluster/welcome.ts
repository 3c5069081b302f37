import { existsSync } from 'node:fs';
import type { ClusterStatus, ServiceStatus } from '../checks/cluster-status.ts';
import { hostAndPort } from '../net/addresses.ts';
import type { ClusterPlan } from './plan.ts';

/** Where `twincached get` and `set` ask when they are not told. */
const ENTRY_PORT_USUAL = 12000;

/**
 * The text on the terminal when everything runs: what runs where, how to try it, how to break it.
 *
 * @param startMs how long the start took
 */
export function welcomeText(plan: ClusterPlan, status: ClusterStatus, startMs: number): string {
  const { host, port } = plan.services.find(({ name }) => name === plan.entry)?.probe ?? {
    host: '',
    port: 0,
  };
  const rank = ({ name, role }: ServiceStatus): number =>
    name === plan.entry ? 0 : role === 'proxy' ? 1 : 2;
  const rows = status.services
    .toSorted((a, b) => rank(a) - rank(b))
    .map(({ address, name, title, pid }) => [address, name, title, pid === null ? '' : `pid ${pid}`]);
  const pageAt = pageAddressText(plan);
  const page = `${plan.page?.tls == null ? 'http' : 'https'}://${pageAt}/`;
  rows.push([pageAt, 'monitor', `status page: ${page}`, `pid ${process.pid}`]);
  // From the package's own folder the executable is called by its place, elsewhere it is installed.
  const client = existsSync('bin/twincached') ? 'bin/twincached' : 'twincached';
  const at = port === ENTRY_PORT_USUAL && host === '127.0.0.1' ? '' : ` -s ${hostAndPort(host, port)}`;
  const victim = status.services.find(({ role }) => role === 'node');
  return `
Your cluster runs (${status.services.length} processes, ready in ${(startMs / 1000).toFixed(1)} s):

${indentedTable(rows)}

Try it:
  ${client} set hello world${at}
  ${client} get hello${at}
or with any memcached client, say telnet ${host} ${port}

Break it: kill a node. Its twin serves on, and the node is back, with its data, within a second.
  kill -9 ${victim?.pid ?? 'PID'}

Watch it: ${page}
Ctrl-C stops everything.
`;
}

/** Where the page is reached: `127.0.0.1:2812`. */
function pageAddressText({ page, pagePort }: ClusterPlan): string {
  const address = page?.address ?? '127.0.0.1';
  if (address === '0.0.0.0' || address === '::') return `127.0.0.1:${pagePort}`;
  return hostAndPort(address, pagePort);
}

/** Rows as columns, each as wide as its widest cell, indented by two. */
export function indentedTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}
