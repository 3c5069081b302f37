import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One case of test/transcripts; the format is described there. */
export interface Transcript {
  readonly name: string;
  /** Everything that is sent, latin-1. */
  readonly sent: string;
  /** What must come back, all of it; see differenceOf. */
  readonly expected: string;
  readonly closed: boolean;
  /** The installed memcached is known to answer otherwise. */
  readonly differs: boolean;
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '\\': '\\' };

/** Text with the escapes for CR, LF, TAB and hexadecimal bytes replaced by what they stand for. */
export function bytesOf(text: string): string {
  return text.replace(/\\(x([0-9a-f]{2})|.)/g, (_all, one: string, hex: string | undefined) =>
    hex === undefined ? (ESCAPES[one] ?? one) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Text with each {x*300} written out. */
export function repeat(text: string): string {
  return text.replace(/\{([^{}]*)\*(\d+)\}/g, (_all, piece: string, times: string) =>
    piece.repeat(Number(times)),
  );
}

/** What a placeholder stands for. */
const PLACEHOLDERS: readonly (readonly [string, RegExp])[] = [
  ['{number}', /\d+/y],
  ['{version}', /\d+\.\d+\.\d+/y],
];

/**
 * Compares a reply with an expected text that may hold placeholders.
 *
 * @returns null when they agree, else what is there and what should be there from the first difference on
 */
export function differenceOf(reply: string, expected: string): string | null {
  let at = 0;
  let wanted = 0;
  while (wanted < expected.length) {
    const placeholder = PLACEHOLDERS.find(([name]) => expected.startsWith(name, wanted));
    if (placeholder === undefined) {
      if (reply[at] !== expected[wanted]) break;
      at++;
      wanted++;
      continue;
    }
    const [name, pattern] = placeholder;
    pattern.lastIndex = at;
    const found = pattern.exec(reply);
    if (found === null) break;
    at += found[0].length;
    wanted += name.length;
  }
  if (wanted === expected.length && at === reply.length) return null;
  const show = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  return `at byte ${at}: ${show(reply.slice(at))} instead of ${show(expected.slice(wanted))}`;
}

/** Parses one transcript file. @throws Error naming the file and line of what it does not know */
export function parseTranscript(name: string, text: string): Transcript {
  let sent = '';
  let expected = '';
  let closed = false;
  let differs = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('>|')) sent += repeat(bytesOf(line.slice(3)));
    else if (line.startsWith('>')) sent += `${repeat(line.slice(2))}\r\n`;
    else if (line.startsWith('<|')) expected += repeat(bytesOf(line.slice(3)));
    else if (line.startsWith('<')) expected += `${repeat(line.slice(2))}\r\n`;
    else if (line === '= closed') closed = true;
    else if (line === '@ differs') differs = true;
    else throw new Error(`${name}:${index + 1}: not a transcript line: ${line}`);
  }
  return { name, sent, expected, closed, differs };
}

/** All transcripts of a folder, by name. */
export function readTranscripts(folder: string): Transcript[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .map((file) => parseTranscript(file.slice(0, -4), readFileSync(join(folder, file), 'latin1')));
}
