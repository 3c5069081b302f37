let lastBytes: Uint8Array | null = null;
let lastView: DataView = new DataView(new ArrayBuffer(0));

/**
 * A view of the same bytes, to read or write four of them at a time. A transport hands out pieces of one array again and again, so the view of the last one is
 * kept: asking for it allocates nothing then.
 */
export function wordsOf(bytes: Uint8Array): DataView {
  if (bytes !== lastBytes) {
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    lastBytes = bytes;
  }
  return lastView;
}

/** Of bytes 0 to 32 in a word read with its first byte in the lowest eight bits: the first one's place, or -1 if there is none. */
export function firstSpace(word: number): number {
  // The borrow of a byte that is too small spoils only the bytes above it.
  const marks = (word - 0x21212121) & ~word & 0x80808080;
  return marks === 0 ? -1 : (31 - Math.clz32(marks & -marks)) >> 3;
}
