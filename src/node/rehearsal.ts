/**
 * Does everything once that a node must be quick at and may never have done when it is needed: a twin that only ever took copies is asked for its first
 * write when the other one has died, and a node that was alone sends its first full copy. The engine compiles a function when it is called, in
 * slow code, and well only what has run for a while: the first set of a process takes one to two milliseconds of processor time, the first turn of a copy
 * four. So requests and links are run over small caches of their own, which nobody sees, a little at a time.
 */
import { Output } from '../base/output.ts';
import type { Connection } from '../base/session.ts';
import { protocolSession } from '../engine/client-session.ts';
import { LookAhead } from '../engine/look-ahead.ts';
import type { NodeContext } from '../engine/node-context.ts';
import { PrefixStatistics } from '../engine/prefix-statistics.ts';
import { Cache } from '../store/cache.ts';
import type { CacheOptions } from '../store/cache-options.ts';
import { FEED_BYTES_MIN } from '../store/change-feed.ts';
import { createSharedCache } from '../store/create-shared-cache.ts';
import type { SharedCache } from '../store/shared-cache.ts';

/** How often each request is made: the first time it is compiled; the others have it compiled better. More would not make a take-over faster, and costs a start. */
const ROUNDS = 10;
const CACHE_BYTES: number = 4 * 1024 * 1024;

const VALUE = 'v'.repeat(100);
/** Taken piece by piece. */
const LARGE_VALUE = 'v'.repeat(10_000);

/** Each is one that succeeds, or misses. */
export const TEXT_REQUESTS: readonly string[] = [
  setRequest('k'),
  'get k\r\n',
  'gets k l m\r\n',
  `set l 5 60 100 noreply\r\n${VALUE}\r\n`,
  'delete l\r\n',
  'get l\r\n',
  `set l 0 0 10000\r\n${LARGE_VALUE}\r\n`,
  `add m 0 0 100\r\n${VALUE}\r\n`,
  `replace m 0 0 100\r\n${VALUE}\r\n`,
  'append m 0 0 1\r\nx\r\n',
  'prepend m 0 0 1\r\nx\r\n',
  'cas m 0 0 1 1\r\nx\r\n',
  'set n 0 0 1\r\n1\r\n',
  'incr n 1\r\n',
  'decr n 1\r\n',
  'touch n 100\r\n',
  'gat 100 n\r\n',
  `ms k 100 T0 F0\r\n${VALUE}\r\n`,
  'mg k s v f c t\r\n',
  'ma n\r\n',
  'md k\r\n',
  'mg k v\r\n',
  'mn\r\n',
];

export const BINARY_REQUESTS: readonly string[] = [
  binaryRequest(0x01, '\0'.repeat(8), 'k', VALUE),
  binaryRequest(0x00, '', 'k', ''),
  binaryRequest(0x0c, '', 'k', ''),
  binaryRequest(0x04, '', 'k', ''),
  binaryRequest(0x0a, '', '', ''),
];

/** A set of a small value. */
export function setRequest(key: string): string {
  return `set ${key} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`;
}

function binaryRequest(opcode: number, extras: string, key: string, value: string): string {
  const head = Buffer.alloc(24);
  head[0] = 0x80;
  head[1] = opcode;
  head[3] = key.length;
  head[4] = extras.length;
  head.writeUInt32BE(extras.length + key.length + value.length, 8);
  return head.toString('latin1') + extras + key + value;
}

/** A connection that leads nowhere: what is written stands in its output. */
export class BlindConnection implements Connection {
  readonly output: Output = new Output({
    makeRoom: (output, count) => {
      const grown = new Uint8Array(Math.max(64 * 1024, 2 * (output.at + count)));
      grown.set(output.bytes.subarray(0, output.at));
      output.bytes = grown;
      output.limit = grown.length;
    },
  });
  readonly descriptor = -1;
  readonly remote = 'rehearsal';
  flush(): void {}
  end(): void {}
  destroy(): void {}
  pause(): void {}
  resume(): void {}

  /** Forgets what has been written, which stands where it stood until something else is written. @returns where it ended */
  empty(): number {
    const { output } = this;
    const end = output.at;
    output.at = output.start;
    return end;
  }
}

/** A small cache that has all that the node's own has, so that the same code runs. */
export function smallCache(options: CacheOptions): SharedCache {
  return createSharedCache({
    ...options,
    memoryBytesMax: CACHE_BYTES,
    itemBytesMax: Math.min(options.itemBytesMax, CACHE_BYTES / 4),
    memoryRoomBytes: 0,
    ioBytesPerThread: 0,
    hashPower: 12,
    feedBytes: FEED_BYTES_MIN,
  });
}

/** A client's session over such a cache, and a connection that takes its replies. */
export class SmallClient {
  readonly #connection = new BlindConnection();
  readonly #session: ReturnType<typeof protocolSession>;

  /** @param context of the thread's real sessions */
  constructor(context: NodeContext, cache: Cache, isBinary: boolean) {
    const small: NodeContext = {
      ...context,
      cache,
      logins: null,
      sasl: null,
      fence: null,
      acks: null,
      prefixes: new PrefixStatistics(':'),
      lookAhead: new LookAhead(cache),
    };
    this.#session = protocolSession(small, this.#connection, isBinary);
  }

  /** @returns bytes of the reply */
  ask(request: Uint8Array): number {
    this.#session.feed(request, 0, request.length);
    return this.#connection.empty();
  }
}

/** The bytes of a request. */
export function bytesOf(request: string): Uint8Array {
  return Uint8Array.from(Buffer.from(request, 'latin1'));
}

/**
 * Makes every request, in pieces of a millisecond or two.
 *
 * @param options of the node's cache
 * @param thread the number of this thread
 * @param wallMs the time
 * @returns requests made
 */
export function* rehearseRequests(
  context: NodeContext,
  options: CacheOptions,
  thread: number,
  wallMs: number,
): Generator<void, number> {
  let made = 0;
  const cache = new Cache(smallCache(options), thread);
  cache.tick(wallMs);
  yield;
  const { protocol } = context.settings;
  for (const [requests, isBinary] of [
    [TEXT_REQUESTS, false],
    [BINARY_REQUESTS, true],
  ] as const) {
    if (protocol === (isBinary ? 'ascii' : 'binary')) continue;
    const client = new SmallClient(context, cache, isBinary);
    const all = requests.map(bytesOf);
    for (let round = 0; round < ROUNDS; round++) {
      for (const bytes of all) {
        client.ask(bytes);
        made++;
        if (round === 0) yield;
      }
      yield;
    }
  }
  return made;
}
