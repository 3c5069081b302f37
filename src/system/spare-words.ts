/*
 * What passes between a spare process of this program and the monitor that keeps it. The spare is started by `twincached spare`, with a pipe behind
 * stdin, stdout and stderr. It says that it is ready, gets the words of a command line, once, and goes on as if it had been started with them. When
 * the pipe ends before, so does the spare: it never outlives its monitor unused.
 */
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** The word by which it is started; nobody types it, so help does not know it. */
export const SPARE_WORD = 'spare';

/** The spare's end of the pipe. */
const DESCRIPTOR = 3;

/**
 * Most characters of the command line that a spare can take on. What ps and pidof see of a process is written over the words that it was started
 * with, so a spare is started with so many characters of nothing.
 */
export const SPARE_CHARACTERS_MAX = 1000;

const READY = 'ready\n';

/** What follows the program's path when a spare is started. */
export function spareArguments(): string[] {
  return [SPARE_WORD, '-'.repeat(SPARE_CHARACTERS_MAX)];
}

/** Whether these words, and the pipe, are those that a monitor starts a spare with. */
export function isSpare(words: readonly string[]): boolean {
  if (words[0] !== SPARE_WORD || words.length !== 2) return false;
  try {
    return fstatSync(DESCRIPTOR).isSocket();
  } catch {
    return false;
  }
}

/**
 * The spare's part: says that it is ready, and waits.
 *
 * @returns null when nobody needs it any more
 */
export function wordsToBecome(): Promise<readonly string[] | null> {
  const pipe = new Socket({ fd: DESCRIPTOR });
  return new Promise((resolve) => {
    let text = '';
    const finish = (words: readonly string[] | null): void => {
      pipe.removeAllListeners('data');
      pipe.destroy();
      resolve(words);
    };
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('\n')) finish(parseWords(text));
    });
    pipe.on('end', () => finish(null));
    pipe.on('error', () => finish(null));
    pipe.write(READY);
  });
}

function parseWords(line: string): readonly string[] | null {
  const words: unknown = JSON.parse(line);
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) return null;
  return words;
}

/** The monitor's part, when the spare is to be started with these words. */
export function sendWords(pipe: Duplex, words: readonly string[]): void {
  pipe.end(`${JSON.stringify(words)}\n`);
}

/** Calls back when the spare waits. */
export function onSpareReady(pipe: Duplex, callback: () => void): void {
  let text = '';
  pipe.setEncoding('utf8');
  pipe.on('data', (chunk: string) => {
    text += chunk;
    if (text === READY) callback();
  });
  // Its end is told by its exit.
  pipe.on('error', () => {});
}
