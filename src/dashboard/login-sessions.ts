import type { Identity } from './http-access.ts';

/** Browsers that may be logged in at a time; the one that was seen longest ago has to log in again. */
export const LOGINS_MAX = 1000;
/** A browser that is not seen for this long has to log in again. */
export const LOGIN_IDLE_MS: number = 12 * 3600 * 1000;
/** And in any case after this. */
export const LOGIN_LIFETIME_MS: number = 7 * 24 * 3600 * 1000;

/** Which browser has logged in as whom. Kept in memory alone: after a restart everybody logs in again. */
export class LoginSessions {
  /** In the order in which they were seen. */
  readonly #logins = new Map<
    string,
    { readonly identity: Identity; readonly sinceMs: number; seenMs: number }
  >();

  get count(): number {
    return this.#logins.size;
  }

  /** @param session random, and new: one that the browser had before might be known to somebody else */
  add(session: string, identity: Identity, nowMs: number): void {
    if (this.#logins.size >= LOGINS_MAX) {
      const [oldest] = this.#logins.keys();
      if (oldest !== undefined) this.#logins.delete(oldest);
    }
    this.#logins.set(session, { identity, sinceMs: nowMs, seenMs: nowMs });
  }

  /** Who a session belongs to, if anybody. */
  find(session: string | null, nowMs: number): Identity | null {
    const login = session === null ? undefined : this.#logins.get(session);
    if (session === null || login === undefined) return null;
    this.#logins.delete(session);
    if (nowMs - login.seenMs >= LOGIN_IDLE_MS || nowMs - login.sinceMs >= LOGIN_LIFETIME_MS) return null;
    login.seenMs = nowMs;
    this.#logins.set(session, login);
    return login.identity;
  }

  end(session: string | null): void {
    if (session !== null) this.#logins.delete(session);
  }
}
