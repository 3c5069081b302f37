import { KEY_BYTES_MAX } from '../base/limits.ts';
import type { Output } from '../base/output.ts';
import { type Cache, type ItemRef, MARK } from '../store/cache.ts';
import { unsignedWord } from './command-words.ts';
import type { LongReplyHost } from './long-reply.ts';
import type { NodeContext, StatLine } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';
import {
  answerConnections,
  answerPrefixes,
  answerSizes,
  plainStatistics,
  resetStatistics,
} from './statistics-by-name.ts';

/** Slab classes have numbers below this. */
const SLAB_CLASSES = 64;
/** An answer to `stats cachedump` ends before it is longer than this, as in memcached. */
const CACHEDUMP_BYTES_MAX: number = 2 * 1024 * 1024;

/** `stats` and all its kinds. @param words those behind `stats` */
export function statsCommand(context: NodeContext, host: LongReplyHost, words: readonly string[]): void {
  const { output } = host.connection;
  const lines = plainStatistics(context, host.connection, words[0] ?? '');
  if (lines !== null) {
    writeLines(output, lines);
    return;
  }
  switch (words[0]) {
    case 'reset':
      resetStatistics(context);
      writeReply(output, REPLY.reset);
      return;
    case 'detail':
      detail(context, host, words[1]);
      return;
    case 'sizes':
      answerSizes(context, host, (sizes) => writeLines(output, sizes));
      return;
    case 'conns':
      answerConnections(context, host, (connections) => writeLines(output, connections));
      return;
    case 'cachedump':
      output.text(cachedump(context, words));
      return;
    default:
      writeReply(output, REPLY.error);
  }
}

function detail(context: NodeContext, host: LongReplyHost, what: string | undefined): void {
  const { output } = host.connection;
  if (!context.settings.dumpAllowed) {
    output.text('CLIENT_ERROR stats detail not allowed\r\n');
  } else if (what === 'on' || what === 'off') {
    context.control.setDetail(what === 'on');
    writeReply(output, REPLY.ok);
  } else if (what === 'dump') {
    answerPrefixes(context, host, (prefixes) => {
      for (const line of prefixes) output.text(`${line}\r\n`);
      writeReply(output, REPLY.end);
    });
  } else {
    output.text('CLIENT_ERROR usage: stats detail on|off|dump\r\n');
  }
}

/** `stats cachedump CLASS LIMIT` */
function cachedump(context: NodeContext, words: readonly string[]): string {
  if (!context.settings.dumpAllowed) return 'CLIENT_ERROR stats cachedump not allowed\r\n';
  if (words.length < 3) return 'CLIENT_ERROR bad command line\r\n';
  const slabClass = unsignedWord(words[1]);
  const limit = unsignedWord(words[2]);
  if (slabClass === null || limit === null) return 'CLIENT_ERROR bad command line format\r\n';
  if (slabClass >= SLAB_CLASSES) return 'CLIENT_ERROR Illegal slab id\r\n';
  const key = new Uint8Array(KEY_BYTES_MAX);
  let lines = '';
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  context.cache.walkClass(slabClass, (item) => {
    // Keys that came in base64 may hold anything, spaces and line ends included.
    if ((context.cache.meta.marks(item) & MARK.base64Key) !== 0) return true;
    const line = cachedumpLine(context.cache, item, key);
    if (lines.length + line.length > CACHEDUMP_BYTES_MAX) return false;
    lines += line;
    return --left > 0;
  });
  return `${lines}END\r\n`;
}

function cachedumpLine(cache: Cache, item: ItemRef, key: Uint8Array): string {
  cache.copyKey(item, key, 0);
  let text = 'ITEM ';
  for (let i = 0; i < cache.keyBytes(item); i++) text += String.fromCharCode(key[i]!);
  return `${text} [${cache.valueBytes(item)} b; ${cache.exptime(item)} s]\r\n`;
}

function writeLines(output: Output, lines: readonly StatLine[]): void {
  for (const [name, value] of lines) output.text(`STAT ${name} ${value}\r\n`);
  writeReply(output, REPLY.end);
}
