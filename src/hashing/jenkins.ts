/** twemproxy's initial value, which the function adds to its start. */
const INITIAL = 13;

/** The little-endian word of the bytes from `at`; bytes from `end` on count as zero. */
function wordAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) {
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }
  let word = 0;
  for (let i = at, shift = 0; i < end; i++, shift += 8) word |= bytes[i]! << shift;
  return word;
}

function rotated(word: number, count: number): number {
  return (word << count) | (word >>> (32 - count));
}

/** twemproxy's `jenkins`: `hashlittle` of lookup3 by Bob Jenkins; the result is its third word. */
export function jenkins(bytes: Uint8Array, start: number, end: number): number {
  let a = (0xdeadbeef + (end - start) + INITIAL) | 0;
  let b = a;
  let c = a;
  let at = start;
  for (; end - at > 12; at += 12) {
    a = (a + wordAt(bytes, at, end)) | 0;
    b = (b + wordAt(bytes, at + 4, end)) | 0;
    c = (c + wordAt(bytes, at + 8, end)) | 0;
    a = ((a - c) | 0) ^ rotated(c, 4);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotated(a, 6);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotated(b, 8);
    b = (b + a) | 0;
    a = ((a - c) | 0) ^ rotated(c, 16);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotated(a, 19);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotated(b, 4);
    b = (b + a) | 0;
  }
  if (at === end) return c >>> 0;
  a = (a + wordAt(bytes, at, end)) | 0;
  b = (b + wordAt(bytes, at + 4, end)) | 0;
  c = (c + wordAt(bytes, at + 8, end)) | 0;
  c = ((c ^ b) - rotated(b, 14)) | 0;
  a = ((a ^ c) - rotated(c, 11)) | 0;
  b = ((b ^ a) - rotated(a, 25)) | 0;
  c = ((c ^ b) - rotated(b, 16)) | 0;
  a = ((a ^ c) - rotated(c, 4)) | 0;
  b = ((b ^ a) - rotated(a, 14)) | 0;
  return ((c ^ b) - rotated(b, 24)) >>> 0;
}
