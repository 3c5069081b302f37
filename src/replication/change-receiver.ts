/**
 * Applies what a peer sends to the cache. The cache merges by version, so order, repetition and overlap with a full sync do no
 * harm; and what is applied never enters the change feed, so it is never forwarded.
 */
import { APPLIED, type Applied, type ItemRef, NO_STAMP, RESULT } from '../store/cache.ts';
import { MARKS_SHIFT } from '../store/layout.ts';
import type { FrameReader } from './frame-reader.ts';
import { FRAME, PIECE_BYTES_MAX } from './frames.ts';
import { FramesAhead } from './frames-ahead.ts';
import { PeerClock } from './peer-clock.ts';
import type { LinkCache } from './store-port.ts';

export class ChangeReceiver {
  /** Items, deletes, touches and flushes received, those of a full sync included. */
  changes = 0;
  /** Frames of changes, pieces of values included: what moves while anything comes in. */
  frames = 0;
  applied = 0;
  /** Not applied, because what is here is as new or newer. */
  stale = 0;
  /** Larger than this node's item size allows, or no memory was to be had. The cache then forgets what it had, so that nobody reads an old value. */
  tooLarge = 0;
  noMemory = 0;
  /** What has come and is not applied yet. */
  readonly ahead: FramesAhead;
  /** Expiry times are of the peer's clock. */
  readonly clock: PeerClock = new PeerClock();
  /** The peer tells when items were touched. */
  tellsStamps = true;
  readonly #cache: LinkCache;

  /** A value that comes in pieces: bytes still to come (0: none is under way), the item (0: its bytes are dropped) and what is needed at its end. */
  #restBytes = 0;
  #item: ItemRef = 0;
  #filledBytes = 0;
  #version = 0;
  #stamp = 0;
  #hash = 0;

  constructor(cache: LinkCache) {
    this.#cache = cache;
    this.ahead = new FramesAhead(cache);
  }

  /** A value has begun and not all its pieces are there. */
  get midValue(): boolean {
    return this.#restBytes > 0;
  }

  /**
   * Applies one change frame (set, piece, delete, touch, win or flush).
   *
   * @returns false when the frame cannot come here (a piece of nothing, or something else inside a value)
   */
  take(frame: FrameReader, input: Uint8Array): boolean {
    this.frames++;
    if (frame.kind === FRAME.piece) return this.#piece(frame, input);
    if (this.#restBytes > 0) return false;
    this.changes++;
    const cache = this.#cache;
    if (frame.kind === FRAME.flush) {
      this.#count(cache.applyFlush(frame.threshold, this.clock.here(frame.activeAtSeconds), frame.version));
      return true;
    }
    const { keyStart, keyEnd, version } = frame;
    const stamp = this.tellsStamps ? frame.stamp : NO_STAMP;
    const hash = cache.hash(input, keyStart, keyEnd);
    switch (frame.kind) {
      case FRAME.set: {
        cache.meta.setNewCas(frame.casHigh, frame.casLow);
        if (frame.valueBytes > PIECE_BYTES_MAX) {
          this.#begin(frame, input, hash, stamp);
          return true;
        }
        const applied = cache.applySet(
          input,
          keyStart,
          keyEnd,
          hash,
          frame.clientFlags,
          this.clock.here(frame.exptime),
          version,
          frame.valueStart,
          frame.valueEnd,
          frame.marks << MARKS_SHIFT,
          stamp,
        );
        this.#count(applied);
        return true;
      }
      case FRAME.delete:
        this.#count(cache.applyDelete(input, keyStart, keyEnd, hash, version));
        return true;
      case FRAME.win:
        this.#count(cache.applyWin(input, keyStart, keyEnd, hash, version));
        return true;
      case FRAME.touch:
        this.#count(
          cache.applyTouch(input, keyStart, keyEnd, hash, this.clock.here(frame.exptime), version, stamp),
        );
        return true;
      default:
        return false;
    }
  }

  /** The connection is gone: gives back the memory of a value that will never be whole. */
  close(): void {
    if (this.#item !== 0) this.#cache.abandon(this.#item);
    this.#item = 0;
    this.#restBytes = 0;
  }

  #begin(frame: FrameReader, input: Uint8Array, hash: number, stamp: number): void {
    const { keyStart, keyEnd } = frame;
    this.#hash = hash;
    this.#version = frame.version;
    this.#stamp = stamp;
    this.#filledBytes = 0;
    this.#restBytes = frame.valueBytes;
    this.#item = this.#cache.reserveForPeer(
      input,
      keyStart,
      keyEnd,
      hash,
      frame.clientFlags,
      this.clock.here(frame.exptime),
      frame.version,
      frame.valueBytes,
      frame.marks << MARKS_SHIFT,
      stamp,
    );
    if (this.#item !== 0) return;
    const { failure } = this.#cache;
    if (failure === RESULT.stale) this.#count(APPLIED.stale);
    else this.#count(failure === RESULT.tooLarge ? APPLIED.tooLarge : APPLIED.noMemory);
  }

  #piece(frame: FrameReader, input: Uint8Array): boolean {
    const count = frame.valueEnd - frame.valueStart;
    if (count > this.#restBytes || (count < PIECE_BYTES_MAX && count !== this.#restBytes)) return false;
    const cache = this.#cache;
    if (this.#item !== 0) cache.fill(this.#item, this.#filledBytes, input, frame.valueStart, frame.valueEnd);
    this.#filledBytes += count;
    this.#restBytes -= count;
    if (this.#restBytes > 0) return true;
    const item = this.#item;
    this.#item = 0;
    if (item !== 0) this.#count(cache.applyReserved(item, this.#hash, this.#version, this.#stamp));
    return true;
  }

  #count(applied: Applied): void {
    if (applied === APPLIED.applied) this.applied++;
    else if (applied === APPLIED.stale) this.stale++;
    else if (applied === APPLIED.tooLarge) this.tooLarge++;
    else this.noMemory++;
  }
}
