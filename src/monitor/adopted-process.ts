import { readProcessEntry, stillRuns } from '../system/proc-table.ts';
import type { ChildListener, SupervisedChild } from './child-process.ts';

/** The end of a process that is no child of ours is not told to us: it is looked for so often. */
const LOOK_MS = 50;

/**
 * Takes over a process that an earlier monitor has started and left behind. What it writes goes nowhere any more, and how it ends is not known; else
 * it is like a child.
 *
 * @returns null when there is no such process (any more)
 */
export function adoptProcess(pid: number, listener: ChildListener): SupervisedChild | null {
  const first = readProcessEntry(pid);
  if (first === null) return null;
  const looks = setInterval(() => {
    if (stillRuns(first)) return;
    clearInterval(looks);
    listener.onExit(null, null);
  }, LOOK_MS);
  // As of a start, this is heard of when whoever asked has his answer.
  queueMicrotask(() => listener.onSpawned(pid));
  return {
    pipe: null,
    signal: (name) => {
      if (!stillRuns(first)) return;
      try {
        process.kill(-pid, name);
      } catch {
        // It has ended meanwhile.
      }
    },
    outputRead: () => Promise.resolve(),
  };
}
