import type { LongReply, LongReplyHost } from './long-reply.ts';
import type { NodeContext, StatLine } from './node-context.ts';

/** Sizes are told apart in steps of so many bytes, as in memcached. */
const STEP_BYTES = 32;
/** Buckets of the index that are counted in one turn. */
const SLICE_BUCKETS = 4096;

/**
 * `stats sizes`: how many items there are of each size, in steps of 32 bytes. The cache is counted when somebody asks, a slice in a turn, so
 * that nothing need be counted at every store.
 */
export class SizeHistogram implements LongReply {
  readonly isEndless = false;
  readonly state = 'conn_parse_cmd';
  readonly #context: NodeContext;
  readonly #host: LongReplyHost;
  readonly #answer: (lines: readonly StatLine[]) => void;
  readonly #counts: Map<number, number> = new Map();
  #cursor = 0;
  #hasGone = false;

  /** @param answer writes the sizes, in bytes, and how many items have each */
  constructor(context: NodeContext, host: LongReplyHost, answer: (lines: readonly StatLine[]) => void) {
    this.#context = context;
    this.#host = host;
    this.#answer = answer;
  }

  start(): void {
    this.#host.hold(this);
    this.#slice();
  }

  drained(): void {}

  closed(): void {
    this.#hasGone = true;
  }

  #slice(): void {
    if (this.#hasGone) return;
    this.#cursor = this.#context.cache.scan(this.#cursor, SLICE_BUCKETS, this.#visit);
    if (this.#cursor >= 0) {
      this.#context.threads.later(() => this.#slice());
      return;
    }
    const sizes = Array.from(this.#counts).sort(([a], [b]) => a - b);
    this.#answer(sizes.map(([steps, count]) => [String(steps * STEP_BYTES), count]));
    this.#host.release();
  }

  readonly #visit = (item: number): void => {
    const { cache } = this.#context;
    if (cache.isTombstone(item)) return;
    const steps = Math.ceil(cache.itemBytes(item) / STEP_BYTES);
    this.#counts.set(steps, (this.#counts.get(steps) ?? 0) + 1);
  };
}
