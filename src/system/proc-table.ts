import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { type DescriptorLimit, parseDescriptorLimit } from './resource-limits.ts';

/** USER_HZ: 100 on every architecture that Node runs on. */
export const TICK_MS = 10;

/** What /proc/PID/stat says of a process, as far as a supervisor needs it. */
export interface ProcessEntry {
  readonly pid: number;
  /** One letter, as ps shows it. */
  readonly state: string;
  readonly parentPid: number;
  /** Of its process group; its own number where it leads one. */
  readonly groupId: number;
  /** User and system time together. */
  readonly cpuMs: number;
  readonly threads: number;
  /** Milliseconds from the boot of the host to its start; together with the pid it names one process for ever. */
  readonly startedAfterBootMs: number;
  readonly residentPages: number;
}

/**
 * Reads a line of /proc/PID/stat (proc(5)). The program's name stands in brackets and may hold blanks and brackets itself, so the fields are
 * counted from the last closing bracket.
 *
 * @returns null when the text is not of that form
 */
export function parseProcessEntry(stat: string): ProcessEntry | null {
  const pid = Number.parseInt(stat, 10);
  const stateAt = stat.lastIndexOf(')') + 2;
  if (stateAt < 2 || !Number.isFinite(pid)) return null;
  // Each second for each process of the host, so the fifty fields are not made strings first.
  let at = stateAt + 2;
  let field = 4;
  for (; field <= LAST_FIELD; field++) {
    let value = 0;
    const isNegative = stat.charCodeAt(at) === MINUS;
    if (isNegative) at++;
    const from = at;
    for (
      let digit = stat.charCodeAt(at) - ZERO;
      digit >= 0 && digit <= 9;
      digit = stat.charCodeAt(at) - ZERO
    ) {
      value = value * 10 + digit;
      at++;
    }
    if (at === from) return null;
    fields[field] = isNegative ? -value : value;
    at++;
  }
  const number = (of: number): number => fields[of] ?? 0;
  return {
    pid,
    state: stat.charAt(stateAt),
    parentPid: number(4),
    groupId: number(5),
    cpuMs: (number(14) + number(15)) * TICK_MS,
    threads: number(20),
    startedAfterBootMs: number(22) * TICK_MS,
    residentPages: number(24),
  };
}

/** Of those that are needed. */
const LAST_FIELD = 24;
const fields = new Float64Array(LAST_FIELD + 1);
const MINUS = 0x2d;
const ZERO = 0x30;

/** What has been read while `readingOnce` runs. */
let readSoFar: Map<number, ProcessEntry> | null = null;

/** While this runs, which should be for some milliseconds at most, no process is read twice: who comes later sees what was seen before. */
export function readingOnce(work: () => void): void {
  readSoFar = new Map();
  try {
    work();
  } finally {
    readSoFar = null;
  }
}

/** @returns null when there is no such process */
export function readProcessEntry(pid: number): ProcessEntry | null {
  const known = readSoFar?.get(pid);
  if (known !== undefined) return known;
  const text = readText(`/proc/${pid}/stat`);
  const entry = text === null ? null : parseProcessEntry(text);
  // One that was not there may be there the next moment: it is only just starting.
  if (entry !== null) readSoFar?.set(pid, entry);
  return entry;
}

/** It has ended, and only its parent does not know yet. While others of its threads end, its sockets still take connections: then it has not. */
export function isZombie({ state, threads }: ProcessEntry): boolean {
  return (state === 'Z' || state === 'X') && threads <= 1;
}

/** Whether this very process has not ended; its number may be another one's by now. */
export function stillRuns({
  pid,
  startedAfterBootMs,
}: Pick<ProcessEntry, 'pid' | 'startedAfterBootMs'>): boolean {
  const entry = readProcessEntry(pid);
  return entry !== null && !isZombie(entry) && entry.startedAfterBootMs === startedAfterBootMs;
}

/** All processes of the host that can be seen. */
export function readProcessTable(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const pid of processIds()) {
    const entry = readProcessEntry(pid);
    if (entry !== null) entries.push(entry);
  }
  return entries;
}

/** All processes of this system, in no order. */
export function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** The command line with blanks between the words; '' when there is none. */
export function commandLine(pid: number): string {
  return (readText(`/proc/${pid}/cmdline`, false) ?? '').replaceAll('\0', ' ').trim();
}

/** Whether a process was started with this variable in its environment. False for a process of another user, unless we are root. */
export function hasEnvironment(pid: number, name: string, value: string): boolean {
  return `\0${readText(`/proc/${pid}/environ`, false) ?? ''}`.includes(`\0${name}=${value}\0`);
}

/** Who a process is. */
export interface ProcessOwner {
  readonly uid: number;
  readonly effectiveUid: number;
  readonly gid: number;
}

export function readProcessOwner(pid: number): ProcessOwner | null {
  const status = readText(`/proc/${pid}/status`) ?? '';
  const uids = /^Uid:\s+(\d+)\s+(\d+)/m.exec(status);
  const gid = /^Gid:\s+(\d+)/m.exec(status)?.[1];
  if (uids === null || gid === undefined) return null;
  return { uid: Number(uids[1]), effectiveUid: Number(uids[2]), gid: Number(gid) };
}

/** How many files a process has open; null where that cannot be seen. */
export function readOpenFiles(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

/** How many files a process may have open; infinite where that cannot be seen. */
export function readOpenFilesLimit(pid: number): DescriptorLimit {
  const limit = parseDescriptorLimit(readText(`/proc/${pid}/limits`) ?? '');
  return limit ?? { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY };
}

/** What a process has read and written since its start, and what of it went to disks; null where that cannot be seen. */
export interface DiskUse {
  /** Of all files and sockets. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readOperations: number;
  readonly writeOperations: number;
}

/** As proc(5) has the order of the lines. */
const DISK_USE =
  /^rchar: (\d+)\nwchar: (\d+)\nsyscr: (\d+)\nsyscw: (\d+)\nread_bytes: (\d+)\nwrite_bytes: (\d+)$/m;

export function readDiskUse(pid: number): DiskUse | null {
  const text = readText(`/proc/${pid}/io`);
  if (text === null) return null;
  const found = DISK_USE.exec(text);
  if (found === null) return null;
  const [
    bytesRead = 0,
    bytesWritten = 0,
    readOperations = 0,
    writeOperations = 0,
    readBytes = 0,
    writeBytes = 0,
  ] = found.slice(1).map(Number);
  return { bytesRead, bytesWritten, readBytes, writeBytes, readOperations, writeOperations };
}

/** Of the files that are read here nearly all fit. One buffer for all: nothing else happens between a read and its text. */
const buffer = Buffer.alloc(16 * 1024);

/** The files of /proc have no size, so readFileSync would ask for it in vain, and make a buffer for each: this is half the work. */
function readText(path: string, isTable = true): string | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return null;
  }
  try {
    let text = '';
    for (;;) {
      const count = readSync(file, buffer, 0, buffer.length, null);
      text += buffer.toString('latin1', 0, count);
      // Tables come in one piece; of what a process has given itself the kernel may hand out a page at a time.
      if (count === 0 || (isTable && count < buffer.length)) return text;
    }
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}
