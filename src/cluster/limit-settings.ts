/** What nodes and proxies may use, as a cluster file says it, in the words that they understand. */

import { mebibytes } from './schema-parts.ts';
import type { NodeLimitsEntry, ProxyLimitsEntry } from './watching-schema.ts';

/** A node's own bound of `-I`. */
export const ITEM_MIB_MAX = 1024;

/** Words of a node's command line. */
export function nodeLimitWords(limits: NodeLimitsEntry): string[] {
  const { connections } = limits;
  const item = limits['max-item-size'];
  const listen = limits['listen-backlog'];
  const replication = limits['replication-backlog'];
  return [
    ...(connections === undefined ? [] : ['-c', `${connections}`]),
    ...(item === undefined ? [] : ['-I', `${mebibytes(item)}m`]),
    ...(listen === undefined ? [] : ['-b', `${listen}`]),
    ...(replication === undefined ? [] : ['--replication-backlog', `${mebibytes(replication)}m`]),
  ];
}

/** Keys at the top of a proxy's configuration. */
export function proxyListenLimits(limits: ProxyLimitsEntry): Readonly<Record<string, unknown>> {
  return limits['listen-backlog'] === undefined ? {} : { backlog: limits['listen-backlog'] };
}

/** What a proxy's configuration says of all pools. */
export function proxyPoolLimits(limits: ProxyLimitsEntry): Readonly<Record<string, unknown>> {
  const bytes = limits['queue-bytes'];
  const defaults: Record<string, unknown> = {};
  for (const key of ['request-timeout', 'connect-timeout', 'queue-calls'] as const)
    if (limits[key] !== undefined) defaults[key] = limits[key];
  if (bytes !== undefined) defaults['queue-bytes'] = `${mebibytes(bytes)}m`;
  return Object.keys(defaults).length === 0 ? {} : { defaults };
}
