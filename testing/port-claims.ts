/**
 * Which test process has been given which port. A port is free when nothing listens on it; but between that look and the start of the program that is to have it another test
 * process, of this run or of another one on the same machine, may look, too.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Of each user: another one's could not be written to. */
const FOLDER = join(tmpdir(), `twincached-test-ports-${process.getuid?.() ?? 0}`);

const claimed = new Set<string>();

process.on('exit', () => {
  for (const path of claimed) rmSync(path, { force: true });
});

/**
 * Claims a port for as long as this process lives.
 *
 * @param folder where processes leave their marks, a file for each port with the process's number in it
 * @returns false when another process that lives has claimed it
 */
export function claimPort(port: number, folder: string = FOLDER): boolean {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${port}`);
  if (claimed.has(path) || mark(path)) return true;
  if (!isOfDead(path)) return false;
  // Whoever was killed has left its marks.
  rmSync(path, { force: true });
  return mark(path);
}

function mark(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}`, { flag: 'wx' });
  } catch {
    return false;
  }
  claimed.add(path);
  return true;
}

function isOfDead(path: string): boolean {
  try {
    process.kill(Number(readFileSync(path, 'latin1')), 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
