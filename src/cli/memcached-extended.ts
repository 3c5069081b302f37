import { StartError } from '../base/start-error.ts';
import type { ExtendedOptions } from '../node/options.ts';
import { TLS_WORDS, type TlsDraft } from './memcached-tls.ts';
import { atoi, decimalNumber } from './option-values.ts';

/** Extended options while the words are read. */
export type ExtendedDraft = { -readonly [Name in keyof ExtendedOptions]: ExtendedOptions[Name] } & {
  /** `slab_sizes` as written; checked when `-n` and the largest chunk are known. */
  slabSizesText: string | null;
  tls: TlsDraft;
};

/** Bytes of a slab page, in which chunks of every size must fit evenly. */
export const SLAB_PAGE_BYTES: number = 1024 * 1024;

/** Our own bound: a smaller piece would be mostly header. */
const SLAB_CHUNK_BYTES_LEAST = 512;

const UINT32_MAX = 4294967295;
const SLAB_AUTOMOVE_RANGE = 'slab_automove must be between 0 and 2';

/** A suboption: takes its value (null when there was no `=`), changes the draft, may return a warning. */
type Word = (draft: ExtendedDraft, value: string | null) => string | undefined;

function flag(change: (draft: ExtendedDraft) => void): Word {
  return (draft) => {
    change(draft);
    return undefined;
  };
}

function valued(missing: string, change: (draft: ExtendedDraft, value: string) => void): Word {
  return (draft, value) => {
    if (value === null) throw new StartError(missing);
    change(draft, value);
    return undefined;
  };
}

/** A number that memcached reads with atoi; what it would misread is refused, what it refuses is refused in its words. */
function whole(name: string, value: string, complaint: string, accepts: (number: number) => boolean): number {
  const number = atoi(value);
  if (!accepts(number)) throw new StartError(complaint);
  if (/^\s*[+-]?\d+$/.test(value)) return number;
  throw new StartError(`Invalid value "${value}" for -o ${name}: a whole number is needed`);
}

/** An unsigned number that memcached parses strictly. */
function parsed(name: string, value: string, most: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number <= most) return number;
  throw new StartError(`could not parse argument to ${name}`);
}

function fraction(value: string, complaint: string, accepts: (number: number) => boolean): number {
  const number = decimalNumber(value);
  if (number === null || !accepts(number)) throw new StartError(complaint);
  return number;
}

function lruPercent(name: string, value: string): number {
  return whole(name, value, `${name} must be > 1 and < 80`, (number) => number >= 1 && number < 80);
}

function nothing(): undefined {}

