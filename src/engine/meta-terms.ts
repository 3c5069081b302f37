/** What a meta request says, in the store's terms; the same for all commands that say it. */
import { LOWER, type MetaRequest, UPPER } from '../protocol/text/meta-request.ts';
import { CAS_WIDE, type Cache, KEEP_EXPTIME, MARK } from '../store/cache.ts';
import { absoluteExptime } from './exptime.ts';

/** Versions are below 2^53; beyond are only cas ids that a client chose. */
const VERSION_HIGH_MAX = 0x1fffff;

/**
 * The cas id that a request compares, in the form in which the store takes it, where 0 would mean any: an id of 0 is one that only
 * an item can have whose client chose it.
 */
export function comparedCas(cache: Cache, request: MetaRequest): number {
  const { compareHigh, compareLow } = request;
  const cas = compareHigh * 4294967296 + compareLow;
  if (cas !== 0 && compareHigh <= VERSION_HIGH_MAX) return cas;
  cache.meta.setWideCas(compareHigh, compareLow);
  return CAS_WIDE;
}

/** Marks of an item that the request makes. The cas id that E gives it is handed to the store. */
export function newMarks(cache: Cache, request: MetaRequest): number {
  let marks = (request.lower & LOWER.base64) === 0 ? 0 : MARK.base64Key;
  if ((request.upper & UPPER.explicitCas) !== 0) {
    cache.meta.setNewCas(request.newCasHigh, request.newCasLow);
    marks |= MARK.explicitCas;
  }
  return marks;
}

/** What T says, or KEEP_EXPTIME. */
export function newExptime(cache: Cache, request: MetaRequest): number {
  if ((request.upper & UPPER.ttl) === 0) return KEEP_EXPTIME;
  return absoluteExptime(request.exptime, cache.nowSeconds);
}

/** Whether the reply tells the key in base64: as the item has it, or, when there is none, as the request has it. */
export function isKeyBase64(cache: Cache, request: MetaRequest, input: Uint8Array): boolean {
  const asked = (request.lower & LOWER.base64) !== 0;
  if ((request.lower & LOWER.key) === 0) return asked;
  const { keyStart, keyEnd } = request;
  const hash = cache.hash(input, keyStart, keyEnd);
  const item = cache.peek(input, keyStart, keyEnd, hash);
  if (item === 0) return asked;
  const base64 = cache.isTombstone(item) ? asked : (cache.meta.marks(item) & MARK.base64Key) !== 0;
  cache.release(hash);
  return base64;
}
