import type { Connection } from '../base/session.ts';
import type { GatheredRow } from './administration.ts';
import { connectionLines } from './connected-clients.ts';
import { type LongReplyHost, replyLater } from './long-reply.ts';
import type { NodeContext, StatLine } from './node-context.ts';
import { prefixLines } from './prefix-statistics.ts';
import { SizeHistogram } from './size-histogram.ts';
import { generalStatistics, itemStatistics, slabStatistics } from './statistics.ts';

/*
 * The kinds of statistics by the word that asks for them, without the way in which a protocol writes them.
 */

/**
 * The kinds that can be told at once.
 *
 * @param asker the client that asks
 * @param word what stands behind `stats`; empty for the general statistics
 * @returns null for another kind, or none
 */
export function plainStatistics(
  context: NodeContext,
  asker: Connection,
  word: string,
): readonly StatLine[] | null {
  switch (word) {
    case '':
      return generalStatistics(context);
    case 'settings':
      return context.reports.settings();
    case 'items':
      return itemStatistics(context.cache);
    case 'slabs':
      return slabStatistics(context.cache);
    case 'replication':
      return context.reports.replication(asker) ?? [];
    default:
      return null;
  }
}

/** Begins all counts anew. */
export function resetStatistics(context: NodeContext): void {
  context.cache.resetStatistics();
  context.control.resetStatistics();
}

/** `sizes`: how many items there are of each size. @param answer called now or later, not when the client has gone */
export function answerSizes(
  context: NodeContext,
  host: LongReplyHost,
  answer: (lines: readonly StatLine[]) => void,
): void {
  if (context.settings.sizesTracked) new SizeHistogram(context, host, answer).start();
  else answer([['sizes_status', 'disabled']]);
}

/** `conns`: the clients of all threads. @param answer as for `answerSizes` */
export function answerConnections(
  context: NodeContext,
  host: LongReplyHost,
  answer: (lines: readonly StatLine[]) => void,
): void {
  replyLater(
    host,
    (answered: (rows: readonly GatheredRow[]) => void) => context.threads.gather('connections', answered),
    (rows: readonly GatheredRow[]) => answer(connectionLines(rows)),
  );
}

/** `detail dump`: what was counted by prefix, on all threads. @param answer as for `answerSizes`; lines without their ends */
export function answerPrefixes(
  context: NodeContext,
  host: LongReplyHost,
  answer: (lines: readonly string[]) => void,
): void {
  replyLater(
    host,
    (answered: (rows: readonly GatheredRow[]) => void) => context.threads.gather('prefixes', answered),
    (rows: readonly GatheredRow[]) => answer(prefixLines(rows)),
  );
}
