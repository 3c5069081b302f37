/**
 * Commands that change how the cache is kept while it runs: `lru`, `slabs`, `cache_memlimit`. Each function takes the words behind the
 * command's name and returns the reply, without its line end.
 */
import type { Reassigned } from '../store/cache.ts';
import { fractionWord, signedWord, unsignedWord } from './command-words.ts';
import type { NodeContext } from './node-context.ts';

const OK = 'OK';
const ERROR = 'ERROR';
const BAD_FORMAT = 'CLIENT_ERROR bad command line format';

/** The hot and the warm queue together may have this much of a class. */
const HOT_AND_WARM_PERCENT_MAX = 80;
const WINDOW_SECONDS_MIN = 3;
const WINDOW_SECONDS_MAX = 1800;
const MEMORY_MEGABYTES_MIN = 8;
/** A limit above this was surely meant in bytes. */
const MEMORY_MEGABYTES_MAX = 1e9;

const REASSIGN_REPLY: Readonly<Record<Reassigned, string>> = {
  moved: OK,
  busy: 'BUSY currently processing reassign request',
  badClass: 'BADCLASS invalid src or dst class id',
  noSpare: 'NOSPARE source class has no spare pages',
  same: 'SAME src and dst class are identical',
};

/** `lru tune HOT WARM HOTFACTOR WARMFACTOR`, `lru mode flat|segmented`, `lru temp_ttl N` */
export function lruCommand(context: NodeContext, words: readonly string[]): string {
  const { tunables } = context;
  const [what, first] = words;
  if (what === 'tune') return tune(context, words);
  if (first === undefined || !tunables.maintainer) return ERROR;
  if (what === 'mode' && (first === 'flat' || first === 'segmented')) {
    tunables.segmented = first === 'segmented';
    return OK;
  }
  const seconds = signedWord(first);
  if (what !== 'temp_ttl' || seconds === null) return ERROR;
  tunables.temporaryTtlSeconds = seconds;
  return OK;
}

function tune({ tunables }: NodeContext, words: readonly string[]): string {
  const hot = unsignedWord(words[1]);
  const warm = unsignedWord(words[2]);
  const hotFactor = fractionWord(words[3]);
  const warmFactor = fractionWord(words[4]);
  if (hot === null || warm === null || hotFactor === null || warmFactor === null) return ERROR;
  if (hot + warm > HOT_AND_WARM_PERCENT_MAX)
    return `ERROR hot and warm pcts must not exceed ${HOT_AND_WARM_PERCENT_MAX}`;
  if (hotFactor <= 0 || warmFactor <= 0) return 'ERROR hot/warm age factors must be greater than 0';
  tunables.hotPercent = hot;
  tunables.warmPercent = warm;
  tunables.hotMaxFactor = hotFactor;
  tunables.warmMaxFactor = warmFactor;
  return OK;
}

/** `slabs reassign SRC DST`, `slabs automove 0|1|2`, `slabs automove ratio|freeratio F`, `slabs automove window N` */
export function slabsCommand(context: NodeContext, words: readonly string[]): string {
  const [what, ...rest] = words;
  if (what === 'reassign' && rest.length === 2) {
    if (!context.tunables.reassign) return 'CLIENT_ERROR slab reassignment disabled';
    const source = signedWord(rest[0]);
    const target = signedWord(rest[1]);
    if (source === null || target === null) return BAD_FORMAT;
    return REASSIGN_REPLY[context.control.reassignPage(source, target)];
  }
  return what === 'automove' && rest.length > 0 ? automove(context, rest) : ERROR;
}

function automove({ tunables }: NodeContext, words: readonly string[]): string {
  const [what] = words;
  if (what === 'ratio' || what === 'freeratio') {
    const ratio = fractionWord(words[1]);
    if (ratio === null) return ERROR;
    if (what === 'ratio') tunables.automoveRatio = ratio;
    else tunables.automoveFreeRatio = ratio;
    return OK;
  }
  if (what === 'window') {
    const seconds = unsignedWord(words[1]);
    if (seconds === null) return ERROR;
    if (seconds < WINDOW_SECONDS_MIN || seconds > WINDOW_SECONDS_MAX)
      return 'CLIENT_ERROR automove window too low or too high';
    tunables.automoveWindowSeconds = seconds;
    return OK;
  }
  const level = unsignedWord(what);
  if (level === null) return BAD_FORMAT;
  if (level > 2) return ERROR;
  tunables.automove = level;
  return OK;
}

/** `cache_memlimit MB` */
export function memoryLimitCommand(context: NodeContext, words: readonly string[]): string {
  const [word = ''] = words;
  // Bytes in place of megabytes may well have more than 32 bits.
  const megabytes = /^\d{10,20}$/.test(word) ? Number(word) : unsignedWord(word);
  if (megabytes === null) return ERROR;
  if (megabytes < MEMORY_MEGABYTES_MIN) return 'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m';
  if (megabytes > MEMORY_MEGABYTES_MAX) return 'MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes';
  if (context.control.setMemoryLimit(megabytes * 1024 * 1024)) return OK;
  return 'MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust';
}
