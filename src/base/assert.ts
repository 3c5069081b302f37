/** A broken invariant of our own code. Never thrown for what a client, a peer or an operator did. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/**
 * Checks an invariant; stays on in production, because a cache that goes on with broken structures corrupts data.
 *
 * @param condition what must hold
 * @param message what was broken, as a sentence for the log
 * @throws AssertionError when the condition does not hold
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
