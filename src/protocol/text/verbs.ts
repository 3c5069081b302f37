/**
 * The commands of the classic text protocol, as numbers: a request carries its verb as one, and tables are indexed by it.
 *
 * Order matters: the retrieval verbs, the storage verbs and the meta verbs (but `mn`) are contiguous, and the storage verbs stand
 * in the order of the store's modes.
 */
export const VERB = {
  unknown: 0,
  get: 1,
  gets: 2,
  gat: 3,
  gats: 4,
  set: 5,
  add: 6,
  replace: 7,
  append: 8,
  prepend: 9,
  cas: 10,
  delete: 11,
  incr: 12,
  decr: 13,
  touch: 14,
  flushAll: 15,
  version: 16,
  verbosity: 17,
  stats: 18,
  quit: 19,
  metaNoop: 20,
  shutdown: 21,
  watch: 22,
  lru: 23,
  lruCrawler: 24,
  slabs: 25,
  cacheMemlimit: 26,
  debugTime: 27,
  metaGet: 28,
  metaSet: 29,
  metaDelete: 30,
  metaArithmetic: 31,
  metaDebug: 32,
  refreshCerts: 33,
  /** Ours: this connection's writes wait for so many twins. */
  acks: 34,
} as const;

/** One of the numbers of VERB. */
export type Verb = (typeof VERB)[keyof typeof VERB];

/** Where a command has two, the last is the one that is written. */
const SPELLINGS: readonly (readonly [string, Verb])[] = [
  // An old name for a get, of memcached and of repcached.
  ['bget', VERB.get],
  ['get', VERB.get],
  ['gets', VERB.gets],
  ['gat', VERB.gat],
  ['gats', VERB.gats],
  ['set', VERB.set],
  ['add', VERB.add],
  ['replace', VERB.replace],
  ['append', VERB.append],
  ['prepend', VERB.prepend],
  ['cas', VERB.cas],
  ['delete', VERB.delete],
  ['incr', VERB.incr],
  ['decr', VERB.decr],
  ['touch', VERB.touch],
  ['flush_all', VERB.flushAll],
  ['version', VERB.version],
  ['verbosity', VERB.verbosity],
  ['stats', VERB.stats],
  ['quit', VERB.quit],
  ['mn', VERB.metaNoop],
  ['mg', VERB.metaGet],
  ['ms', VERB.metaSet],
  ['md', VERB.metaDelete],
  ['ma', VERB.metaArithmetic],
  ['me', VERB.metaDebug],
  ['shutdown', VERB.shutdown],
  ['watch', VERB.watch],
  ['lru', VERB.lru],
  ['lru_crawler', VERB.lruCrawler],
  ['slabs', VERB.slabs],
  ['cache_memlimit', VERB.cacheMemlimit],
  ['debugtime', VERB.debugTime],
  ['refresh_certs', VERB.refreshCerts],
  ['acks', VERB.acks],
];

/** The longest spelling. */
const VERB_BYTES_MAX: number = Math.max(...SPELLINGS.map(([text]) => text.length));

/** The commands as clients spell them, for documents, tests and the writer of requests. */
export const VERB_SPELLINGS: ReadonlyMap<Verb, string> = new Map(
  SPELLINGS.map(([text, verb]) => [verb, text]),
);

/**
 * Spellings are found by a small hash instead of a chain of comparisons: its first two bytes, its last and its length pick one of 256
 * cells, and one comparison of the whole word decides. That no two commands share a cell is checked when the module loads.
 */
const wordOfCell: (Uint8Array | undefined)[] = new Array(256).fill(undefined);
const verbOfCell = new Uint8Array(256);

function cellOf(first: number, second: number, last: number, length: number): number {
  return (first + second * 2 + last * 11 + length * 29) & 255;
}

for (const [text, verb] of SPELLINGS) {
  const word = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const cell = cellOf(word[0]!, word[1]!, word[word.length - 1]!, word.length);
  if (wordOfCell[cell] !== undefined) throw new Error(`verb table: ${text} falls on a taken cell`);
  wordOfCell[cell] = word;
  verbOfCell[cell] = verb;
}

/**
 * The verb spelled by bytes [start, end); `VERB.unknown` when there is none. Commands are lower case and case sensitive.
 */
export function verbAt(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 2 || length > VERB_BYTES_MAX) return VERB.unknown;
  const cell = cellOf(bytes[start]!, bytes[start + 1]!, bytes[end - 1]!, length);
  const word = wordOfCell[cell];
  if (word === undefined || word.length !== length) return VERB.unknown;
  for (let i = 0; i < length; i++) if (word[i] !== bytes[start + i]) return VERB.unknown;
  return verbOfCell[cell]!;
}
