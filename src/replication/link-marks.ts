/**
 * The marks of a link, both ways: what this node has sent and the peer acknowledges, and what the peer has sent and this node
 * acknowledges and remembers. What a mark says is with the frames.
 */
import type { Output } from '../base/output.ts';
import type { ChangeSender } from './change-sender.ts';
import type { FrameReader } from './frame-reader.ts';
import { type FeedPosition, MARK_FLAG, writeAck, writeMark } from './frames.ts';
import { SentMarks } from './sent-marks.ts';
import type { LinkCache } from './store-port.ts';

/**
 * Who has just been told what it missed is not yet counted on by the peer: until an ack has come, the peer answers its clients without waiting, and what they were told may
 * still be on its way. So this node acknowledges the first mark behind the copy, sends a mark of its own behind that ack, and when the peer has acknowledged it, it has taken
 * in the ack before it; what its clients were told until then has come in front.
 */
const SETTLING = {
  /** The peer's copy, or what was missing, is not all there, with a mark behind it. */
  copy: 0,
  /** Its mark is to be acknowledged. */
  owing: 1,
  /** A mark is to be sent behind that ack. */
  marking: 2,
  /** The mark's ack is waited for. */
  waiting: 3,
  settled: 4,
} as const;

export class LinkMarks {
  /** Up to where the peer has the changes of each data thread here, by its own word; meaningless before `hasAcknowledged`. */
  readonly acknowledged: Float64Array;
  hasAcknowledged = false;
  /** With `position`: nothing of the peer is missing up to this version; 0 while that is not known. */
  completeTo = 0;
  readonly #cache: Pick<LinkCache, 'hash'>;
  readonly #sender: ChangeSender;
  readonly #sent: SentMarks;
  #wasComplete = false;
  /** What the peer's last complete mark said. */
  #positions: Float64Array | null = null;
  #tag = 0;
  /** The last mark of the peer; -1 when it has been acknowledged. */
  #owedSerial = -1;
  #isAckUrgent = false;
  /** What the peer's last mark said of its clients. */
  #peerWaits = false;
  /** How far this node is in finding out that the peer counts on its acks; the steps in their order. */
  #settling: (typeof SETTLING)[keyof typeof SETTLING] = SETTLING.copy;
  /** The mark whose ack tells. */
  #settlingSerial = 0;

  constructor(cache: Pick<LinkCache, 'hash'>, sender: ChangeSender) {
    this.#cache = cache;
    this.#sender = sender;
    this.acknowledged = new Float64Array(sender.threads);
    this.#sent = new SentMarks(sender.threads);
  }

  // What is sent

  /**
   * Says up to where all changes have been sent, if there is something to say. Without a free place it waits for an ack.
   *
   * @param isDue changes have been sent since the last mark
   * @param isComplete the peer lacks nothing of before
   * @returns whether all has been said
   */
  write(output: Output, nowMs: number, isDue: boolean, isComplete: boolean, wantsAcks: boolean): boolean {
    const sent = this.#sent;
    if (!isDue && isComplete === this.#wasComplete) return true;
    if (sent.isFull) return false;
    this.#wasComplete = isComplete;
    const { serial, positions } = sent;
    const place = sent.place(serial);
    this.#sender.readPositions(positions, place);
    const isSettling = this.#settling === SETTLING.marking;
    if (isSettling) {
      this.#settling = SETTLING.waiting;
      this.#settlingSerial = serial;
    }
    // An ack that is not urgent comes behind the changes that are there to be sent: with it everything is here that the peer's clients know of.
    const flags =
      (wantsAcks && !isSettling ? MARK_FLAG.answerAtOnce : 0) | (isComplete ? MARK_FLAG.complete : 0);
    const { sentUpTo, threads } = this.#sender;
    writeMark(output, flags, serial, sentUpTo, positions, place, threads, this.#cache);
    sent.add(nowMs, isComplete);
    return true;
  }

  /** The next mark has to wait for an ack. */
  get isFull(): boolean {
    return this.#sent.isFull;
  }

  /** An ack has come. @returns what it says: nothing, if no such mark waits for one; or a position that counts, or not */
  take(serial: number): 'unknown' | 'partial' | 'complete' {
    const outcome = this.#sent.acknowledge(serial, this.acknowledged);
    if (outcome === 'complete') this.hasAcknowledged = true;
    if (this.#settling === SETTLING.waiting && this.#sent.isAcknowledged(this.#settlingSerial))
      this.#settling = SETTLING.settled;
    return outcome;
  }

  /** The peer has everything before these positions already. */
  begin(positions: Float64Array): void {
    this.acknowledged.set(positions);
    this.hasAcknowledged = true;
  }

  /** Age of the oldest changes that have been sent and are not acknowledged; 0 when there are none. */
  lagMs(nowMs: number): number {
    const { oldestMs } = this.#sent;
    return oldestMs < 0 ? 0 : Math.max(0, nowMs - oldestMs);
  }

  /** When the oldest mark was sent that waits for an ack; -1 when none does. */
  get oldestMarkMs(): number {
    return this.#sent.oldestMs;
  }

  // What is received

  /** Takes the peer's mark that `frames` has just read. @param hasCopy the peer has said that all that was missing is told */
  note(frames: FrameReader, input: Uint8Array, hasCopy: boolean): void {
    if ((frames.flags & MARK_FLAG.complete) !== 0) {
      if (hasCopy && this.#settling === SETTLING.copy) this.#settling = SETTLING.owing;
      if (this.#positions?.length !== frames.threads) this.#positions = new Float64Array(frames.threads);
      frames.copyPositions(input, this.#positions);
      this.#tag = frames.tag;
      this.completeTo = frames.version;
    }
    this.#owedSerial = frames.serial;
    this.#peerWaits = (frames.flags & MARK_FLAG.answerAtOnce) !== 0;
    if (this.#peerWaits) this.#isAckUrgent = true;
  }

  /** Up to where the peer's changes have come here, by its last mark that said that nothing is missing before it. */
  get position(): FeedPosition | null {
    return this.#positions === null ? null : { positions: this.#positions, tag: this.#tag };
  }

  /** The peer is owed an ack; and it, or rather a client of its, waits for that. */
  get isAckOwed(): boolean {
    return this.#owedSerial >= 0;
  }

  get isAckUrgent(): boolean {
    return this.#isAckUrgent;
  }

  /** Clients of the peer wait for acks. */
  get peerWaits(): boolean {
    return this.#peerWaits;
  }

  /** Gives the ack that is owed, if one is. @returns whether a mark is to be sent behind it */
  acknowledge(output: Output): boolean {
    this.#isAckUrgent = false;
    if (this.#owedSerial < 0) return false;
    writeAck(output, this.#owedSerial);
    this.#owedSerial = -1;
    if (this.#settling !== SETTLING.owing) return false;
    this.#settling = SETTLING.marking;
    return true;
  }

  /** The peer has taken in that everything came here that was missing: from here on it counts on this node's acks. */
  get isSettled(): boolean {
    return this.#settling === SETTLING.settled;
  }
}
