/*
 * One look at all that a server holds, and the deletion of what it shall not hold. The list of its items (`lru_crawler metadump`) is read no faster than it is
 * worked through, so however many they are a few pieces of it stand in memory; each item is deleted on condition that it is still the one that was listed
 * (`md` with its cas). Servers of memcached's since 1.6 know both, and so do nodes.
 */
import type { Socket } from 'node:net';
import { openServer, type ServerPlace } from '../net/server-door.ts';
import { base64Bytes, encodeBase64Key } from '../protocol/text/base64-key.ts';

/** Items that are looked at in a second. Where half of them are deleted a server spends a fifth of a processor on it, and the monitor a sixth; else half as much. */
export const PURGE_ITEMS_PER_SECOND = 50_000;

/** A server that says nothing for so long is given up. */
const SILENCE_MS_MAX = 30_000;

/** Longest line that is waited for: of an item, or of an error. */
const LINE_MAX = 4096;

/** The server will never do it: it knows no such command, or may not. Anything else may go another time. */
export class PurgeRefused extends Error {}

export interface PurgeCounts {
  /** Items. */
  looked: number;
  /** Those that were not to be there. */
  found: number;
  /** Those of them that are gone by this. */
  deleted: number;
}

/** @param counts goes on counting */
export async function purgePass(
  place: ServerPlace,
  isLeft: (key: Uint8Array, start: number, end: number) => boolean,
  counts: PurgeCounts,
  signal: AbortSignal,
  itemsPerSecond: number = PURGE_ITEMS_PER_SECOND,
): Promise<void> {
  const sockets: Socket[] = [];
  const stop = (): void => {
    for (const socket of sockets) socket.destroy(new Error('it is not the time for that any more'));
  };
  signal.addEventListener('abort', stop);
  try {
    signal.throwIfAborted();
    const list = await opened(place, sockets);
    const deletions = new Deletions(await opened(place, sockets));
    signal.throwIfAborted();
    list.write('lru_crawler metadump all\r\n');
    let rest = '';
    for await (const chunk of list) {
      const beganMs = performance.now();
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_MAX) throw new Error('its list of items has a line that is too long');
      const left: ListedItem[] = [];
      let isOver = false;
      let items = 0;
      for (const line of lines) {
        const item = listedItem(line);
        if (item === null) {
          isOver = isEnd(line);
          if (isOver) break;
          continue;
        }
        items++;
        if (isLeft(item.key, 0, item.key.length)) left.push(item);
      }
      counts.looked += items;
      counts.found += left.length;
      if (left.length > 0) counts.deleted += await deletions.send(left);
      if (isOver) return;
      await pause((items * 1000) / itemsPerSecond - (performance.now() - beganMs));
    }
    throw new Error('it has hung up in the middle of its list of items');
  } finally {
    signal.removeEventListener('abort', stop);
    for (const socket of sockets) socket.destroy();
  }
}

interface ListedItem {
  readonly key: Uint8Array;
  readonly cas: string;
}

/** Of a line such as `key=a%20b exp=-1 la=1700000000 cas=7 fetch=no cls=1 size=64`; null: it is none. */
export function listedItem(line: string): ListedItem | null {
  const words = /^key=(\S+) .*\bcas=(\d+) /.exec(line);
  if (words === null) return null;
  const [, name = '', cas = ''] = words;
  const text = name.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return { key: Buffer.from(text, 'latin1'), cas };
}

/** @returns whether the list is at its end @throws where there is none */
function isEnd(line: string): boolean {
  if (/^END\r?$/.test(line)) return true;
  const text = line.trimEnd();
  if (/^(BUSY|SERVER_ERROR)/.test(text)) throw new Error(`it says "${text}"`);
  if (/^(ERROR|CLIENT_ERROR)/.test(text)) throw new PurgeRefused(`it says "${text}" to lru_crawler metadump`);
  return false;
}

/** A connection on which items are deleted, some at a time. */
class Deletions {
  readonly #socket: Socket;
  readonly #answers: AsyncIterator<unknown>;
  #text = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#answers = socket[Symbol.asyncIterator]();
  }

  /** @returns how many of them were there still */
  async send(items: readonly ListedItem[]): Promise<number> {
    this.#socket.setTimeout(SILENCE_MS_MAX);
    this.#socket.write(items.map(deletionLine).join(''), 'latin1');
    let deleted = 0;
    for (let answered = 0; answered < items.length; answered++) {
      const line = await this.#line();
      if (line === 'HD') deleted++;
      else if (line === 'ERROR' || line.startsWith('CLIENT_ERROR'))
        throw new PurgeRefused(`it says "${line}" to md`);
      else if (line !== 'NF' && line !== 'EX') throw new Error(`it says "${line}"`);
    }
    // There may be nothing to delete for long.
    this.#socket.setTimeout(0);
    return deleted;
  }

  async #line(): Promise<string> {
    for (let end = this.#text.indexOf('\r\n'); ; end = this.#text.indexOf('\r\n')) {
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return line;
      }
      const { done, value } = await this.#answers.next();
      if (done === true) throw new Error('it has hung up');
      this.#text += String(value);
    }
  }
}

/** A server without cas tells none, and then nothing is deleted: what nobody can tell from its successor stays. */
function deletionLine({ key, cas }: ListedItem): string {
  if (cas === '0') throw new PurgeRefused('it keeps no cas');
  const isPlain = key.every((byte) => byte > 32 && byte !== 127);
  if (isPlain) return `md ${Buffer.from(key).toString('latin1')} C${cas}\r\n`;
  const base64 = new Uint8Array(base64Bytes(key.length));
  encodeBase64Key(key, 0, key.length, base64, 0);
  return `md ${Buffer.from(base64).toString('latin1')} b C${cas}\r\n`;
}

function opened(place: ServerPlace, sockets: Socket[]): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = openServer(place, (ready) => {
      ready.setEncoding('latin1');
      resolve(ready);
    });
    sockets.push(socket);
    // It holds up nobody who wants to end.
    socket.unref();
    socket.setTimeout(SILENCE_MS_MAX, () => socket.destroy(new Error('it does not answer')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('it has hung up')));
  });
}

function pause(ms: number): Promise<void> {
  if (ms < 1) return Promise.resolve();
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
