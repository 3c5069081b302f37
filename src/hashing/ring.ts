import { md5, md5Words } from './md5.ts';

/** Points that one digest gives. */
export const POINTS_PER_DIGEST = 4;

/** Servers whose points a ring may hold; keeps a sort key, point * 2^20 + owner, within 53 bits. */
const OWNERS_MAX = 1 << 20;

const encoder = new TextEncoder();

/** Most sections that a ring is divided into; with more points than that a look-up walks a few of them. */
const SECTION_BITS_MAX = 16;

/**
 * A consistent-hashing ring as ketama has it: each server owns points on a circle of 2^32, and a hash belongs to the owner of the
 * first point at or after it.
 *
 * The circle is divided into equal sections, at least as many as there are points, and for each section it is known where its first point
 * stands: since points are spread evenly, a look-up begins next to its point, where a binary search over some hundred points guesses wrong at every second
 * of its steps. It allocates nothing. Points that fall together belong to the server that was added with the lower number; with 2^32
 * places and some thousand points that is rare enough that no recorded placement shows it.
 */
export class Ring {
  /** In order; behind them one more that ends every walk, and belongs to the owner of the first. */
  readonly #points: Uint32Array;
  readonly #owners: Int32Array;
  /** By the upper bits of a hash: the first point that may be its own. */
  readonly #sections: Uint32Array;
  readonly #sectionShift: number;

  /** @param marks sort keys: point * 2^20 + owner, in any order; see `addMarks` */
  constructor(marks: readonly number[]) {
    const sorted = Float64Array.from(marks).sort();
    const count = sorted.length;
    const points = new Uint32Array(count + 1);
    const owners = new Int32Array(count + 1);
    sorted.forEach((mark, i) => {
      points[i] = Math.floor(mark / OWNERS_MAX);
      owners[i] = mark % OWNERS_MAX;
    });
    points[count] = 0xffffffff;
    owners[count] = count > 0 ? owners[0]! : -1;
    const bits = Math.max(1, Math.min(SECTION_BITS_MAX, 32 - Math.clz32(count)));
    const shift = 32 - bits;
    const sections = new Uint32Array(2 ** bits);
    let point = 0;
    for (let section = 0; section < sections.length; section++) {
      while (points[point]! < section * 2 ** shift) point++;
      sections[section] = point;
    }
    this.#points = points;
    this.#owners = owners;
    this.#sections = sections;
    this.#sectionShift = shift;
  }

  /** The owner of the first point at or after `hash`, of the first point of all beyond the last; -1 on an empty ring. */
  ownerOf(hash: number): number {
    const points = this.#points;
    let point = this.#sections[hash >>> this.#sectionShift]!;
    while (points[point]! < hash) point++;
    return this.#owners[point]!;
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
