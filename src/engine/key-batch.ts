import { nextKey, type TextRequest } from '../protocol/text/request-parser.ts';
import type { Cache } from '../store/cache.ts';

/** Keys that are looked up together: enough to hide the memory's latency, few enough to stay in the processor's first cache. */
const KEY_BATCH_MAX = 64;

/**
 * Keys of one request that are about to be looked up: where they lie in the input, and their hashes.
 *
 * A look-up waits for memory twice, for the bucket and then for the item, and each of both depends on the one before. Looked up one after the
 * other, keys wait for each other; `lookAhead` has the processor fetch all buckets at once and then all items at once, as many at a time as
 * it can have under way.
 */
export class KeyBatch {
  count = 0;
  readonly starts: Int32Array = new Int32Array(KEY_BATCH_MAX);
  readonly ends: Int32Array = new Int32Array(KEY_BATCH_MAX);
  readonly hashes: Int32Array = new Int32Array(KEY_BATCH_MAX);

  /** Takes keys from the present one of a retrieval line on. @returns whether there are more, the first of which is the request's present one then */
  collect(input: Uint8Array, request: TextRequest): boolean {
    const { starts, ends } = this;
    let count = 0;
    let hasMore = true;
    while (hasMore && count < KEY_BATCH_MAX) {
      starts[count] = request.keyStart;
      ends[count] = request.keyEnd;
      count++;
      hasMore = nextKey(input, request);
    }
    this.count = count;
    return hasMore;
  }

  /** Hashes the keys, which lie in `input`, and brings what belongs to them near. */
  lookAhead(cache: Cache, input: Uint8Array): void {
    const { count, starts, ends, hashes } = this;
    for (let i = 0; i < count; i++) hashes[i] = cache.hash(input, starts[i]!, ends[i]!);
    if (count > 1) cache.touchAll(hashes, count);
  }
}
