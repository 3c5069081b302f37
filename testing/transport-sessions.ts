/** Small sessions that exercise one promise of the transports each. */
import type { Connection, ConnectionError, Session } from '../src/base/session.ts';
import type { Loop } from '../src/net/loop.ts';

const LINE_END = 10;

/** By name: what the threads of the transport tests serve. */
export const SERVICES = [
  'echo',
  'lines',
  'source',
  'writer',
  'asker',
  'hauler',
  'rival',
  'sink',
  'stepper',
  'halfClose',
  'broadcast',
  'keeper',
  'ender',
  'destroyer',
  'aborter',
  'hoarder',
  'flooder',
  'thrower',
] as const;

export type ServiceName = (typeof SERVICES)[number];

/** How connections of a service ended. */
export interface Closings {
  count: number;
  /** Codes of errors, in order. */
  readonly codes: string[];
}

/** The byte that stands at `offset` of what source, writer, ender and flooder send. */
export function patternByte(offset: number): number {
  return (offset * 7 + (offset >> 8)) & 255;
}

abstract class TestSession implements Session {
  protected readonly connection: Connection;
  readonly #closings: Closings;
  #isClosed = false;

  constructor(connection: Connection, closings: Closings) {
    this.connection = connection;
    this.#closings = closings;
  }

  abstract feed(input: Uint8Array, start: number, end: number): number;

  closed(error: ConnectionError | null): void {
    if (this.#isClosed) throw new Error('closed is called once');
    this.#isClosed = true;
    this.#closings.count++;
    if (error !== null) this.#closings.codes.push(error.code);
  }

  /** Writes bytes of the pattern. */
  protected writePattern(offset: number, count: number): void {
    const { output } = this.connection;
    output.reserve(count);
    for (let i = 0; i < count; i++) output.bytes[output.at + i] = patternByte(offset + i);
    output.at += count;
  }
}

class Echo extends TestSession {
  feed(input: Uint8Array, start: number, end: number): number {
    const { output } = this.connection;
    if (output.blocked) return start;
    output.append(input, start, end);
    return end;
  }
}

/** Answers each line with its length. */
class Lines extends TestSession {
  feed(input: Uint8Array, start: number, end: number): number {
    const { output } = this.connection;
    let from = start;
    for (let at = start; at < end && !output.blocked; at++) {
      if (input[at] !== LINE_END) continue;
      output.text(`${at - from}\n`);
      from = at + 1;
    }
    return from;
  }
}

/** `count piece` asks for that many bytes, reserved piece by piece; the request stays unconsumed until all is written. */
class Source extends TestSession {
  #offset = 0;

