import { COUNTER } from '../store/counters.ts';
import { hasUnsentReplies } from './crawler-commands.ts';
import { STREAM } from './log-memory.ts';
import type { LongReply, LongReplyHost } from './long-reply.ts';
import type { NodeContext } from './node-context.ts';
import type { LogReader } from './node-log.ts';

const STREAM_OF_WORD: ReadonlyMap<string, number> = new Map(Object.entries(STREAM));

/**
 * `watch [STREAM…]`: from now on the connection only gets lines of the log.
 *
 * @returns the reply without its line end; null when the connection watches now
 */
export function watchCommand(
  context: NodeContext,
  host: LongReplyHost,
  words: readonly string[],
): string | null {
  if (!context.settings.watchAllowed) return 'CLIENT_ERROR watch commands not allowed';
  if (hasUnsentReplies(host)) return 'ERROR cannot pipeline other commands before watch';
  let streams = words.length === 0 ? STREAM.fetchers : 0;
  for (const word of words) {
    const stream = STREAM_OF_WORD.get(word);
    if (stream === undefined) return 'ERROR';
    streams |= stream;
  }
  const watcher = new Watcher(context, host, streams);
  if (!context.log.add(watcher)) return 'WATCHER_TOO_MANY log watcher limit reached';
  host.hold(watcher);
  return 'OK';
}

/** A connection that reads the log. */
class Watcher implements LongReply, LogReader {
  readonly isEndless = true;
  readonly state = 'conn_watch';
  readonly streams: number;
  readonly #context: NodeContext;
  readonly #host: LongReplyHost;
  /** Bytes that wait behind those which the client has not taken; and lines that found no room there. */
  #waitingBytes = 0;
  #skipped = 0;
  #isWritten = false;

  constructor(context: NodeContext, host: LongReplyHost, streams: number) {
    this.#context = context;
    this.#host = host;
    this.streams = streams;
  }

  take(bytes: Uint8Array, count: number): void {
    const { log, settings } = this.#context;
    const { output } = this.#host.connection;
    if (output.blocked && this.#waitingBytes + count > settings.watcherBytesMax) {
      this.#skipped++;
      log.count(COUNTER.logWatcherSkipped);
      return;
    }
    this.#tellSkipped();
    output.append(bytes, 0, count);
    if (output.blocked) this.#waitingBytes += count;
    this.#isWritten = true;
    log.count(COUNTER.logWatcherSent);
  }

  flush(): void {
    if (this.#isWritten) this.#host.connection.flush();
    this.#isWritten = false;
  }

  drained(): void {
    this.#waitingBytes = 0;
    this.#tellSkipped();
  }

  closed(): void {
    this.#context.log.remove(this);
  }

  #tellSkipped(): void {
    if (this.#skipped === 0) return;
    this.#host.connection.output.text(`skipped=${this.#skipped}\n`);
    this.#skipped = 0;
  }
}
