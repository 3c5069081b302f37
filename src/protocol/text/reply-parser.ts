import { KEY_BYTES_MAX } from '../../base/limits.ts';

/** What `TextReplyParser.parseLine` found. */
export const REPLY = {
  /** The line is not complete yet: offer it again with more bytes. */
  incomplete: 0,
  /** `VALUE <key> <flags> <bytes> [<cas>]`; the value follows, take it with `takeValue`. */
  value: 1,
  /** `END` */
  end: 2,
  /** `ERROR`, alone or with words behind it. */
  error: 3,
  /** `CLIENT_ERROR …` */
  clientError: 4,
  /** `SERVER_ERROR …` */
  serverError: 5,
  /** `STAT <name> <value>` */
  stat: 6,
  /** Any other line: STORED, DELETED, a number, VERSION … */
  other: 7,
  /** No memcached speaks so: a VALUE line that cannot be read, or a line without an end. Give the connection up. */
  malformed: 8,
} as const;

/** Longest reply line that is accepted, without its line end. */
export const REPLY_LINE_BYTES_MAX = 2048;

/** Longest value that a VALUE line may announce. */
const VALUE_BYTES_MAX = 2 ** 31 - 3;

const LF = 10;
const CR = 13;
const SPACE = 32;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const WORD_VALUE = ascii('VALUE ');
const WORD_END = ascii('END');
const WORD_ERROR = ascii('ERROR');
const WORD_CLIENT_ERROR = ascii('CLIENT_ERROR');
const WORD_SERVER_ERROR = ascii('SERVER_ERROR');
const WORD_STAT = ascii('STAT ');
const WORD_STORED = ascii('STORED');

/**
 * Whether bytes [start, end) begin with `word`.
 */
export function beginsWith(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  const length = word.length;
  if (end - start < length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== word[i]) return false;
  return true;
}

/** Whether `END` with its CR LF stands at `start`. */
export function isEndLine(bytes: Uint8Array, start: number, end: number): boolean {
  if (start + 5 > end || bytes[start] !== 69) return false;
  return (
    bytes[start + 1] === 78 && bytes[start + 2] === 68 && bytes[start + 3] === CR && bytes[start + 4] === LF
  );
}

/**
 * Reads the replies of a server that speaks the classic text protocol, free of I/O and of allocation.
 *
 * The caller knows which request each reply belongs to; the parser only finds lines and values. It keeps one thing
 * between calls: how much of a value is still to come. A half line is not kept but left with the caller, who offers it again.
 */
export class TextReplyParser {
  /** The line that was read last, without its line end. */
  lineStart = 0;
  lineEnd = 0;
  /** Index of the first byte behind the line and its LF. */
  next = 0;
  /** The key of a VALUE line. */
  keyStart = 0;
  keyEnd = 0;
  /** The length that a VALUE line announced. */
  valueBytes = 0;
  /** Bytes of the present value, its CR LF included, that have not been taken yet. */
  valueRest = 0;

  /** Forgets everything; for a new connection. */
  reset(): void {
    this.valueRest = 0;
  }

  /**
   * Reads one line; only between values (`valueRest` is 0).
   *
   * @returns one of REPLY; the fields say more
   */
  parseLine(bytes: Uint8Array, start: number, end: number): number {
    const kind = this.#frequentLine(bytes, start, end);
    return kind === REPLY.incomplete ? this.#anyLine(bytes, start, end) : kind;
  }

