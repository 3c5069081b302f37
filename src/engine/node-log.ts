import type { Clock } from '../base/clock.ts';
import { KEY_BYTES_MAX } from '../base/limits.ts';
import type { Connection } from '../base/session.ts';
import type { Cache } from '../store/cache.ts';
import type { CacheObserver } from '../store/cache-observer.ts';
import { COUNTER } from '../store/counters.ts';
import { MISS, type Miss, RESULT, type Result, STORE_MODE, type StoreMode } from '../store/results.ts';
import { LINE_BYTES_MAX, LogMemory, type SharedLog, STREAM } from './log-memory.ts';
import { uriEncoded } from './uri-encoding.ts';

/** Watchers get what has been written this often, or sooner when a ring is half full. */
const READ_MS = 50;

/** What the cache must tell of. */
const CACHE_STREAMS: number =
  STREAM.fetchers | STREAM.mutations | STREAM.evictions | STREAM.deletions | STREAM.sysevents;

const LOOKUP_STATUS: Readonly<Record<Miss, string>> = {
  [MISS.absent]: 'not_found',
  [MISS.expired]: 'expired',
  [MISS.flushed]: 'flushed',
};

const STORE_STATUS: ReadonlyMap<Result, string> = new Map([
  [RESULT.stored, 'stored'],
  [RESULT.notStored, 'not_stored'],
  [RESULT.exists, 'exists'],
  [RESULT.notFound, 'not_found'],
  [RESULT.tooLarge, 'too_large'],
  [RESULT.noMemory, 'no_memory'],
]);

const STORE_COMMAND: Readonly<Record<StoreMode, string>> = {
  [STORE_MODE.set]: 'set',
  [STORE_MODE.add]: 'add',
  [STORE_MODE.replace]: 'replace',
  [STORE_MODE.append]: 'append',
  [STORE_MODE.prepend]: 'prepend',
  [STORE_MODE.cas]: 'cas',
};

/** Somebody who reads the log. */
export interface LogReader {
  /** Bits of STREAM. */
  readonly streams: number;
  /** Takes a line, or counts it as skipped. */
  take(bytes: Uint8Array, count: number): void;
  /** The lines that there were have been taken. */
  flush(): void;
}

/** What the log needs of its thread. */
export interface LogThread {
  readonly index: number;
  readonly clock: Clock;
  /** Calls back after so many milliseconds. */
  schedule(delayMs: number, callback: () => void): void;
  /** Makes another thread call its log's `read` soon. */
  wake(thread: number): void;
}

/**
 * One thread's log: takes lines about what happens on this thread, while somebody on any thread watches, and gives the lines of all
 * threads to the watchers of this one.
 */
export class NodeLog implements CacheObserver {
  /** The client whose bytes are being worked on; for the lines about items. */
  descriptor = 0;
  /** What a deletion is told as. */
  deleteCommand: 'delete' | 'md' = 'delete';
  readonly #memory: LogMemory;
  readonly #cache: Cache;
  readonly #thread: LogThread;
  readonly #readers: Set<LogReader> = new Set();
  readonly #line: Uint8Array = new Uint8Array(LINE_BYTES_MAX);
  readonly #key: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
  #wanted = 0;
  #epoch = 0;
  #isReading = false;
  #isWakeSent = false;

  constructor(shared: SharedLog, cache: Cache, thread: LogThread) {
    this.#memory = new LogMemory(shared, thread.index);
    this.#cache = cache;
    this.#thread = thread;
  }

  /** Once a turn: whether anything is watched, by whomever. */
  tick(): void {
    const { epoch } = this.#memory;
    if (epoch !== this.#epoch) this.#follow(epoch);
  }

  #follow(epoch: number): void {
    this.#epoch = epoch;
    this.#wanted = this.#memory.wanted();
    this.#cache.observe((this.#wanted & CACHE_STREAMS) !== 0 ? this : null);
  }

  /** Watchers now, on all threads. */
  get watchers(): number {
    return this.#memory.watchers;
  }

  // Reading

