import { createContext, Script } from 'node:vm';

/** The engine gives up after this, and the process goes on. */
const MATCHING_MS_MAX = 250;

/** Who has had less of a processor in this time was kept waiting, and tries again: on a busy machine what takes microseconds may be given up, too. */
const WORKED_MICROS_MIN = 100_000;
const ATTEMPTS_MAX = 5;

const sandbox: { regex: RegExp; texts: readonly string[]; most: number } = { regex: /x/, texts: [], most: 0 };
let runner: { readonly script: Script; readonly context: object } | null = null;

/**
 * In which of some texts a pattern matches. A pattern can be one that takes for ever on the wrong text (`(a+)+$`), be the pattern a stranger's or the
 * text; so there is a bound to how long it can keep the process busy.
 *
 * @param most after so many it looks no further
 * @returns their positions; null when it takes too long
 */
export function matching(
  regex: RegExp,
  texts: readonly string[],
  most: number = Number.POSITIVE_INFINITY,
): readonly number[] | null {
  // Run by node:vm for its time limit alone: it ends a match that goes on, which nothing else does.
  runner ??= {
    script: new Script(`(() => {
      const found = [];
      for (let at = 0; at < texts.length && found.length < most; at++) if (regex.test(texts[at])) found.push(at);
      return found.join();
    })()`),
    context: createContext(sandbox),
  };
  Object.assign(sandbox, { regex, texts, most });
  try {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const before = process.cpuUsage();
      try {
        const found: unknown = runner.script.runInContext(runner.context, { timeout: MATCHING_MS_MAX });
        return typeof found !== 'string' || found === '' ? [] : found.split(',').map(Number);
      } catch {
        if (process.cpuUsage(before).user >= WORKED_MICROS_MIN) break;
      }
    }
    return null;
  } finally {
    Object.assign(sandbox, { texts: [] });
  }
}
