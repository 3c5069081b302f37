import { copyInside } from '../base/copy-inside.ts';
import type { Geometry } from './geometry.ts';
import type { SharedCache } from './shared-cache.ts';

/** Copies up to this many bytes are fastest as a loop (measured: 2.5 ns a byte against 30 ns for copyWithin and 60 for set). */
const LOOP_BYTES_MAX = 12;
/** Between different arrays, where `set` costs 60 ns and an object. */
const LOOP_BETWEEN_BYTES_MAX = 24;
/**
 * From here on the C library copies, if there is one. The engine copies shared memory byte by byte when source and target are
 * not aligned alike: 0.28 ns a byte, where memcpy costs 65 ns for the call and next to nothing for the bytes.
 */
const NATIVE_BYTES_MIN = 224;

/** Copies `count` bytes between arrays that do not overlap there. */
export type NativeCopy = (
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  count: number,
) => void;

let nativeCopy: NativeCopy | null = null;

/** Gives this thread's caches a faster way to copy long ranges; a pure room cannot reach for one by itself. */
export function useNativeCopy(copy: NativeCopy): void {
  nativeCopy = copy;
}

/** Gives bytes [start, end) of an array back to the system; they read as anything afterwards. */
export type MemoryRelease = (bytes: Uint8Array, start: number, end: number) => void;

let release: MemoryRelease | null = null;

/** Tells this thread's caches how to give memory back to the system. */
export function useMemoryRelease(call: MemoryRelease): void {
  release = call;
}

/** Gives a range back to the system, where this thread knows how. Nobody may be using it. */
export function releaseMemory(bytes: Uint8Array, start: number, end: number): void {
  release?.(bytes, start, end);
}

/**
 * One thread's views of the arenas. There is exactly one Uint8Array object for each arena, so that "the same array" can be
 * told by identity: within one array `copyWithin` copies fastest and allocates nothing, and the transport's buffers are in arena 0's.
 */
export class Memory {
  readonly bytes: readonly Uint8Array[];
  readonly words: readonly Int32Array[];
  readonly doubles: readonly Float64Array[];
  readonly geometry: Geometry;

  constructor(shared: SharedCache, geometry: Geometry) {
    this.geometry = geometry;
    this.bytes = shared.arenas.map((arena) => new Uint8Array(arena));
    this.words = shared.arenas.map((arena) => new Int32Array(arena));
    this.doubles = shared.arenas.map((arena) => new Float64Array(arena));
  }
}

/** Copies bytes [start, end) of `source` to `at` in `target`; overlapping ranges of one array are copied as if through a buffer. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const count = end - start;
  if (count >= NATIVE_BYTES_MIN && nativeCopy !== null) {
    nativeCopy(target, at, source, start, count);
  } else if (target === source) {
    if (count <= LOOP_BYTES_MAX && (at <= start || at >= end)) {
      for (let i = 0; i < count; i++) target[at + i] = source[start + i]!;
    } else {
      copyInside(target, at, start, end);
    }
  } else if (count <= LOOP_BETWEEN_BYTES_MAX) {
    for (let i = 0; i < count; i++) target[at + i] = source[start + i]!;
  } else {
    target.set(source.subarray(start, end), at);
  }
}
