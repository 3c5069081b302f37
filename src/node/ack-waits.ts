import type { Connection, ConnectionError, Session } from '../base/session.ts';
import type { AckBoard } from './ack-board.ts';

/** How a node holds replies back; see ReplicationOptions. */
export interface AckPolicy {
  readonly acks: number;
  readonly timeoutMs: number;
  /** A write that is not acknowledged in time is not answered as if it were. */
  readonly refuses: boolean;
}

/** Kinds of waits at a time: numbers of acks and times to wait for them, as connections have asked. */
export const ACK_QUEUES_MAX = 16;

export const REFUSAL = 'SERVER_ERROR not acknowledged\r\n';
const BINARY_MAGIC = 0x80;

/** A reply that waits. */
export interface AckWaiter {
  /** Behind the last change that it answers, in the thread's ring. */
  readonly position: number;
  /** Set when it begins to wait. */
  deadlineMs: number;
  isWaiting: boolean;
  /** The wait is over. @param isLate it has taken too long */
  settle(isAcknowledged: boolean, isLate: boolean): void;
}

/** Those who wait for so many acks, and for so long at most. */
export interface AckQueue {
  readonly acks: number;
  readonly timeoutMs: number;
  readonly waiters: AckWaiter[];
  /** Somebody has waited in vain for the acks of what was written up to here; null once they have come. Nobody waits meanwhile. */
  missed: number | null;
}

/**
 * The replies of one data thread that wait for twins.
 *
 * A connection whose requests have changed something keeps its output until so many twins have acknowledged what this thread had written by
 * then. All that wait for the same number stand in a queue, in the order of their positions and so of their deadlines: a look at its head
 * says whether anybody can go on. That is group commit (Gawlick and Kinkade, "Varieties of concurrency control in IMS/VS Fast Path", 1985): however many
 * wait, they wait for one exchange with the twin.
 *
 * A twin that hangs is found dead after seconds only. Where the policy is to answer without it, one wait in vain is enough: until it has
 * acknowledged what was waited for, nobody waits for it again.
 */
export class AckWaits {
  readonly policy: AckPolicy;
  readonly board: AckBoard;
  readonly #thread: number;
  readonly #feedHead: () => number;
  readonly #nowMs: () => number;
  readonly #queues: AckQueue[] = [];
  readonly #defaultQueue: AckQueue | null;
  readonly #sessions: Map<Connection, AckedSession> = new Map();
  #waiting = 0;

  /**
   * @param thread whose ring the positions are of
   * @param feedHead behind this thread's last change
   * @param nowMs on the monotonic clock
   */
  constructor(
    policy: AckPolicy,
    board: AckBoard,
    thread: number,
    feedHead: () => number,
    nowMs: () => number,
  ) {
    this.policy = policy;
    this.board = board;
    this.#thread = thread;
    this.#feedHead = feedHead;
    this.#nowMs = nowMs;
    this.#defaultQueue = this.#queue(policy.acks, policy.timeoutMs);
    if (policy.acks > 0) board.want();
  }

  /** @returns null for no acks, and when there are too many queues */
  #queue(acks: number, timeoutMs: number): AckQueue | null {
    if (acks === 0) return null;
    const found = this.#queues.find((queue) => queue.acks === acks && queue.timeoutMs === timeoutMs);
    if (found !== undefined || this.#queues.length === ACK_QUEUES_MAX) return found ?? null;
    const queue = { acks, timeoutMs, waiters: [], missed: null };
    this.#queues.push(queue);
    return queue;
  }

  get feedHead(): number {
    return this.#feedHead();
  }

