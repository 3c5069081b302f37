import type { DatagramSession, DatagramSocket } from '../base/datagram.ts';
import { REQUEST_MAGIC } from '../protocol/binary/opcodes.ts';
import { FRAME_BYTES, requestId, writeFrame } from '../protocol/udp/frame.ts';
import { type AckQueue, type AckWaiter, type AckWaits, REFUSAL } from './ack-waits.ts';

/** Answers to datagrams that wait at a time, on one thread, and their bytes; an answer beyond that is lost, as datagrams may be, and counted. */
export const HELD_ANSWERS_MAX = 4096;
export const HELD_BYTES_MAX: number = 4 * 1024 * 1024;

/**
 * Datagrams of clients, with the answers to writes held back until twins have them. While one waits the next datagram is taken: there is no order among
 * them, and each waits for itself. So an answer that waits is kept in a copy.
 */
export class AckedDatagrams implements DatagramSession {
  readonly #waits: AckWaits;
  readonly #socket: DatagramSocket;
  readonly #inner: DatagramSession;
  #held = 0;
  #heldBytes = 0;

  constructor(waits: AckWaits, socket: DatagramSocket, inner: DatagramSession) {
    this.#waits = waits;
    this.#socket = socket;
    this.#inner = inner;
  }

  get answer(): Uint8Array {
    return this.#inner.answer;
  }

  get partStart(): number {
    return this.#inner.partStart;
  }

  get partEnd(): number {
    return this.#inner.partEnd;
  }

  nextPart(): boolean {
    return this.#inner.nextPart();
  }

  received(input: Uint8Array, start: number, end: number): boolean {
    const waits = this.#waits;
    const queue = waits.defaultQueue;
    const before = waits.feedHead;
    const hasAnswer = this.#inner.received(input, start, end);
    const position = waits.feedHead;
    if (!hasAnswer || queue === null || position === before) return hasAnswer;
    if (waits.board.peers >= queue.acks && waits.has(queue.acks, position)) return true;
    if (!waits.mayCome(queue)) {
      waits.board.countDegraded();
      return true;
    }
    const isText = input[start + FRAME_BYTES] !== REQUEST_MAGIC;
    this.#hold(queue, position, isText ? refusal(requestId(input, start)) : null);
    return false;
  }

  /** Keeps the answer at hand. @param instead what is sent if it must not be; null: nothing */
  #hold(queue: AckQueue, position: number, instead: Uint8Array | null): void {
    const inner = this.#inner;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    do {
      const part = inner.answer.slice(inner.partStart, inner.partEnd);
      parts.push(part);
      bytes += part.length;
    } while (inner.nextPart());
    if (this.#held >= HELD_ANSWERS_MAX || this.#heldBytes + bytes > HELD_BYTES_MAX) {
      this.#socket.noteDropped();
      return;
    }
    this.#held++;
    this.#heldBytes += bytes;
    const reply = this.#socket.laterReply();
    const done = (isAcknowledged: boolean, isLate: boolean): void => {
      this.#held--;
      this.#heldBytes -= bytes;
      if (this.#waits.countEnd(isAcknowledged, isLate)) for (const part of parts) reply(part);
      else if (instead !== null) reply(instead);
    };
    this.#waits.add(new HeldAnswer(position, done), queue);
  }
}

class HeldAnswer implements AckWaiter {
  readonly position: number;
  deadlineMs = 0;
  isWaiting = false;
  readonly #done: (isAcknowledged: boolean, isLate: boolean) => void;

  constructor(position: number, done: (isAcknowledged: boolean, isLate: boolean) => void) {
    this.position = position;
    this.#done = done;
  }

  settle(isAcknowledged: boolean, isLate: boolean): void {
    this.isWaiting = false;
    this.#done(isAcknowledged, isLate);
  }
}

/** Nobody shall see a success that is none. */
function refusal(id: number): Uint8Array {
  const datagram = new Uint8Array(FRAME_BYTES + REFUSAL.length);
  writeFrame(datagram, 0, id, 0, 1);
  for (let i = 0; i < REFUSAL.length; i++) datagram[FRAME_BYTES + i] = REFUSAL.charCodeAt(i);
  return datagram;
}
