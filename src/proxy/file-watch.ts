import { statSync } from 'node:fs';

/** The file is looked at so often; a change that has been there for one look is taken over. */
const WATCH_MS = 500;

/** Calls back when a file is another one than before, and has stayed so for a moment. @returns ends it */
export function watchFile(path: string, changed: () => void): () => void {
  const stampOf = (): string => {
    try {
      const { mtimeMs, size, ino } = statSync(path);
      return `${mtimeMs} ${size} ${ino}`;
    } catch {
      return '';
    }
  };
  let known = stampOf();
  let last = known;
  const timer = setInterval(() => {
    const stamp = stampOf();
    if (stamp === last && stamp !== known && stamp !== '') {
      known = stamp;
      changed();
    }
    last = stamp;
  }, WATCH_MS);
  timer.unref();
  return () => clearInterval(timer);
}
