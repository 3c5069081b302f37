import { KEY_BYTES_MAX } from '../base/limits.ts';
import { CacheError } from './cache-error.ts';
import type { Reply, ReplyItem } from './reply-reader.ts';
import { type ClientBounds, ServerConnection } from './server-connection.ts';

/** What is stored: bytes, or a text in UTF-8. */
export type CacheValue = string | Uint8Array;

/** How a value is stored. */
export interface StoreOptions {
  /** Seconds, at most 30 days; beyond that a time in Unix seconds; 0, and unless given: for ever. Negative: expired at once. */
  readonly exptime?: number;
  /** 32 bits that the server keeps with the value, 0 unless given. */
  readonly flags?: number;
}

/** A value with what the server keeps beside it. */
export type CachedItem = Omit<ReplyItem, 'cas'> & { readonly cas: string };

const STORE_NO = ['NOT_STORED', 'NOT_FOUND', 'EXISTS'];
const FLAGS_MAX = 2 ** 32 - 1;

/**
 * A client of one server, node or proxy, over memcached's text protocol:
 *
 *     const client = new Client('127.0.0.1:12000');
 *     await client.set('hello', 'world', { exptime: 60 });
 *     (await client.get('hello'))?.toString(); // 'world'
 *     client.close();
 *
 * It dials with the first request, sends requests without waiting for the answers of earlier ones, and dials again after the connection
 * was lost. It does not send a request twice: of a write that was lost nobody can say whether it was done. Failover and sharding are the
 * proxies' business.
 *
 * All methods reject with a CacheError, and throw a RangeError for what the protocol cannot say: a key with blanks or of more than 250
 * bytes, a number that is none. An idle client does not keep the process alive.
 */
export class Client {
  readonly #connection: ServerConnection;

  /**
   * @param address `host:port`, `host`, `[::1]:port` or the path of a unix socket
   * @throws RangeError when it is none
   */
  constructor(address = '127.0.0.1:11211', bounds: Partial<ClientBounds> = {}) {
    this.#connection = new ServerConnection(address, bounds);
  }

  /** @returns the value, or null when there is none */
  async get(key: string): Promise<Buffer | null> {
    const { items } = await this.#ask(`get ${keyText(key)}`, ['END']);
    return items[0]?.value ?? null;
  }

  /** @returns the value with its flags, and the cas id that `compareAndSet` takes */
  async getItem(key: string): Promise<CachedItem | null> {
    const { items } = await this.#ask(`gets ${keyText(key)}`, ['END']);
    const [item] = items;
    return item === undefined ? null : { ...item, cas: item.cas ?? '' };
  }

  /** @returns those that there are, by key */
  async getMany(keys: readonly string[]): Promise<Map<string, Buffer>> {
    if (keys.length === 0) return new Map();
    const { items } = await this.#ask(`get ${keys.map(keyText).join(' ')}`, ['END']);
    return new Map(items.map(({ key, value }) => [key, value]));
  }

  /** Stores in any case. */
  async set(key: string, value: CacheValue, options: StoreOptions = {}): Promise<void> {
    const line = await this.#store('set', key, value, options, '');
    if (line !== 'STORED') throw this.#refusal(line);
  }

