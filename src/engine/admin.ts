import type { Output } from '../base/output.ts';
import { MEMCACHED_VERSION } from '../base/version.ts';
import type { TextRequest } from '../protocol/text/request-parser.ts';
import { VERB } from '../protocol/text/verbs.ts';
import type { NodeContext, StatLine } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';
import { generalStatistics, itemStatistics, slabStatistics } from './statistics.ts';

/** memcached knows no higher level, whatever is asked for. */
const VERBOSITY_MAX = 2;

/**
 * The commands that are not about a key: version, verbosity, stats, mn, shutdown. They may allocate; nobody sends them by the
 * thousand.
 *
 * @param request the parsed line; has no error
 * @param input the bytes that the request's positions refer to
 */
export function runAdminCommand(
  context: NodeContext,
  output: Output,
  request: TextRequest,
  input: Uint8Array,
): void {
  switch (request.verb) {
    case VERB.version:
      output.text(`VERSION ${MEMCACHED_VERSION}\r\n`);
      return;
    case VERB.verbosity:
      context.control.setVerbosity(Math.min(request.exptime, VERBOSITY_MAX));
      if (!request.noreply) writeReply(output, REPLY.ok);
      return;
    case VERB.metaNoop:
      writeReply(output, REPLY.metaNoop);
      return;
    case VERB.stats:
      writeStatistics(context, output, argumentsOf(request, input));
      return;
    case VERB.shutdown:
      shutdown(context, output, argumentsOf(request, input));
      return;
    default:
      writeReply(output, REPLY.error);
  }
}

function argumentsOf(request: TextRequest, input: Uint8Array): string {
  let text = '';
  for (let i = request.argumentsStart; i < request.lineEnd; i++) text += String.fromCharCode(input[i]!);
  return text.trim();
}

function shutdown(context: NodeContext, output: Output, argument: string): void {
  if (!context.settings.shutdownAllowed) writeReply(output, REPLY.shutdownNotEnabled);
  else if (argument === '' || argument === 'graceful') context.control.shutdown(argument === 'graceful');
  else writeReply(output, REPLY.invalidShutdownMode);
}

function writeStatistics(context: NodeContext, output: Output, which: string): void {
  switch (which) {
    case '':
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
    default:
      writeReply(output, REPLY.error);
  }
}

function writeLines(output: Output, lines: readonly StatLine[]): void {
  for (const [name, value] of lines) output.text(`STAT ${name} ${value}\r\n`);
  writeReply(output, REPLY.end);
}
