const HASHES = 2 ** 32;

/**
 * A part of all hashes.
 *
 * @param from the share at which it begins, from 0
 * @param to the share at which it ends, up to 1
 * @returns the least hash that belongs to it and the least behind it that does not
 */
export function hashRange(from: number, to: number): readonly [least: number, end: number] {
  return [Math.round(from * HASHES), Math.round(to * HASHES)];
}
