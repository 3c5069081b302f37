/**
 * One connection to a peer, free of I/O.
 *
 *     dialler                       listener
 *     greeting line  ------------>
 *                    <------------  greeting line, hello      the dialler may now find that the two are linked already, and leave
 *     hello          ------------>                            from here on both are open
 *     syncBegin, items and changes in any order, syncEnd, changes, pings   (both ways at once)
 *     bye            ------------>                            by the one that stops
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
import { FrameReader, READ, readGreeting } from './frame-reader.ts';
import {
  FRAME,
  GREETING,
  type Hello,
  LINK_VERSION,
  LINK_VERSION_MIN,
  writeBye,
  writeFlush,
  writeHello,
  writePing,
  writeSlot,
  writeSyncBegin,
  writeSyncEnd,
} from './frames.ts';
import type { ChangeReader, LinkCache } from './store-port.ts';
import { SyncSender } from './sync-sender.ts';

/** Something is sent at least so often, and what was received is acknowledged so soon. */
export const PING_MS = 1000;
export const ACKNOWLEDGE_MS = 100;
/** A peer from which nothing has come for so long is dead: two pings missed, and found within three seconds. */
export const SILENCE_MS_MAX = 2500;
/** Both hellos must be there within this time. */
export const HANDSHAKE_MS_MAX = 2000;
/** Most bytes that a pump writes of live changes, and of a full sync: about a millisecond of work, for the loop also serves clients. */
export const CHANGES_BYTES_PER_PUMP: number = 256 * 1024;
export const SYNC_BYTES_PER_PUMP: number = 128 * 1024;
/** When changes come faster than the feed holds them during a walk it is walked again before the sync is called complete; so often at most. */
const WALKS_MAX = 3;

export type LinkState = 'dialling' | 'greeting' | 'hello' | 'open' | 'closing' | 'closed';

/** Whoever keeps the links together. */
export interface LinkOwner {
  /** What this node says of itself now. */
  hello(): Hello;
  /** A dialled connection is up; nothing is known of the other side yet. */
  connected(link: Link): void;
  /** The peer's hello has come (`link.peer`). @returns null to go on, or why the link is not wanted */
  greeted(link: Link): string | null;
  /** The link is open. */
  linked(link: Link): void;
  /** The peer has taken another slot. */
  peerSlotChanged(link: Link, slot: number): void;
  /** The peer's first full sync over this link has come to its end. */
  syncReceived(link: Link): void;
  /** Called once, for every link. @param reason a few words for the log */
  linkClosed(link: Link, reason: string): void;
  /** @param verbosity 0: always, 1: with -v, 2: with -vv. */
  log(verbosity: number, message: string): void;
}

export class Link implements Session {
  state: LinkState;
  readonly connection: Connection;
  /** Both sides send a full sync at once; neither may wait for the other to read first. */
  readonly readsWhileBlocked = true;
  /** The index of the peer address that was dialled; -1 when the peer dialled us. */
  readonly target: number;
  /** What this node said, and what the peer said; null until then. */
  own: Hello | null = null;
  peer: Hello | null = null;
  peerSlot = -1;
  readonly sender: ChangeSender;
  readonly receiver: ChangeReceiver;
  readonly sync: SyncSender;
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
  /** When the connection was there and when bytes last came from the peer, on the monotonic clock. */
  connectedMs: number;
  heardMs: number;

  readonly #cache: LinkCache;
  readonly #owner: LinkOwner;
  readonly #clock: Clock;
  readonly #frames = new FrameReader();
  #pingMs: number;
  /** Of the peer's changes, as the last ping said. */
  #changesAcknowledged = 0;
  #helloSent = false;
  #wasOpen = false;
  #syncDue = false;
  #syncAgain = false;
  #walks = 0;
  #draining = false;
  #saidBye = false;
  #closeReason = '';

  /**
   * @param clock read once per call
   * @param readers of this link alone, one for each data thread's ring
   * @param target see `target`
   */
  constructor(
    connection: Connection,
    clock: Clock,
    cache: LinkCache,
    readers: readonly ChangeReader[],
    owner: LinkOwner,
    target: number,
  ) {
    this.connection = connection;
    this.target = target;
    this.#clock = clock;
    this.#cache = cache;
    this.#owner = owner;
    this.sender = new ChangeSender(cache, readers);
    this.receiver = new ChangeReceiver(cache);
    this.sync = new SyncSender(cache);
    this.state = target >= 0 ? 'dialling' : 'greeting';
    this.connectedMs = clock.monotonicMs();
    this.heardMs = this.connectedMs;
    this.#pingMs = this.connectedMs;
  }

