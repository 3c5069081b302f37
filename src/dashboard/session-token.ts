import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** A form of a page may be sent for this long after the page was made; pages that stay open ask for a new token. */
export const TOKEN_LIFETIME_MS: number = 12 * 3600 * 1000;

const EXPIRY_DIGITS = 8;
const PROOF_DIGITS = 56;

/**
 * Proof that a form was sent from a page of ours.
 *
 * Each browser gets a random session in a cookie that scripts cannot read; the token in the page's forms is its last second and the HMAC of that, of the session
 * and of the user's name, under a secret that never leaves this process. Unlike a plain double-submit cookie, where any equal pair of cookie and field
 * passes, a pair cannot be made up by somebody who can plant a cookie.
 */
export class SessionTokens {
  readonly #secret: Uint8Array;
  readonly #cookieName: string;
  readonly #attributes: string;

  /**
   * @param port the page's own: browsers share cookies between the ports of a host, and two monitors may run there
   * @param isEncrypted whether the page is served over TLS; its cookies are then sent over TLS alone
   * @param secret at least 32 random bytes
   */
  constructor(port: number, isEncrypted = false, secret: Uint8Array = randomBytes(32)) {
    this.#secret = secret;
    this.#cookieName = `twincached_session_${port}`;
    this.#attributes = `Path=/; HttpOnly; SameSite=Strict${isEncrypted ? '; Secure' : ''}`;
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
    return `${this.#cookieName}=${session}; ${this.#attributes}`;
  }

  /** The Set-Cookie header that takes it away. */
  endingCookie(): string {
    return `${this.#cookieName}=; Max-Age=0; ${this.#attributes}`;
  }

  /**
   * What the forms of a page of this session must carry.
   *
   * @param user whose page it is; '' where there are no users
   * @param nowMs wall clock
   */
  token(session: string, user: string, nowMs: number): string {
    const expirySeconds = Math.ceil((nowMs + TOKEN_LIFETIME_MS) / 1000);
    const expiry = expirySeconds.toString(16).padStart(EXPIRY_DIGITS, '0');
    return expiry + this.#proof(expiry, session, user);
  }

  /** Whether a form's token belongs to the session and the user of its request, and is not too old. */
  isValid(session: string | null, user: string, token: string | null, nowMs: number): boolean {
    if (session === null || token === null || !/^[0-9a-f]{64}$/.test(token)) return false;
    const expiry = token.slice(0, EXPIRY_DIGITS);
    const expected = Buffer.from(this.#proof(expiry, session, user));
    if (!timingSafeEqual(Buffer.from(token.slice(EXPIRY_DIGITS)), expected)) return false;
    return Number.parseInt(expiry, 16) * 1000 > nowMs;
  }

  #proof(expiry: string, session: string, user: string): string {
    return createHmac('sha256', this.#secret)
      .update(`${expiry} ${session} ${user}`)
      .digest('hex')
      .slice(0, PROOF_DIGITS);
  }
}

/** Whether a request's Authorization header is `Bearer` and this key. */
export function isBearer(header: string | undefined, key: string): boolean {
  const expected = Buffer.from(`Bearer ${key}`);
  const given = Buffer.from(header ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Monit's tokens are good for ten minutes; its pages are made anew in each cycle. */
export const MONIT_TOKEN_LIFETIME_MS = 600_000;

/**
 * The same proof in monit's form, for scripts that are written for it: one value, in the cookie `securitytoken` and in the field of that name.
 *
 * Monit compares the two and stores nothing, so any made-up pair passes. Here the value proves itself: it has its last second, some chance, and an HMAC of
 * both and of the user's name, so it must have come from this process, for this user, and not long ago.
 */
export class SecurityTokens {
  readonly #secret: Uint8Array;

  /** @param secret at least 32 random bytes */
  constructor(secret: Uint8Array = randomBytes(32)) {
    this.#secret = secret;
  }

  /** A new token for a user: 32 hexadecimal digits. */
  newToken(user: string, nowMs: number): string {
    const expirySeconds = Math.ceil((nowMs + MONIT_TOKEN_LIFETIME_MS) / 1000);
    const head = expirySeconds.toString(16).padStart(EXPIRY_DIGITS, '0') + randomBytes(4).toString('hex');
    return head + this.#proof(head, user);
  }

  /** The Set-Cookie header for a token. */
  cookie(token: string): string {
    return `securitytoken=${token}; Max-Age=${MONIT_TOKEN_LIFETIME_MS / 1000}; HttpOnly; SameSite=strict; Path=/`;
  }

  /** Whether a request of this user came from a page of ours. */
  isValid(user: string, cookieHeader: string | undefined, field: string | null, nowMs: number): boolean {
    const cookies = (cookieHeader ?? '').split(';').map((part) => part.trim());
    if (field === null || !/^[0-9a-f]{32}$/.test(field) || !cookies.includes(`securitytoken=${field}`))
      return false;
    const expected = Buffer.from(this.#proof(field.slice(0, 16), user));
    if (!timingSafeEqual(Buffer.from(field.slice(16)), expected)) return false;
    return Number.parseInt(field.slice(0, EXPIRY_DIGITS), 16) * 1000 > nowMs;
  }

  #proof(head: string, user: string): string {
    return createHmac('sha256', this.#secret).update(`${head} ${user}`).digest('hex').slice(0, 16);
  }
}
