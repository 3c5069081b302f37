import type { DatagramSession, DatagramSocket } from '../base/datagram.ts';
import type { Connection, Session } from '../base/session.ts';
import type { ClientAcks, WriteFence } from '../engine/node-context.ts';
import type { DataThread } from '../net/data-threads.ts';
import type { Cache } from '../store/cache.ts';
import { AckBoard, type AckedPeer } from './ack-board.ts';
import { AckWaits } from './ack-waits.ts';
import { AckedDatagrams } from './acked-datagrams.ts';
import type { NodeThreadData } from './thread-messages.ts';

/** One data thread's part in the acks of twins: holds replies of its clients back, and on the thread with the links tells all others what twins have. */
export class ThreadAcks implements ClientAcks {
  readonly board: AckBoard;
  readonly #waits: AckWaits;
  readonly #thread: DataThread;
  readonly #threads: number;
  readonly #replicasMin: number;
  #timerMs = Number.POSITIVE_INFINITY;

  constructor(thread: DataThread, data: NodeThreadData, buffer: SharedArrayBuffer, cache: Cache) {
    const { loop, index } = thread;
    const { acks, ackTimeoutMs, ackRefuses, replicasMin } = data.options.replication;
    this.#thread = thread;
    this.#threads = data.threads;
    this.#replicasMin = ackRefuses ? Math.max(replicasMin, acks) : replicasMin;
    this.board = new AckBoard(buffer, data.threads);
    const policy = { acks, timeoutMs: ackTimeoutMs, refuses: ackRefuses };
    this.#waits = new AckWaits(
      policy,
      this.board,
      index,
      () => cache.feedHead,
      () => loop.turnMs,
    );
    loop.onTurnEnd(() => this.#turnEnd());
  }

  /** Null where writes are always taken. */
  get fence(): WriteFence | null {
    if (this.#replicasMin === 0) return null;
    const refuses = (): boolean => {
      if (this.board.peers >= this.#replicasMin) return false;
      this.board.countFenced();
      return true;
    };
    return { refuses };
  }

  session(connection: Connection, inner: Session): Session {
    return this.#waits.session(connection, inner);
  }

  /** Datagrams of clients, as `inner` answers them. */
  datagrams(socket: DatagramSocket, inner: DatagramSession): DatagramSession {
    return new AckedDatagrams(this.#waits, socket, inner);
  }

  waitFor(connection: Connection, acks: number, timeoutMs: number | null): boolean {
    return this.#waits.waitFor(connection, acks, timeoutMs);
  }

  /** For the thread with the links: twins have acknowledged something, or there are others. */
  acknowledged(peers: readonly AckedPeer[]): void {
    this.board.write(peers);
    for (let thread = 0; thread < this.#threads; thread++) {
      if (thread !== this.#thread.index && this.board.isWaiting(thread)) this.#thread.wake(thread);
    }
  }

  #turnEnd(): void {
    this.#waits.check();
    const { dueMs } = this.#waits;
    if (dueMs >= this.#timerMs) return;
    const { loop } = this.#thread;
    this.#timerMs = dueMs;
    // A turn is all that is needed; its end looks at what is due.
    loop.schedule(Math.max(1, dueMs - loop.turnMs), () => {
      this.#timerMs = Number.POSITIVE_INFINITY;
    });
  }
}
