/**
 * Sends what this node's clients change. The feed holds keys; the value present is read when a record is sent, so the
 * queue costs no copy of any value, and quick changes of one key cost one frame.
 *
 * What the peer must end up with is the present state of the key or a newer one:
 * - an item or a tombstone stands there: it is sent, unless it has been sent lately, or is the peer's own;
 * - nothing stands there (evicted, expired, tombstone reclaimed) or something older: the peer must not keep what it had before the
 *   change, so a delete in the version of the change is sent;
 * - a client was told to renew it: that is sent, for the very version that it was told of;
 * - it was only touched: the new expiry time is sent, for the very version that was touched; and the whole item where the peer may have
 *   let it end before it hears of the touch.
 */
import type { Output } from '../base/output.ts';
import type { FrameCompressor } from './frame-compressor.ts';
import { FRAME_WRITER, type ItemWriter } from './item-writer.ts';
import { slotOfVersion } from './node-slots.ts';
import { SentVersions } from './sent-versions.ts';
import { CHANGE, type ChangeReader, FEED, type LinkCache } from './store-port.ts';

/** Bytes reserved before an item is looked at; enough for most, so that most are looked at once. */
const ROOM_BYTES = 4096;
/** How often an item that did not fit is looked at again with more room before the lock is kept meanwhile. */
const ATTEMPTS_MAX = 4;
/** Records taken from one thread's ring before the next thread's has its turn. */
const RECORDS_PER_TURN = 64;
const SENT_VERSIONS = 4096;
/** An item that would have ended by then without its touch goes whole: what is sent may be on its way for as long as a silent link is believed in, and clocks differ. */
const WHOLE_SECONDS = 5;

export class ChangeSender {
  /** Frames sent. */
  changes = 0;
  /** Records that needed no frame, because the version present had been sent. */
  coalesced = 0;
  /** Times that records were overwritten before they were sent. */
  overruns = 0;
  /** The slot of the peer, -1 while unknown. */
  peerSlot = -1;
  /** Null: frames are sent as they are. */
  compressor: FrameCompressor | null = null;
  /** How things are put on the wire. */
  writer: ItemWriter = FRAME_WRITER;
  /** Of what clients of this node have changed, everything up to this version has been sent, or is met by the copy under way. */
  sentUpTo = 0;
  /** The next such version, and where each ring ends that holds what led to it. */
  #goal = 0;
  readonly #goalPositions: Float64Array;
  /** The version of a flush that came from the peer itself. */
  #flushOfPeer = -1;
  readonly #cache: LinkCache;
  readonly #readers: readonly ChangeReader[];
  readonly #sent = new SentVersions(SENT_VERSIONS);

  constructor(cache: LinkCache, readers: readonly ChangeReader[]) {
    this.#cache = cache;
    this.#readers = readers;
    this.#goalPositions = new Float64Array(readers.length);
  }

  /** The version that a key has now is what the peer itself has sent. */
  note(hash: number, version: number): void {
    this.#sent.add(hash, version);
  }

  /** The flush of this version is one that the peer itself has ordered. */
  noteFlush(version: number): void {
    this.#flushOfPeer = version;
  }

