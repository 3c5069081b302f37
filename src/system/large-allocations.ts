/** Parameters of mallopt(3). */
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;

const LARGE_BYTES: number = 1024 * 1024;

let asked: Promise<boolean> | null = null;

/**
 * Has every large allocation of this process mapped by itself, so that it costs memory only where it is written, and is given back as a
 * whole when it is freed.
 *
 * glibc begins so, but each freed mapping moves the border up, to 32 MiB at most; what lies below comes from the heap then, which is written
 * full of zeros when it is used again and stays with the process. To a process that makes and drops caches that is a gigabyte after
 * a hundred of them. Asked for once; it lasts as long as the process.
 *
 * @returns false where there is nothing to set: another system, another C library
 */
export function mapLargeAllocations(): Promise<boolean> {
  asked ??= setThresholds();
  return asked;
}

async function setThresholds(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    const { default: koffi } = await import('koffi');
    const mallopt = koffi.load(null).func('mallopt', 'int', ['int', 'int']);
    // The heap's end is given back in steps of twice the border, as glibc has it by itself while the border moves.
    return mallopt(M_MMAP_THRESHOLD, LARGE_BYTES) === 1 && mallopt(M_TRIM_THRESHOLD, 2 * LARGE_BYTES) === 1;
  } catch {
    // musl has no mallopt, and maps whatever is large.
    return false;
  }
}
