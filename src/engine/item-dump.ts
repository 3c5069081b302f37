import { KEY_BYTES_MAX } from '../base/limits.ts';
import { base64Bytes, encodeBase64Key } from '../protocol/text/base64-key.ts';
import { MARK } from '../store/cache.ts';
import type { LongReply, LongReplyHost } from './long-reply.ts';
import type { NodeContext } from './node-context.ts';
import { uriEncoded } from './uri-encoding.ts';

/** Items and buckets of one turn: some milliseconds, then other clients are served. */
const SLICE_ITEMS = 2000;
const SLICE_BUCKETS = 16_384;
/** Buckets of one step; so long at most the lines of a step stand in memory beside the output. */
const STEP_BUCKETS = 32;

/** Whether a key can stand in a text command as it is. Others come from clients that send keys in base64, or in binary. */
function isPlain(key: string): boolean {
  return !/[\s\0]/.test(key);
}

function textOf(bytes: Uint8Array, count: number): string {
  let text = '';
  for (let i = 0; i < count; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/**
 * The items of the cache, one line each, in the order of the index, as the client reads them: a slice in a turn, and none while the
 * client has not taken the one before. What is there from the beginning to the end is listed, maybe twice when the index grows meanwhile.
 */
export class ItemDump implements LongReply {
  readonly isEndless = false;
  readonly state = 'conn_watch';
  readonly #context: NodeContext;
  readonly #host: LongReplyHost;
  readonly #isMetadump: boolean;
  readonly #classes: ReadonlySet<number> | null;
  readonly #key: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
  readonly #base64: Uint8Array = new Uint8Array(base64Bytes(KEY_BYTES_MAX));
  #cursor = 0;
  #lines = '';
  #items = 0;
  #isScheduled = false;
  #isOver = false;

  /**
   * @param context its claim has been taken, and is given back at the end
   * @param what `metadump` for everything about an item, `mgdump` for requests that fetch them
   * @param classes slab classes that are wanted; null for all
   */
  constructor(
    context: NodeContext,
    host: LongReplyHost,
    what: 'metadump' | 'mgdump',
    classes: ReadonlySet<number> | null,
  ) {
    this.#context = context;
    this.#host = host;
    this.#classes = classes;
    this.#isMetadump = what === 'metadump';
  }

  start(): void {
    this.#host.hold(this);
    this.#host.connection.output.text('OK\r\n');
    this.#slice();
  }

  drained(): void {
    this.#slice();
  }

  closed(): void {
    this.#finish();
  }

  #slice(): void {
    const { connection } = this.#host;
    const { output } = connection;
    if (this.#isOver || this.#isScheduled || output.blocked) return;
    const { cache, claim, threads } = this.#context;
    claim.renew();
    this.#items = 0;
    for (let buckets = 0; buckets < SLICE_BUCKETS && this.#items < SLICE_ITEMS; buckets += STEP_BUCKETS) {
      this.#cursor = cache.scan(this.#cursor, STEP_BUCKETS, this.#visit);
      output.text(this.#lines);
      this.#lines = '';
      if (this.#cursor < 0) {
        output.text(this.#isMetadump ? 'END\r\n' : 'EN\r\n');
        this.#finish();
        this.#host.release();
        return;
      }
      if (output.blocked) break;
    }
    connection.flush();
    // The client's reading calls for more.
    if (output.blocked) return;
    this.#isScheduled = true;
    threads.later(() => {
      this.#isScheduled = false;
      this.#slice();
    });
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#context.claim.release();
  }

  /** Runs with the item's stripe locked: it must not write to the output, which may send. */
  readonly #visit = (item: number): void => {
    const { cache } = this.#context;
    if (cache.isTombstone(item)) return;
    this.#items++;
    if (this.#classes !== null && !this.#classes.has(cache.slabClass(item))) return;
    this.#lines += this.#isMetadump ? this.#metadumpLine(item) : this.#mgdumpLine(item);
  };

  #keyOf(item: number): string {
    const { cache } = this.#context;
    cache.copyKey(item, this.#key, 0);
    return textOf(this.#key, cache.keyBytes(item));
  }

  #metadumpLine(item: number): string {
    const { cache, settings } = this.#context;
    const exptime = cache.exptime(item);
    const cas = settings.casShown
      ? (BigInt(cache.meta.casHigh(item)) << 32n) | BigInt(cache.meta.casLow(item))
      : 0;
    return `key=${uriEncoded(this.#keyOf(item))} exp=${exptime === 0 ? -1 : exptime} la=${cache.lastAccess(item)} cas=${cas} fetch=${cache.wasFetched(item) ? 'yes' : 'no'} cls=${cache.slabClass(item)} size=${cache.itemBytes(item)} flags=${cache.clientFlags(item)} \n`;
  }

  #mgdumpLine(item: number): string {
    const key = this.#keyOf(item);
    const isBase64 = (this.#context.cache.meta.marks(item) & MARK.base64Key) !== 0;
    if (!isBase64 && isPlain(key)) return `mg ${key}\r\n`;
    const end = encodeBase64Key(this.#key, 0, key.length, this.#base64, 0);
    return `mg ${textOf(this.#base64, end)} b\r\n`;
  }
}