  /** Forgets all records up to now; a scan that begins afterwards sees their effect. */
  seekEnd(): void {
    for (const reader of this.#readers) reader.skipToHead();
  }

  /** Data threads whose changes are sent. */
  get threads(): number {
    return this.#readers.length;
  }

  /**
   * Goes back to where the peer has everything.
   *
   * @returns false when a ring does not hold what followed any more; then only a full sync can help (after `seekEnd`)
   */
  seek(positions: Float64Array): boolean {
    if (positions.length !== this.#readers.length) return false;
    return this.#readers.every((reader, thread) => reader.seek(positions[thread]!));
  }

  /** Writes into [at, at + threads) up to where each thread's records have been taken. @returns whether one of them moved */
  readPositions(target: Float64Array, at: number): boolean {
    let moved = false;
    for (let thread = 0; thread < this.#readers.length; thread++) {
      const { position } = this.#readers[thread]!;
      if (target[at + thread] !== position) moved = true;
      target[at + thread] = position;
    }
    return moved;
  }

  /** Bytes of records that are not sent yet. */
  backlogBytes(): number {
    let sum = 0;
    for (const reader of this.#readers) sum += reader.backlogBytes();
    return sum;
  }

  /**
   * What is in the feeds now leads to this version; to be called before `pump`. Which of it has been sent when the peer is told something can only be said of where the feeds once ended, for
   * they are longer than a turn, and others go on writing them.
   */
  aim(highest: number): void {
    if (this.#goal > 0) return;
    this.#goal = highest;
    for (let thread = 0; thread < this.#readers.length; thread++)
      this.#goalPositions[thread] = this.#readers[thread]!.head;
  }

  /** Looks whether all that was aimed at has been sent. */
  noteSent(): void {
    if (this.#goal === 0) return;
    for (let thread = 0; thread < this.#readers.length; thread++)
      if (this.#readers[thread]!.position < this.#goalPositions[thread]!) return;
    this.sentUpTo = this.#goal;
    this.#goal = 0;
  }

  /**
   * Sends changes until there are none, `bytesMax` bytes are written or the output is blocked.
   *
   * @returns false when records were lost: only a full sync can help (after `seekEnd`)
   */
  pump(output: Output, bytesMax: number): boolean {
    let budget = bytesMax;
    let more = true;
    while (more) {
      more = false;
      for (const reader of this.#readers) {
        for (let i = 0; i < RECORDS_PER_TURN; i++) {
          if (output.blocked || budget <= 0) return true;
          const state = reader.next();
          if (state === FEED.empty) break;
          if (state === FEED.overrun) {
            this.overruns++;
            return false;
          }
          more = true;
          budget -= this.#send(output, reader);
        }
      }
    }
    return true;
  }

  /** @returns bytes written, before they were compressed, and a few for the work when there were none */
  #send(output: Output, reader: ChangeReader): number {
    const { writer } = this;
    if (reader.kind === CHANGE.flush) {
      if (reader.version === this.#flushOfPeer) return 16;
      writer.flush(output, reader.threshold, reader.activeAtSeconds, reader.version);
      this.changes++;
      return 64;
    }
    const cache = this.#cache;
    const { key, keyBytes, hash } = reader;
    const isTouch = reader.kind === CHANGE.touch;
    const isTold = isTouch && writer.tellsTouches;
    if (isTold && !this.#mayHaveEnded(reader)) return this.#sendTouch(output, reader);
    if (reader.kind === CHANGE.win) {
      if (!writer.tellsTouches) return 16;
      writer.win(output, key, keyBytes, reader.version);
      this.changes++;
      return writer.deleteBytes(keyBytes);
    }
    let room = ROOM_BYTES;
    for (let attempt = 0; ; attempt++) {
      if (output.limit - output.at < room) output.reserve(room);
      const item = cache.peek(key, 0, keyBytes, hash);
      if (item === 0) break;
      const version = cache.version(item);
      if (isTold && (version !== reader.version || cache.isTombstone(item))) {
        cache.release(hash);
        break;
      }
      if (version < reader.version) {
        // An older item of the peer came in after ours had gone. Both sides must forget it.
        cache.release(hash);
        if (reader.kind !== CHANGE.set) cache.applyDelete(key, 0, keyBytes, hash, reader.version);
        break;
      }
      if (
        (this.#sent.has(hash, version) && !isTouch) ||
        (version !== reader.version && slotOfVersion(version) === this.peerSlot)
      ) {
        cache.release(hash);
        this.coalesced++;
        return 16;
      }
      const tombstone = cache.isTombstone(item);
      const valueBytes = tombstone ? 0 : cache.valueBytes(item);
      const bytes = tombstone ? writer.deleteBytes(keyBytes) : writer.itemBytes(keyBytes, valueBytes);
      if (bytes > output.limit - output.at && attempt < ATTEMPTS_MAX) {
        // Room is made without the lock, for that may mean sending.
        cache.release(hash);
        room = bytes;
        continue;
      }
      // After so many attempts, each of which met a larger value, the room is made under the lock after all.
      if (bytes > output.limit - output.at) output.reserve(bytes);
      const start = output.at;
      if (tombstone) writer.tombstone(output, cache, item, keyBytes);
      else writer.item(output, cache, item, keyBytes, valueBytes);
      cache.release(hash);
      this.compressor?.compress(output, start);
      this.#sent.add(hash, version);
      this.changes++;
      return bytes;
    }
    if (isTold) return this.#sendTouch(output, reader);
    // Also here an older one of the peer shall not come back that is on its way.
    if (reader.kind === CHANGE.set) {
      cache.applyDelete(key, 0, keyBytes, hash, reader.version);
      if (this.#sent.has(hash, reader.version)) {
        // The peer has this very version, or has sent it: by its clock it may not be over, and room is each one's own affair.
        this.coalesced++;
        return 16;
      }
    }
    writer.delete(output, key, keyBytes, reader.version);
    this.changes++;
    return writer.deleteBytes(keyBytes);
  }

  /** Sends it as it was recorded, and whatever has become of the item: one that was touched to expire at once is gone here already. */
  #sendTouch(output: Output, { key, keyBytes, exptime, version, stamp }: ChangeReader): number {
    this.writer.touch(output, key, keyBytes, exptime, version, stamp);
    this.changes++;
    return this.writer.touchBytes(keyBytes);
  }

  /** The peer may not have the item any more, because it knows of an earlier end. */
  #mayHaveEnded({ exptimeBefore }: ChangeReader): boolean {
    return exptimeBefore !== 0 && exptimeBefore <= this.#cache.nowSeconds + WHOLE_SECONDS;
  }
}
