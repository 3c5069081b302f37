/**
 * The buffers of one loop. Connections own none while they are idle: bytes are received into one scratch window, and
 * replies are written to windows that are taken when the first byte is written and given back when the kernel has taken the last.
 * The free windows are a stack, so that the same few stay in the processor's cache.
 *
 * Scratch and windows lie in a region handed in: where the cache's values lie in the same array, they are copied within it,
 * which is the fastest way. What is kept longer (an unfinished request, a reply not taken by the peer, one large reply) goes
 * to blocks, powers of two in memory of their own; some free blocks of each size are kept.
 */
import { assert } from '../base/assert.ts';
import { INPUT_REST_BYTES_MAX } from '../base/limits.ts';
import type { MemoryRegion } from './loop.ts';

/** A piece of memory that the kernel can be pointed at. */
export class Block {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly limit: number;
  /** Of the byte at `start`. */
  readonly address: bigint;
  /** The list of free ones it goes back to; -1: to none. */
  readonly sizeClass: number;

  constructor(bytes: Uint8Array, start: number, limit: number, address: bigint, sizeClass: number) {
    this.bytes = bytes;
    this.start = start;
    this.limit = limit;
    this.address = address;
    this.sizeClass = sizeClass;
  }

  /** Whether it is one of the shared windows, which nobody may hold for long. */
  get isWindow(): boolean {
    return this.sizeClass === WINDOW_CLASS;
  }
}

/**
 * Most bytes taken by one call to recv. A large value arrives as one run of bytes on a local connection; taken in several pieces, each
 * costs a turn, and a proxy a send besides (a fifth of the processor time of values of 100 KB, against 64 KiB).
 */
export const RECEIVE_BYTES: number = 256 * 1024;
/** Room in front of them for what was not consumed before, so that a session sees one run of bytes. */
export const HEAD_BYTES: number = INPUT_REST_BYTES_MAX;
/** Size of a window for replies. */
export const WINDOW_BYTES: number = 32 * 1024;
/** The smallest region that a pool takes: scratch and four windows. */
export const REGION_BYTES_MIN: number = HEAD_BYTES + RECEIVE_BYTES + 4 * WINDOW_BYTES;
/**
 * The region that a pool makes for itself when none is handed in: windows for some hundred connections that are answered in one turn, so that
 * what a proxy passes on is nearly always copied within one array. What is not used is not resident.
 */
const REGION_BYTES_OWN = 4 * 1024 * 1024;
/** Windows made at a time when all are taken. */
const WINDOWS_MORE = 16;

/** So many windows are never spared. */
const WINDOWS_NOT_SPARED = 32;

const CLASS_BITS_MIN = 8;
const CLASS_BITS_MAX = 21;
const WINDOW_CLASS = 0;
/** Bytes of free blocks kept per size. */
const FREE_BYTES_MAX = 4 * 1024 * 1024;
const FREE_BLOCKS_MAX = 256;
/** A dropped block from this size on is given back to the system at once. */
const RELEASED_BYTES_MIN: number = 256 * 1024;

export class BufferPool {
  /** The array of the scratch: HEAD_BYTES from `scratchStart`, then RECEIVE_BYTES from `receiveStart`. */
  readonly bytes: Uint8Array;
  readonly scratchStart: number;
  readonly receiveStart: number;
  /** Of the byte at `receiveStart`. */
  readonly receiveAddress: bigint;
  readonly #addressOf: (bytes: Uint8Array) => bigint;
  readonly #release: ((bytes: Uint8Array, start: number, end: number) => void) | null;
  readonly #windows: Block[] = [];
  /** By size: free blocks of 2^i bytes. */
  readonly #free: Block[][] = [];

  /**
   * @param addressOf where an array's bytes lie in memory
   * @param region for the scratch and the windows; null: the pool's own memory
   * @param release gives the memory of a large block that is dropped back to the system. The engine frees it only when it collects
   * garbage, and a thread that makes none may keep a reply of hundreds of megabytes for hours
   */
  constructor(
    addressOf: (bytes: Uint8Array) => bigint,
    region: MemoryRegion | null,
    release: ((bytes: Uint8Array, start: number, end: number) => void) | null = null,
  ) {
    this.#addressOf = addressOf;
    this.#release = release;
    for (let bits = 0; bits <= CLASS_BITS_MAX; bits++) this.#free.push([]);
    const { bytes, start, end } = region ?? {
      bytes: new Uint8Array(new ArrayBuffer(REGION_BYTES_OWN)),
      start: 0,
      end: REGION_BYTES_OWN,
    };
    assert(end - start >= REGION_BYTES_MIN, 'the memory region for a loop is too small');
    const base = addressOf(bytes);
    this.bytes = bytes;
    this.scratchStart = start;
    this.receiveStart = start + HEAD_BYTES;
    this.receiveAddress = base + BigInt(this.receiveStart);
    this.#cutWindows(bytes, base, this.receiveStart + RECEIVE_BYTES, end);
  }

  /** A window of WINDOW_BYTES: the one given back last. */
  takeWindow(): Block {
    const window = this.#windows.pop();
    if (window !== undefined) return window;
    const bytes = new Uint8Array(new ArrayBuffer(WINDOWS_MORE * WINDOW_BYTES));
    this.#cutWindows(bytes, this.#addressOf(bytes), 0, bytes.length);
    const made = this.#windows.pop();
    assert(made !== undefined, 'new windows were made');
    return made;
  }

  /** One of the region's, for somebody who keeps it longer than a turn; null when those that are left are for connections. */
  takeSpare(): Block | null {
    if (this.#windows.length <= WINDOWS_NOT_SPARED) return null;
    const window = this.#windows.pop();
    if (window === undefined || window.bytes === this.bytes) return window ?? null;
    this.#windows.push(window);
    return null;
  }

  /** A block of at least `count` bytes. */
  takeBlock(count: number): Block {
    const bits = Math.max(CLASS_BITS_MIN, 32 - Math.clz32(count - 1));
    if (count > 1 << CLASS_BITS_MAX) return this.#newBlock(count, -1);
    return this.#free[bits]!.pop() ?? this.#newBlock(1 << bits, bits);
  }

  /** Takes back a window or a block, which the caller must not use any more. */
  give(block: Block): void {
    const { sizeClass } = block;
    if (sizeClass === WINDOW_CLASS) {
      this.#windows.push(block);
    } else if (sizeClass > 0) {
      const free = this.#free[sizeClass]!;
      if (free.length < FREE_BLOCKS_MAX && (free.length + 1) << sizeClass <= FREE_BYTES_MAX) free.push(block);
      else this.#drop(block);
    } else {
      this.#drop(block);
    }
  }

  #drop({ bytes, start, limit }: Block): void {
    if (limit - start >= RELEASED_BYTES_MIN) this.#release?.(bytes, start, limit);
  }

  #newBlock(count: number, sizeClass: number): Block {
    const bytes = new Uint8Array(new ArrayBuffer(count));
    return new Block(bytes, 0, count, this.#addressOf(bytes), sizeClass);
  }

  #cutWindows(bytes: Uint8Array, base: bigint, start: number, end: number): void {
    for (let at = end - WINDOW_BYTES; at >= start; at -= WINDOW_BYTES) {
      this.#windows.push(new Block(bytes, at, at + WINDOW_BYTES, base + BigInt(at), WINDOW_CLASS));
    }
  }
}
