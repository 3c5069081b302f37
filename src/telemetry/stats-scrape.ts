import type { Socket } from 'node:net';
import type { NodeStatistics } from './memcached-metrics.ts';

const QUESTIONS = ['stats', 'stats settings', 'stats items', 'stats slabs', 'stats replication'];

/** Longest answer that is read: a node with all its slab classes has about a hundred thousand bytes. */
export const ANSWER_BYTES_MAX: number = 4 * 1024 * 1024;

/**
 * Asks a server for all its statistics at once.
 *
 * @param open connects to it; `ready` is called when it may be asked
 * @param timeoutMs for the whole exchange
 * @returns null when it does not answer, or not as a memcached does; never rejects
 */
export function scrapeNode(
  open: (ready: (socket: Socket) => void) => Socket,
  timeoutMs: number,
): Promise<NodeStatistics | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = open((opened) => {
      opened.setEncoding('latin1');
      opened.on('data', (piece: string) => {
        text += piece;
        if (text.length > ANSWER_BYTES_MAX) done(null);
        else if (text.endsWith('\n') && countEnds(text) === QUESTIONS.length) done(parseAnswers(text));
      });
      opened.write(QUESTIONS.map((question) => `${question}\r\n`).join(''));
    });
    const done = (result: NodeStatistics | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => done(null), timeoutMs);
    socket.on('error', () => done(null));
    socket.on('close', () => done(null));
  });
}

/** An answer ends with END, or is an error line. */
const ANSWER_END = /^(?:END|ERROR|CLIENT_ERROR [^\r]*|SERVER_ERROR [^\r]*)\r\n/gm;

function countEnds(text: string): number {
  return text.match(ANSWER_END)?.length ?? 0;
}

function parseAnswers(text: string): NodeStatistics {
  const [general, settings, items, slabs, replication] = text.split(ANSWER_END).map(statisticsOf);
  const none: ReadonlyMap<string, string> = new Map();
  return {
    general: general ?? none,
    settings: settings ?? none,
    items: items ?? none,
    slabs: slabs ?? none,
    replication: replication ?? none,
  };
}

function statisticsOf(text: string): ReadonlyMap<string, string> {
  const found: Map<string, string> = new Map();
  for (const [, name = '', value = ''] of text.matchAll(/^STAT (\S+) ([^\r\n]*)/gm)) found.set(name, value);
  return found;
}
