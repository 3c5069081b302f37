import { closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import type { ProcessIdentity } from '../checks/saved-state.ts';
import { jsPattern } from '../control/extended-pattern.ts';
import type { Subject } from '../control/tree.ts';
import { matching } from '../system/bounded-match.ts';
import { NoAnswerError } from '../system/bounded-reads.ts';
import {
  commandLine,
  hasEnvironment,
  isZombie,
  type ProcessEntry,
  processIds,
  readProcessEntry,
} from '../system/proc-table.ts';
import type { FileReader } from './file-reader.ts';

/** Finds the process of an entry again and again, and tells one from a later one of the same number. */
export class EntryProcess {
  readonly #pattern: RegExp | null;
  /** The last start of the entry, as its processes have it in their environment; '' before the first one. */
  #startMark = '';
  #present: ProcessEntry | null = null;
  readonly #pidFile: PidFileReader | null;

  /**
   * @param reader of pid files on mounts that may hang
   * @param wallMs the time, for tests
   */
  constructor(subject: Subject, reader: FileReader, wallMs: () => number = Date.now) {
    this.#pidFile = subject.kind === 'pid-file' ? new PidFileReader(subject.path, reader, wallMs) : null;
    this.#pattern = subject.kind === 'matching' ? new RegExp(jsPattern(subject.pattern)) : null;
  }

  /** What hangs where the process is looked for, as a phrase; null when nothing does. */
  get unanswered(): string | null {
    return this.#pidFile?.unanswered ?? null;
  }

  /** Nobody can say yet which process it is. */
  get isUnknown(): boolean {
    return this.#pidFile?.isUnknown === true;
  }

  /** The entry is started: what comes of this start carries the mark. */
  startedAs(mark: string): void {
    this.#startMark = mark;
  }

  /** The process that was found last. */
  get present(): ProcessEntry | null {
    return this.#present;
  }

  /** The process that was found last is a child of ours, so that its end is told by a signal. */
  get isOwnChild(): boolean {
    return this.#present?.parentPid === process.pid;
  }

  /** Whether the process that was found last is still there; cheap. */
  isAlive(): boolean {
    const { pid = 0, startedAfterBootMs = 0 } = this.#present ?? {};
    if (pid === 0) return false;
    const now = readProcessEntry(pid);
    if (now === null || isZombie(now) || now.startedAfterBootMs !== startedAfterBootMs) return false;
    this.#present = now;
    return true;
  }

  /**
   * Whether it seems to be there still: the kernel knows the number. Costs a hundredth of `isAlive`, and takes a zombie, or another process of the same number,
   * for it, until the next real look.
   */
  seemsAlive(): boolean {
    const { pid = 0 } = this.#present ?? {};
    if (pid === 0) return false;
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'EPERM';
    }
  }

  /**
   * Looks for the process: in the pid file, or among all command lines.
   *
   * @param startPid the start program that runs: it is not the process yet, though its command line may look so
   * @param byMark whether a process may also be known by its environment, because the pid file should have been there by now
   */
  find(startPid: number | null, byMark: boolean): ProcessEntry | null {
    const found = this.#pidFile === null ? this.#search(startPid) : alive(this.#pidFile.read());
    this.#present = found ?? (byMark ? this.#marked() : null);
    return this.#present;
  }

  /** Goes on with a process that was found before, though nothing names it any more. */
  keep(process: ProcessEntry): void {
    this.#present = process;
  }

  /** The oldest process whose command line matches, because the others may be its children. */
  #search(startPid: number | null): ProcessEntry | null {
    if (this.#pattern === null) return null;
    const pids = processIds().filter((pid) => pid !== process.pid && pid !== startPid);
    const found = matching(this.#pattern, pids.map(commandLine));
    // What cannot be said in time, because of some command line, does not end what was known.
    if (found === null) return this.isAlive() ? this.#present : null;
    return oldest(found.flatMap((at) => pids[at] ?? []));
  }

  #marked(): ProcessEntry | null {
    return oldest(this.markedPids());
  }

  /** All processes that have come of the entry's last start and are still there. */
  markedPids(): number[] {
    const mark = this.#startMark;
    if (mark === '') return [];
    return processIds().filter((pid) => pid !== process.pid && hasEnvironment(pid, MARK_OF_START, mark));
  }

  /** Takes up a process that a monitor before this one has watched, if it is still there. */
  recall({ pid, startedAfterBootMs }: ProcessIdentity): void {
    const entry = alive(pid);
    if (entry?.startedAfterBootMs === startedAfterBootMs) this.#present = entry;
  }
}

