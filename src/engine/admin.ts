import { MEMCACHED_VERSION } from '../base/version.ts';
import type { TextRequest } from '../protocol/text/request-parser.ts';
import { VERB } from '../protocol/text/verbs.ts';
import type { GatheredRow } from './administration.ts';
import { commandWords } from './command-words.ts';
import { crawlerCommand } from './crawler-commands.ts';
import { type LongReplyHost, replyLater } from './long-reply.ts';
import type { DebugClock, NodeContext } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';
import { statsCommand } from './stats-command.ts';
import { lruCommand, memoryLimitCommand, slabsCommand } from './tuning-commands.ts';
import { watchCommand } from './watch-command.ts';

/** memcached knows no higher level, whatever is asked for. */
const VERBOSITY_MAX = 2;

/**
 * The commands that are not about a key: version, verbosity, stats, mn, shutdown, and those that look into or tune the cache. They may
 * allocate; nobody sends them by the thousand.
 *
 * @param host the session that the request has come to
 * @param request the parsed line; has no error
 * @param input the bytes that the request's positions refer to
 */
export function runAdminCommand(
  context: NodeContext,
  host: LongReplyHost,
  request: TextRequest,
  input: Uint8Array,
): void {
  const { output } = host.connection;
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
      statsCommand(context, host, commandWords(request, input));
      return;
    case VERB.shutdown:
      shutdown(context, host, commandWords(request, input));
      return;
  }
  if (request.verb === VERB.refreshCerts) {
    refreshCertificates(context, host, request.noreply);
    return;
  }
  if (request.verb === VERB.debugTime) {
    output.text(`${debugTime(context.control.clock, commandWords(request, input))}\r\n`);
    return;
  }
  const reply = runTuningCommand(context, host, request, input);
  if (reply !== null && !request.noreply) output.text(`${reply}\r\n`);
}

/** @returns the reply without its line end; null when it is written or will be */
function runTuningCommand(
  context: NodeContext,
  host: LongReplyHost,
  request: TextRequest,
  input: Uint8Array,
): string | null {
  const words = commandWords(request, input);
  switch (request.verb) {
    case VERB.lruCrawler:
      return crawlerCommand(context, host, words);
    case VERB.lru:
      return lruCommand(context, words);
    case VERB.slabs:
      return slabsCommand(context, words);
    case VERB.watch:
      return watchCommand(context, host, words);
    case VERB.cacheMemlimit:
      return memoryLimitCommand(context, words);
    case VERB.acks:
      return acksCommand(context, host, words);
    default:
      return 'ERROR';
  }
}

/**
 * `acks n`, `acks n ms`: this connection's writes wait for n twins, and for so many milliseconds at most. Whoever has no twins does not know the
 * command, as a server of another make. It is what a proxy says, which sends elsewhere what it has waited for in vain: of a connection that it gave up
 * nothing more is to be done.
 */
function acksCommand(context: NodeContext, { connection }: LongReplyHost, words: readonly string[]): string {
  if (context.acks === null) return 'ERROR';
  const [count = '', time] = words;
  if (!/^[0-7]$/.test(count)) return 'CLIENT_ERROR acks must be a number from 0 to 7';
  if (time !== undefined && !/^[1-9][0-9]{0,4}$/.test(time))
    return 'CLIENT_ERROR the time to wait for acks must be a number of milliseconds from 1 to 99999';
  const timeoutMs = time === undefined ? null : Number(time);
  connection.voidUnreadOnReset?.();
  return context.acks.waitFor(connection, Number(count), timeoutMs)
    ? 'OK'
    : 'SERVER_ERROR too many ways to wait for acks';
}

/** `refresh_certs`: answered when later clients are shown the new certificates. */
function refreshCertificates(context: NodeContext, host: LongReplyHost, noreply: boolean): void {
  replyLater(
    host,
    (answered: (rows: readonly GatheredRow[]) => void) => context.threads.gather('certificates', answered),
    (rows: readonly GatheredRow[]) => {
      const outcome = rows.find(([text]) => text !== 'OK') ?? rows[0] ?? ['Error TLS not enabled'];
      if (!noreply) host.connection.output.text(`${outcome[0]}\r\n`);
    },
  );
}

/** `debugtime n`, `p`, `r`: moves, stops and releases the clock. Where tests may not, the command is not known. */
function debugTime(clock: DebugClock | null, [word = '']: readonly string[]): string {
  if (clock === null) return 'ERROR';
  if (word === 'p') clock.hold();
  else if (word === 'r') clock.release();
  else if (/^-?\d{1,9}$/.test(word)) clock.move(Number(word));
  else return 'ERROR';
  return 'OK';
}

function shutdown(context: NodeContext, { connection }: LongReplyHost, words: readonly string[]): void {
  const { output } = connection;
  const [mode = ''] = words;
  if (!context.settings.shutdownAllowed) writeReply(output, REPLY.shutdownNotEnabled);
  else if (mode === '' || mode === 'graceful') context.control.shutdown(mode === 'graceful');
  else writeReply(output, REPLY.invalidShutdownMode);
}
