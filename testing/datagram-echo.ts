import type { DatagramSession, DatagramSocket } from '../src/base/datagram.ts';

/**
 * Answers `count` with that many datagrams, each of two lines: its number and the peer, and which thread it was. Anything that is no
 * number is dropped, save `later`, which is answered as the `now` that follows it comes.
 */
export class DatagramEcho implements DatagramSession {
  readonly answer: Uint8Array = new Uint8Array(new ArrayBuffer(1400));
  partStart = 0;
  partEnd = 0;
  readonly #socket: DatagramSocket;
  readonly #thread: number;
  readonly #later: (() => void)[] = [];
  #part = 0;
  #parts = 0;

  constructor(socket: DatagramSocket, thread: number) {
    this.#socket = socket;
    this.#thread = thread;
  }

  received(input: Uint8Array, start: number, end: number): boolean {
    const text = Buffer.from(input.subarray(start, end)).toString('latin1');
    if (text === 'later') {
      const reply = this.#socket.laterReply();
      const answer = Buffer.from(`later ${this.#socket.remote}\n`, 'latin1');
      this.#later.push(() => reply(answer));
      return false;
    }
    if (text === 'now') {
      for (const reply of this.#later.splice(0)) reply();
      return false;
    }
    this.#parts = Number(text);
    if (!(this.#parts > 0)) {
      this.#socket.noteDropped();
      return false;
    }
    this.#part = -1;
    return this.nextPart();
  }

  nextPart(): boolean {
    this.#part++;
    if (this.#part >= this.#parts) return false;
    const text = `${this.#part} ${this.#socket.remote}\n${this.#thread}\n`;
    // Wherever in the array: the second part does not begin where the first does.
    this.partStart = (this.#part * 8) % 800;
    this.partEnd = this.partStart + Buffer.from(text, 'latin1').copy(this.answer, this.partStart);
    return true;
  }
}
