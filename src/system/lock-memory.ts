import { getSystemErrorMap } from 'node:util';

/** MCL_CURRENT, MCL_FUTURE and MCL_ONFAULT of mlockall(2): what is there and what comes, each page once it is used. */
const MCL_ALL_ONCE_USED = 7;

/**
 * Keeps all of this process's memory in RAM (`-k`), as far as it is used: room that a cache has not filled yet stays free for others.
 *
 * @returns null, or a warning in memcached's words: the system has a limit on it (RLIMIT_MEMLOCK), or no such call
 */
export async function lockMemory(): Promise<string | null> {
  const failed = (reason: string): string => `warning: -k invalid, mlockall() failed: ${reason}`;
  if (process.platform !== 'linux') return failed('Function not implemented');
  try {
    const { default: koffi } = await import('koffi');
    const mlockall = koffi.load(null).func('mlockall', 'int', ['int']);
    if (mlockall(MCL_ALL_ONCE_USED) === 0) return null;
    return failed(getSystemErrorMap().get(-koffi.errno())?.[1] ?? 'Operation not permitted');
  } catch {
    return failed('Function not implemented');
  }
}
