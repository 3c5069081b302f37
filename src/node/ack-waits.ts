import type { Connection, ConnectionError, Session } from '../base/session.ts';
import type { AckBoard } from './ack-board.ts';
import { TWINS_MAX } from './options.ts';

/** How a node holds replies back; see ReplicationOptions. */
export interface AckPolicy {
  readonly acks: number;
  readonly timeoutMs: number;
  /** A write that is not acknowledged in time is not answered as if it were. */
  readonly refuses: boolean;
}

const REFUSAL = 'SERVER_ERROR not acknowledged\r\n';
const BINARY_MAGIC = 0x80;

/**
 * The replies of one data thread that wait for twins.
 *
 * A connection whose requests have changed something keeps its output until so many twins have acknowledged what this thread had written by
 * then. All that wait for the same number stand in a queue, in the order of their positions and so of their deadlines: a look at its head
 * says whether anybody can go on. That is group commit (Gawlick and Kinkade, "Varieties of concurrency control in IMS/VS Fast Path", 1985): however many
 * wait, they wait for one exchange with the twin.
 */
export class AckWaits {
  readonly policy: AckPolicy;
  readonly board: AckBoard;
  readonly #thread: number;
  readonly #feedHead: () => number;
  readonly #nowMs: () => number;
  /** By the number of acks that are waited for, less one. */
  readonly #queues: AckedSession[][] = Array.from({ length: TWINS_MAX }, () => []);
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
    if (policy.acks > 0) board.want();
  }

  get feedHead(): number {
    return this.#feedHead();
  }

  /** When the first reply has waited for too long; Infinity when none waits. */
  get dueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues) {
      const first = queue[0];
      if (first !== undefined) dueMs = Math.min(dueMs, first.deadlineMs);
    }
    return dueMs;
  }

  /** The session of a client whose replies may wait. */
  session(connection: Connection, inner: Session): Session {
    const session = new AckedSession(this, connection, inner);
    this.#sessions.set(connection, session);
    return session;
  }

  /** A client wants its writes to wait for so many twins. @returns false where replies cannot be held */
  waitFor(connection: Connection, acks: number): boolean {
    const session = this.#sessions.get(connection);
    if (session === undefined) return false;
    session.ask(acks);
    if (acks > 0) this.board.want();
    return true;
  }

  forget(connection: Connection): void {
    this.#sessions.delete(connection);
  }

  has(acks: number, position: number): boolean {
    return this.board.has(acks, this.#thread, position);
  }

  /** Has a session wait, which has a position. */
  add(session: AckedSession): void {
    session.deadlineMs = this.#nowMs() + this.policy.timeoutMs;
    session.isWaiting = true;
    this.#queues[session.acksNeeded - 1]?.push(session);
    this.#count(1);
    this.board.countWaited();
  }

  /** Something has been acknowledged, or time has passed: lets go who need not wait any longer. */
  check(): void {
    if (this.#waiting === 0) return;
    const nowMs = this.#nowMs();
    for (const [index, queue] of this.#queues.entries()) {
      const acks = index + 1;
      const isHopeless = this.board.peers < acks;
      let done = 0;
      for (; done < queue.length; done++) {
        const session = queue[done]!;
        if (!session.isWaiting) continue;
        const isAcknowledged = !isHopeless && this.has(acks, session.position);
        const isLate = nowMs >= session.deadlineMs;
        if (!isAcknowledged && !isLate && !(isHopeless && !this.policy.refuses)) break;
        this.#count(-1);
        session.settle(isAcknowledged, isLate);
      }
      if (done > 0) queue.splice(0, done);
    }
  }

  /** A session that waits has gone. */
  leave(session: AckedSession): void {
    if (!session.isWaiting) return;
    session.isWaiting = false;
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
class AckedSession implements Session {
  /** How many twins must have a write before it is answered. */
  acks: number;
  /** How many those must have that are fed now, or wait. */
  acksNeeded = 0;
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

  constructor(waits: AckWaits, connection: Connection, inner: Session) {
    this.#waits = waits;
    this.#connection = connection;
    this.#inner = inner;
    this.acks = waits.policy.acks;
  }

  feed(input: Uint8Array, start: number, end: number): number {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#isBinary = input[start] === BINARY_MAGIC;
    }
    this.acksNeeded = this.acks;
    // Before the requests are known: the reply to the first may be sent when the room for the others is needed.
    if (this.acks > 0) this.#hold();
    const at = this.#inner.feed(input, start, end);
    if (this.acksNeeded === 0) return at;
    const head = this.#waits.feedHead;
    if (head !== this.#headBefore) {
      this.position = head;
      this.#hasChanged = true;
    }
    if (!this.isWaiting) this.#holdOrSend();
    return at;
  }

  /** A request of this connection asks for so many acks. Requests around it may be fed in the same go: their replies wait for the greater number. */
  ask(acks: number): void {
    this.acks = acks;
    if (acks <= this.acksNeeded) return;
    if (this.acksNeeded === 0) this.#hold();
    this.acksNeeded = acks;
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
    const { board, policy } = this.#waits;
    this.isWaiting = false;
    this.#hasChanged = false;
    if (!isAcknowledged) {
      if (isLate) board.countTimedOut();
      if (policy.refuses) {
        board.countRefused();
        this.#refuse();
        return;
      }
      board.countDegraded();
    }
    this.#connection.releaseOutput?.();
  }

  #holdOrSend(): void {
    const { output } = this.#connection;
    const { board, policy } = this.#waits;
    const acks = this.acksNeeded;
    if (this.#hasChanged && this.#waits.has(acks, this.position)) this.#hasChanged = board.peers < acks;
    const hasReplies = output.blocked || output.at !== output.start;
    if (this.#hasChanged && hasReplies) {
      if (board.peers >= acks || policy.refuses) {
        this.#waits.add(this);
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
