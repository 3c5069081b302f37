/** The command lines of the scripts for developers: what is wrong with one is said in a line, and the script ends with 1 before it has done anything. */

export class ArgumentError extends Error {}

/** @returns the number that a text is, a whole one from `min` on */
export function wholeNumber(what: string, text: string, min = 1): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isSafeInteger(number) && number >= min) return number;
  throw new ArgumentError(`${what} must be a whole number from ${min}, not "${text}"`);
}

/** @returns the number that a text is, above 0 */
export function positiveNumber(what: string, text: string): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new ArgumentError(`${what} must be a number above 0, not "${text}"`);
}

/** @returns the text, which must be one of these */
export function oneOf<T extends string>(what: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new ArgumentError(`${what} must be one of ${choices.join(', ')}, not "${text}"`);
}

/** The words behind the script's name. @param names what they mean, in their order; each may be left out, with those behind it */
export function wordsOf(
  names: readonly string[],
  words: readonly string[] = process.argv.slice(2),
): readonly string[] {
  if (words.length <= names.length) return words;
  throw new ArgumentError(
    `"${words[names.length]}" is one word too many; usage: [${names.join(' [')}${']'.repeat(names.length)}`,
  );
}

/** The seed of the variable SEED, or one by chance. */
export function seedOf(text: string | undefined = process.env['SEED']): number {
  return text === undefined ? 1 + Math.floor(Math.random() * 1e9) : wholeNumber('SEED', text, 0);
}

/**
 * Runs `read`, and ends the process with one line if that finds the arguments to be wrong.
 *
 * @param script its name, which begins the line
 */
export function argumentsOf<T>(script: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error) || !isAboutArguments(error)) throw error;
    // What node says of an option that there is not goes on to explain itself.
    process.stderr.write(`${script}: ${error.message.split('. ')[0]}\n`);
    process.exit(1);
  }
}

function isAboutArguments(error: Error): boolean {
  return (
    error instanceof ArgumentError || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  );
}
