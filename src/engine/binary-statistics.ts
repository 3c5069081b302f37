import type { Output } from '../base/output.ts';
import { STATUS } from '../protocol/binary/opcodes.ts';
import { BinaryRequest, copyRequest } from '../protocol/binary/request-header.ts';
import { writeDone, writeError, writeText } from './binary-replies.ts';
import type { LongReplyHost } from './long-reply.ts';
import type { NodeContext, StatLine } from './node-context.ts';
import {
  answerConnections,
  answerPrefixes,
  answerSizes,
  plainStatistics,
  resetStatistics,
} from './statistics-by-name.ts';

/**
 * Answers Stat: one reply for each statistic with its name as key, and an empty reply at the end. The kinds are those of the text protocol's
 * `stats`; one that is unknown there is "Not found" here.
 *
 * @param which the request's key: empty for the general statistics
 */
export function answerStat(
  context: NodeContext,
  host: LongReplyHost,
  request: BinaryRequest,
  which: string,
): void {
  const { output } = host.connection;
  const lines = plainStatistics(context, host.connection, which);
  if (lines !== null) {
    writeLines(output, request, lines);
    return;
  }
  // The answer may come when the session's request is another one already.
  const asked = copyRequest(request, new BinaryRequest());
  const answer = (found: readonly StatLine[]): void => writeLines(output, asked, found);
  switch (which) {
    case 'reset':
      resetStatistics(context);
      writeDone(output, request, 0);
      return;
    case 'sizes':
      answerSizes(context, host, answer);
      return;
    case 'conns':
      answerConnections(context, host, answer);
      return;
  }
  if (context.settings.dumpAllowed) answerDetail(context, host, asked, which);
  else writeError(output, request, STATUS.notFound);
}

/** What is counted by prefix is one statistic, with the lines of the text protocol as its value. */
function answerDetail(context: NodeContext, host: LongReplyHost, asked: BinaryRequest, which: string): void {
  const { output } = host.connection;
  switch (which) {
    case 'detail on':
    case 'detail off':
      context.control.setDetail(which === 'detail on');
      writeDone(output, asked, 0);
      return;
    case 'detail dump':
      answerPrefixes(context, host, (lines) => {
        writeLines(output, asked, [['detailed', [...lines, 'END', ''].join('\r\n')]]);
      });
      return;
    default:
      writeError(output, asked, STATUS.notFound);
  }
}

function writeLines(output: Output, request: BinaryRequest, lines: readonly StatLine[]): void {
  for (const [name, value] of lines) writeText(output, request, name, String(value));
  writeDone(output, request, 0);
}
