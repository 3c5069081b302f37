import type { BinaryRequest } from '../protocol/binary/request-header.ts';
import { CAS_WIDE, type Cache } from '../store/cache.ts';

/** Versions are below 2^53; beyond are only cas ids that a client chose. */
const VERSION_HIGH_MAX = 0x1fffff;

/**
 * The cas id that a request names, in the form in which the store compares it; 0 for none. Good for the next call of the store: one
 * beyond 53 bits is handed to it apart.
 */
export function requestCas(cache: Cache, request: BinaryRequest): number {
  const { casHigh, casLow } = request;
  if (casHigh <= VERSION_HIGH_MAX) return casHigh * 4294967296 + casLow;
  cache.meta.setWideCas(casHigh, casLow);
  return CAS_WIDE;
}
