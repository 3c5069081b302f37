import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * Proof that a form was sent from a page of ours.
 *
 * Each browser gets a random session in a cookie that scripts cannot read; the token in the page's forms is the HMAC of that session under a
 * secret that never leaves this process. Unlike a plain double-submit cookie, where any equal pair of cookie and field passes, a pair cannot be made up
 * by somebody who can plant a cookie.
 */
export class SessionTokens {
  readonly #secret: Uint8Array;
  readonly #cookieName: string;

  /**
   * @param port the page's own: browsers share cookies between the ports of a host, and two monitors may run there
   * @param secret at least 32 random bytes
   */
  constructor(port: number, secret: Uint8Array = randomBytes(32)) {
    this.#secret = secret;
    this.#cookieName = `twincached_session_${port}`;
  }

  /** The session of a request by its Cookie header, or null. */
  sessionOf(cookieHeader: string | undefined): string | null {
    for (const part of (cookieHeader ?? '').split(';')) {
      const [name, value] = part.trim().split('=', 2);
      if (name === this.#cookieName && value !== undefined && /^[0-9a-f]{32}$/.test(value)) return value;
    }
    return null;
  }

  newSession(): string {
    return randomBytes(16).toString('hex');
  }

  /** The Set-Cookie header that hands a session to a browser. */
  cookie(session: string): string {
    return `${this.#cookieName}=${session}; Path=/; HttpOnly; SameSite=Strict`;
  }

  /** What the forms of a page of this session must carry. */
  token(session: string): string {
    return createHmac('sha256', this.#secret).update(session).digest('hex');
  }

  /** Whether a form's token belongs to the session of its request. */
  isValid(session: string | null, token: string | null): boolean {
    if (session === null || token === null) return false;
    const expected = Buffer.from(this.token(session));
    const given = Buffer.from(token);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}

/** Whether a request's Authorization header is `Bearer` and this key. */
export function isBearer(header: string | undefined, key: string): boolean {
  const expected = Buffer.from(`Bearer ${key}`);
  const given = Buffer.from(header ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/**
 * The same proof in monit's form, for scripts that are written for it: one value, in the cookie `securitytoken` and in the field of that name.
 *
 * Monit compares the two and stores nothing, so any made-up pair passes. Here the value proves itself: half of it is random, half an HMAC of
 * that half and of the user's name, so it must have come from this process, and for this user.
 */
export class SecurityTokens {
  readonly #secret: Uint8Array;

  /** @param secret at least 32 random bytes */
  constructor(secret: Uint8Array = randomBytes(32)) {
    this.#secret = secret;
  }

  /** A new token for a user: 32 hexadecimal digits. */
  newToken(user: string): string {
    const random = randomBytes(8).toString('hex');
    return random + this.#proof(random, user);
  }

  /** The Set-Cookie header for a token. */
  cookie(token: string): string {
    return `securitytoken=${token}; Max-Age=600; HttpOnly; SameSite=strict; Path=/`;
  }

  /** Whether a request of this user came from a page of ours. */
  isValid(user: string, cookieHeader: string | undefined, field: string | null): boolean {
    const cookies = (cookieHeader ?? '').split(';').map((part) => part.trim());
    if (field === null || !/^[0-9a-f]{32}$/.test(field) || !cookies.includes(`securitytoken=${field}`))
      return false;
    const expected = Buffer.from(this.#proof(field.slice(0, 16), user));
    return timingSafeEqual(Buffer.from(field.slice(16)), expected);
  }

  #proof(random: string, user: string): string {
    return createHmac('sha256', this.#secret).update(`${random} ${user}`).digest('hex').slice(0, 16);
  }
}