  /** When the first reply has waited for too long; Infinity when none waits. */
  get dueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { waiters } of this.#queues) {
      const first = waiters[0];
      if (first !== undefined) dueMs = Math.min(dueMs, first.deadlineMs);
    }
    return dueMs;
  }

  /** The session of a client whose replies may wait. */
  session(connection: Connection, inner: Session): Session {
    const session = new AckedSession(this, connection, inner, this.#defaultQueue);
    this.#sessions.set(connection, session);
    return session;
  }

  /**
   * A client wants its writes to wait for so many twins.
   *
   * @param timeoutMs null: as the policy says
   * @returns false where replies cannot be held, or too many different wishes have been met already
   */
  waitFor(connection: Connection, acks: number, timeoutMs: number | null): boolean {
    const session = this.#sessions.get(connection);
    const queue = this.#queue(acks, timeoutMs ?? this.policy.timeoutMs);
    if (session === undefined || (queue === null && acks > 0)) return false;
    session.ask(queue);
    if (acks > 0) this.board.want();
    return true;
  }

  forget(connection: Connection): void {
    this.#sessions.delete(connection);
  }

  has(acks: number, position: number): boolean {
    return this.board.has(acks, this.#thread, position);
  }

  /** Whether it is worth waiting for acks that have not come. */
  mayCome(queue: AckQueue): boolean {
    if (this.policy.refuses) return true;
    if (this.board.peers < queue.acks) return false;
    if (queue.missed !== null && this.has(queue.acks, queue.missed)) queue.missed = null;
    return queue.missed === null;
  }

  /** Where all wait that have no wish of their own; null: nobody waits. */
  get defaultQueue(): AckQueue | null {
    return this.#defaultQueue;
  }

  add(waiter: AckWaiter, queue: AckQueue): void {
    waiter.deadlineMs = this.#nowMs() + queue.timeoutMs;
    waiter.isWaiting = true;
    queue.waiters.push(waiter);
    this.#count(1);
    this.board.countWaited();
  }

  /** Something has been acknowledged, or time has passed: lets go who need not wait any longer. */
  check(): void {
    if (this.#waiting === 0) return;
    const nowMs = this.#nowMs();
    for (const queue of this.#queues) {
      const { acks, waiters } = queue;
      const isHopeless = this.board.peers < acks;
      let done = 0;
      for (; done < waiters.length; done++) {
        const waiter = waiters[done]!;
        if (!waiter.isWaiting) continue;
        const isAcknowledged = !isHopeless && this.has(acks, waiter.position);
        const isLate = nowMs >= waiter.deadlineMs;
        if (!isAcknowledged && !isLate && this.mayCome(queue)) break;
        if (!isAcknowledged && isLate) queue.missed ??= waiter.position;
        this.#count(-1);
        waiter.settle(isAcknowledged, isLate);
      }
      if (done > 0) waiters.splice(0, done);
    }
  }

  /** Counts how a wait has ended. @returns whether what waited may be sent */
  countEnd(isAcknowledged: boolean, isLate: boolean): boolean {
    const { board, policy } = this;
    if (isAcknowledged) return true;
    if (isLate) board.countTimedOut();
    if (policy.refuses) board.countRefused();
    else board.countDegraded();
    return !policy.refuses;
  }

  /** A session that waits has gone. */
  leave(waiter: AckWaiter): void {
    if (!waiter.isWaiting) return;
    waiter.isWaiting = false;
    this.#count(-1);
  }

  #count(change: number): void {
    const before = this.#waiting;
    this.#waiting += change;
    this.board.addHeld(change);
    if ((before === 0) !== (this.#waiting === 0)) this.board.setWaiting(this.#thread, this.#waiting > 0);
  }
}

/** A client's session, with the replies to its writes held back. */
class AckedSession implements Session, AckWaiter {
  /** Where writes wait for their acks before they are answered; null: they do not. */
  #queue: AckQueue | null;
  /** The same for those that are fed now, or wait. */
  #queueNow: AckQueue | null = null;
  /** Behind this connection's last change in the thread's ring, while `hasChanged`. */
  position = 0;
  deadlineMs = 0;
  isWaiting = false;
  readonly #waits: AckWaits;
  readonly #connection: Connection;
  readonly #inner: Session;
  /** It has changed something that may not be acknowledged yet. */
  #hasChanged = false;
  /** Where the ring stood when the output was held. */
  #headBefore = 0;
  #isBinary = false;
  #hasBegun = false;

  constructor(waits: AckWaits, connection: Connection, inner: Session, queue: AckQueue | null) {
    this.#waits = waits;
    this.#connection = connection;
    this.#inner = inner;
    this.#queue = queue;
  }

  feed(input: Uint8Array, start: number, end: number): number {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#isBinary = input[start] === BINARY_MAGIC;
    }
    this.#queueNow = this.#queue;
    // Before the requests are known: the reply to the first may be sent when the room for the others is needed.
    if (this.#queue !== null) this.#hold();
    const at = this.#inner.feed(input, start, end);
    if (this.#queueNow === null) return at;
    const head = this.#waits.feedHead;
    if (head !== this.#headBefore) {
      this.position = head;
      this.#hasChanged = true;
    }
    if (!this.isWaiting) this.#holdOrSend(this.#queueNow);
    return at;
  }

  /** A request of this connection asks for acks. Requests around it may be fed in the same go: their replies wait for the greater number. */
  ask(queue: AckQueue | null): void {
    this.#queue = queue;
    if (queue === null || queue.acks <= (this.#queueNow?.acks ?? 0)) return;
    if (this.#queueNow === null) this.#hold();
    this.#queueNow = queue;
  }

  #hold(): void {
    this.#connection.holdOutput?.();
    this.#headBefore = this.#waits.feedHead;
  }

  lookAhead(input: Uint8Array, start: number, end: number): void {
    this.#inner.lookAhead?.(input, start, end);
  }

  drained(): void {
    this.#inner.drained?.();
  }

  closed(error: ConnectionError | null): void {
    this.#waits.leave(this);
    this.#waits.forget(this.#connection);
    this.#inner.closed(error);
  }

  /** The wait is over. */
  settle(isAcknowledged: boolean, isLate: boolean): void {
    this.isWaiting = false;
    this.#hasChanged = false;
    if (this.#waits.countEnd(isAcknowledged, isLate)) this.#connection.releaseOutput?.();
    else this.#refuse();
  }

  #holdOrSend(queue: AckQueue): void {
    const { output } = this.#connection;
    const { board } = this.#waits;
    const { acks } = queue;
    if (this.#hasChanged && this.#waits.has(acks, this.position)) this.#hasChanged = board.peers < acks;
    const hasReplies = output.blocked || output.at !== output.start;
    if (this.#hasChanged && hasReplies) {
      if (this.#waits.mayCome(queue)) {
        this.#waits.add(this, queue);
        return;
      }
      board.countDegraded();
      this.#hasChanged = false;
    }
    this.#connection.releaseOutput?.();
  }

  /** Nobody shall see a success that is none: what was held is forgotten. */
  #refuse(): void {
    const connection = this.#connection;
    connection.dropOutput?.();
    if (!this.#isBinary) connection.output.text(REFUSAL);
    connection.end();
    connection.flush();
  }
}