  feed(input: Uint8Array, start: number, end: number): number {
    let from = start;
    for (;;) {
      const lineEnd = input.indexOf(LINE_END, from);
      if (lineEnd < 0 || lineEnd >= end) return from;
      const [count = 0, piece = 1] = numbersOf(input, from, lineEnd);
      while (this.#offset < count) {
        if (this.connection.output.blocked) return from;
        const size = Math.min(piece, count - this.#offset);
        this.writePattern(this.#offset, size);
        this.#offset += size;
      }
      this.#offset = 0;
      from = lineEnd + 1;
    }
  }
}

/** Consumes `count` at once and then writes that many bytes on its own account, whenever the output is not blocked. */
class Writer extends TestSession {
  #offset = 0;
  #end = 0;

  feed(input: Uint8Array, start: number, end: number): number {
    if (this.#end === 0) this.#end = numbersOf(input, start, end)[0] ?? 0;
    this.drained();
    return end;
  }

  drained(): void {
    while (this.#offset < this.#end && !this.connection.output.blocked) {
      const size = Math.min(5000, this.#end - this.#offset);
      this.writePattern(this.#offset, size);
      this.#offset += size;
    }
  }
}

/** The same, and takes all that comes meanwhile. */
class Asker extends Writer {
  readonly readsWhileBlocked = true;
}

/** A writer whose pieces are a head, a long middle that goes from where it lies and changes at once afterwards, and a tail. */
class Hauler extends TestSession {
  static readonly #middle: Uint8Array = new Uint8Array(new ArrayBuffer(300_000));
  #offset = 0;
  #end = 0;

  feed(input: Uint8Array, start: number, end: number): number {
    if (this.#end === 0) this.#end = numbersOf(input, start, end)[0] ?? 0;
    this.drained();
    return end;
  }

  drained(): void {
    const { output } = this.connection;
    while (this.#offset < this.#end && !output.blocked) {
      const headBytes = 1 + (this.#offset % 40);
      const middleBytes = Math.min(
        Math.max(0, this.#end - this.#offset - headBytes - 3),
        Hauler.#middle.length,
      );
      const total = headBytes + middleBytes + 3;
      const pattern = Uint8Array.from({ length: total }, (_, i) => patternByte(this.#offset + i));
      output.reserve(headBytes + 3);
      output.append(pattern, 0, headBytes);
      const middle = Hauler.#middle.subarray(0, middleBytes);
      middle.set(pattern.subarray(headBytes, headBytes + middleBytes));
      const tail = pattern.subarray(headBytes + middleBytes);
      if (output.sendsLong) {
        output.sendLong(middle, 0, middleBytes, tail);
      } else {
        output.append(middle, 0, middleBytes);
        output.append(tail, 0, tail.length);
      }
      middle.fill(0);
      this.#offset += total;
    }
  }
}

/** Echoes, and stops all others of its kind for as long as a turn takes: so some stop that have been received from already. */
class Rival extends TestSession {
  static readonly #members: Set<Rival> = new Set();
  readonly #loop: Loop;
  #isPaused = false;

  constructor(connection: Connection, closings: Closings, loop: Loop) {
    super(connection, closings);
    this.#loop = loop;
    Rival.#members.add(this);
  }

  feed(input: Uint8Array, start: number, end: number): number {
    if (this.#isPaused) throw new Error('a paused session is not fed');
    this.connection.output.append(input, start, end);
    for (const member of Rival.#members) {
      if (member === this || member.#isPaused) continue;
      member.#isPaused = true;
      member.connection.pause();
      this.#loop.schedule(1, () => {
        member.#isPaused = false;
        member.connection.resume();
      });
    }
    return end;
  }

  override closed(error: ConnectionError | null): void {
    super.closed(error);
    Rival.#members.delete(this);
  }
}

/** Takes values, each a length, a line end and the bytes; answers with the length and the sum of the bytes. */
class Sink extends TestSession {
  #length = 0;
  #missing = 0;
  #sum = 0;

  feed(input: Uint8Array, start: number, end: number): number {
    let at = start;
    for (;;) {
      if (this.#missing === 0) {
        const lineEnd = input.indexOf(LINE_END, at);
        if (lineEnd < 0 || lineEnd >= end) return at;
        this.#length = this.#missing = numbersOf(input, at, lineEnd)[0] ?? 0;
        this.#sum = 0;
        at = lineEnd + 1;
      }
      const count = Math.min(this.#missing, end - at);
      for (let i = 0; i < count; i++) this.#sum += input[at + i]!;
      at += count;
      this.#missing -= count;
      if (this.#missing > 0) return at;
      this.connection.output.text(`${this.#length} ${this.#sum}\n`);
    }
  }
}

/** Consumes one byte at a time and pauses after each. */
class Stepper extends TestSession {
  readonly #loop: Loop;
  #isPaused = false;

  constructor(connection: Connection, closings: Closings, loop: Loop) {
    super(connection, closings);
    this.#loop = loop;
  }

  feed(input: Uint8Array, start: number, end: number): number {
    if (this.#isPaused) throw new Error('a paused session is not fed');
    this.connection.output.append(input, start, Math.min(start + 1, end));
    this.#isPaused = true;
    this.connection.pause();
    this.#loop.schedule(1, () => {
      this.#isPaused = false;
      this.connection.resume();
    });
    return start + 1;
  }
}

/** Answers when the peer has ended, a while later, with the number of bytes it got. */
class HalfClose extends TestSession {
  readonly #loop: Loop;
  #count = 0;

  constructor(connection: Connection, closings: Closings, loop: Loop) {
    super(connection, closings);
    this.#loop = loop;
  }

  feed(_input: Uint8Array, start: number, end: number): number {
    this.#count += end - start;
    return end;
  }

  peerEnded(): void {
    this.#loop.schedule(5, () => {
      this.connection.output.text(`${this.#count}\n`);
      this.connection.end();
    });
  }
}

/** Writes what one connection says to all others of this thread. */
class Broadcast extends TestSession {
  static readonly members: Set<Broadcast> = new Set();

  feed(input: Uint8Array, start: number, end: number): number {
    Broadcast.members.add(this);
    for (const { connection } of Broadcast.members) {
      if (connection === this.connection) continue;
      connection.output.append(input, start, end);
      connection.flush();
    }
    return end;
  }

  override closed(error: ConnectionError | null): void {
    super.closed(error);
    Broadcast.members.delete(this);
    // Writing to a connection that has gone must do no harm.
    this.connection.output.text('too late');
    this.connection.flush();
  }
}

/** Answers `count` with that many bytes and ends. */
/**
 * Echoes, but keeps what it echoes until another connection of the service has said `release`, or `drop`, which also has it say `dropped`.
 */
class Keeper extends TestSession {
  static readonly #all: Set<Keeper> = new Set();
  #isKeeping = false;

  feed(input: Uint8Array, start: number, end: number): number {
    const { output } = this.connection;
    const said = Buffer.from(input.subarray(start, Math.min(end, start + 8))).toString('latin1');
    if (said.startsWith('release') || said.startsWith('drop')) {
      for (const keeper of Keeper.#all) if (keeper.#isKeeping) keeper.#letGo(said.startsWith('drop'));
      output.text('done');
      return end;
    }
    Keeper.#all.add(this);
    this.connection.holdOutput?.();
    this.#isKeeping = true;
    if (output.blocked) return start;
    output.append(input, start, end);
    return end;
  }

  override closed(error: ConnectionError | null): void {
    Keeper.#all.delete(this);
    super.closed(error);
  }

  #letGo(drops: boolean): void {
    this.#isKeeping = false;
    if (!drops) {
      this.connection.releaseOutput?.();
      return;
    }
    this.connection.dropOutput?.();
    this.connection.output.text('dropped');
    this.connection.end();
    this.connection.flush();
  }
}

class Ender extends TestSession {
  feed(input: Uint8Array, start: number, end: number): number {
    this.writePattern(0, numbersOf(input, start, end)[0] ?? 0);
    this.connection.end();
    return end;
  }
}

class Destroyer extends TestSession {
  feed(_input: Uint8Array, _start: number, end: number): number {
    this.connection.output.text('never seen');
    this.connection.destroy();
    return end;
  }
}

/** Never consumes. */
class Hoarder extends TestSession {
  feed(_input: Uint8Array, start: number, _end: number): number {
    return start;
  }
}

/** Writes `count` times 1 MiB without asking whether the peer takes it. */
class Flooder extends TestSession {
  feed(input: Uint8Array, start: number, end: number): number {
    const [count = 0] = numbersOf(input, start, end);
    for (let i = 0; i < count; i++) {
      this.connection.output.reserve(1 << 20);
      this.connection.output.at += 1 << 20;
    }
    return end;
  }
}

/** Writes what nobody will get, and gives the connection up. */
class Aborter extends TestSession {
  feed(_input: Uint8Array, _start: number, end: number): number {
    this.connection.output.text('lost');
    this.connection.abort?.();
    return end;
  }
}

class Thrower extends TestSession {
  feed(): number {
    throw new Error('a broken invariant');
  }
}

function numbersOf(input: Uint8Array, start: number, end: number): number[] {
  return Buffer.from(input.subarray(start, end)).toString('latin1').split(' ').map(Number);
}

/** Makes the session that a service runs. */
export function makeSession(
  name: ServiceName,
  connection: Connection,
  closings: Closings,
  loop: Loop,
): Session {
  if (name === 'echo') return new Echo(connection, closings);
  if (name === 'lines') return new Lines(connection, closings);
  if (name === 'source') return new Source(connection, closings);
  if (name === 'writer') return new Writer(connection, closings);
  if (name === 'asker') return new Asker(connection, closings);
  if (name === 'hauler') return new Hauler(connection, closings);
  if (name === 'rival') return new Rival(connection, closings, loop);
  if (name === 'sink') return new Sink(connection, closings);
  if (name === 'stepper') return new Stepper(connection, closings, loop);
  if (name === 'halfClose') return new HalfClose(connection, closings, loop);
  if (name === 'broadcast') return new Broadcast(connection, closings);
  if (name === 'keeper') return new Keeper(connection, closings);
  if (name === 'ender') return new Ender(connection, closings);
  if (name === 'destroyer') return new Destroyer(connection, closings);
  if (name === 'aborter') return new Aborter(connection, closings);
  if (name === 'hoarder') return new Hoarder(connection, closings);
  if (name === 'flooder') return new Flooder(connection, closings);
  return new Thrower(connection, closings);
}
