import { parseIp } from '../control/ip-networks.ts';

/** Wrong passwords from one address that are answered at once; then it has to wait. */
export const FAILURES_MAX = 10;
/** How long after the first of them. */
export const FAILURES_FORGOTTEN_MS = 60_000;
/** Addresses whose failures are remembered. */
export const FAILING_ADDRESSES_MAX = 1000;

/**
 * Counts wrong passwords by address. Of IPv6 the first 64 bits count: a network of that size is what one customer
 * has, and he may take another address of it for each try.
 *
 * When as many addresses as there is room for have failed, the one with the fewest failures is forgotten, of several the one that failed first: so
 * a flood from many addresses forgets its own, and who has to wait goes on waiting.
 */
export class LoginFailures {
  readonly #failures = new Map<string, { count: number; readonly sinceMs: number }>();

  /** Addresses that are remembered. */
  get addressCount(): number {
    return this.#failures.size;
  }

  /** Whether an address has to wait. */
  isTooMany(address: string, nowMs: number): boolean {
    const key = networkOf(address);
    const failures = this.#failures.get(key);
    if (failures === undefined) return false;
    if (nowMs - failures.sinceMs < FAILURES_FORGOTTEN_MS) return failures.count >= FAILURES_MAX;
    this.#failures.delete(key);
    return false;
  }

  /** Counts a wrong password. */
  add(address: string, nowMs: number): void {
    const key = networkOf(address);
    const failures = this.#failures.get(key);
    if (failures !== undefined && nowMs - failures.sinceMs < FAILURES_FORGOTTEN_MS) {
      failures.count += 1;
      return;
    }
    this.#failures.delete(key);
    if (this.#failures.size >= FAILING_ADDRESSES_MAX) this.#forgetOne(nowMs);
    this.#failures.set(key, { count: 1, sinceMs: nowMs });
  }

  /** The map is in the order of the first failures, so the first of the least is the oldest of them. */
  #forgetOne(nowMs: number): void {
    let least: string | null = null;
    let leastCount = Number.POSITIVE_INFINITY;
    for (const [key, { count, sinceMs }] of this.#failures) {
      const isOver = nowMs - sinceMs >= FAILURES_FORGOTTEN_MS;
      if (isOver || count < leastCount) [least, leastCount] = [key, count];
      if (isOver || count === 1) break;
    }
    if (least !== null) this.#failures.delete(least);
  }
}

function networkOf(address: string): string {
  const bytes = parseIp(address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, ''));
  if (bytes === null) return address;
  return bytes.length === 4 ? bytes.join('.') : bytes.slice(0, 8).join(' ');
}