/** memcached's words of `-o`, with its messages. What is only shown by `stats settings` is so marked in docs/reference/options.md. */
const WORDS: ReadonlyMap<string, Word> = new Map<string, Word>([
  ['maxconns_fast', flag((draft) => (draft.connectionsMaxFast = true))],
  ['no_maxconns_fast', flag((draft) => (draft.connectionsMaxFast = false))],
  [
    'hashpower',
    valued('Missing numeric argument for hashpower', (draft, value) => {
      const power = atoi(value);
      if (power < 12) throw new StartError(`Initial hashtable multiplier of ${power} is too low`);
      if (power > 32)
        throw new StartError(
          `Initial hashtable multiplier of ${power} is too high\n` +
            'Choose a value based on "STAT hash_power_level" from a running instance',
        );
      draft.hashPowerInitial = whole('hashpower', value, '', () => true);
    }),
  ],
  ['no_hashexpand', flag((draft) => (draft.hashExpand = false))],
  [
    'hash_algorithm',
    valued('Missing hash_algorithm argument', (draft, value) => {
      if (value !== 'jenkins' && value !== 'murmur3' && value !== 'xxh3')
        throw new StartError('Unknown hash_algorithm option (jenkins, murmur3, xxh3)');
      draft.hashAlgorithm = value;
    }),
  ],
  ['slab_reassign', flag((draft) => (draft.slabReassign = true))],
  ['no_slab_reassign', flag((draft) => (draft.slabReassign = false))],
  [
    'slab_automove',
    (draft, value) => {
      const mode = value === null ? 1 : whole('slab_automove', value, SLAB_AUTOMOVE_RANGE, () => true);
      if (mode !== 0 && mode !== 1 && mode !== 2) throw new StartError(SLAB_AUTOMOVE_RANGE);
      draft.slabAutomove = mode;
      return undefined;
    },
  ],
  ['no_slab_automove', flag((draft) => (draft.slabAutomove = 0))],
  [
    'slab_automove_ratio',
    valued('Missing slab_automove_ratio argument', (draft, value) => {
      draft.slabAutomoveRatio = fraction(
        value,
        'slab_automove_ratio must be > 0 and < 1',
        (number) => number > 0 && number < 1,
      );
    }),
  ],
  [
    'slab_automove_window',
    valued('Missing slab_automove_window argument', (draft, value) => {
      draft.slabAutomoveWindow = whole(
        'slab_automove_window',
        value,
        'slab_automove_window must be > 2',
        (number) => number > 2,
      );
    }),
  ],
  [
    'tail_repair_time',
    valued('Missing numeric argument for tail_repair_time', (draft, value) => {
      draft.tailRepairSeconds = whole(
        'tail_repair_time',
        value,
        'Cannot set tail_repair_time to less than 10 seconds',
        (number) => number >= 10,
      );
    }),
  ],
  ['lru_crawler', flag((draft) => (draft.lruCrawler = true))],
  ['no_lru_crawler', flag((draft) => (draft.lruCrawler = false))],
  [
    'lru_crawler_sleep',
    valued('Missing lru_crawler_sleep value', (draft, value) => {
      draft.lruCrawlerSleepMicroseconds = whole(
        'lru_crawler_sleep',
        value,
        'LRU crawler sleep must be between 0 and 1 second',
        (number) => number >= 0 && number <= 1_000_000,
      );
    }),
  ],
  [
    'lru_crawler_tocrawl',
    valued('Missing lru_crawler_tocrawl value', (draft, value) => {
      if (!/^\d+$/.test(value) || Number(value) > UINT32_MAX)
        throw new StartError('lru_crawler_tocrawl takes a numeric 32bit value');
      draft.lruCrawlerToCrawl = Number(value);
    }),
  ],
  [
    'lru_maintainer',
    flag((draft) => {
      draft.lruMaintainer = true;
      draft.lruSegmented = true;
    }),
  ],
  [
    'no_lru_maintainer',
    flag((draft) => {
      draft.lruMaintainer = false;
      draft.lruSegmented = false;
    }),
  ],
  [
    'hot_lru_pct',
    valued('Missing hot_lru_pct argument', (draft, value) => {
      draft.hotLruPercent = lruPercent('hot_lru_pct', value);
    }),
  ],
  [
    'warm_lru_pct',
    valued('Missing warm_lru_pct argument', (draft, value) => {
      draft.warmLruPercent = lruPercent('warm_lru_pct', value);
    }),
  ],
  [
    'hot_max_factor',
    valued('Missing hot_max_factor argument', (draft, value) => {
      draft.hotMaxFactor = fraction(value, 'hot_max_factor must be > 0', (number) => number > 0);
    }),
  ],
  [
    'warm_max_factor',
    valued('Missing warm_max_factor argument', (draft, value) => {
      draft.warmMaxFactor = fraction(value, 'warm_max_factor must be > 0', (number) => number > 0);
    }),
  ],
  [
    'temporary_ttl',
    valued('Missing temporary_ttl argument', (draft, value) => {
      const seconds = whole('temporary_ttl', value, '', () => true);
      draft.temporaryTtlSeconds = seconds < 0 ? null : seconds;
    }),
  ],
  [
    'idle_timeout',
    valued('Missing numeric argument for idle_timeout', (draft, value) => {
      const complaint = `Invalid value "${value}" for -o idle_timeout: seconds, 0 or more, are needed`;
      draft.idleTimeoutSeconds = whole('idle_timeout', value, complaint, (number) => number >= 0);
    }),
  ],
  [
    'watcher_logbuf_size',
    valued('Missing watcher_logbuf_size argument', (draft, value) => {
      draft.watcherBufferBytes = parsed('watcher_logbuf_size', value, UINT32_MAX / 1024) * 1024;
    }),
  ],
  [
    'worker_logbuf_size',
    valued('Missing worker_logbuf_size argument', (draft, value) => {
      draft.workerBufferBytes = parsed('worker_logbuf_size', value, UINT32_MAX / 1024) * 1024;
    }),
  ],
  ['slab_sizes', valued('Missing slab_sizes argument', (draft, value) => (draft.slabSizesText = value))],
  [
    'slab_chunk_max',
    valued('Missing slab_chunk_max argument', (draft, value) => {
      const bytes = parsed('slab_chunk_max', value, UINT32_MAX);
      if (bytes < SLAB_CHUNK_BYTES_LEAST)
        throw new StartError(
          `slab_chunk_max (bytes: ${bytes}) must be at least ${SLAB_CHUNK_BYTES_LEAST} bytes`,
        );
      draft.slabChunkBytesMax = bytes;
    }),
  ],
  ['no_chunked_items', flag((draft) => (draft.slabChunkBytesMax = SLAB_PAGE_BYTES))],
  ['track_sizes', flag((draft) => (draft.trackSizes = true))],
  ['inline_ascii_resp', flag((draft) => (draft.inlineAsciiResponse = true))],
  ['no_inline_ascii_resp', flag((draft) => (draft.inlineAsciiResponse = false))],
  [
    'read_buf_mem_limit',
    valued('Missing read_buf_mem_limit argument', (draft, value) => {
      draft.readBufferBytesMax = parsed('read_buf_mem_limit', value, UINT32_MAX) * 1024 * 1024;
    }),
  ],
  [
    'resp_obj_mem_limit',
    () => 'DEPRECATED: resp_obj_mem_limit has no effect any more; see read_buf_mem_limit',
  ],
  ['modern', nothing],
  [
    'no_modern',
    flag((draft) => {
      draft.connectionsMaxFast = false;
      draft.slabReassign = false;
      draft.slabAutomove = 0;
      draft.slabChunkBytesMax = SLAB_PAGE_BYTES;
      draft.lruCrawler = false;
      draft.hashAlgorithm = 'jenkins';
      draft.lruMaintainer = false;
      draft.lruSegmented = false;
    }),
  ],
  ['drop_privileges', nothing],
  ['no_drop_privileges', nothing],
  ['relaxed_privileges', nothing],
]);

