/**
 * What an open link sends, and when: live changes, then a slice of a copy, a mark, a ping, and the bye. Whoever has a link calls `pump`; what comes in is Link's.
 */
import type { Clock } from '../base/clock.ts';
import type { Output } from '../base/output.ts';
import type { Connection } from '../base/session.ts';
import type { ChangeReceiver } from './change-receiver.ts';
import type { ChangeSender } from './change-sender.ts';
import { writeBye, writePing, writeResumed } from './frames.ts';
import type { LegacyReceiver } from './legacy-receiver.ts';
import type { LinkCopies } from './link-copies.ts';
import type { LinkDeadlines } from './link-deadlines.ts';
import type { LinkMarks } from './link-marks.ts';
import { CHANGES_BYTES_PER_PUMP } from './link-times.ts';
import type { LinkCache } from './store-port.ts';

/** The link as its sending side sees it. */
export interface SendingLink {
  readonly connection: Connection;
  readonly sender: ChangeSender;
  readonly receiver: ChangeReceiver;
  readonly copies: LinkCopies;
  readonly marks: LinkMarks;
  readonly deadlines: LinkDeadlines;
  /** Not null: the peer is a repcached. */
  readonly legacy: LegacyReceiver | null;
  readonly receivingSync: boolean;
  /** The feed had gone on too far: everything will be sent. */
  overtaken(): void;
  wantsAcks(): boolean;
}

export class LinkSending {
  /** The peer has said from where on it wants what is here. */
  isAsked = false;
  /** The peer is to be told that it has all that changed since the position where it began: until then it may be read only if there is nobody else. */
  owesResumed = false;
  /** When everything has been sent comes the bye. */
  isDraining = false;
  hasSaidBye = false;
  readonly #link: SendingLink;
  readonly #clock: Clock;
  readonly #cache: Pick<LinkCache, 'highestVersion'>;
  /** Something has been sent, or a sync has come to its end, since the last mark; and the next one waits for a place. */
  #markDue = false;
  /** Of the peer's changes, as the last ping said. */
  #changesAcknowledged = 0;

  constructor(link: SendingLink, clock: Clock, cache: Pick<LinkCache, 'highestVersion'>) {
    this.#link = link;
    this.#clock = clock;
    this.#cache = cache;
  }

  /** There is something that could be sent at once. */
  get hasWork(): boolean {
    const { connection, copies } = this.#link;
    return (
      this.isAsked &&
      !this.hasSaidBye &&
      !connection.output.blocked &&
      (copies.isSending || copies.isRepairing || this.#hasChangesDue())
    );
  }

  /** There are changes that could be sent at once. */
  get hasChanges(): boolean {
    return this.hasWork && this.#hasChangesDue();
  }

  #hasChangesDue(): boolean {
    return this.#link.sender.backlogBytes() > 0 || this.owesResumed || this.#isMarkFree();
  }

  /** A mark waited for a place, and an ack has made one free: clients may wait for what it covers. */
  #isMarkFree(): boolean {
    return this.#markDue && !this.#link.marks.isFull;
  }

  /** See Link. */
  pump(nowMs: number, onlyChanges: boolean): boolean {
    if (this.hasSaidBye) return false;
    const { connection, copies, deadlines, legacy, sender } = this.#link;
    const { output } = connection;
    if (output.blocked) return false;
    deadlines.takenMs = nowMs;
    if (this.isAsked) this.#send(output, nowMs, onlyChanges);
    if (nowMs >= this.pingDueMs) this.#ping(nowMs);
    const more = this.hasWork;
    const isDone = this.isAsked && !copies.isSending && !copies.isRepairing;
    if (this.isDraining && isDone && sender.backlogBytes() === 0) {
      // The peer closes when it has read the bye, which shows that it has everything.
      if (legacy === null) writeBye(output);
      else connection.end();
      this.hasSaidBye = true;
      connection.flush();
      return false;
    }
    if (output.at !== output.start) connection.flush();
    return more;
  }

  /** Changes, slices of walks, and the mark behind them. */
  #send(output: Output, nowMs: number, onlyChanges: boolean): void {
    const link = this.#link;
    const { copies, legacy, marks, sender } = link;
    copies.beginIfDue();
    // Read first: what is changed from here on may not be in the feed yet.
    const highest = this.#cache.highestVersion();
    sender.aim(highest);
    const { changes } = sender;
    if (!sender.pump(output, CHANGES_BYTES_PER_PUMP)) {
      this.owesResumed = false;
      link.overtaken();
    }
    sender.noteSent();
    if (this.owesResumed && sender.backlogBytes() === 0) {
      this.owesResumed = false;
      writeResumed(output);
      // Behind it, for its ack.
      this.#markDue = true;
    }
    const hasChanges = sender.changes !== changes;
    if (!onlyChanges) copies.pump();
    if (legacy !== null) {
      this.noteSent(legacy, highest);
      return;
    }
    const isDue = this.#markDue || hasChanges;
    this.#markDue = !marks.write(output, nowMs, isDue, copies.isComplete, link.wantsAcks());
  }

  /** @param highest everything up to this version has been sent to the repcached, if there is nothing to send now */
  noteSent(legacy: LegacyReceiver, highest: number): void {
    const { connection, receivingSync } = this.#link;
    if (!receivingSync && !this.hasWork && !connection.output.blocked) legacy.sentUpTo = highest;
  }

  /** When the next ping is due, on the monotonic clock; Infinity for a repcached, which knows none. */
  get pingDueMs(): number {
    const { deadlines, legacy, marks, receiver } = this.#link;
    if (legacy !== null) return Number.POSITIVE_INFINITY;
    return deadlines.pingMs(marks.isAckOwed || receiver.changes !== this.#changesAcknowledged);
  }

  /** All frames of changes that have been written. */
  get changesSent(): number {
    return this.#link.sender.changes + this.#link.copies.items;
  }

  #ping(nowMs: number): void {
    const { connection, deadlines, receiver } = this.#link;
    deadlines.pingedMs = nowMs;
    const { changes } = receiver;
    this.#changesAcknowledged = changes;
    this.acknowledge();
    writePing(connection.output, this.changesSent, changes, Math.floor(this.#clock.wallMs()));
  }

  /** Acknowledges the peer's last mark, if that has not been done. */
  acknowledge(): void {
    if (this.#link.marks.acknowledge(this.#link.connection.output)) this.#markDue = true;
  }
}
