/**
 * Polls until a condition holds; the one way in which tests wait for the outside world.
 *
 * @param what names the condition in the error
 * @param condition is asked every few milliseconds; what it throws counts as "not yet"
 * @param deadlineMs from now
 * @returns what the condition returned
 * @throws Error when the deadline has passed, with the last thing that the condition threw as its cause
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  deadlineMs = 60_000,
): Promise<Exclude<T, false | null | undefined>> {
  const end = performance.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (isPresent(value)) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) throw new Error(`timed out after ${deadlineMs} ms: ${what}`, { cause });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function isPresent<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== false && value !== null && value !== undefined;
}
