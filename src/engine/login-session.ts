import { LINE_BYTES_MAX } from '../base/limits.ts';
import type { Output } from '../base/output.ts';
import type { Connection, ConnectionError } from '../base/session.ts';
import { COUNTER } from '../store/counters.ts';
import { countOne } from './counting.ts';
import type { NodeContext } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';
import type { TracedSession } from './request-trace.ts';
import { acceptsLogin, loginWords, type TextLogins } from './text-logins.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;

/** `set k 0 0 N` has more; whoever sends less is no client. */
const LINE_BYTES_MIN = 6;

/** Longest `user password`. */
const TOKEN_BYTES_MAX = 16_384;

/** Words of a line that are looked at: `set KEY FLAGS EXPTIME BYTES`. */
const BYTES_WORD = 4;

/**
 * The text protocol of a node with a password file: before anything else a client sends a `set` with any key whose value is `user password`. Then an
 * ordinary text session takes over. Until then nothing is executed, and at most one line and one login are kept.
 */
export class LoginSession implements TracedSession {
  readonly #context: NodeContext;
  readonly #logins: TextLogins;
  readonly #connection: Connection;
  readonly #makeSession: () => TracedSession;
  /** The session of a client that has logged in. */
  #session: TracedSession | null = null;
  /** Bytes of the value that is to come, its CR LF included; -1: a line is to come. */
  #valueBytes = -1;
  #isEnded = false;

  /** @param makeSession makes the session of a client that has logged in */
  constructor(
    context: NodeContext,
    logins: TextLogins,
    connection: Connection,
    makeSession: () => TracedSession,
  ) {
    this.#context = context;
    this.#logins = logins;
    this.#connection = connection;
    this.#makeSession = makeSession;
  }

  get connectionState(): string {
    return this.#session?.connectionState ?? 'conn_read';
  }

  get isBetweenRequests(): boolean {
    return this.#session?.isBetweenRequests ?? this.#valueBytes < 0;
  }

  feed(input: Uint8Array, start: number, end: number): number {
    const { output } = this.#connection;
    for (let at = start; ; ) {
      const session = this.#session;
      if (session !== null) return session.feed(input, at, end);
      if (this.#isEnded) return end;
      if (at === end || output.blocked) return at;
      const next = this.#valueBytes < 0 ? this.#line(input, at, end) : this.#value(input, at, end);
      if (next === at && !this.#isEnded) return at;
      at = next;
    }
  }

  drained(): void {
    this.#session?.drained?.();
  }

  closed(error: ConnectionError | null): void {
    this.#session?.closed(error);
  }

  /** @returns the index behind the line, or `start` when it is not complete */
  #line(input: Uint8Array, start: number, end: number): number {
    const { output } = this.#connection;
    let lineEnd = start;
    while (lineEnd < end && input[lineEnd] !== LF) lineEnd++;
    if (lineEnd === end) {
      if (end - start > LINE_BYTES_MAX) this.#end();
      return start;
    }
    if (lineEnd - start < LINE_BYTES_MIN) {
      this.#end();
      return end;
    }
    const bytes = announcedBytes(input, start, input[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd);
    if (bytes < 0) writeReply(output, REPLY.unauthenticated);
    else if (bytes > TOKEN_BYTES_MAX) writeReply(output, REPLY.authTokenTooLong);
    else this.#valueBytes = bytes + 2;
    return lineEnd + 1;
  }

  /** @returns the index behind the value, or `start` when it is not complete */
  #value(input: Uint8Array, start: number, end: number): number {
    const next = start + this.#valueBytes;
    if (next > end) return start;
    this.#valueBytes = -1;
    this.#logIn(this.#connection.output, input, start, next);
    return next;
  }

  #logIn(output: Output, input: Uint8Array, start: number, next: number): void {
    if (input[next - 2] !== CR || input[next - 1] !== LF) {
      writeReply(output, REPLY.badTermination);
      return;
    }
    const words = loginWords(input, start, next - 2);
    if (words === null) {
      writeReply(output, REPLY.badAuthToken);
      return;
    }
    const isAccepted = acceptsLogin(this.#logins.users, input, words);
    countOne(this.#context.cache, COUNTER.authCommands);
    if (!isAccepted) {
      countOne(this.#context.cache, COUNTER.authErrors);
      writeReply(output, REPLY.authFailure);
      return;
    }
    writeReply(output, REPLY.stored);
    this.#session = this.#makeSession();
  }

  #end(): void {
    this.#isEnded = true;
    this.#connection.end();
  }
}

/** The length that a line announces if it is a `set`, else -1. Key, flags and expiry time may be anything. */
function announcedBytes(input: Uint8Array, start: number, end: number): number {
  let word = 0;
  for (let at = start; at < end; word++) {
    while (at < end && input[at] === SPACE) at++;
    const wordStart = at;
    while (at < end && input[at] !== SPACE) at++;
    if (word === 0 && !isSet(input, wordStart, at)) return -1;
    if (word === BYTES_WORD) return decimal(input, wordStart, at);
  }
  return -1;
}

function isSet(input: Uint8Array, start: number, end: number): boolean {
  return end - start === 3 && input[start] === 115 && input[start + 1] === 101 && input[start + 2] === 116;
}

/** A whole number of 32 bits, or -1. */
function decimal(input: Uint8Array, start: number, end: number): number {
  if (start === end) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = input[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > 0xffff_ffff) return -1;
  }
  return value;
}
