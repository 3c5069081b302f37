import { createContext, Script } from 'node:vm';

/** Longest pattern that a client may send; longer than any name. */
export const PATTERN_LENGTH_MAX = 512;

/**
 * A pattern can be one that takes for ever (`(a+)+$`); the engine gives up after this, and the daemon goes on. What takes microseconds must have come to its
 * end by then on a busy machine, too.
 */
const MATCHING_MS_MAX = 250;

let script: Script | null = null;

/**
 * Which of some names a pattern means, each as a whole, whatever their case. It may come from anybody who may look, so there is a bound to how long it
 * can keep the process busy.
 *
 * @returns null when it takes too long, or is too long itself; nothing where it is no pattern
 */
export function namesMeant(pattern: string, names: readonly string[]): ReadonlySet<string> | null {
  if (pattern.length > PATTERN_LENGTH_MAX) return null;
  let regex: RegExp;
  try {
    regex = new RegExp(`^(?:${pattern})$`, 'i');
  } catch {
    return new Set();
  }
  // Run by node:vm for its time limit alone: it ends a match that goes on, which nothing else does.
  script ??= new Script('names.filter((name) => regex.test(name))');
  try {
    const found: unknown = script.runInContext(createContext({ regex, names }), { timeout: MATCHING_MS_MAX });
    return new Set(names.filter((name) => Array.isArray(found) && found.includes(name)));
  } catch {
    return null;
  }
}
