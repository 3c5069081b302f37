import { readdirSync, readFileSync } from 'node:fs';

/** prctl(2) */
const PR_SET_CHILD_SUBREAPER = 36;
/** waitpid(2) */
const WNOHANG = 1;

/** This process is the parent of all processes below it whose own parent has gone, such as daemons that a start program has left behind. */
export interface OrphanAdoption {
  /** Process ids of all children, adopted ones and own ones. */
  children(): readonly number[];
  /**
   * Takes the exit status of adopted children that have ended, so that they go.
   *
   * @param own children that Node has started and waits for itself
   */
  reap(own: ReadonlySet<number>): void;
}

/**
 * Becomes the parent of orphans (Linux, `PR_SET_CHILD_SUBREAPER`). Their end is then told by SIGCHLD at once, where otherwise process 1 would
 * hear of it, and be quick or slow to clear them away.
 *
 * @returns null where the system cannot
 */
export async function adoptOrphans(): Promise<OrphanAdoption | null> {
  if (process.platform !== 'linux') return null;
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load(null);
    const prctl = libc.func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']);
    const waitpid = libc.func('waitpid', 'int', ['int', 'void *', 'int']);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) !== 0) return null;
    return {
      children,
      reap: (own) => {
        for (const pid of children()) if (!own.has(pid)) waitpid(pid, null, WNOHANG);
      },
    };
  } catch {
    return null;
  }
}

function children(): number[] {
  const pids: number[] = [];
  for (const task of list('/proc/self/task')) {
    try {
      const text = readFileSync(`/proc/self/task/${task}/children`, 'latin1');
      for (const pid of text.split(' ')) if (pid.trim() !== '') pids.push(Number(pid));
    } catch {
      // A thread that has ended meanwhile, or a kernel without this file.
    }
  }
  return pids;
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
