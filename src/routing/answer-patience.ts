import type { Connection } from '../base/session.ts';
import type { Call } from './call.ts';
import { type CallWriter, LARGE_BYTES } from './call-writer.ts';
import type { DestinationProbe } from './destination-probe.ts';
import type { DestinationReader } from './destination-reader.ts';
import { asksOnly } from './failure.ts';
import type { Ring } from './ring.ts';

/** A proxy has to pass a large value on when it has come whole, and nothing is heard of it meanwhile: it has time for so many bytes in a millisecond at least. */
const AGENT_BYTES_PER_MS: number = 4 * 1024;

/** Where the transport does not tell what has come to the server: so much of a value the kernel may keep when it has taken it, and so many bytes go in a millisecond at least. */
const KERNEL_BYTES_MAX: number = 4 * 1024 * 1024;
const KERNEL_BYTES_PER_MS = 1024;

/** What the answers that are awaited say of a connection. */
export const PATIENCE = {
  /** Nothing is overdue. */
  waits: 0,
  /** The server says nothing at all. */
  isSilent: 1,
  /** It has not answered a write in time that it may do late. */
  isLateWrite: 2,
  /** It answers, but not fast enough: some calls are overdue. */
  isLate: 3,
} as const;

/**
 * For how long the answers of one connection are waited for.
 *
 * A server that says nothing at all although it was asked is given up, with everything that waits for it. One that answers, but not
 * fast enough, keeps its connection; only the calls that are overdue go elsewhere, and their replies are skipped when they come.
 * Nothing is overdue while bytes of a large value move.
 */
export class AnswerPatience {
  /** When bytes came last, or when there was something to answer first. */
  heardMs = 0;
  /** When bytes of a large value moved last, either way: until then no time has passed for the calls behind it. */
  movedMs = 0;
  readonly #queue: Ring<Call>;
  readonly #reader: Pick<DestinationReader, 'paused'>;
  readonly #writer: Pick<CallWriter, 'hasMoved' | 'waiting'>;
  readonly #probe: Pick<DestinationProbe, 'isTwin' | 'answerMsMax'>;

  constructor(
    queue: Ring<Call>,
    reader: Pick<DestinationReader, 'paused'>,
    writer: Pick<CallWriter, 'hasMoved' | 'waiting'>,
    probe: Pick<DestinationProbe, 'isTwin' | 'answerMsMax'>,
  ) {
    this.#queue = queue;
    this.#reader = reader;
    this.#writer = writer;
    this.#probe = probe;
  }

  /**
   * Judges the connection as it is now; to be called again and again, for it sees only what has moved between two calls.
   *
   * @param timeoutMs for so long a call waits
   * @returns one of PATIENCE
   */
  judge(nowMs: number, timeoutMs: number, connection: Connection): number {
    const oldest = this.#queue.peek();
    if (oldest === undefined) return PATIENCE.waits;
    if (this.#writer.hasMoved(oldest, connection)) this.movedMs = nowMs;
    if (oldest.deadlineMs > nowMs) return PATIENCE.waits;
    const dueMs = Math.max(oldest.deadlineMs, this.movedMs + timeoutMs);
    if (dueMs + this.#allowanceMs(oldest, connection) > nowMs) return PATIENCE.waits;
    const isSilent = nowMs - this.heardMs >= timeoutMs / 2;
    if (isSilent && !this.#reader.paused) return PATIENCE.isSilent;
    return this.#hasOverdueWrite(nowMs) ? PATIENCE.isLateWrite : PATIENCE.isLate;
  }

  /** Time that a call has because bytes of it may be on their way where nobody sees it. */
  #allowanceMs(call: Call, connection: Connection): number {
    const bytes = call.request.length;
    if (bytes <= LARGE_BYTES) return 0;
    const isSeen = connection.unacknowledgedBytes !== undefined;
    const kernelMs = isSeen ? 0 : Math.min(bytes, KERNEL_BYTES_MAX) / KERNEL_BYTES_PER_MS;
    return kernelMs + (this.#probe.answerMsMax === 0 ? 0 : bytes / AGENT_BYTES_PER_MS);
  }

  /**
   * Whether a write is overdue that may be done late: behind a newer one that came by another connection. Who does not do what it has not read of a connection that was reset (nodes and
   * proxies) is told so by that. Another server would do it all the same; there the connection is kept, on which everything of ours stays in order.
   */
  #hasOverdueWrite(nowMs: number): boolean {
    // It is not the server that is waited for.
    if (this.#reader.paused) return false;
    if (!this.#probe.isTwin && this.#probe.answerMsMax === 0) return false;
    const written = this.#queue.length - this.#writer.waiting;
    for (let index = 0; index < written; index++) {
      const { deadlineMs, detached, request } = this.#queue.at(index)!;
      if (deadlineMs > nowMs) return false;
      if (!detached && !asksOnly(request.verb)) return true;
    }
    return false;
  }
}
