/** How the system keeps the memory of a cache: in large pages, and out of the swap. Linux only. */
import { type Libc, loadLibc } from './libc.ts';
import { errorOfNumber } from './system-errors.ts';

const MADV_HUGEPAGE = 14;
/** Pages are locked when they are first written, not all at once: address space for a higher limit would else become memory. */
const MLOCK_ONFAULT = 1;
/** The smallest page, to which addresses are rounded. */
const PAGE_BYTES = 4096;

/**
 * Asks for pages of 2 MiB instead of 4 KiB: items lie anywhere, and a processor remembers where some thousand pages are. It is a wish, which
 * the system fulfils where it has such pages free.
 *
 * @returns null, or why it will not be
 */
export function useLargePages(buffers: readonly SharedArrayBuffer[]): string | null {
  return eachRange(buffers, (libc, address, bytes) => libc.madvise(address, bytes, MADV_HUGEPAGE));
}

/**
 * Keeps what is written in memory, whatever else the system needs it for.
 *
 * @returns null, or why it cannot be
 */
export function lockMemory(buffers: readonly SharedArrayBuffer[]): string | null {
  return eachRange(buffers, (libc, address, bytes) => libc.mlock2(address, bytes, MLOCK_ONFAULT));
}

function eachRange(
  buffers: readonly SharedArrayBuffer[],
  call: (libc: Libc, address: number, bytes: number) => number,
): string | null {
  const libc = loadLibc();
  if (libc === null) return 'not on this system';
  for (const buffer of buffers) {
    const address = Number(libc.addressOf(new Uint8Array(buffer)));
    const from = Math.ceil(address / PAGE_BYTES) * PAGE_BYTES;
    const to = Math.floor((address + buffer.byteLength) / PAGE_BYTES) * PAGE_BYTES;
    if (to <= from || call(libc, from, to - from) === 0) continue;
    return errorOfNumber(libc.errno()).message;
  }
  return null;
}
