/**
 * twemproxy's `hsieh`: SuperFastHash by Paul Hsieh, with two departures that placement depends on. It starts from 0 where the
 * published function starts from the length, and the last byte is signed when three bytes are left over but not when one is.
 */
export function hsieh(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    hash = (hash + (bytes[at]! | (bytes[at + 1]! << 8))) | 0;
    const mixed = ((bytes[at + 2]! | (bytes[at + 3]! << 8)) << 11) ^ hash;
    hash = (hash << 16) ^ mixed;
    hash = (hash + (hash >>> 11)) | 0;
  }
  const rest = end - at;
  if (rest === 3) {
    hash = (hash + (bytes[at]! | (bytes[at + 1]! << 8))) | 0;
    hash ^= hash << 16;
    hash ^= ((bytes[at + 2]! << 24) >> 24) << 18;
    hash = (hash + (hash >>> 11)) | 0;
  } else if (rest === 2) {
    hash = (hash + (bytes[at]! | (bytes[at + 1]! << 8))) | 0;
    hash ^= hash << 11;
    hash = (hash + (hash >>> 17)) | 0;
  } else if (rest === 1) {
    hash = (hash + bytes[at]!) | 0;
    hash ^= hash << 10;
    hash = (hash + (hash >>> 1)) | 0;
  }
  hash ^= hash << 3;
  hash = (hash + (hash >>> 5)) | 0;
  hash ^= hash << 4;
  hash = (hash + (hash >>> 17)) | 0;
  hash ^= hash << 25;
  return (hash + (hash >>> 6)) >>> 0;
}
