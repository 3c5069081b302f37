import { beginsWith, REPLY, TextReplyParser } from '../protocol/text/reply-parser.ts';

/** What a line of a probe's answers is. */
export const PROBE_LINE = {
  version: 0,
  agentVersion: 1,
  stat: 2,
  end: 3,
  other: 4,
  stored: 5,
  wantsLogin: 6,
  /** It has not come whole. */
  incomplete: 7,
  /** No memcached says so. */
  garbled: 8,
} as const;

/** So much of a line is told of an answer that was not expected. */
const TEXT_BYTES_MAX = 200;

const DOT = 46;
const ZERO = 48;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const WORD_VERSION = ascii('VERSION ');
const WORD_AGENT = ascii('VERSION memcached agent');
const WORD_STORED = ascii('STORED');
const WANTS_LOGIN = ascii('CLIENT_ERROR unauthenticated');
const STAT_REPLICATION = ascii('STAT replication');
const STAT_PID = ascii('STAT pid ');
const STAT_UPTIME = ascii('STAT uptime ');
const STAT_TIME = ascii('STAT time ');
const STAT_NOT_IN_SYNC = ascii('STAT replication_in_sync 0');
const STAT_ANSWER_MS_MAX = ascii('STAT agent_answer_ms_max ');

/**
 * Reads what a server answers to a probe, line by line. Apart from the reader of replies, because these answers belong to no call: nobody but the probe
 * has asked, and what counts is what a few `STAT` lines among hundreds say.
 */
export class ProbeReader {
  /** What the last line says, where it is a `STAT`; a number that it does not tell is 0. */
  replicates = false;
  lacksSync = false;
  pid = 0;
  uptimeSeconds = 0;
  timeSeconds = 0;
  answerMs = 0;
  /** Of a `VERSION`: it is a number below 1.6. */
  isBeforeMeta = false;
  readonly #parser = new TextReplyParser();

  /** Index of the byte behind the last line. */
  get next(): number {
    return this.#parser.next;
  }

  /** Reads one line. @returns one of PROBE_LINE */
  read(input: Uint8Array, start: number, end: number): number {
    const parser = this.#parser;
    const kind = parser.parseLine(input, start, end);
    const { lineEnd } = parser;
    switch (kind) {
      case REPLY.incomplete:
        return PROBE_LINE.incomplete;
      case REPLY.malformed:
      case REPLY.value:
        return PROBE_LINE.garbled;
      case REPLY.stat:
        this.replicates = beginsWith(input, start, lineEnd, STAT_REPLICATION);
        this.lacksSync = beginsWith(input, start, lineEnd, STAT_NOT_IN_SYNC);
        this.answerMs = figure(input, start, lineEnd, STAT_ANSWER_MS_MAX);
        this.pid = figure(input, start, lineEnd, STAT_PID);
        this.uptimeSeconds = figure(input, start, lineEnd, STAT_UPTIME);
        this.timeSeconds = figure(input, start, lineEnd, STAT_TIME);
        return PROBE_LINE.stat;
      case REPLY.other:
        if (beginsWith(input, start, lineEnd, WORD_AGENT)) return PROBE_LINE.agentVersion;
        if (beginsWith(input, start, lineEnd, WORD_STORED)) return PROBE_LINE.stored;
        if (!beginsWith(input, start, lineEnd, WORD_VERSION)) return PROBE_LINE.other;
        this.isBeforeMeta = isBeforeMeta(input, start + WORD_VERSION.length, lineEnd);
        return PROBE_LINE.version;
      case REPLY.clientError:
        return beginsWith(input, start, lineEnd, WANTS_LOGIN) ? PROBE_LINE.wantsLogin : PROBE_LINE.end;
      default:
        return PROBE_LINE.end;
    }
  }

  /** The line that was read last, for people: without what cannot be shown, and not all of it if it is long. */
  text(input: Uint8Array): string {
    const { lineStart, lineEnd } = this.#parser;
    let text = '';
    const end = Math.min(lineEnd, lineStart + TEXT_BYTES_MAX);
    for (let at = lineStart; at < end; at++) {
      const byte = input[at]!;
      text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?';
    }
    return text;
  }
}

/** Whether a version, as `1.4.13`, is one of before memcached's 1.6, the first with the meta commands; twemproxy's are, too. What does not begin like that may be anything. */
function isBeforeMeta(bytes: Uint8Array, start: number, end: number): boolean {
  const dot = digitsEnd(bytes, start, end);
  const minorEnd = digitsEnd(bytes, dot + 1, end);
  if (dot === start || bytes[dot] !== DOT || minorEnd <= dot + 1) return false;
  const major = decimal(bytes, start, dot);
  return major < 1 || (major === 1 && decimal(bytes, dot + 1, minorEnd) < 6);
}

function digitsEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at]! >= ZERO && bytes[at]! <= ZERO + 9) at++;
  return at;
}

/** The number behind `name` in a line that begins with it; 0 in another one. */
function figure(bytes: Uint8Array, start: number, end: number, name: Uint8Array): number {
  return beginsWith(bytes, start, end, name) ? decimal(bytes, start + name.length, end) : 0;
}

function decimal(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return 0;
    value = value * 10 + digit;
  }
  return value;
}
