import { createServer } from 'node:net';
import { type PortHolder, portHolder } from '../system/proc-listeners.ts';
import type { PageSettings } from './page-settings.ts';
import type { PlannedService } from './plan.ts';

const LOOPBACK = '127.0.0.1';

/** Services with the ports that they will open. */
interface PortsWanted {
  readonly services: readonly Pick<PlannedService, 'name' | 'ports'>[];
  /** Null: the page has its port. */
  readonly pagePort: number | null;
  readonly page?: Pick<PageSettings, 'address'>;
}

/** A port of a plan that cannot be had. */
export interface BusyPort {
  readonly port: number;
  /** Who was to have it: `node-1a (replication), node-1b (replication)`. */
  readonly wantedBy: string;
  /** Why not, as the system says: `EADDRINUSE`, `EACCES`. */
  readonly code: string;
  /** Who has it, where that can be seen. */
  readonly holder: PortHolder | null;
}

/** Tries every port of a plan once, by opening it for a moment; the ones that cannot be had, in ascending order. */
export async function busyPorts(plan: PortsWanted): Promise<BusyPort[]> {
  const wanted = new Map<string, Wish>();
  const wish = (host: string, port: number, who: string): void => {
    const key = `${host} ${port}`;
    const wishes = wanted.get(key) ?? { host, port, by: [] };
    wishes.by.push(who);
    wanted.set(key, wishes);
  };
  if (plan.pagePort !== null) wish(plan.page?.address ?? LOOPBACK, plan.pagePort, 'the status page');
  for (const { name, ports } of plan.services)
    for (const { port, host = LOOPBACK, purpose } of ports) wish(host, port, `${name} (${purpose})`);
  const checks = [...wanted.values()].map(async ({ host, port, by }): Promise<BusyPort[]> => {
    const code = await openOnce(host, port);
    if (code === null) return [];
    return [{ port, wantedBy: by.join(', '), code, holder: portHolder(port) }];
  });
  return (await Promise.all(checks)).flat().sort((a, b) => a.port - b.port);
}

interface Wish {
  readonly host: string;
  readonly port: number;
  readonly by: string[];
}

/** Opens a port and closes it; the error's code, or null when it could be opened. */
function openOnce(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** One line on a busy port, for the operator. */
export function busyPortLine({ port, wantedBy, code, holder }: BusyPort): string {
  const why =
    code === 'EADDRINUSE'
      ? holder === null
        ? 'is in use'
        : `is in use by process ${holder.pid} (${holder.command})`
      : code === 'EACCES'
        ? 'may not be opened by this user'
        : `cannot be opened: ${code}`;
  return `port ${port}, wanted by ${wantedBy}, ${why}`;
}

/**
 * What the operator may do about busy ports, when it is our own processes that have them; null when it is not.
 *
 * @param busy at least one
 * @param pagePort where another monitor would be
 * @param isBuiltIn of the built-in cluster all ports can be moved at once, of one with a file only that of the page
 */
export function busyPortAdvice(
  busy: readonly BusyPort[],
  pagePort: number,
  isBuiltIn: boolean,
): string | null {
  const own = busy.filter(({ holder }) => holder !== null && /\btwincached [a-z]/.test(holder.command));
  if (own.length === 0) return null;
  if (own.some(({ port }) => port === pagePort))
    return `a cluster runs here already; \`twincached status\` shows it, ${isBuiltIn ? '--port-offset puts a second one beside it' : '--page-port gives the page of this one another port'}`;
  const pids = new Set(own.flatMap(({ holder }) => (holder === null ? [] : [holder.pid])));
  return `these were left by a run that was killed; \`kill ${[...pids].join(' ')}\` ends them`;
}