  /** Begins to give a reader the lines it wants. @returns false when there are too many readers in the node */
  add(reader: LogReader): boolean {
    if (!this.#memory.enter(reader.streams)) return false;
    this.#memory.open();
    this.#readers.add(reader);
    this.tick();
    if (!this.#isReading) {
      this.#isReading = true;
      this.#thread.schedule(READ_MS, this.#readOn);
    }
    return true;
  }

  remove(reader: LogReader): void {
    if (!this.#readers.delete(reader)) return;
    this.#memory.leave(reader.streams);
    if (this.#readers.size === 0) this.#memory.close();
    this.tick();
  }

  readonly #readOn = (): void => {
    this.read();
    this.#isReading = this.#readers.size > 0;
    if (this.#isReading) this.#thread.schedule(READ_MS, this.#readOn);
  };

  /** Gives this thread's readers what all threads have written. */
  read(): void {
    if (this.#readers.size === 0) return;
    this.#memory.read(this.#line, this.#distribute);
    for (const reader of this.#readers) reader.flush();
  }

  readonly #distribute = (bytes: number, stream: number): void => {
    for (const reader of this.#readers) if ((reader.streams & stream) !== 0) reader.take(this.#line, bytes);
  };

  /** Counts a line that a reader has got, or has not. */
  count(counter: typeof COUNTER.logWatcherSent | typeof COUNTER.logWatcherSkipped): void {
    this.#cache.counters[counter]!++;
  }

  // Writing

  missed(bytes: Uint8Array, keyStart: number, keyEnd: number, miss: Miss): void {
    if ((this.#wanted & STREAM.fetchers) !== 0)
      this.#fetched(keyText(bytes, keyStart, keyEnd), LOOKUP_STATUS[miss], 0, 0);
  }

  found(item: number): void {
    if ((this.#wanted & STREAM.fetchers) === 0) return;
    const cache = this.#cache;
    this.#fetched(this.#keyOf(item), 'found', cache.slabClass(item), cache.valueBytes(item));
  }

  #fetched(key: string, status: string, slabClass: number, valueBytes: number): void {
    this.#write(
      STREAM.fetchers,
      `type=item_get key=${key} status=${status} clsid=${slabClass} cfd=${this.descriptor} size=${valueBytes}`,
    );
  }

  #keyOf(item: number): string {
    const bytes = this.#cache.keyBytes(item);
    this.#cache.copyKey(item, this.#key, 0);
    return keyText(this.#key, 0, bytes);
  }

  stored(
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    mode: StoreMode,
    result: Result,
    exptime: number,
    slabClass: number,
    valueBytes: number,
  ): void {
    if ((this.#wanted & STREAM.mutations) === 0) return;
    const ttl = exptime === 0 ? 0 : Math.max(-1, exptime - this.#cache.nowSeconds);
    this.#write(
      STREAM.mutations,
      `type=item_store key=${keyText(bytes, keyStart, keyEnd)} status=${STORE_STATUS.get(result) ?? 'not_stored'} cmd=${STORE_COMMAND[mode]} ttl=${ttl} clsid=${slabClass} cfd=${this.descriptor} size=${valueBytes}`,
    );
  }

  deleted(bytes: Uint8Array, keyStart: number, keyEnd: number, slabClass: number, valueBytes: number): void {
    if ((this.#wanted & STREAM.deletions) === 0) return;
    const key = keyText(bytes, keyStart, keyEnd);
    this.#write(
      STREAM.deletions,
      `type=deleted key=${key} cmd=${this.deleteCommand} clsid=${slabClass} size=${valueBytes}`,
    );
  }

  evicted(item: number): void {
    if ((this.#wanted & STREAM.evictions) === 0) return;
    const cache = this.#cache;
    const exptime = cache.exptime(item);
    const ttl = exptime === 0 ? -1 : exptime - cache.nowSeconds;
    const unused = Math.max(0, cache.nowSeconds - cache.lastAccess(item));
    this.#write(
      STREAM.evictions,
      `type=eviction key=${this.#keyOf(item)} fetch=${cache.wasFetched(item) ? 'yes' : 'no'} ttl=${ttl} la=${unused} clsid=${cache.slabClass(item)} size=${cache.valueBytes(item)}`,
    );
  }

  connected(connection: Connection): void {
    if ((this.#wanted & STREAM.connevents) === 0) return;
    this.#write(
      STREAM.connevents,
      `type=conn_new ${peerText(connection.remote)} cfd=${connection.descriptor}`,
    );
  }

  /** @param reason error, normal, idle_timeout or shutdown */
  disconnected(connection: Connection, reason: string): void {
    if ((this.#wanted & STREAM.connevents) === 0) return;
    const peer = peerText(connection.remote);
    this.#write(STREAM.connevents, `type=conn_close ${peer} reason=${reason} cfd=${connection.descriptor}`);
  }

  pageMoved(source: number, target: number): void {
    if ((this.#wanted & STREAM.sysevents) !== 0)
      this.#write(STREAM.sysevents, `type=slab_move src=${source} dst=${target}`);
  }

  /** memcached tells of each class and queue apart; the crawler here walks over all of them at once. */
  crawled(seconds: number, examined: number, reclaimed: number, restSeconds: number): void {
    if ((this.#wanted & STREAM.sysevents) === 0) return;
    this.#write(
      STREAM.sysevents,
      `type=lru_crawler crawler=0 lru=all low_mark=0 next_reclaims=0 since_run=${seconds} next_run=${restSeconds} elapsed=${seconds} examined=${examined} reclaimed=${reclaimed}`,
    );
  }

  #write(stream: number, text: string): void {
    const memory = this.#memory;
    const wallMs = this.#thread.clock.wallMs();
    const seconds = Math.floor(wallMs / 1000);
    const micros = Math.floor((wallMs - seconds * 1000) * 1000);
    const isWritten = memory.append(`ts=${seconds}.${micros} gid=${memory.nextSerial()} ${text}\n`, stream);
    this.#cache.counters[isWritten ? COUNTER.logWorkerWritten : COUNTER.logWorkerDropped]!++;
    const isCrowded = memory.unread() * 2 > memory.ringBytes;
    if (isCrowded && !this.#isWakeSent) memory.forReaders((thread) => this.#thread.wake(thread));
    this.#isWakeSent = isCrowded;
  }
}

function keyText(bytes: Uint8Array, keyStart: number, keyEnd: number): string {
  let key = '';
  for (let i = keyStart; i < keyEnd; i++) key += String.fromCharCode(bytes[i]!);
  return uriEncoded(key);
}

/** `tcp:127.0.0.1:4711` as `rip=127.0.0.1 rport=4711 transport=tcp`. */
function peerText(remote: string): string {
  const address = /^(tcp6?|udp6?):\[?(.*?)\]?:(\d+)$/.exec(remote);
  if (address === null) return 'rip=unix rport=0 transport=local';
  const [, transport = '', host, port] = address;
  return `rip=${host} rport=${port} transport=${transport.slice(0, 3)}`;
}
