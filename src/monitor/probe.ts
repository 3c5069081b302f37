import type { ServiceRole } from '../checks/cluster-status.ts';
import { isRefusal, openServer, type ServerPlace } from '../net/server-door.ts';

export interface ProbeTarget extends ServerPlace {
  /** Ask a node for its statistics in the same exchange; proxies are always asked. */
  readonly stats: boolean;
}

export type ProbeResult =
  | {
      readonly ok: true;
      readonly latencyMs: number;
      readonly stats: ReadonlyMap<string, string> | null;
      /** Why it let nobody in, so that it could not be asked; null: it did. */
      readonly refusal: string | null;
    }
  | { readonly ok: false; readonly reason: string };

/** The request, and how many replies end with END or an error line. Servers that do not replicate answer the last one with nothing or an error. */
const VERSION_ONLY = { request: 'version\r\n', replies: 0 } as const;
const WITH_STATS = { request: 'version\r\nstats\r\nstats replication\r\n', replies: 2 } as const;
/** What the thread that answers has counted, and its number: of all together they can be had, too, but not while one of them hangs. */
const PROXY_STATS = {
  request: 'version\r\nget __twincached__.thread\r\nstats pools thread\r\nstats servers thread\r\n',
  replies: 3,
} as const;

/** Most characters of a reply; a node's statistics have about four thousand, a proxy's six hundred for each server. */
export const REPLY_LENGTH_MAX: number = 4 * 1024 * 1024;

/** Longest line of a reply. */
const LINE_LENGTH_MAX = 64 * 1024;

/**
 * Asks a memcached or a proxy for its version, over a connection of its own. A bare connect would not do: the kernel
 * accepts for a process that hangs, until its backlog is full. Any line that is a reply of the protocol counts as alive,
 * an error too: a proxy whose servers are all dead is not dead itself. So does a refusal to let us in.
 *
 * @param timeoutMs for the whole exchange
 * @param role what it is asked for besides
 * @param onWaiting true: the kernel has taken the connection for it, and it is its turn to answer; false: it has answered
 * @returns never rejects
 */
export function probe(
  target: ProbeTarget,
  timeoutMs: number,
  role: ServiceRole,
  onWaiting: (isWaiting: boolean) => void = () => {},
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const { request, replies } = role === 'proxy' ? PROXY_STATS : target.stats ? WITH_STATS : VERSION_ONLY;
    const start = performance.now();
    const answers = new Answers();
    let rest = '';
    let length = 0;
    let latencyMs = 0;
    let refusal: string | null = null;
    const answered = (): void => {
      latencyMs = Math.max(performance.now() - start, Number.MIN_VALUE);
    };
    const socket = openServer(target, (opened) => {
      opened.setEncoding('latin1');
      opened.on('data', onData);
      opened.write(request);
      onWaiting(true);
    });
    // If it was us who slept, the answer lies in the socket; one turn of the loop reads it before the verdict.
    const timer = setTimeout(() => setImmediate(() => finish('no answer')), timeoutMs);
    const finish = (failure: string | null): void => {
      clearTimeout(timer);
      socket.destroy();
      // The version came, so it lives, even if the statistics are missing.
      if (failure === null || latencyMs > 0) resolve({ ok: true, latencyMs, stats: answers.stats, refusal });
      else resolve({ ok: false, reason: failure });
    };
    const onData = (chunk: string): void => {
      length += chunk.length;
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      if (latencyMs === 0) {
        const line = lines.shift();
        if (line !== undefined) {
          if (!/^(VERSION |ERROR$|CLIENT_ERROR |SERVER_ERROR )/.test(line)) {
            finish('not a memcached reply');
            return;
          }
          onWaiting(false);
          answered();
        }
      }
      for (const line of lines) answers.take(line);
      if (latencyMs > 0 && answers.ended >= replies) finish(null);
      else if (length > REPLY_LENGTH_MAX || rest.length > LINE_LENGTH_MAX) finish('an endless reply');
    };
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (latencyMs === 0 && isRefusal(error)) {
        answered();
        refusal = error.code ?? error.message;
      }
      finish(error.code ?? error.message);
    });
    socket.on('close', () => finish('connection closed'));
  });
}

/** What a server has answered, line by line: a long answer is not looked through anew for each piece of it. */
class Answers {
  readonly #stats: Map<string, string> = new Map();
  #isThread = false;
  /** Answers that have come to their end. */
  ended = 0;

  /** The STAT lines by name, and the thread of a proxy as `thread`; null when there are none. */
  get stats(): ReadonlyMap<string, string> | null {
    return this.#stats.size === 0 ? null : this.#stats;
  }

  take(line: string): void {
    const [, name, value = ''] = /^STAT (\S+) (.*)$/.exec(line) ?? [];
    if (name !== undefined) this.#stats.set(name, value);
    else if (this.#isThread && /^\d+$/.test(line)) this.#stats.set('thread', line);
    else if (/^(END|ERROR|(CLIENT|SERVER)_ERROR .*)$/.test(line)) this.ended += 1;
    this.#isThread = line.startsWith('VALUE __twincached__.thread ');
  }
}
