import { adoptOrphans } from '../system/orphan-adoption.ts';

/**
 * Clears away ended processes that nobody else waits for, where this process is process 1, as in a container: it is the parent of all whose own
 * parent has gone. Elsewhere it does nothing.
 *
 * @param ownPids the processes that were started here, which Node waits for itself
 * @returns ends it
 */
export async function reapOrphans(ownPids: () => ReadonlySet<number>): Promise<() => void> {
  const adoption = process.pid === 1 ? await adoptOrphans() : null;
  if (adoption === null) return () => {};
  const reap = (): void => adoption.reap(ownPids());
  process.on('SIGCHLD', reap);
  return () => void process.off('SIGCHLD', reap);
}
