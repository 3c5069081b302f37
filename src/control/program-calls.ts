import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';
import { unescaped, withBytes } from './escapes.ts';
import type { Place, ProgramCall } from './tree.ts';

const SHELLS = /(^|\/)(ba|da|k|z|a)?sh$|(^|\/)busybox$/;

/**
 * Splits a command line at its blanks. Quotes keep words together, and backslashes mean something in them; nothing else has a meaning, as there is no
 * shell.
 *
 * @throws ControlError when a quote is not closed
 */
function splitCommand(text: string, place: Place): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  let quoted = '';
  for (const character of text) {
    if (quote !== '') {
      if (character !== quote) quoted += character;
      else {
        word = `${word ?? ''}${withBytes(unescaped({ kind: 'text', text: quoted }))}`;
        quote = '';
      }
    } else if (character === '"' || character === "'") {
      quote = character;
      quoted = '';
    } else if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + character;
  }
  if (quote !== '') throw new ControlError(place, 'a quote is not closed in the command', text);
  if (word !== null) words.push(word);
  if (words.length === 0 || words[0] === '') throw new ControlError(place, 'the command is empty', text);
  return words;
}

/** What in a command only a shell would understand; null when there is nothing, or when a shell is called. */
function shellSyntax(argv: readonly string[], text: string): string | null {
  if (SHELLS.test(argv[0] ?? '')) return null;
  const quoted = text.replace(/'[^']*'/g, '');
  if (/`/.test(quoted)) return 'backticks';
  if (/\$\(/.test(quoted)) return '$(...)';
  if (/\$\{?\w/.test(quoted)) return 'a variable ($...)';
  if (/&&|\|\|/.test(quoted)) return '&& or ||';
  if (/(^|\s)\d?>{1,2}/.test(quoted)) return 'a redirection (>)';
  if (/\s<\s*\S/.test(quoted)) return 'a redirection (<)';
  if (/(^|\s)\|(\s|$)/.test(quoted)) return 'a pipe (|)';
  if (/;(\s|$)/.test(quoted)) return 'several commands (;)';
  if (/(^|\s)&(\s|$)/.test(quoted)) return '& at the end';
  return null;
}

/**
 * `[=] "CMD ARGS" [as uid U [and] gid G] [with timeout N seconds]`, behind the keyword.
 *
 * @param keyword for messages: `start`, `stop`, `exec`, ...
 * @param mayBeUnquoted a path alone may stand without quotes
 */
export function parseProgramCall(cursor: Cursor, keyword: string, mayBeUnquoted = false): ProgramCall {
  cursor.skipEquals();
  const next = cursor.peek();
  if (next.kind !== 'text' && !mayBeUnquoted)
    cursor.fail(`write the command of ${keyword} in quotes, as in ${keyword} "/path/to/program argument"`);
  const { text, place } = cursor.expectString(`the command of ${keyword}`);
  const argv = splitCommand(text, place);
  const shell = shellSyntax(argv, text);
  if (shell !== null) cursor.warn(place, shellAdvice(keyword, shell, text));
  let user: string | null = null;
  let group: string | null = null;
  let timeoutMs: number | null = null;
  for (;;) {
    const word = cursor.takeWord('uid', 'gid', 'timeout');
    if (word === 'uid') user = cursor.expectStringAfterNoise('a user').text;
    else if (word === 'gid') group = cursor.expectStringAfterNoise('a group').text;
    else if (word === 'timeout') timeoutMs = cursor.expectDuration('a number of seconds');
    else return { argv, user, group, timeoutMs };
  }
}

function shellAdvice(keyword: string, shell: string, text: string): string {
  const start = `no shell reads the ${keyword} program, so ${shell} in it mean${/s$|\|\|$/.test(shell) ? '' : 's'} nothing`;
  const byShell = text.includes("'")
    ? 'put the line into a script'
    : `write ${JSON.stringify(`/bin/sh -c '${text}'`)}`;
  return keyword === 'stop'
    ? `${start}; leave the line out: without it the process is stopped by its pid (or ${byShell})`
    : `${start}; ${byShell}`;
}
