/**
 * What a link sends by walking over the cache: full copies, and what a peer lacks of a node that is gone. Everything goes in slices, with
 * live changes between them.
 */
import type { Clock } from '../base/clock.ts';
import type { Output } from '../base/output.ts';
import type { ChangeSender } from './change-sender.ts';
import type { FrameCompressor } from './frame-compressor.ts';
import { writeFlush, writeSyncBegin, writeSyncEnd } from './frames.ts';
import type { ItemWriter } from './item-writer.ts';
import { LEGACY_END, type LegacyWriter } from './legacy-writer.ts';
import type { LinkCache } from './store-port.ts';
import { SyncSender } from './sync-sender.ts';

/** Most bytes of a walk that a pump writes, and most time that it takes: the loop also serves clients. */
export const SYNC_BYTES_PER_PUMP: number = 128 * 1024;
/** Bytes say little about time: for its first tens of milliseconds a walk is code that the engine has not compiled yet, ten times as slow. */
export const SYNC_MS_PER_PUMP = 0.8;
/** When changes come faster than the feed holds them during a walk it is walked again before the copy is called complete; so often at most. */
const WALKS_MAX = 3;

export class LinkCopies {
  readonly sync: SyncSender;
  /** What the peer lacks of the changes of a node that is gone. */
  readonly repair: SyncSender;
  /** Full copies that were begun, and walks for peers that had lost a third node. */
  fullSyncs = 0;
  repairs = 0;
  /** The peer is a repcached; null: it is not. */
  #legacyWriter: LegacyWriter | null = null;
  readonly #cache: LinkCache;
  readonly #sender: ChangeSender;
  readonly #clock: Clock;
  readonly #output: Output;
  readonly #dialled: boolean;
  readonly #log: (message: string) => void;
  /** A repcached has been told of the end of its copy: once, for it opens its client ports then. */
  #hasToldEnd = false;
  #isDue = false;
  /** The walk under way is to be followed by another. */
  #isAgain = false;
  #walks = 0;
  /** What peers that lost a node have asked for: slots, one bit each, and the lowest version. */
  #wantedSlots = 0;
  #wantedAbove = 0;

  /**
   * @param clock whose monotonic time goes on while this runs
   * @param log of what an operator sees with -v
   */
  constructor(
    cache: LinkCache,
    sender: ChangeSender,
    clock: Clock,
    output: Output,
    dialled: boolean,
    log: (message: string) => void,
  ) {
    this.#cache = cache;
    this.#sender = sender;
    this.#clock = clock;
    this.#output = output;
    this.#dialled = dialled;
    this.#log = log;
    this.sync = new SyncSender(cache, clock);
    this.repair = new SyncSender(cache, clock);
  }

  /** A full copy is under way or due. */
  get isSending(): boolean {
    return this.sync.active || this.#isDue;
  }

  /** No full copy is under way, or will follow it. */
  get isComplete(): boolean {
    return !this.isSending && !this.#isAgain;
  }

  get isRepairing(): boolean {
    return this.repair.active || this.#wantedSlots !== 0;
  }

  /** Items and tombstones sent so far. */
  get items(): number {
    return this.sync.itemsTotal + this.repair.itemsTotal;
  }

  useCompressor(compressor: FrameCompressor | null): void {
    this.sync.compressor = this.repair.compressor = compressor;
  }

  /** How changes and copies are put on the wire from here on. */
  useWriter(writer: ItemWriter): void {
    this.#sender.writer = this.sync.writer = this.repair.writer = writer;
  }

  useLegacy(writer: LegacyWriter): void {
    this.#legacyWriter = writer;
    this.useWriter(writer);
  }

  /** A peer asks for what is here of these slots above a version. Questions that were not answered yet become one. */
  want(slots: number, above: number): void {
    this.#wantedAbove = this.#wantedSlots === 0 ? above : Math.min(this.#wantedAbove, above);
    this.#wantedSlots |= slots;
  }

  beginIfDue(): void {
    if (this.#isDue) this.begin();
  }

  /** Begins a full copy, or has the one under way followed by another walk. @param above only versions above this one, and up to `upTo` */
  begin(above = -1, upTo: number = Number.MAX_SAFE_INTEGER): void {
    this.#isDue = false;
    // The position in the feed comes first: what changes from here on is sent as a change, and what changed before is met by the walk.
    // With a bound the walk does not meet what changes from here on or has changed lately.
    if (upTo === Number.MAX_SAFE_INTEGER) this.#sender.seekEnd();
    if (this.sync.active) {
      this.#isAgain = true;
    } else {
      if (this.#legacyWriter === null) writeSyncBegin(this.#output);
      if (!this.#dialled) this.#log('marugoto start');
      this.sync.begin(undefined, above, upTo);
      this.fullSyncs++;
    }
    this.sendFlushState();
  }

  /** Writes a slice of what is under way. */
  pump(): void {
    const output = this.#output;
    if (this.sync.active && !output.blocked && this.#slice(this.sync)) this.#walked();
    if (!this.isRepairing || this.sync.active || output.blocked) return;
    if (!this.repair.active) {
      this.repair.begin(this.#wantedSlots, this.#wantedAbove);
      this.#wantedSlots = 0;
      this.repairs++;
      this.sendFlushState();
    }
    this.#slice(this.repair);
  }

  /** @returns true when the walk has come to its end */
  #slice(walk: SyncSender): boolean {
    return walk.pump(this.#output, SYNC_BYTES_PER_PUMP, this.#clock.monotonicMs() + SYNC_MS_PER_PUMP);
  }

  /** Tells of the flush in force and the one to come. */
  sendFlushState(): void {
    const { threshold, pendingThreshold, pendingActiveAtSeconds, version } = this.#cache.flushState();
    if (this.#legacyWriter !== null) {
      // Of what an order in force has killed nothing is sent.
      if (pendingThreshold > 0)
        this.#legacyWriter.flush(this.#output, pendingThreshold, pendingActiveAtSeconds, version);
      return;
    }
    // The order that is in force has an older version than the one to come, if there is one.
    if (threshold > 0) this.#flush(threshold, 0, pendingThreshold > 0 ? 0 : version);
    if (pendingThreshold > 0) this.#flush(pendingThreshold, pendingActiveAtSeconds, version);
  }

  #flush(threshold: number, activeAtSeconds: number, version: number): void {
    writeFlush(this.#output, threshold, activeAtSeconds, version);
    this.#sender.changes++;
  }

  /** The walk over the index is done. */
  #walked(): void {
    const again = this.#isAgain;
    this.#isAgain = false;
    this.#walks++;
    if (again && this.#walks < WALKS_MAX) {
      this.sync.begin();
      return;
    }
    this.#walks = 0;
    if (!this.#dialled) {
      this.#log(`marugoto ${this.sync.items}`);
      this.#log('marugoto owari');
    }
    if (this.#legacyWriter === null) writeSyncEnd(this.#output, this.sync.items);
    else if (!this.#dialled && !this.#hasToldEnd) {
      this.#hasToldEnd = true;
      this.#output.text(LEGACY_END);
    }
    // Not called complete by us, though the peer may start to serve: the walk is repeated at once.
    if (again) this.#isDue = true;
  }
}
