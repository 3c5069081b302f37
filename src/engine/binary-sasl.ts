import type { Output } from '../base/output.ts';
import { OPCODE, STATUS, type Status } from '../protocol/binary/opcodes.ts';
import type { BinaryRequest } from '../protocol/binary/request-header.ts';
import type { Cache } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { writeBody, writeError, writeText } from './binary-replies.ts';
import { countOne } from './counting.ts';
import { acceptsPlain, type SaslDatabase } from './sasl.ts';

/** Longest name of a mechanism that memcached looks at. */
const MECHANISM_BYTES_MAX = 32;

/** Longest message of a login: RFC 4616 bounds each of its three parts to 255 characters of at most 4 bytes. */
const MESSAGE_BYTES_MAX: number = 3 * 255 * 4 + 2;

const PLAIN = 'PLAIN';
const EMPTY = new Uint8Array(0);

/** One connection's login by SASL. The only mechanism is PLAIN; who wants it secret uses TLS or a private network. */
export class SaslLogin {
  /** The client has logged in. A later login that fails logs it out. */
  isDone = false;
  /** PLAIN was named without a message; the message is to come with a step. */
  #isStarted = false;
  readonly #database: SaslDatabase;
  readonly #cache: Cache;

  constructor(database: SaslDatabase, cache: Cache) {
    this.#database = database;
    this.#cache = cache;
  }

  /** Answers which mechanisms there are. */
  list(output: Output, request: BinaryRequest): void {
    writeText(output, request, '', PLAIN);
  }

  /** @returns ok, or why a request is refused before its message is looked at */
  refusal(request: BinaryRequest): Status {
    if (request.keyBytes > MECHANISM_BYTES_MAX) return STATUS.invalidArguments;
    if (request.bodyBytes - request.keyBytes <= MESSAGE_BYTES_MAX) return STATUS.ok;
    this.#fail();
    return STATUS.authError;
  }

  /** Answers a login or a step of one: the mechanism's name is [keyStart, keyEnd), its message follows. */
  step(
    output: Output,
    request: BinaryRequest,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    bodyEnd: number,
  ): void {
    const isFirst = request.opcode === OPCODE.saslAuth;
    const isPlain = isFirst ? isWord(input, keyStart, keyEnd, PLAIN) : this.#isStarted;
    if (isPlain && isFirst && keyEnd === bodyEnd) {
      this.#isStarted = true;
      writeBody(output, request, STATUS.authContinue, EMPTY);
      return;
    }
    this.#isStarted = false;
    if (!isPlain || !acceptsPlain(this.#database.users(), input, keyEnd, bodyEnd)) {
      this.#fail();
      writeError(output, request, STATUS.authError);
      return;
    }
    countOne(this.#cache, COUNTER.authCommands);
    this.isDone = true;
    writeText(output, request, '', 'Authenticated');
  }

  #fail(): void {
    this.isDone = false;
    countOne(this.#cache, COUNTER.authCommands);
    countOne(this.#cache, COUNTER.authErrors);
  }
}

function isWord(input: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (input[start + i] !== word.charCodeAt(i)) return false;
  return true;
}
