import { md5, md5Words } from './md5.ts';

/** Points that one digest gives. */
export const POINTS_PER_DIGEST = 4;

/** Servers whose points a ring may hold; keeps a sort key, point * 2^20 + owner, within 53 bits. */
const OWNERS_MAX = 1 << 20;

const encoder = new TextEncoder();

/**
 * A consistent-hashing ring as ketama has it: each server owns points on a circle of 2^32, and a hash belongs to the owner of the
 * first point at or after it.
 *
 * Lookup is a binary search over a typed array and allocates nothing. Points that fall together belong to the server that was
 * added with the lower number; with 2^32 places and some thousand points that is rare enough that no recorded placement shows it.
 */
export class Ring {
  readonly #points: Uint32Array;
  readonly #owners: Uint32Array;

  /** @param marks sort keys: point * 2^20 + owner, in any order; see `addMarks` */
  constructor(marks: readonly number[]) {
    const sorted = Float64Array.from(marks).sort();
    this.#points = Uint32Array.from(sorted, (mark) => Math.floor(mark / OWNERS_MAX));
    this.#owners = Uint32Array.from(sorted, (mark) => mark % OWNERS_MAX);
  }

  /** The owner of the first point at or after `hash`, of the first point of all beyond the last; -1 on an empty ring. */
  ownerOf(hash: number): number {
    const points = this.#points;
    if (points.length === 0) return -1;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (points[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return this.#owners[low === points.length ? 0 : low]!;
  }
}

/**
 * Appends the marks of one server: four points from MD5(`NAME-0`), four from MD5(`NAME-1`), and so on.
 *
 * @param owner the number that `ownerOf` gives back, from 0 to 2^20 - 1
 * @param digests how many names are hashed; the server gets four times as many points
 */
export function addMarks(marks: number[], name: string, owner: number, digests: number): void {
  for (let i = 0; i < digests; i++) {
    const text = encoder.encode(`${name}-${i}`);
    md5(text, 0, text.length);
    for (let word = 0; word < POINTS_PER_DIGEST; word++) marks.push(md5Words[word]! * OWNERS_MAX + owner);
  }
}
