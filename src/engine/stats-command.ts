import { KEY_BYTES_MAX } from '../base/limits.ts';
import type { Output } from '../base/output.ts';
import type { Cache, ItemRef } from '../store/cache.ts';
import type { GatheredRow } from './administration.ts';
import { unsignedWord } from './command-words.ts';
import { connectionLines } from './connected-clients.ts';
import { type LongReplyHost, replyLater } from './long-reply.ts';
import type { NodeContext, StatLine } from './node-context.ts';
import { prefixLines } from './prefix-statistics.ts';
import { REPLY, writeReply } from './replies.ts';
import { SizeHistogram } from './size-histogram.ts';
import { generalStatistics, itemStatistics, slabStatistics } from './statistics.ts';

/** Slab classes have numbers below this. */
const SLAB_CLASSES = 64;
/** An answer to `stats cachedump` ends before it is longer than this, as in memcached. */
const CACHEDUMP_BYTES_MAX: number = 2 * 1024 * 1024;

/** `stats` and all its kinds. @param words those behind `stats` */
export function statsCommand(context: NodeContext, host: LongReplyHost, words: readonly string[]): void {
  const { output } = host.connection;
  switch (words[0]) {
    case undefined:
      writeLines(output, generalStatistics(context));
      return;
    case 'settings':
      writeLines(output, context.reports.settings());
      return;
    case 'items':
      writeLines(output, itemStatistics(context.cache));
      return;
    case 'slabs':
      writeLines(output, slabStatistics(context.cache));
      return;
    case 'replication': {
      const lines = context.reports.replication();
      if (lines === null) writeReply(output, REPLY.end);
      else writeLines(output, lines);
      return;
    }
    case 'reset':
      context.cache.resetStatistics();
      context.control.resetStatistics();
      writeReply(output, REPLY.reset);
      return;
    case 'detail':
      detail(context, host, words[1]);
      return;
    case 'sizes':
      if (context.settings.sizesTracked) new SizeHistogram(context, host).start();
      else writeLines(output, [['sizes_status', 'disabled']]);
      return;
    case 'conns':
      replyLater(
        host,
        (answered: (rows: readonly GatheredRow[]) => void) => context.threads.gather('connections', answered),
        (rows: readonly GatheredRow[]) => writeLines(output, connectionLines(rows)),
      );
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
    replyLater(
      host,
      (answered: (rows: readonly GatheredRow[]) => void) => context.threads.gather('prefixes', answered),
      (rows: readonly GatheredRow[]) => {
        for (const line of prefixLines(rows)) output.text(`${line}\r\n`);
        writeReply(output, REPLY.end);
      },
    );
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
