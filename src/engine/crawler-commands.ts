import type { CrawlRequested } from '../store/cache.ts';
import { signedWord, unsignedWord } from './command-words.ts';
import { ItemDump } from './item-dump.ts';
import type { LongReplyHost } from './long-reply.ts';
import type { NodeContext } from './node-context.ts';

const OK = 'OK';
const ERROR = 'ERROR';
const DISABLED = 'CLIENT_ERROR lru crawler disabled';
const BUSY = 'BUSY currently processing crawler request';
const BAD_CLASS = 'BADCLASS invalid class id';
const BAD_FORMAT = 'CLIENT_ERROR bad command line format';

const SLEEP_MICROS_MAX = 1_000_000;
/** Slab classes have numbers from 1 to this. */
const SLAB_CLASS_MAX = 63;

const CRAWL_REPLY: Readonly<Record<CrawlRequested, string>> = {
  ok: OK,
  busy: BUSY,
  badClass: BAD_CLASS,
  off: DISABLED,
};

/**
 * `lru_crawler enable|disable|sleep|tocrawl|crawl|metadump|mgdump`.
 *
 * @param words those behind `lru_crawler`
 * @returns the reply without its line end, or null when it has been begun and comes in parts
 */
export function crawlerCommand(
  context: NodeContext,
  host: LongReplyHost,
  words: readonly string[],
): string | null {
  const { tunables } = context;
  const [what, argument] = words;
  if (words.length === 1 && (what === 'enable' || what === 'disable')) {
    tunables.crawler = what === 'enable';
    return OK;
  }
  if (words.length !== 2 || argument === undefined) return ERROR;
  switch (what) {
    case 'sleep': {
      const micros = unsignedWord(argument);
      if (micros === null) return BAD_FORMAT;
      if (micros > SLEEP_MICROS_MAX) return 'CLIENT_ERROR sleep must be one second or less';
      tunables.crawlerSleepMicros = micros;
      return OK;
    }
    case 'tocrawl': {
      const items = unsignedWord(argument);
      if (items === null) return BAD_FORMAT;
      tunables.crawlerItemsMax = items;
      return OK;
    }
    case 'crawl':
      return crawl(context, argument);
    case 'metadump':
    case 'mgdump':
      return dump(context, host, what, argument);
    default:
      return ERROR;
  }
}

/** The classes of `1,2,3`, `all` and `hash`: null for every class, undefined when one of them is none. */
function classesOf(argument: string): ReadonlySet<number> | null | undefined {
  if (argument === 'all' || argument === 'hash') return null;
  const classes = new Set<number>();
  for (const word of argument.split(',')) {
    if (word === '') continue;
    const slabClass = signedWord(word);
    if (slabClass === null || slabClass < 1 || slabClass > SLAB_CLASS_MAX) return undefined;
    classes.add(slabClass);
  }
  return classes;
}

/** Has a pass of the crawler begin, which goes on in the background whatever becomes of the client. */
function crawl(context: NodeContext, argument: string): string {
  if (!context.tunables.crawler) return DISABLED;
  if (argument === 'hash') return 'ERROR an unknown error happened';
  const classes = classesOf(argument);
  if (classes === undefined) return BAD_CLASS;
  if (classes?.size === 0) return 'NOTSTARTED no items to crawl';
  if (context.claim.isTaken) return BUSY;
  return CRAWL_REPLY[context.cache.upkeep.requestCrawl(classes === null ? null : [...classes])];
}

function dump(
  context: NodeContext,
  host: LongReplyHost,
  what: 'metadump' | 'mgdump',
  argument: string,
): string | null {
  if (!context.tunables.crawler) return DISABLED;
  if (!context.settings.dumpAllowed)
    return what === 'metadump' ? 'ERROR metadump not allowed' : 'ERROR key dump not allowed';
  if (hasUnsentReplies(host)) return `ERROR cannot pipeline other commands before ${what}`;
  const classes = classesOf(argument);
  if (classes === undefined) return 'BADCLASS invalid class id';
  if (!context.claim.take()) return BUSY;
  new ItemDump(context, host, what, classes).start();
  return null;
}

/** Whether replies to earlier requests have not been sent yet. */
export function hasUnsentReplies({ connection }: LongReplyHost): boolean {
  const { output } = connection;
  return output.blocked || output.at !== output.start;
}
