import { readFileSync } from 'node:fs';

/** What one reading of /proc says of a process. */
export interface ProcessSample {
  /** User and system time together. */
  readonly cpuMs: number;
  readonly residentBytes: number;
  readonly threads: number;
}

/** A clock tick of /proc: USER_HZ is 100 on every architecture that Node runs on. */
const TICK_MS = 10;

/**
 * Reads the facts out of /proc/PID/stat (CPU time) and /proc/PID/status (memory, threads).
 *
 * The program's name stands in brackets in the second field of `stat` and may hold blanks and brackets itself, so the fields are counted from
 * the last closing bracket (proc(5)).
 *
 * @returns null when a text is not of that form
 */
export function parseProcessSample(stat: string, status: string): ProcessSample | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields 14 and 15 of proc(5); the first one after the bracket is number 3.
  const userTicks = Number(fields[11]);
  const systemTicks = Number(fields[12]);
  const residentKib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  const threads = /^Threads:\s+(\d+)$/m.exec(status)?.[1];
  if (!Number.isFinite(userTicks + systemTicks) || threads === undefined) return null;
  return {
    cpuMs: (userTicks + systemTicks) * TICK_MS,
    // A process that has ended and is not reaped yet has no VmRSS line.
    residentBytes: Number(residentKib ?? 0) * 1024,
    threads: Number(threads),
  };
}

/** Samples a process; null when it does not exist (any more), or where there is no /proc. */
export function readProcessSample(pid: number): ProcessSample | null {
  try {
    return parseProcessSample(
      readFileSync(`/proc/${pid}/stat`, 'latin1'),
      readFileSync(`/proc/${pid}/status`, 'latin1'),
    );
  } catch {
    return null;
  }
}
