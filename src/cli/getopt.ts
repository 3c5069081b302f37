/**
 * The rules by which C programs read their command line: POSIX getopt with GNU's long options, as glibc 2.36 has them.
 *
 * People's scripts rely on all of it: values attached to the letter (`-p11211`), letters in one bundle (`-vp11211`), options behind operands
 * (permutation), long names cut short (`--mem=64`), a lone `-` as operand and `--` as the end of options. The error lines are glibc's, because they
 * are what monitors and test suites look for. Reference: getopt(3).
 */

/** Whether an option has a value. */
export type ArgumentRule =
  | 'none'
  | 'required'
  /** Only attached: `-cRED`, `--colour=red`. */
  | 'optional'
  /**
   * Ours, for repcached's `-X PORT` beside memcached's `-X`: a value when digits are attached or when the next word is no option; else none.
   */
  | 'number-if-any';

/** One row of a personality's table of options: parser, help text and reference are made from it. */
export interface OptionRow {
  /** What the parser reports; two spellings with one name are one option. */
  readonly name: string;
  readonly short?: string;
  readonly long?: string;
  readonly argument: ArgumentRule;
  /** The value in the help text, as `<num>`. */
  readonly valueName?: string;
  /** The lines of the help text. None: the option works, but help does not show it. */
  readonly help?: readonly string[];
  /** A long name that the program which is replaced has not: cut short, it is only meant where no other name can be. */
  readonly yields?: boolean;
}

/** One step through the command line, in the order of the words. */
export type OptionEvent =
  | {
      readonly kind: 'option';
      readonly name: string;
      /** As typed, without the value: `-p`, `--port`. */
      readonly spelling: string;
      readonly value: string | null;
    }
  /** `message` is glibc's line, with the program's name in front. getopt goes on behind it; most programs do not. */
  | { readonly kind: 'error'; readonly message: string };

export interface ParsedLine {
  readonly events: readonly OptionEvent[];
  /** The words that are neither options nor values of options, in order. */
  readonly operands: readonly string[];
}

/**
 * Reads a command line.
 *
 * @param program stands in front of every error line
 * @param words the command line without the program's name
 * @param rows the options; the order is the one in which an ambiguous prefix lists its candidates
 * @param posixlyCorrect the first operand ends the options (the environment's POSIXLY_CORRECT)
 */
export function getopt(
  program: string,
  words: readonly string[],
  rows: readonly OptionRow[],
  posixlyCorrect = false,
): ParsedLine {
  const events: OptionEvent[] = [];
  const operands: string[] = [];
  let index = 0;
  while (index < words.length) {
    const word = words[index++] ?? '';
    if (word === '--') {
      operands.push(...words.slice(index));
      break;
    }
    if (word.startsWith('--')) index = readLong(word, index);
    else if (word.startsWith('-') && word !== '-') index = readBundle(word, index);
    else if (posixlyCorrect) {
      operands.push(word, ...words.slice(index));
      break;
    } else operands.push(word);
  }
  return { events, operands };

  function fail(text: string): void {
    events.push({ kind: 'error', message: `${program}: ${text}` });
  }

  /** @returns the index of the next unread word */
  function readLong(word: string, next: number): number {
    const equals = word.indexOf('=');
    const typed = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const attached = equals < 0 ? null : word.slice(equals + 1);
    const row = findLong(word, typed);
    if (row === null) return next;
    const spelling = `--${row.long}`;
    if (attached !== null) {
      if (row.argument === 'none') fail(`option '${spelling}' doesn't allow an argument`);
      else events.push({ kind: 'option', name: row.name, spelling, value: attached });
      return next;
    }
    if (row.argument !== 'required') {
      events.push({ kind: 'option', name: row.name, spelling, value: null });
      return next;
    }
    const value = words[next];
    if (value === undefined) fail(`option '${spelling}' requires an argument`);
    else events.push({ kind: 'option', name: row.name, spelling, value });
    return next + 1;
  }

  function findLong(word: string, typed: string): OptionRow | null {
    const matching: OptionRow[] = [];
    for (const row of rows) {
      if (row.long === undefined || !row.long.startsWith(typed)) continue;
      if (row.long === typed) return row;
      matching.push(row);
    }
    const unyielding = matching.filter((row) => row.yields !== true);
    const candidates = unyielding.length > 0 ? unyielding : matching;
    const first = candidates[0];
    if (first === undefined) {
      fail(`unrecognized option '${word}'`);
      return null;
    }
    // Several names of one option are no ambiguity.
    if (candidates.some((row) => row.name !== first.name || row.argument !== first.argument)) {
      const names = candidates.map((row) => `'--${row.long}'`).join(' ');
      fail(`option '${word}' is ambiguous; possibilities: ${names}`);
      return null;
    }
    return first;
  }

  /** Reads a word of short options. @returns the index of the next unread word */
  function readBundle(word: string, next: number): number {
    const letters = [...word.slice(1)];
    for (let at = 0; at < letters.length; at++) {
      const letter = letters[at] ?? '';
      const row = rows.find((candidate) => candidate.short === letter);
      if (row === undefined) {
        fail(`invalid option -- '${letter}'`);
        continue;
      }
      const spelling = `-${letter}`;
      const rest = letters.slice(at + 1).join('');
      const following = words[next];
      if (row.argument === 'none' || (row.argument === 'number-if-any' && /^\D/.test(rest))) {
        events.push({ kind: 'option', name: row.name, spelling, value: null });
        continue;
      }
      if (rest !== '') {
        events.push({ kind: 'option', name: row.name, spelling, value: rest });
        return next;
      }
      if (row.argument === 'optional') {
        events.push({ kind: 'option', name: row.name, spelling, value: null });
        return next;
      }
      if (row.argument === 'number-if-any' && (following === undefined || following.startsWith('-'))) {
        events.push({ kind: 'option', name: row.name, spelling, value: null });
        return next;
      }
      if (following === undefined) fail(`option requires an argument -- '${letter}'`);
      else events.push({ kind: 'option', name: row.name, spelling, value: following });
      return next + 1;
    }
    return next;
  }
}

/** Column at which the help text's explanations begin, as in memcached's. */
const HELP_COLUMN = 26;

/** The help text's lines for a table of options: `-p, --port=<num>          what it means`. */
export function helpLines(rows: readonly OptionRow[]): string[] {
  const lines: string[] = [];
  for (const row of rows) {
    if (row.help === undefined) continue;
    const value = row.valueName ?? '';
    const long = row.long === undefined ? '' : `--${row.long}${value === '' ? '' : `=${value}`}`;
    const short = row.short === undefined ? '' : `-${row.short}`;
    const both = short !== '' && long !== '' ? `${short}, ${long}` : short + long;
    const spelling = long === '' && value !== '' ? `${short} ${value}` : both;
    row.help.forEach((text, index) => {
      const left = index === 0 ? spelling : '';
      lines.push(`${left.padEnd(HELP_COLUMN - 1)} ${text}`);
    });
  }
  return lines;
}
