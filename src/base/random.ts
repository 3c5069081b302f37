/** Randomness as pure rooms see it: handed in, so that a run can be replayed from its seed. */
export interface Random {
  /** A whole number from 0 (included) to `bound` (excluded); `bound` is at most 2^32. */
  below(bound: number): number;
}

/**
 * A small seeded generator for simulations and tests (not for secrets).
 *
 * The algorithm is sfc32 by Chris Doty-Humphrey (PractRand): three words of chaotic state and a counter, so every seed has a
 * period of at least 2^32.
 *
 * @param seed any number; its low 32 bits count
 */
export function seededRandom(seed: number): Random {
  let a = seed | 0;
  let b = 0x9e3779b9 | 0;
  let c = 0x243f6a88 | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return { below: (bound) => Math.floor((next() / 4294967296) * bound) };
}
