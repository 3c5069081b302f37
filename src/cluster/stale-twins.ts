/** Nodes go on dialling a twin that has left their shard until they are started anew. Nobody of another shard may come to listen there meanwhile. */
import type { PlannedService } from './plan.ts';

/**
 * @param coming nodes that are about to be started
 * @param running nodes that run, with the command line of each process; null where that cannot be seen
 * @returns a line for each node that would be taken for the twin of another shard
 */
export function staleTwins(
  coming: readonly PlannedService[],
  running: readonly { readonly service: PlannedService; readonly commandLine: string | null }[],
): string[] {
  const lines: string[] = [];
  for (const node of coming) {
    const place = replicationOf(node);
    if (place === null) continue;
    for (const { service, commandLine } of running) {
      if (service.group === node.group || replicationOf(service)?.port !== place.port) continue;
      if (!dials(commandLine ?? '', place.host)) continue;
      lines.push(
        `${service.name} still dials ${place.host}:${place.port}, where a twin of it was, and would take ${node.name} for it; restart ${service.name} first, or write another replication-port`,
      );
    }
  }
  return lines;
}

function replicationOf({ ports }: PlannedService): { readonly host: string; readonly port: number } | null {
  const place = ports.find(({ purpose }) => purpose === 'replication');
  return place?.host === undefined ? null : { host: place.host, port: place.port };
}

function dials(commandLine: string, host: string): boolean {
  const words = commandLine.split(/[\s\0]+/);
  return words.some((word, index) => word === '-x' && words[index + 1] === host);
}
