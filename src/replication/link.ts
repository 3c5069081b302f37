/**
 * One connection to a peer, free of I/O.
 *
 *     dialler                       listener
 *     greeting line  ------------>
 *                    <------------  greeting line, hello      the dialler may now find that the two are linked already, and leave
 *     hello          ------------>                            from here on both are open, unless there is a secret; then:
 *     proof          ------------>                            the listener may refuse it, and is open when it has sent its own
 *                    <------------  proof                     now the dialler is open
 *     resume         <----------->                            up to where each has the other's changes, if at all
 *     changes, resumed          or        syncBegin, items and changes in any order, syncEnd        (both ways at once)
 *     changes, marks, acks, pings
 *     bye            ------------>                            by the one that stops
 *     parted         ------------>                            by one that goes on, and gives the link up for another reason
 *
 * After the changes of a pump comes a mark, which says up to where the changes of each data thread have been sent. The peer
 * acknowledges marks, and remembers the last one beyond this link, for the next one to begin there.
 *
 * The dialler speaks first, so a stranger who connects learns nothing; the listener's hello comes before the dialler's, so that
 * one of the two (the dialler) can turn back while the other has not yet counted the link as one.
 *
 * Whatever a peer sends is either understood or closes this connection; nothing else is answered.
 */
import type { Clock } from '../base/clock.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { ChangeReceiver } from './change-receiver.ts';
import { ChangeSender } from './change-sender.ts';
import { FrameCompressor } from './frame-compressor.ts';
import { FrameReader, READ, readGreeting } from './frame-reader.ts';
import {
  FRAME,
  GREETING,
  type Hello,
  writeLost,
  writeParted,
  writeResume,
  writeSlot,
  writeWant,
} from './frames.ts';
import { UNSTAMPED_WRITER } from './item-writer.ts';
import { beginsLegacy, LegacyReceiver } from './legacy-receiver.ts';
import { LegacyWriter } from './legacy-writer.ts';
import { LinkCopies } from './link-copies.ts';
import { LinkDeadlines } from './link-deadlines.ts';
import { LinkEnding } from './link-ending.ts';
import { LinkHandshake, type LinkState } from './link-handshake.ts';
import { LinkMarks } from './link-marks.ts';
import type { LinkOwner } from './link-owner.ts';
import { type LinkSafety, UNGUARDED, understandsCompression, understandsStamps } from './link-safety.ts';
import { LinkSending, type SendingLink } from './link-sending.ts';
import { FED_BYTES_MAX, STUCK_MS_MAX } from './link-times.ts';
import type { ChangeReader, LegacyCache, LinkCache } from './store-port.ts';

export class Link implements Session, SendingLink {
  state: LinkState;
  readonly connection: Connection;
  /** Both sides send a full sync at once; neither may wait for the other to read first. */
  readonly readsWhileBlocked = true;
  readonly fedBytesMax: number = FED_BYTES_MAX;
  /** The index of the peer address that was dialled; -1 when the peer dialled us. */
  readonly target: number;
  peerSlot = -1;
  readonly sender: ChangeSender;
  readonly receiver: ChangeReceiver;
  readonly copies: LinkCopies;
  readonly marks: LinkMarks;
  readonly sending: LinkSending;
  /** All slots that the peer has had during this link, one bit each. */
  peerSlots = 0;
  /** Times that this side took up where the last link broke. */
  partialSyncs = 0;
  /** Syncs that the peer has brought to the end. */
  syncsReceived = 0;
  /** Between syncBegin and syncEnd of the peer. */
  receivingSync = false;
  /** Items and deletes that came meanwhile. */
  syncItemsReceived = 0;
  /** Changes of ours that were not applied by order of versions outside a sync: both sides changed the key. */
  conflicts = 0;
  /** What the peer's last ping said it has had of our changes. */
  changesAcknowledged = 0;
  readonly deadlines: LinkDeadlines;
  readonly ending: LinkEnding = new LinkEnding();
  /** When the peer's first sync had come to its end, on the monotonic clock. */
  syncedMs = 0;
  /** What the peer sends, if it is a repcached: then there are no frames, and no marks, pings and slots either. */
  legacy: LegacyReceiver | null = null;
  readonly legacyWriter: LegacyWriter = new LegacyWriter();
  /** Null: this link's frames are sent as they are. */
  compressor: FrameCompressor | null = null;

