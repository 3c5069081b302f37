import { REPLY, REPLY_LINE_BYTES_MAX, TextReplyParser } from '../protocol/text/reply-parser.ts';

/** An item as a reply of `gets` tells it. */
export interface ReplyItem {
  readonly key: string;
  readonly flags: number;
  readonly value: Buffer;
  /** Null when it was not asked for. */
  readonly cas: string | null;
}

/** A whole reply. */
export interface Reply {
  /** The line that ended it: `END`, `STORED`, `42`, `CLIENT_ERROR …` */
  readonly line: string;
  /** It is an error line of the protocol. */
  readonly isError: boolean;
  readonly items: readonly ReplyItem[];
  /** What stands in front of END in a list: of STAT lines the `name value`, other lines as they are. */
  readonly statistics: readonly string[];
}

/** STAT lines and values of one reply; beyond it the server is not one. */
const PARTS_MAX = 1_000_000;

/** How lists end that have no END: `stats reset`, `stats detail on`. */
const LIST_ENDS = ['RESET', 'OK'];

/** Who asked. */
export interface ReplyUser {
  /** Whether the reply that is coming is a list, of which any line may be a part: `stats` of a magent. */
  isList(): boolean;
  /** A reply is whole. */
  take(reply: Reply): void;
}

/**
 * Puts the bytes that come from a server together to replies, in their order.
 *
 * A value is copied once, to where its caller finds it, however many pieces it comes in.
 */
export class ReplyReader {
  readonly #parser = new TextReplyParser();
  readonly #user: ReplyUser;
  /** A line of which the end has not come. */
  #rest: Buffer = Buffer.alloc(0);
  #items: ReplyItem[] = [];
  #statistics: string[] = [];
  /** Where the present value goes to, with its CR LF, and how much of it is there. */
  #value: Buffer = Buffer.alloc(0);
  #valueBytes = 0;

  constructor(user: ReplyUser) {
    this.#user = user;
  }

  /** @returns false when the bytes are no reply of a memcached: the connection cannot be used any more */
  push(chunk: Buffer): boolean {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    let at = 0;
    while (at < bytes.length) {
      if (this.#parser.valueRest > 0) {
        const after = this.#parser.takeValue(bytes, at, bytes.length);
        if (after < 0) return false;
        this.#valueBytes += bytes.copy(this.#value, this.#valueBytes, at, after);
        at = after;
        continue;
      }
      const kind = this.#parser.parseLine(bytes, at, bytes.length);
      if (kind === REPLY.malformed) return false;
      if (kind === REPLY.incomplete) {
        this.#rest = Buffer.from(bytes.subarray(at));
        return this.#rest.length <= REPLY_LINE_BYTES_MAX + 2;
      }
      if (!this.#line(kind, bytes.toString('latin1', this.#parser.lineStart, this.#parser.lineEnd)))
        return false;
      at = this.#parser.next;
    }
    return true;
  }

  /** @returns false when there are too many of them */
  #line(kind: number, line: string): boolean {
    if (kind === REPLY.value) {
      const [, key = '', flags = '', , cas = null] = line.split(' ');
      this.#value = Buffer.allocUnsafe(this.#parser.valueRest);
      this.#valueBytes = 0;
      const value = this.#value.subarray(0, -2);
      this.#items.push({ key: Buffer.from(key, 'latin1').toString(), flags: Number(flags), value, cas });
      return this.#items.length <= PARTS_MAX;
    }
    const isPart = kind === REPLY.other && this.#user.isList() && !LIST_ENDS.includes(line);
    if (kind === REPLY.stat || isPart) {
      this.#statistics.push(isPart ? line : line.slice('STAT '.length));
      return this.#statistics.length <= PARTS_MAX;
    }
    const isError = kind === REPLY.error || kind === REPLY.clientError || kind === REPLY.serverError;
    const reply = { line, isError, items: this.#items, statistics: this.#statistics };
    this.#items = [];
    this.#statistics = [];
    this.#user.take(reply);
    return true;
  }
}
