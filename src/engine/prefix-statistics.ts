import type { GatheredRow } from './administration.ts';

/** Prefixes that are counted apart on one thread; keys with others are not counted. */
export const PREFIXES_MAX = 50_000;

interface PrefixCounts {
  gets: number;
  hits: number;
  sets: number;
  deletes: number;
}

/**
 * What `stats detail` counts: gets, hits, sets and deletes by the keys' prefixes. Each thread counts its own; a dump adds them up.
 */
export class PrefixStatistics {
  /** Whether requests are to be recorded at all; read before each call of `record…`. */
  isOn = false;
  readonly #delimiter: number;
  readonly #prefixes: Map<string, PrefixCounts> = new Map();

  /** @param delimiter one character, which ends a key's prefix; a key without it has none */
  constructor(delimiter: string) {
    this.#delimiter = delimiter.charCodeAt(0);
  }

  recordGet(bytes: Uint8Array, keyStart: number, keyEnd: number, isHit: boolean): void {
    const counts = this.#countsOf(bytes, keyStart, keyEnd);
    if (counts === undefined) return;
    counts.gets++;
    if (isHit) counts.hits++;
  }

  recordSet(bytes: Uint8Array, keyStart: number, keyEnd: number): void {
    const counts = this.#countsOf(bytes, keyStart, keyEnd);
    if (counts !== undefined) counts.sets++;
  }

  recordDelete(bytes: Uint8Array, keyStart: number, keyEnd: number): void {
    const counts = this.#countsOf(bytes, keyStart, keyEnd);
    if (counts !== undefined) counts.deletes++;
  }

  clear(): void {
    this.#prefixes.clear();
  }

  /** This thread's counts: prefix, gets, hits, sets, deletes. */
  rows(): GatheredRow[] {
    return Array.from(this.#prefixes, ([prefix, { gets, hits, sets, deletes }]) => [
      prefix,
      gets,
      hits,
      sets,
      deletes,
    ]);
  }

  #countsOf(bytes: Uint8Array, keyStart: number, keyEnd: number): PrefixCounts | undefined {
    let prefix = '';
    let at = keyStart;
    while (at < keyEnd && bytes[at] !== this.#delimiter) prefix += String.fromCharCode(bytes[at++]!);
    if (at === keyEnd) return undefined;
    const known = this.#prefixes.get(prefix);
    if (known !== undefined || this.#prefixes.size >= PREFIXES_MAX) return known;
    const counts = { gets: 0, hits: 0, sets: 0, deletes: 0 };
    this.#prefixes.set(prefix, counts);
    return counts;
  }
}

/** The rows of all threads added up: `PREFIX <prefix> get <n> hit <n> set <n> del <n>`. */
export function prefixLines(rows: readonly GatheredRow[]): string[] {
  const sums = new Map<string | number, number[]>();
  for (const [prefix = '', ...counts] of rows) {
    const sum = sums.get(prefix);
    if (sum === undefined) sums.set(prefix, counts.map(Number));
    else for (let i = 0; i < sum.length; i++) sum[i]! += Number(counts[i]);
  }
  return Array.from(
    sums,
    ([prefix, [gets = 0, hits = 0, sets = 0, deletes = 0]]) =>
      `PREFIX ${prefix} get ${gets} hit ${hits} set ${sets} del ${deletes}`,
  );
}