/** Names one start in the environment of whatever comes of it. */
export const MARK_OF_START = 'TWINCACHED_MONIT_START';
export const MARK_OF_SERVICE = 'MONIT_SERVICE';

function alive(pid: number | null): ProcessEntry | null {
  const entry = pid === null ? null : readProcessEntry(pid);
  return entry === null || isZombie(entry) ? null : entry;
}

function oldest(pids: readonly number[]): ProcessEntry | null {
  let found: ProcessEntry | null = null;
  for (const pid of pids) {
    const entry = alive(pid);
    if (entry !== null && (found === null || entry.startedAfterBootMs < found.startedAfterBootMs))
      found = entry;
  }
  return found;
}

/** A file whose time of change is older than this would have another one, had it been written since: times have some milliseconds of grain. */
const WRITTEN_BEFORE_MS = 2000;

/**
 * Reads a pid file again only when it may have changed. One on a mount of another host is read beside everything else, so that it may hang; what it
 * said last holds until it has been read.
 */
class PidFileReader {
  readonly #path: string;
  readonly #reader: FileReader;
  readonly #wallMs: () => number;
  #pid: number | null = null;
  /** Of the file that was read; '' when it has to be read in any case. */
  #stamp = '';
  #isReading = false;
  #hasRead = false;
  #unanswered: string | null = null;

  constructor(path: string, reader: FileReader, wallMs: () => number) {
    this.#path = path;
    this.#reader = reader;
    this.#wallMs = wallMs;
  }

  get unanswered(): string | null {
    return this.#unanswered;
  }

  get isUnknown(): boolean {
    return !this.#hasRead;
  }

  /** @returns null when there is no process id in it, or none is known yet */
  read(): number | null {
    if (!this.#reader.mayHang(this.#path)) this.#readNow();
    else if (!this.#isReading) void this.#readBeside();
    return this.#pid;
  }

  #readNow(): void {
    let stamp = '';
    try {
      const { ino, size, mtimeMs, ctimeMs } = statSync(this.#path);
      const isSettled = Math.abs(this.#wallMs() - ctimeMs) > WRITTEN_BEFORE_MS;
      if (isSettled) stamp = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    } catch {
      // No file: reading it says so.
    }
    if (stamp === '' || stamp !== this.#stamp) this.#pid = pidInFile(this.#path);
    this.#stamp = stamp;
    this.#hasRead = true;
    this.#unanswered = null;
  }

  async #readBeside(): Promise<void> {
    this.#isReading = true;
    try {
      const file = await this.#reader.open(this.#path);
      const bytes = Buffer.alloc(PID_FILE_BYTES);
      try {
        this.#pid = pidInText(bytes.toString('latin1', 0, await file.read(bytes, 0)));
      } finally {
        file.close();
      }
      this.#hasRead = true;
      this.#unanswered = null;
    } catch (error) {
      if (error instanceof NoAnswerError) this.#unanswered = `pid file ${error.message}`;
      else {
        this.#pid = null;
        this.#hasRead = true;
        this.#unanswered = null;
      }
    }
    this.#isReading = false;
  }
}

/** As much of a pid file is read. */
const PID_FILE_BYTES = 64;

/** The process id in a pid file; null when there is none. */
export function pidInFile(path: string): number | null {
  let file: number;
  try {
    // Somebody may have made a pipe of it: to open one would wait for its writer.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const bytes = Buffer.alloc(PID_FILE_BYTES);
    const count = readSync(file, bytes);
    return pidInText(bytes.toString('latin1', 0, count));
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}

function pidInText(text: string): number | null {
  const digits = /^\s*(\d{1,10})/.exec(text)?.[1];
  return digits === undefined || Number(digits) < 1 ? null : Number(digits);
}
