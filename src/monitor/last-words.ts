/** Lines at the end of a process's output that are kept to explain its death. */
export const LAST_LINES_MAX = 20;

/** How many of them are quoted when none stands out. */
const QUOTED_LINES_MAX = 2;

/**
 * The line or two that best say why a process ended.
 *
 * An uncaught exception of a Node program prints the offending source, a stack and the version; the line that counts is the one with the error's
 * name, somewhere in the middle. Other programs say it at the end.
 *
 * @param lines the last lines of its output, oldest first
 */
export function lastWords(lines: readonly string[]): string {
  const thrown = lines.find((line) => /^(?:\w+ )?\w*Error(?: \[\w+\])?: /.test(line));
  if (thrown !== undefined) return thrown;
  return lines.slice(-QUOTED_LINES_MAX).join('; ');
}
