import { type ParseArgsConfig, parseArgs } from 'node:util';
import { StartError } from '../base/start-error.ts';

/** The options of `up` and `status` by name, as parseArgs wants them. */
type OptionTable = NonNullable<ParseArgsConfig['options']>;

/** What a command line gave: strings and flags by option name. */
export interface ParsedOptions {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/**
 * Reads a sub-command's options.
 *
 * @throws StartError with one line on the first thing that is wrong
 */
export function parseOptions(argv: readonly string[], options: OptionTable): ParsedOptions {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The rest of the message explains how positional arguments are written, which does not apply here.
    const firstSentence = message.split(/\. |\n/, 1)[0] ?? message;
    throw new StartError(firstSentence.charAt(0).toLowerCase() + firstSentence.slice(1));
  }
}

/** An option's text; null when it was not given. */
export function textOption({ values }: ParsedOptions, name: string): string | null {
  const value = values[name];
  return typeof value === 'string' ? value : null;
}

/**
 * A whole number out of parsed options.
 *
 * @returns `fallback` when the option was not given
 * @throws StartError when it is no whole number, or out of bounds
 */
export function numberOption<T>(
  { values }: ParsedOptions,
  name: string,
  bounds: { readonly min: number; readonly max: number },
  fallback: T,
): number | T {
  const text = values[name];
  if (text === undefined) return fallback;
  const number = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= bounds.min && number <= bounds.max))
    throw new StartError(
      `option '--${name}' takes a whole number from ${bounds.min} to ${bounds.max}, not '${String(text)}'`,
    );
  return number;
}
