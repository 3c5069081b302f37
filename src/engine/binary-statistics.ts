import type { Output } from '../base/output.ts';
import { STATUS } from '../protocol/binary/opcodes.ts';
import type { BinaryRequest } from '../protocol/binary/request-header.ts';
import { writeDone, writeError, writeText } from './binary-replies.ts';
import type { NodeContext, StatLine } from './node-context.ts';
import { generalStatistics, itemStatistics, slabStatistics } from './statistics.ts';

/**
 * Answers Stat: one reply for each statistic with its name as key, and an empty reply at the end. What there is is the same as with the text
 * protocol's `stats`; a name that is unknown there is "Not found" here.
 *
 * @param which the request's key: empty for the general statistics
 */
export function answerStat(
  context: NodeContext,
  output: Output,
  request: BinaryRequest,
  which: string,
): void {
  const lines = linesOf(context, which);
  if (lines === null) {
    writeError(output, request, STATUS.notFound);
    return;
  }
  for (const [name, value] of lines) writeText(output, request, name, String(value));
  writeDone(output, request, 0);
}

function linesOf(context: NodeContext, which: string): readonly StatLine[] | null {
  switch (which) {
    case '':
      return generalStatistics(context);
    case 'settings':
      return context.reports.settings();
    case 'items':
      return itemStatistics(context.cache);
    case 'slabs':
      return slabStatistics(context.cache);
    case 'replication':
      return context.reports.replication() ?? [];
    case 'reset':
      context.cache.resetStatistics();
      context.control.resetStatistics();
      return [];
    default:
      return null;
  }
}
