import { constants, type Stats, type StatsFs } from 'node:fs';
import { type FileHandle, open, realpath, stat, statfs } from 'node:fs/promises';
import { type BoundedReads, PROCESS_READS } from '../system/bounded-reads.ts';

/** Looks at files, none of which it waits for longer than it may: whatever hangs is a NoAnswerError. */
export interface FileReader {
  stat(path: string): Promise<Stats>;
  statfs(path: string): Promise<StatsFs>;
  /** What a path's links lead to. */
  realpath(path: string): Promise<string>;
  open(path: string): Promise<OpenFile>;
  /** Whether a path leads to what another host, or another process, serves. */
  mayHang(path: string): boolean;
}

/** One file of a reader's. */
export interface OpenFile {
  stat(): Promise<Stats>;
  /** @param from where in the file; -1: where the last reading has ended @returns bytes read, 0 at the end */
  read(into: Buffer, from: number): Promise<number>;
  /** Does not wait for it. */
  close(): void;
}

/** The calls of the system's; Node's unless given. */
export interface FileCalls {
  readonly stat: (path: string) => Promise<Stats>;
  readonly statfs: (path: string) => Promise<StatsFs>;
  readonly realpath: (path: string) => Promise<string>;
  /** Somebody may have made a pipe of a file: to open one must not wait for its writer. */
  readonly open: (path: string) => Promise<Pick<FileHandle, 'stat' | 'read' | 'close'>>;
}

const NODE_CALLS: FileCalls = {
  stat,
  statfs,
  realpath,
  open: (path) => open(path, constants.O_RDONLY | constants.O_NONBLOCK),
};

/**
 * @param patienceMs for how long each call may take
 * @param reads of which all readings are a part; the process's own unless given
 */
export function fileReader(
  patienceMs: number,
  reads: BoundedReads = PROCESS_READS,
  calls: FileCalls = NODE_CALLS,
): FileReader {
  return {
    mayHang: (path) => reads.mayHang(path),
    stat: (path) => reads.run(path, patienceMs, () => calls.stat(path)),
    statfs: (path) => reads.run(path, patienceMs, () => calls.statfs(path)),
    realpath: (path) => reads.run(path, patienceMs, () => calls.realpath(path)),
    open: async (path) => {
      const shut = (handle: Pick<FileHandle, 'close'>): void =>
        void reads.run(path, patienceMs, () => handle.close(), { isPatient: true }).catch(() => {});
      const handle = await reads.run(path, patienceMs, () => calls.open(path), {
        tooLate: (late) => shut(late),
      });
      return {
        stat: () => reads.run(path, patienceMs, () => handle.stat()),
        read: async (into, from) =>
          (await reads.run(path, patienceMs, () => handle.read(into, 0, into.length, from < 0 ? null : from)))
            .bytesRead,
        close: () => shut(handle),
      };
    },
  };
}
