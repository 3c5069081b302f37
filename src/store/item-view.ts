/**
 * What a reply needs of a found item, read in one go: each of the store's single readers has to find the item's arena anew, which
 * together cost more than what they read.
 */
export class ItemView {
  /** The array that the item lies in. */
  bytes: Uint8Array = new Uint8Array(0);
  /** First byte of the value, or of its first part. */
  valueStart = 0;
  valueBytes = 0;
  clientFlags = 0;
  /** Bits of MARK. */
  marks = 0;
  /** The value is not in one piece: only `Cache.copyValue` knows how to read it. */
  isChained = false;
}
