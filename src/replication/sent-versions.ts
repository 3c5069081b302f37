/**
 * Remembers which versions have been sent over a link lately, so that a burst of changes of one key sends its value once: all
 * but the first record of the burst find the version present already sent.
 *
 * The table is direct-mapped: a key's hash names the one place where its version may stand, and a later key takes the place
 * over. Forgetting costs a repeated frame, which the receiver drops as stale; a false "sent" would cost a lost change, so the
 * whole hash is compared too. Two different items never share a version (it counts microseconds and names the node), save
 * in the moments before two nodes have settled their slots.
 */
export class SentVersions {
  readonly #mask: number;
  readonly #versions: Float64Array;
  readonly #hashes: Int32Array;

  /** @param places a power of two; 12 bytes each */
  constructor(places: number) {
    this.#mask = places - 1;
    this.#versions = new Float64Array(places);
    this.#hashes = new Int32Array(places);
  }

  has(hash: number, version: number): boolean {
    const place = hash & this.#mask;
    return this.#versions[place] === version && this.#hashes[place] === (hash | 0);
  }

  add(hash: number, version: number): void {
    const place = hash & this.#mask;
    this.#versions[place] = version;
    this.#hashes[place] = hash;
  }
}