  get dialled(): boolean {
    return this.target >= 0;
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** Both hellos had been exchanged. */
  get wasOpen(): boolean {
    return this.#wasOpen;
  }

  /** A full sync to the peer is under way or due. */
  get sendingSync(): boolean {
    return this.sync.active || this.#syncDue;
  }

  /** There is something that could be sent at once. */
  get hasWork(): boolean {
    return (
      this.state === 'open' &&
      !this.#saidBye &&
      !this.connection.output.blocked &&
      (this.sendingSync || this.sender.backlogBytes() > 0)
    );
  }

  opened(): void {
    if (this.state !== 'dialling') return;
    this.state = 'greeting';
    this.connectedMs = this.#clock.monotonicMs();
    this.heardMs = this.connectedMs;
    this.connection.output.text(GREETING);
    this.#owner.connected(this);
  }

  feed(input: Uint8Array, start: number, end: number): number {
    this.heardMs = this.#clock.monotonicMs();
    let at = start;
    if (this.state === 'greeting') {
      const read = readGreeting(input, at, end);
      if (read === READ.partial) return at;
      if (read === READ.malformed) return this.#fail('it does not speak our link protocol', end);
      at += GREETING.length;
      this.state = 'hello';
      if (!this.dialled) {
        this.connection.output.text(GREETING);
        this.#sendHello();
      }
    }
    const frames = this.#frames;
    while (this.state === 'hello' || this.state === 'open') {
      const read = frames.next(input, at, end);
      if (read === READ.partial) return at;
      if (read === READ.malformed) return this.#fail(frames.reason, end);
      const reason = this.state === 'open' ? this.#frame(input) : this.#hello(input, at);
      if (reason !== null) return this.#fail(reason, end);
      at = frames.end;
    }
    return end;
  }

  drained(): void {
    this.pump(this.#clock.monotonicMs());
  }

  closed(error: ConnectionError | null): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.receiver.close();
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

  /** Says bye when everything has been sent; the peer closes then. */
  drain(): void {
    this.#draining = true;
    if (this.state !== 'open') this.close('stopped');
  }

  /** Tells the peer that this node's versions carry another slot from now on. */
  announceSlot(slot: number): void {
    // Before the own hello is sent it will carry the slot.
    if (!this.#helloSent || (this.state !== 'open' && this.state !== 'hello')) return;
    writeSlot(this.connection.output, slot);
    this.connection.flush();
  }

  /**
   * Writes what is to be sent: live changes, then a slice of the full sync, a ping when one is due. Call it when changes have come,
   * at the end of turns while there is work, and when `dueMs` has come; outside the session's own calls `connection.flush()` follows by itself.
   *
   * @param nowMs on the monotonic clock
   * @returns true when there is more that could be sent at once
   */
  pump(nowMs: number): boolean {
    if (this.state !== 'open' || this.#saidBye) return false;
    const { output } = this.connection;
    if (output.blocked) return false;
    if (this.#syncDue) this.#beginSync();
    if (!this.sender.pump(output, CHANGES_BYTES_PER_PUMP)) {
      this.#owner.log(0, `more changes than the feed holds; sending everything to ${this.connection.remote}`);
      this.#beginSync();
    }
    if (this.sync.active && !output.blocked && this.sync.pump(output, SYNC_BYTES_PER_PUMP)) this.#walked();
    if (nowMs >= this.#pingDueMs) this.#ping(nowMs);
    const more = this.hasWork;
    if (this.#draining && !this.sendingSync && this.sender.backlogBytes() === 0) {
      // The peer closes when it has read the bye, which shows that it has everything.
      writeBye(output);
      this.#closeReason = 'stopped';
      this.#saidBye = true;
      this.connection.flush();
      return false;
    }
    if (output.at !== output.start) this.connection.flush();
    return more;
  }

  /** Looks at the time limits. @param nowMs on the monotonic clock */
  tick(nowMs: number): void {
    if (this.state === 'greeting' || this.state === 'hello') {
      if (nowMs >= this.connectedMs + HANDSHAKE_MS_MAX) this.close('no greeting within the time limit');
    } else if (this.state === 'open') {
      if (nowMs >= this.heardMs + SILENCE_MS_MAX) this.close('the peer is silent');
      else this.pump(nowMs);
    }
  }

  /** When `tick` is due, on the monotonic clock; Infinity when nothing is. */
  get dueMs(): number {
    if (this.state === 'greeting' || this.state === 'hello') return this.connectedMs + HANDSHAKE_MS_MAX;
    if (this.state !== 'open') return Number.POSITIVE_INFINITY;
    const needsNoPing = this.connection.output.blocked || this.#saidBye;
    const pingMs = needsNoPing ? Number.POSITIVE_INFINITY : this.#pingDueMs;
    return Math.min(this.heardMs + SILENCE_MS_MAX, pingMs);
  }

  /** @returns null, or why the connection cannot go on */
  #hello(input: Uint8Array, at: number): string | null {
    if (this.#frames.kind !== FRAME.hello) return `frame ${this.#frames.kind} before a hello`;
    const hello = this.#frames.hello(input, at);
    if (hello === null) return this.#frames.reason;
    if (hello.version < LINK_VERSION_MIN || hello.versionMin > LINK_VERSION) {
      return `it speaks link version ${hello.versionMin} to ${hello.version}, this node ${LINK_VERSION_MIN} to ${LINK_VERSION}`;
    }
    this.peer = hello;
    this.#setPeerSlot(hello.slot);
    if (this.dialled) this.own = this.#owner.hello();
    const refusal = this.#owner.greeted(this);
    if (refusal !== null) return refusal;
    if (this.dialled) this.#sendHello();
    this.#cache.observeVersion(hello.highestVersion);
    this.state = 'open';
    this.#wasOpen = true;
    this.#pingMs = this.#clock.monotonicMs();
    this.#syncDue = hello.wantsFullSync;
    if (!this.#syncDue) this.sender.seekEnd();
    this.#owner.linked(this);
    this.pump(this.#pingMs);
    return null;
  }

  /** @returns null, or why the connection cannot go on */
  #frame(input: Uint8Array): string | null {
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
      case FRAME.ping:
        this.changesAcknowledged = frames.changesReceived;
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
        this.syncsReceived++;
        if (this.syncsReceived === 1) this.#owner.syncReceived(this);
        return null;
      case FRAME.bye:
        return 'the peer stops';
      case FRAME.hello:
        return 'a second hello';
      default:
        return receiver.midValue ? `frame ${frames.kind} inside a value` : null;
    }
  }

  #sendHello(): void {
    this.own = this.#owner.hello();
    this.#helloSent = true;
    writeHello(this.connection.output, this.own);
  }

  #setPeerSlot(slot: number): void {
    this.peerSlot = slot;
    this.sender.peerSlot = slot;
  }

  /** Begins a full sync, or has the one under way followed by another walk. */
  #beginSync(): void {
    const { output } = this.connection;
    this.#syncDue = false;
    // The position in the feed comes first: what changes from here on is sent as a change, and what changed before is met by the walk.
    this.sender.seekEnd();
    if (this.sync.active) {
      this.#syncAgain = true;
    } else {
      writeSyncBegin(output);
      if (!this.dialled) this.#owner.log(1, 'marugoto start');
      this.sync.begin();
    }
    const { threshold, pendingThreshold, pendingActiveAtSeconds, version } = this.#cache.flushState();
    // The order that is in force has an older version than the one to come, if there is one.
    if (threshold > 0) this.#flush(threshold, 0, pendingThreshold > 0 ? 0 : version);
    if (pendingThreshold > 0) this.#flush(pendingThreshold, pendingActiveAtSeconds, version);
  }

  #flush(threshold: number, activeAtSeconds: number, version: number): void {
    writeFlush(this.connection.output, threshold, activeAtSeconds, version);
    this.sender.changes++;
  }

  /** The walk over the index is done. */
  #walked(): void {
    const again = this.#syncAgain;
    this.#syncAgain = false;
    this.#walks++;
    if (again && this.#walks < WALKS_MAX) {
      this.sync.begin();
      return;
    }
    this.#walks = 0;
    if (!this.dialled) {
      this.#owner.log(1, `marugoto ${this.sync.items}`);
      this.#owner.log(1, 'marugoto owari');
    }
    writeSyncEnd(this.connection.output, this.sync.items);
    // Not called complete by us, though the peer may start to serve: the walk is repeated at once.
    if (again) this.#syncDue = true;
  }

  get #pingDueMs(): number {
    return this.#pingMs + (this.receiver.changes === this.#changesAcknowledged ? PING_MS : ACKNOWLEDGE_MS);
  }

  /** All frames of changes that have been written. */
  get changesSent(): number {
    return this.sender.changes + this.sync.itemsTotal;
  }

  #ping(nowMs: number): void {
    this.#pingMs = nowMs;
    this.#changesAcknowledged = this.receiver.changes;
    writePing(this.connection.output, this.changesSent, this.receiver.changes);
  }

  #fail(reason: string, end: number): number {
    this.close(reason);
    return end;
  }
}
