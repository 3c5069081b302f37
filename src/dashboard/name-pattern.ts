import { matching } from '../system/bounded-match.ts';

/** Longest pattern that a client may send; longer than any name. */
export const PATTERN_LENGTH_MAX = 512;

/**
 * Which of some names a pattern means, each as a whole, whatever their case. It may come from anybody who may look.
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
  const found = matching(regex, names);
  return found === null ? null : new Set(found.flatMap((at) => names[at] ?? []));
}
