/**
 * A hash of the key bytes [start, end): a whole number from 0 to 2^32 - 1.
 *
 * Pure and free of allocation: it runs once per key of every request.
 */
export type KeyHash = (bytes: Uint8Array, start: number, end: number) => number;
