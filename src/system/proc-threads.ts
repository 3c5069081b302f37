import { readdirSync, readFileSync } from 'node:fs';
import { TICK_MS } from './proc-table.ts';

/** What the kernel says of one thread at one moment; times are since its start. */
export interface ThreadLook {
  readonly id: number;
  /** One letter, as ps shows it. */
  readonly state: string;
  readonly userMs: number;
  readonly systemMs: number;
  /** It could run, and no processor was free for it. */
  readonly waitedMs: number;
}

/**
 * @param stat /proc/PID/task/TID/stat (proc(5))
 * @param schedstat /proc/PID/task/TID/schedstat: nanoseconds that it ran, nanoseconds that it waited to run, number of its turns
 * @returns null when a text is not of that form, or the kernel does not count waiting
 */
export function parseThreadLook(stat: string, schedstat: string): ThreadLook | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [ranNanos, waitedNanos] = schedstat.split(' ').map(Number);
  const look = {
    id: Number.parseInt(stat, 10),
    state: fields[0] ?? '',
    userMs: Number(fields[11]) * TICK_MS,
    systemMs: Number(fields[12]) * TICK_MS,
    waitedMs: Number(waitedNanos) / 1e6,
  };
  // A thread that exists has run.
  if (!(Number(ranNanos) > 0) || !Number.isFinite(look.id + look.userMs + look.systemMs + look.waitedMs))
    return null;
  return look;
}

/** All threads of a process; null when it does not exist (any more), or the kernel does not tell. */
export function readThreadLooks(pid: number): readonly ThreadLook[] | null {
  try {
    const looks: ThreadLook[] = [];
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const folder = `/proc/${pid}/task/${task}`;
      const stat = readFileSync(`${folder}/stat`, 'latin1');
      const look = parseThreadLook(stat, readFileSync(`${folder}/schedstat`, 'latin1'));
      if (look === null) return null;
      looks.push(look);
    }
    return looks;
  } catch {
    return null;
  }
}

/** Of a time, beyond which a thread that wanted to run was kept from it. */
const WAITED_MAX = 0.2;
/** Of a time, from which on a thread computes rather than waits for something. */
const COMPUTES_MIN = 0.2;
/** Of the processor time of a thread that serves, the kernel has more than half, for it reads and writes. */
const SYSTEM_MAX = 0.25;

/**
 * Whether a process that has answered nothing between two looks could have: it waited, though not for a processor or a disk, or it computed by itself,
 * without asking the kernel for anything. Of one that was kept from a processor, that waits for memory or a disk, that a debugger holds, or that is
 * busy with reading and writing nothing can be said.
 *
 * @param elapsedMs between the looks
 */
export function couldHaveAnswered(
  before: readonly ThreadLook[],
  after: readonly ThreadLook[],
  elapsedMs: number,
): boolean {
  const earlier = new Map(before.map((look) => [look.id, look]));
  let isKept = false;
  let computes = false;
  let serves = false;
  for (const look of after) {
    if (look.state === 'D' || look.state === 't') return false;
    const { userMs = 0, systemMs = 0, waitedMs = 0 } = earlier.get(look.id) ?? {};
    const ranMs = look.userMs - userMs + look.systemMs - systemMs;
    if (look.waitedMs - waitedMs > WAITED_MAX * elapsedMs) isKept = true;
    if (ranMs < COMPUTES_MIN * elapsedMs) continue;
    if (look.systemMs - systemMs < SYSTEM_MAX * ranMs) computes = true;
    else serves = true;
  }
  // Threads of one process get equal shares: where one had so much, no other was kept for long.
  return !serves && (computes || !isKept);
}
