/*
 * A question to a server on this host and its answer, by the kernel's calls. A server that is there has answered a moment after it was asked, and a socket
 * of Node's costs as much as all that the kernel does for it; so many are asked at once, looked at a few times, and what has not answered by then is left to Node.
 */
import { LINUX, type Libc, loadLibc } from '../net/libc.ts';
import type { SocketAddress } from '../net/loop.ts';
import { Sockets } from '../net/sockets.ts';
import { ERRNO } from '../net/system-errors.ts';

/** How often those that have not answered are looked at. */
const LOOKS_MAX = 4;

/** For how long the thread waits for them before a look but the first: a millisecond, so that answering times are true. */
const LOOK_WAIT_MS = 1;

/** More are not asked at once: what the looks cost, and how many descriptors they take, has a bound. */
const ASKED_MAX = 512;

const ANSWER_BYTES = 16 * 1024;
const POLL_BYTES = 8;
const POLLIN = 1;

/** What has come of a question by now. */
export interface QuickAnswer {
  /** The socket, which is the caller's from now on. */
  readonly fd: number;
  /** What was answered, as bytes; '' when nothing has been yet. */
  readonly text: string;
}

interface Asked {
  readonly fd: number;
  readonly done: (answer: QuickAnswer | null) => void;
}

/** Asks, and looks for what is answered. */
export class QuickExchange {
  readonly #libc: Libc;
  readonly #sockets: Sockets;
  readonly #answer: Uint8Array = new Uint8Array(new ArrayBuffer(ANSWER_BYTES));
  readonly #answerText: Buffer = Buffer.from(this.#answer.buffer);
  readonly #answerAddress: bigint;
  readonly #poll: Uint8Array;
  readonly #pollWords: Int32Array;
  readonly #pollAddress: bigint;
  #asked: Asked[] = [];
  #isLooking = false;
  readonly #askedMax: number;

  /** @param askedMax that wait for their answer at a time; more are not asked */
  constructor(libc: Libc, askedMax: number = ASKED_MAX) {
    this.#libc = libc;
    this.#askedMax = askedMax;
    this.#poll = new Uint8Array(new ArrayBuffer(POLL_BYTES * askedMax));
    this.#pollWords = new Int32Array(this.#poll.buffer);
    this.#sockets = new Sockets(libc);
    this.#answerAddress = libc.addressOf(this.#answer);
    this.#pollAddress = libc.addressOf(this.#poll);
  }

  /**
   * Asks a server something.
   *
   * @param question bytes of an array buffer of their own, which must not change; none: that it takes connections is all that is asked
   * @returns null when it cannot be asked in this way, or the connection has failed; a socket without an answer when that is not there after a
   * few milliseconds, or when the connection has ended
   */
  ask(address: SocketAddress, question: Uint8Array): Promise<QuickAnswer | null> {
    if (this.#asked.length >= this.#askedMax) return NOTHING;
    const fd = this.#sockets.open(address);
    if (typeof fd !== 'number') return NOTHING;
    const outcome = this.#sockets.connect(fd, address);
    // On this host the connection stands when the call returns, whatever it says; elsewhere nothing can be sent yet.
    const isSent =
      (outcome === 0 || outcome === ERRNO.EINPROGRESS) &&
      this.#libc.send(fd, this.#libc.addressOf(question), question.length, LINUX.MSG_NOSIGNAL) ===
        question.length;
    if (!isSent) {
      this.#libc.close(fd);
      return NOTHING;
    }
    // Nothing is asked: it is enough that the connection stands, which the kernel has just said.
    if (question.length === 0) return Promise.resolve({ fd, text: '' });
    return new Promise((done) => {
      this.#asked.push({ fd, done });
      if (this.#isLooking) return;
      this.#isLooking = true;
      setImmediate(() => this.#look(0));
    });
  }

  close(fd: number): void {
    this.#libc.close(fd);
  }

  #look(looks: number): void {
    if (looks > 0) this.#wait();
    const left: Asked[] = [];
    const isLast = looks === LOOKS_MAX - 1;
    for (const asked of this.#asked) {
      const count = this.#libc.recv(asked.fd, this.#answerAddress, ANSWER_BYTES, 0);
      if (count > 0) asked.done({ fd: asked.fd, text: this.#answerText.toString('latin1', 0, count) });
      else if (count < 0 && this.#libc.errno() !== ERRNO.EAGAIN) {
        this.#libc.close(asked.fd);
        asked.done(null);
      } else if (count === 0 || isLast) asked.done({ fd: asked.fd, text: '' });
      else left.push(asked);
    }
    this.#asked = left;
    this.#isLooking = left.length > 0;
    if (this.#isLooking) setImmediate(() => this.#look(looks + 1));
  }

  /** Until one of them can be read. */
  #wait(): void {
    for (const [index, { fd }] of this.#asked.entries()) {
      this.#pollWords[index * 2] = fd;
      this.#pollWords[index * 2 + 1] = POLLIN;
    }
    this.#libc.poll(this.#pollAddress, this.#asked.length, LOOK_WAIT_MS);
  }
}

const NOTHING: Promise<null> = Promise.resolve(null);

let exchange: QuickExchange | null | undefined;

function quickExchange(): QuickExchange | null {
  if (exchange === undefined) {
    const libc = loadLibc();
    exchange = libc === null ? null : new QuickExchange(libc);
  }
  return exchange;
}

/** The same for whoever asks in this process. */
export function askQuickly(address: SocketAddress, question: Uint8Array): Promise<QuickAnswer | null> {
  return quickExchange()?.ask(address, question) ?? NOTHING;
}

/** Closes a socket of `askQuickly`. */
export function closeQuickly(fd: number): void {
  quickExchange()?.close(fd);
}