  /** Stores what is not there yet. @returns whether it did */
  async add(key: string, value: CacheValue, options: StoreOptions = {}): Promise<boolean> {
    return (await this.#store('add', key, value, options, '')) === 'STORED';
  }

  /** Stores over what is there. @returns whether there was something */
  async replace(key: string, value: CacheValue, options: StoreOptions = {}): Promise<boolean> {
    return (await this.#store('replace', key, value, options, '')) === 'STORED';
  }

  /** Puts more behind what is there. @returns whether there was something */
  async append(key: string, value: CacheValue): Promise<boolean> {
    return (await this.#store('append', key, value, {}, '')) === 'STORED';
  }

  /** Puts more in front of what is there. @returns whether there was something */
  async prepend(key: string, value: CacheValue): Promise<boolean> {
    return (await this.#store('prepend', key, value, {}, '')) === 'STORED';
  }

  /**
   * Stores unless somebody has changed it since.
   *
   * @param cas of `getItem`
   */
  async compareAndSet(
    key: string,
    value: CacheValue,
    cas: string,
    options: StoreOptions = {},
  ): Promise<'stored' | 'changed' | 'missing'> {
    if (!/^\d{1,20}$/.test(cas)) throw new RangeError(`${JSON.stringify(cas)} is no cas id`);
    const line = await this.#store('cas', key, value, options, ` ${cas}`);
    return line === 'STORED' ? 'stored' : line === 'EXISTS' ? 'changed' : 'missing';
  }

  /** @returns whether it was there */
  async delete(key: string): Promise<boolean> {
    return (await this.#ask(`delete ${keyText(key)}`, ['DELETED', 'NOT_FOUND'])).line === 'DELETED';
  }

  /** Adds to a number in digits; beyond 2^64 it begins at 0. @returns what it is then, or null when there is none */
  increment(key: string, by: number | bigint = 1): Promise<bigint | null> {
    return this.#count('incr', key, by);
  }

  /** Takes from a number in digits; below 0 it stays 0. @returns what it is then, or null when there is none */
  decrement(key: string, by: number | bigint = 1): Promise<bigint | null> {
    return this.#count('decr', key, by);
  }

  /** @param exptime as in StoreOptions. @returns whether it was there */
  async touch(key: string, exptime: number): Promise<boolean> {
    const request = `touch ${keyText(key)} ${whole(exptime, 'exptime', Number.MIN_SAFE_INTEGER)}`;
    return (await this.#ask(request, ['TOUCHED', 'NOT_FOUND'])).line === 'TOUCHED';
  }

  /** Makes everything expire that there is. A proxy may refuse. */
  async flushAll(): Promise<void> {
    await this.#ask('flush_all', ['OK']);
  }

  /** @param what as in `stats items`; the general ones unless given */
  async stats(what = ''): Promise<Map<string, string>> {
    if (/[\r\n\0]/.test(what)) throw new RangeError(`${JSON.stringify(what)} is no kind of statistics`);
    const request = Buffer.from(`${`stats ${what}`.trimEnd()}\r\n`);
    const { statistics } = this.#expect(await this.#connection.ask(request, true), null);
    return new Map(
      statistics.map((line) => {
        const space = line.indexOf(' ');
        return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
      }),
    );
  }

  async version(): Promise<string> {
    const { line } = await this.#ask('version', null);
    return line.replace(/^VERSION /, '');
  }

  /** Ends the connection. Requests without an answer are lost; the next one dials again. */
  close(): void {
    this.#connection.close();
  }

  async #store(
    verb: string,
    key: string,
    value: CacheValue,
    { exptime = 0, flags = 0 }: StoreOptions,
    tail: string,
  ): Promise<string> {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    const seconds = whole(exptime, 'exptime', Number.MIN_SAFE_INTEGER);
    if (flags > FLAGS_MAX) throw new RangeError(`flags have 32 bits, ${flags} has more`);
    const line = `${verb} ${keyText(key)} ${whole(flags, 'flags', 0)} ${seconds} ${bytes.length}${tail}\r\n`;
    const request = Buffer.concat([Buffer.from(line), bytes, CRLF]);
    return this.#expect(await this.#connection.ask(request), ['STORED', ...STORE_NO]).line;
  }

  async #count(verb: string, key: string, by: number | bigint): Promise<bigint | null> {
    const amount = typeof by === 'bigint' ? by : BigInt(whole(by, 'the amount', 0));
    if (amount < 0n || amount >= 2n ** 64n) throw new RangeError(`${amount} does not have 64 bits`);
    const { line } = await this.#ask(`${verb} ${keyText(key)} ${amount}`, null);
    if (line === 'NOT_FOUND') return null;
    if (!/^\d+$/.test(line)) throw this.#refusal(line);
    return BigInt(line);
  }

  async #ask(request: string, lines: readonly string[] | null): Promise<Reply> {
    return this.#expect(await this.#connection.ask(Buffer.from(`${request}\r\n`)), lines);
  }

  /** @param lines how an answer may end; null: any but an error */
  #expect(reply: Reply, lines: readonly string[] | null): Reply {
    if (reply.isError || (lines !== null && !lines.includes(reply.line))) throw this.#refusal(reply.line);
    return reply;
  }

  #refusal(line: string): CacheError {
    return new CacheError('refused', `${this.#connection.address}: ${line}`);
  }
}

const CRLF = Buffer.from('\r\n');

function keyText(key: string): string {
  // A control character or a blank would end the key, and what follows it would be read as something else.
  if (key === '' || /[\0-\x20\x7f]/.test(key) || Buffer.byteLength(key) > KEY_BYTES_MAX)
    throw new RangeError(`${JSON.stringify(key)} is no key: 1 to ${KEY_BYTES_MAX} bytes without blanks`);
  return key;
}

function whole(value: number, name: string, least: number): number {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name}: ${value} is no whole number${least === 0 ? ' from 0' : ''}`);
  return value;
}