/** The words that `-o` knows, for the reference page's test. */
export const EXTENDED_WORDS: readonly string[] = [...WORDS.keys(), ...TLS_WORDS.keys()];

/**
 * Reads the value of one `-o` into a draft.
 *
 * @returns warnings for the operator
 * @throws StartError in memcached's words, exit code 1
 */
export function readExtended(draft: ExtendedDraft, text: string): string[] {
  const warnings: string[] = [];
  const parts = text.split(',');
  // getsubopt(3) stops at the end of the string, so a comma there is no empty word.
  if (parts.at(-1) === '') parts.pop();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? null : part.slice(equals + 1);
    const tlsWord = TLS_WORDS.get(name);
    if (tlsWord !== undefined) {
      tlsWord(draft.tls, value);
      continue;
    }
    const word = WORDS.get(name);
    if (word === undefined) throw new StartError(`Illegal suboption "${part}"`);
    const warning = word(draft, value);
    if (warning !== undefined) warnings.push(warning);
  }
  return warnings;
}

/** Slab classes are numbered 1 to 63, and the last is that of the largest chunk. */
const SLAB_SIZES_MAX = 62;
const CHUNK_ALIGN_BYTES = 8;

/**
 * Reads `slab_sizes=a-b-c`.
 *
 * @throws StartError in memcached's words, exit code 64
 */
export function readSlabSizes(text: string, chunkBytesMin: number, slabChunkBytesMax: number): number[] {
  const sizes: number[] = [];
  for (const part of text.split('-')) {
    if (part === '') continue;
    const size = /^\d+$/.test(part) ? Number(part) : 0;
    const last = sizes.at(-1) ?? 0;
    if (sizes.length === SLAB_SIZES_MAX) throw new StartError('too many slab classes specified', 64);
    if (size < chunkBytesMin || size > slabChunkBytesMax)
      throw new StartError(`slab size ${size} is out of valid range`, 64);
    if (size <= last)
      throw new StartError(`slab size ${size} cannot be lower than or equal to a previous class size`, 64);
    if (size <= last + CHUNK_ALIGN_BYTES)
      throw new StartError(
        `slab size ${size} must be at least ${CHUNK_ALIGN_BYTES} bytes larger than previous class`,
        64,
      );
    sizes.push(size);
  }
  if (sizes.length === 0) throw new StartError('slab size 0 is out of valid range', 64);
  return sizes;
}
