import { loadLibc } from './libc.ts';

const MADV_DONTNEED = 4;

/** The largest page that systems of these processors use: a range is cut to whole ones. */
const SYSTEM_PAGE_BYTES = process.arch === 'x64' ? 4096 : 65_536;

/**
 * Gives ranges of an array's memory back to the system, or null where the C library cannot be reached. What is given back reads as zeros and
 * takes memory again when it is written; the edges that share a page of the system with their neighbours stay.
 */
export function memoryReleaser(): ((bytes: Uint8Array, start: number, end: number) => void) | null {
  const libc = loadLibc();
  if (libc === null) return null;
  return (bytes, start, end) => {
    const base = Number(libc.addressOf(bytes));
    const from = Math.ceil((base + start) / SYSTEM_PAGE_BYTES) * SYSTEM_PAGE_BYTES;
    const to = Math.floor((base + end) / SYSTEM_PAGE_BYTES) * SYSTEM_PAGE_BYTES;
    // An error costs nothing but the memory: it stays as it is.
    if (to > from) libc.madvise(from, to - from, MADV_DONTNEED);
  };
}