  readonly #cache: LinkCache;
  readonly #owner: LinkOwner<Link>;
  readonly #clock: Clock;
  readonly #frames = new FrameReader();
  readonly #safety: LinkSafety;
  readonly #handshake: LinkHandshake;
  #wasOpen = false;
  #closeReason = '';

  /**
   * @param clock read once per call
   * @param readers of this link alone, one for each data thread's ring
   * @param target see `target`
   * @param safety what this node's links are guarded by
   */
  constructor(
    connection: Connection,
    clock: Clock,
    cache: LinkCache,
    readers: readonly ChangeReader[],
    owner: LinkOwner<Link>,
    target: number,
    safety: LinkSafety = UNGUARDED,
  ) {
    this.connection = connection;
    this.target = target;
    this.#safety = safety;
    this.#handshake = new LinkHandshake(
      {
        dialled: target >= 0,
        connection,
        get nodeSlot() {
          return cache.nodeSlot;
        },
        hello: () => owner.hello(),
        greeted: () => owner.greeted(this),
        isSurplus: () => this.ending.isSurplus,
        admitted: ({ slot }) => {
          this.#setPeerSlot(slot);
          return owner.admitted(this);
        },
      },
      safety,
    );
    this.#clock = clock;
    this.#cache = cache;
    this.#owner = owner;
    this.sender = new ChangeSender(cache, readers);
    this.receiver = new ChangeReceiver(cache);
    this.copies = new LinkCopies(cache, this.sender, clock, connection.output, target >= 0, (message) =>
      owner.log(1, message),
    );
    this.marks = new LinkMarks(cache, this.sender);
    this.state = target >= 0 ? 'dialling' : 'greeting';
    this.deadlines = new LinkDeadlines(clock.monotonicMs());
    this.sending = new LinkSending(this, clock, cache);
  }

  get dialled(): boolean {
    return this.target >= 0;
  }

  /** What this node said, and what the peer said; null until then. */
  get own(): Hello | null {
    return this.#handshake.own;
  }

  get peer(): Hello | null {
    return this.#handshake.peer;
  }

  /** It was given up because the two nodes have no secret in common. */
  get lacksSecret(): boolean {
    return this.#handshake.lacksSecret;
  }

  /** It was given up because the two are of releases that do not understand each other. */
  get isMisunderstood(): boolean {
    return this.#handshake.isMisunderstood;
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** Both hellos had been exchanged. */
  get wasOpen(): boolean {
    return this.#wasOpen;
  }

  /** The peer, too, has taken it for open: a dialler does so before it knows. */
  get wasTaken(): boolean {
    return this.sending.isAsked;
  }

  /** A full sync to the peer is under way or due. */
  get sendingSync(): boolean {
    return this.copies.isSending;
  }

  /** The peer has been sent everything that is here, save changes of the last moments: its acks are worth something. */
  get isComplete(): boolean {
    return this.state === 'open' && this.sending.isAsked && this.copies.isComplete;
  }

  /** What the peer has acknowledged says up to where it has everything. */
  get countsForAcks(): boolean {
    return this.marks.hasAcknowledged && this.isComplete;
  }

  /** Up to where the peer has the changes of each data thread here. */
  get acknowledged(): Float64Array {
    return this.marks.acknowledged;
  }

  /** A turn for each change would cost the peer's clients more than anything else that a twin costs; but for acks somebody waits, on one side or the other. */
  get isPatient(): boolean {
    return this.state === 'open' && !this.marks.peerWaits && !this.#owner.wantsAcks();
  }

  get checksumErrors(): number {
    return this.#frames.checksumErrors;
  }

  /** All frames of changes that have been written. */
  get changesSent(): number {
    return this.sending.changesSent;
  }

  /** There is something that could be sent at once. */
  get hasWork(): boolean {
    return this.state === 'open' && this.sending.hasWork;
  }

  /** A walk is under way or due: a full sync, or what the peer lacks of a node that is gone. */
  get isCopying(): boolean {
    return this.state === 'open' && (this.sendingSync || this.copies.isRepairing);
  }

  /** There are changes that could be sent at once. */
  get hasChanges(): boolean {
    return this.state === 'open' && this.sending.hasChanges;
  }

  opened(): void {
    if (this.state !== 'dialling') return;
    this.state = 'greeting';
    this.deadlines.connected(this.#clock.monotonicMs());
    this.connection.output.text(GREETING);
    this.#owner.connected(this);
  }

  feed(input: Uint8Array, start: number, end: number): number {
    this.deadlines.heardMs = this.#clock.monotonicMs();
    let at = start;
    if (this.legacy !== null) return this.#feedLegacy(this.legacy, input, start, end);
    if (this.state === 'greeting') {
      const read = readGreeting(input, at, end);
      if (read === READ.partial) return at;
      if (read === READ.malformed && this.dialled && this.#safety.legacy !== null) {
        const begins = beginsLegacy(input, at, end);
        if (begins === 'partial') return at;
        if (begins === 'yes') {
          const legacy = this.#meetLegacy(this.#safety.legacy);
          return legacy === null ? end : this.#feedLegacy(legacy, input, start, end);
        }
      }
      if (read === READ.malformed) return this.#fail('it does not speak our link protocol', end);
      at += GREETING.length;
      this.state = 'hello';
      if (!this.dialled) {
        this.connection.output.text(GREETING);
        this.#handshake.sendHello();
      }
    }
    const frames = this.#frames;
    const { ahead } = this.receiver;
    ahead.begin();
    while (this.#takesFrames()) {
      ahead.look(input, at, end);
      const read = frames.next(input, at, end);
      if (read === READ.partial) break;
      if (read === READ.malformed) return this.#misread(input, at, end);
      const reason = this.state === 'open' ? this.#frame(frames.source, at) : this.#meet(input, at);
      if (reason !== null) return this.#fail(reason, end);
      at = frames.end;
    }
    if (this.marks.isAckUrgent && this.state === 'open') this.sending.acknowledge();
    return this.#takesFrames() ? at : end;
  }

  drained(): void {
    this.pump(this.#clock.monotonicMs(), true);
  }

  closed(error: ConnectionError | null): void {
    if (this.state === 'closed') return;
    if (error !== null) this.ending.note(error, this.state === 'dialling');
    this.state = 'closed';
    this.receiver.close();
    this.legacy?.close();
    this.#owner.linkClosed(
      this,
      this.#closeReason || (error === null ? 'closed by the peer' : error.message),
    );
  }

  /** Ends the connection at once. */
  close(reason: string): void {
    if (this.state === 'closed') return;
    if (this.#closeReason === '') this.#closeReason = reason;
    this.state = 'closing';
    this.connection.destroy();
  }

  /**
   * Ends the connection while both sides go on. The other one is told, if its kernel takes that soon: a connection that just closes looks like a node that has died, and
   * who has lost nobody but the dead has all there is.
   */
  giveUp(reason: string): void {
    if (this.state !== 'open' || this.sending.hasSaidBye || this.legacy !== null) {
      this.close(reason);
      return;
    }
    this.ending.isParted = this.ending.isGivenUp = true;
    this.#closeReason = reason;
    this.state = 'closing';
    this.deadlines.parted(this.#clock.monotonicMs());
    writeParted(this.connection.output);
    this.connection.end();
    // The connection may stay for as long as that takes.
    this.#owner.givenUp(this);
  }

  /** Says bye when everything has been sent; the peer closes then. */
  drain(): void {
    this.sending.isDraining = true;
    if (this.state !== 'open') this.close('stopped');
  }

  /** Tells the peer that this node's versions carry another slot from now on. */
  announceSlot(slot: number): void {
    // Before the own hello is sent it will carry the slot.
    if (!this.#handshake.tellsSlot || (this.state !== 'open' && this.state !== 'hello')) return;
    writeSlot(this.connection.output, slot);
    this.connection.flush();
  }

  /** Tells the peer that there is no link any more to a node that had these slots. */
  announceLost(nodeId: string, slots: number): void {
    if (this.state !== 'open' || this.sending.hasSaidBye || this.legacy !== null) return;
    writeLost(this.connection.output, nodeId, slots);
    this.connection.flush();
  }

  /** Asks the peer for what it has of these slots above a version. */
  ask(slots: number, above: number): void {
    if (this.state !== 'open' || this.sending.hasSaidBye || this.legacy !== null) return;
    writeWant(this.connection.output, slots, above);
    this.connection.flush();
  }

  /**
   * Writes what is to be sent: live changes, then a slice of the full sync, a mark, a ping when one is due. Call it when changes have come,
   * at the end of turns while there is work, and when `dueMs` has come; outside the session's own calls `connection.flush()` follows by itself.
   *
   * @param nowMs on the monotonic clock
   * @param onlyChanges no slice of a walk, which is more work than should be done while clients wait for replies, or more than once in a while
   * @returns true when there is more that could be sent at once
   */
  pump(nowMs: number, onlyChanges = false): boolean {
    if (this.state !== 'open') return false;
    const more = this.sending.pump(nowMs, onlyChanges);
    if (this.sending.hasSaidBye) this.#closeReason = 'stopped';
    return more;
  }

  /** Looks at the time limits. @param nowMs on the monotonic clock */
  tick(nowMs: number): void {
    const { deadlines } = this;
    const { legacy } = this.#safety;
    if (legacy !== null && this.#mayBeLegacy() && nowMs >= deadlines.legacyMs) {
      this.#meetLegacy(legacy);
    } else if (this.#isMeeting()) {
      const missing = this.state === 'proof' ? 'proof' : 'greeting';
      if (nowMs >= deadlines.metMs) {
        this.ending.isSilence = true;
        this.close(`no ${missing} within the time limit`);
      }
    } else if (this.state === 'open') {
      if (this.legacy === null && nowMs >= deadlines.silentMs) {
        this.ending.isSilence = true;
        this.giveUp('the peer is silent');
      } else if (nowMs >= this.#stuckMs()) {
        this.ending.isStuck = true;
        this.giveUp('the peer takes nothing');
      } else this.pump(nowMs, true);
    } else if (this.state === 'closing' && nowMs >= deadlines.partedMs) this.connection.destroy();
  }

  /** When `tick` is due, on the monotonic clock; Infinity when nothing is. */
  get dueMs(): number {
    const { deadlines } = this;
    if (this.#isMeeting()) return this.#mayBeLegacy() ? deadlines.legacyMs : deadlines.metMs;
    if (this.state !== 'open') return deadlines.partedMs;
    if (this.legacy !== null) return this.#stuckMs();
    const needsNoPing = this.connection.output.blocked || this.sending.hasSaidBye;
    const pingMs = needsNoPing ? Number.POSITIVE_INFINITY : this.sending.pingDueMs;
    return Math.min(deadlines.silentMs, pingMs, this.#stuckMs());
  }

  #stuckMs(): number {
    return this.deadlines.stuckMs(this.connection.output.blocked, this.marks.oldestMarkMs);
  }

  #takesFrames(): boolean {
    return this.state === 'hello' || this.state === 'proof' || this.state === 'open';
  }

  /** The connection is up, and is no link yet, or never will be. */
  #isMeeting(): boolean {
    const { state } = this;
    return state === 'greeting' || state === 'hello' || state === 'proof' || state === 'leaving';
  }

  /** A dialler has said nothing yet. */
  #mayBeLegacy(): boolean {
    const hasNotSpoken = this.state === 'greeting' && !this.dialled && this.deadlines.hasNotSpoken;
    return hasNotSpoken && this.#safety.legacy !== null;
  }

  /** From here on the peer is a repcached. @returns null when it is not wanted, and the connection is closed */
  #meetLegacy(cache: LegacyCache): LegacyReceiver | null {
    const keepAbove = this.#owner.legacyMet(this);
    if (keepAbove < 0) {
      this.close('one repcached at a time');
      return null;
    }
    this.legacy = new LegacyReceiver(cache, this.sender, keepAbove);
    this.copies.useLegacy(this.legacyWriter);
    this.state = 'open';
    this.#wasOpen = true;
    this.sending.isAsked = true;
    this.connection.watchSilence?.(STUCK_MS_MAX);
    this.#owner.linked(this);
    // Who is dialled has nothing of ours before its own copy has come; until then changes go as they are made.
    if (this.dialled) {
      this.sender.seekEnd();
      this.receivingSync = true;
      this.#owner.log(1, 'marugoto copying');
    } else {
      this.legacy.hasEnded = true;
      // A node of ours that was late shall not take for a repcached what comes now: those versions are not known to be new. A repcached ignores the line.
      this.connection.output.text(GREETING);
      this.copies.begin();
      this.pump(this.#clock.monotonicMs());
    }
    return this.legacy;
  }

  #feedLegacy(legacy: LegacyReceiver, input: Uint8Array, start: number, end: number): number {
    const taken = legacy.take(input, start, end);
    if (taken < 0) return this.#fail(legacy.reason, end);
    if (this.receivingSync) this.syncItemsReceived = legacy.changes;
    if (this.receivingSync && legacy.hasEnded) {
      this.receivingSync = false;
      this.#synced();
      if (legacy.kept !== null) this.copies.begin(...legacy.kept);
      this.sending.noteSent(legacy, this.#cache.highestVersion());
    }
    return taken;
  }

  /** What has come is no frame. */
  #misread(input: Uint8Array, at: number, end: number): number {
    if (this.state !== 'hello') return this.#fail(this.#frames.reason, end);
    if (this.dialled && beginsLegacy(input, at, end) !== 'no') {
      // What this node has said is on its way for too long, or the other one has no time to look: somebody is there, and may hear it the next time.
      this.ending.isVoid = true;
      return this.#fail('it takes this node for a repcached', end);
    }
    this.#handshake.isMisunderstood = true;
    return this.#fail(this.#frames.reason, end);
  }

  /** The peer sends no copy, or has sent it. */
  get hasCopyOfPeer(): boolean {
    return this.syncsReceived > 0 || (this.legacy !== null && !this.dialled);
  }

  /** @returns null, or why the connection cannot go on */
  #meet(input: Uint8Array, at: number): string | null {
    const handshake = this.#handshake;
    const refusal = handshake.take(this.#frames, input, at);
    const { peer } = handshake;
    if (this.state === 'hello' && peer !== null) this.receiver.clock.note(peer.wallMs, this.#clock.wallMs());
    if (refusal !== null) return refusal;
    this.state = handshake.stage;
    if (handshake.stage === 'leaving') {
      this.#closeReason = handshake.reason;
      this.connection.end();
    } else if (handshake.stage === 'open' && peer !== null) this.#open(peer);
    return null;
  }

  #open(peer: Hello): void {
    const { codec, compressBytesMin } = this.#safety;
    if (understandsCompression(peer)) {
      this.#frames.codec = codec;
      this.compressor = codec === null ? null : new FrameCompressor(codec, compressBytesMin);
      this.sender.compressor = this.compressor;
      this.copies.useCompressor(this.compressor);
    }
    this.receiver.tellsStamps = understandsStamps(peer);
    if (!this.receiver.tellsStamps) this.copies.useWriter(UNSTAMPED_WRITER);
    this.#cache.observeVersion(peer.highestVersion);
    this.#wasOpen = true;
    const nowMs = this.#clock.monotonicMs();
    this.deadlines.pingedMs = nowMs;
    writeResume(this.connection.output, this.#owner.resumePoint(this));
    this.#owner.linked(this);
    this.pump(nowMs, true);
  }

  /** @returns null, or why the connection cannot go on */
  #frame(input: Uint8Array, at: number): string | null {
    const frames = this.#frames;
    const { receiver } = this;
    switch (frames.kind) {
      case FRAME.set:
      case FRAME.piece:
      case FRAME.delete:
      case FRAME.touch:
      case FRAME.win:
      case FRAME.flush: {
        const { stale } = receiver;
        if (!receiver.take(frames, input)) return `frame ${frames.kind} out of place`;
        if (this.receivingSync) {
          if (frames.kind !== FRAME.piece) this.syncItemsReceived++;
        } else this.conflicts += receiver.stale - stale;
        return null;
      }
      case FRAME.resume:
        return this.#asked(input);
      case FRAME.resumed:
        this.#synced();
        return null;
      case FRAME.mark:
        if (receiver.midValue) return 'a mark inside a value';
        this.marks.note(frames, input, this.syncsReceived > 0);
        return null;
      case FRAME.ack: {
        const { marks } = this;
        const wasSettled = marks.isSettled;
        const outcome = marks.take(frames.serial);
        this.deadlines.acknowledgedMs = this.deadlines.heardMs;
        if (outcome === 'complete') this.#owner.acknowledged(this);
        if (!wasSettled && marks.isSettled) this.#owner.settled(this);
        return outcome === 'unknown' ? 'an ack of no mark' : null;
      }
      case FRAME.lost:
        this.#owner.peerLost(this, frames.lostNode(input, at), frames.slots);
        return null;
      case FRAME.want:
        this.copies.want(frames.slots, frames.version);
        return null;
      case FRAME.ping:
        this.changesAcknowledged = frames.changesReceived;
        receiver.clock.note(frames.wallMs, this.#clock.wallMs());
        return null;
      case FRAME.slot:
        this.#setPeerSlot(frames.slot);
        this.#owner.peerSlotChanged(this, frames.slot);
        return null;
      case FRAME.syncBegin:
        this.receivingSync = true;
        if (this.dialled) this.#owner.log(1, 'marugoto copying');
        return null;
      case FRAME.syncEnd:
        if (!this.receivingSync || receiver.midValue) return 'the end of a sync out of place';
        this.receivingSync = false;
        this.#synced();
        return null;
      case FRAME.bye:
        this.close('the peer stops');
        return null;
      case FRAME.parted:
        this.ending.isParted = true;
        this.close('the peer gives the link up');
        return null;
      case FRAME.hello:
        return 'a second hello';
      default:
        return receiver.midValue ? `frame ${frames.kind} inside a value` : null;
    }
  }

  /** The peer has said from where on it wants what is here. @returns null, or why the connection cannot go on */
  #asked(input: Uint8Array): string | null {
    if (this.sending.isAsked) return 'a second resume';
    this.sending.isAsked = true;
    const { hasPosition, tag, positionsStart, positionsEnd } = this.#frames;
    if (hasPosition && this.#cache.hash(input, positionsStart, positionsEnd) >>> 0 === tag) {
      const positions = new Float64Array(this.#frames.threads);
      this.#frames.copyPositions(input, positions);
      if (this.sender.seek(positions)) {
        this.marks.begin(positions);
        this.partialSyncs++;
        this.#owner.log(1, `resumed (peer=${this.connection.remote}, ${this.sender.backlogBytes()} bytes)`);
        this.sending.owesResumed = true;
        this.copies.sendFlushState();
        this.#owner.acknowledged(this);
        return null;
      }
    }
    // At once: what is here may soon be only what the peer itself has sent.
    this.copies.begin();
    return null;
  }

  /** The peer has sent everything up to now. */
  #synced(): void {
    this.syncsReceived++;
    if (this.syncsReceived > 1) return;
    this.syncedMs = this.#clock.monotonicMs();
    this.#owner.syncReceived(this);
  }

  /** See SendingLink. */
  overtaken(): void {
    this.#owner.log(0, `more changes than the feed holds; sending everything to ${this.connection.remote}`);
    this.copies.begin();
    this.#owner.acknowledged(this);
  }

  /** Whether clients of this node wait for the peer's acks. */
  wantsAcks(): boolean {
    return this.#owner.wantsAcks();
  }

  #setPeerSlot(slot: number): void {
    this.peerSlot = slot;
    this.peerSlots |= 1 << slot;
    this.sender.peerSlot = slot;
  }

  #fail(reason: string, end: number): number {
    this.giveUp(reason);
    return end;
  }
}