  /**
   * The lines that nearly all replies consist of, read in one pass: `END`, `STORED` and VALUE lines without a cas id.
   *
   * @returns REPLY.incomplete for all others
   */
  #frequentLine(bytes: Uint8Array, start: number, end: number): number {
    const first = bytes[start];
    if (first === 86) return this.#frequentValueLine(bytes, start, end);
    if (first === 69) {
      if (!isEndLine(bytes, start, end)) return REPLY.incomplete;
      this.lineStart = start;
      this.lineEnd = start + 3;
      this.next = start + 5;
      return REPLY.end;
    }
    if (first !== 83 || start + 8 > end || bytes[start + 7] !== LF || bytes[start + 6] !== CR)
      return REPLY.incomplete;
    if (!beginsWith(bytes, start, start + 6, WORD_STORED)) return REPLY.incomplete;
    this.lineStart = start;
    this.lineEnd = start + 6;
    this.next = start + 8;
    return REPLY.other;
  }

  #frequentValueLine(bytes: Uint8Array, start: number, end: number): number {
    let at = start + WORD_VALUE.length;
    if (at >= end || bytes[at - 1] !== SPACE || bytes[at - 2] !== 69) return REPLY.incomplete;
    if (bytes[at - 3] !== 85 || bytes[at - 4] !== 76 || bytes[at - 5] !== 65) return REPLY.incomplete;
    const keyStart = at;
    const keyLimit = Math.min(end, at + KEY_BYTES_MAX + 1);
    let byte = 0;
    for (; at < keyLimit; at++) {
      byte = bytes[at]!;
      if (byte <= SPACE) break;
    }
    if (byte !== SPACE || at === keyStart) return REPLY.incomplete;
    const keyEnd = at++;
    let flagsDigits = 0;
    for (; at < end; at++, flagsDigits++) {
      byte = bytes[at]!;
      if (byte < 48 || byte > 57) break;
    }
    if (byte !== SPACE || flagsDigits === 0) return REPLY.incomplete;
    at++;
    const digitsStart = at;
    const digitsLimit = Math.min(end, at + 9);
    let valueBytes = 0;
    for (; at < digitsLimit; at++) {
      byte = bytes[at]!;
      if (byte < 48 || byte > 57) break;
      valueBytes = valueBytes * 10 + byte - 48;
    }
    if (at + 1 >= end || at === digitsStart || byte !== CR || bytes[at + 1] !== LF) return REPLY.incomplete;
    this.lineStart = start;
    this.lineEnd = at;
    this.next = at + 2;
    this.keyStart = keyStart;
    this.keyEnd = keyEnd;
    this.valueBytes = valueBytes;
    this.valueRest = valueBytes + 2;
    return REPLY.value;
  }

  #anyLine(bytes: Uint8Array, start: number, end: number): number {
    const limit = end - start > REPLY_LINE_BYTES_MAX + 2 ? start + REPLY_LINE_BYTES_MAX + 2 : end;
    let lf = start;
    while (lf < limit && bytes[lf] !== LF) lf++;
    if (lf === limit) return limit < end ? REPLY.malformed : REPLY.incomplete;
    this.lineStart = start;
    const lineEnd = lf > start && bytes[lf - 1] === CR ? lf - 1 : lf;
    this.lineEnd = lineEnd;
    this.next = lf + 1;
    switch (bytes[start]) {
      case 86: // V
        // Not every line that begins with V is a value: VERSION.
        return beginsWith(bytes, start, lineEnd, WORD_VALUE) ? this.#valueLine(bytes) : REPLY.other;
      case 69: // E
        if (lineEnd - start === 3)
          return beginsWith(bytes, start, lineEnd, WORD_END) ? REPLY.end : REPLY.other;
        return beginsWith(bytes, start, lineEnd, WORD_ERROR) ? REPLY.error : REPLY.other;
      case 67: // C
        return beginsWith(bytes, start, lineEnd, WORD_CLIENT_ERROR) ? REPLY.clientError : REPLY.other;
      case 83: // S
        if (beginsWith(bytes, start, lineEnd, WORD_SERVER_ERROR)) return REPLY.serverError;
        return beginsWith(bytes, start, lineEnd, WORD_STAT) ? REPLY.stat : REPLY.other;
      default:
        return REPLY.other;
    }
  }

  #valueLine(bytes: Uint8Array): number {
    const end = this.lineEnd;
    let at = this.lineStart + WORD_VALUE.length;
    this.keyStart = at;
    while (at < end && bytes[at] !== SPACE) at++;
    this.keyEnd = at;
    const keyBytes = at - this.keyStart;
    if (keyBytes < 1 || keyBytes > KEY_BYTES_MAX || at === end) return REPLY.malformed;
    at++;
    const flagsStart = at;
    while (at < end && bytes[at] !== SPACE) at++;
    if (at === flagsStart || at === end) return REPLY.malformed;
    at++;
    const digitsStart = at;
    let valueBytes = 0;
    for (; at < end; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) break;
      valueBytes = valueBytes * 10 + digit;
      if (valueBytes > VALUE_BYTES_MAX) return REPLY.malformed;
    }
    if (at === digitsStart || (at < end && bytes[at] !== SPACE)) return REPLY.malformed;
    this.valueBytes = valueBytes;
    this.valueRest = valueBytes + 2;
    return REPLY.value;
  }

  /**
   * Looks whether the line that was read last, `REPLY.other`, is a meta command's `VA <bytes> <flags>*`, which a value follows.
   *
   * @returns whether it is; then `valueBytes` says how long, and `takeValue` takes it
   */
  metaValue(bytes: Uint8Array): boolean {
    const { lineStart, lineEnd } = this;
    if (bytes[lineStart] !== 86 || bytes[lineStart + 1] !== 65 || bytes[lineStart + 2] !== SPACE)
      return false;
    let valueBytes = 0;
    let at = lineStart + 3;
    for (; at < lineEnd && bytes[at] !== SPACE; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) return false;
      valueBytes = valueBytes * 10 + digit;
    }
    if (at === lineStart + 3 || valueBytes > VALUE_BYTES_MAX) return false;
    this.valueBytes = valueBytes;
    this.valueRest = valueBytes + 2;
    return true;
  }

  /**
   * Takes what there is of the present value and its CR LF.
   *
   * @returns the index of the first byte that does not belong to it, or -1 when the value does not end in CR LF
   */
  takeValue(bytes: Uint8Array, start: number, end: number): number {
    const rest = this.valueRest;
    const taken = Math.min(end - start, rest);
    const after = start + taken;
    const left = rest - taken;
    // The last two of the `rest` bytes are the CR LF; check whichever of them is among those taken.
    if (left === 0) {
      if (taken > 0 && bytes[after - 1] !== LF) return -1;
      if (taken > 1 && bytes[after - 2] !== CR) return -1;
    } else if (left === 1 && taken > 0 && bytes[after - 1] !== CR) return -1;
    this.valueRest = left;
    return after;
  }
}
