import { createHash, timingSafeEqual } from 'node:crypto';
import { type IpNetwork, isInNetwork } from '../control/ip-networks.ts';
import { LoginFailures } from './login-failures.ts';

/** Somebody with a password. */
export interface AccessUser {
  readonly name: string;
  /** Whether a password is this user's; takes a time that says nothing of the password. */
  readonly isPassword: (password: string) => boolean;
  readonly isReadOnly: boolean;
}

export interface AccessRules {
  /** Where clients may come from; null: from anywhere. */
  readonly networks: readonly IpNetwork[] | null;
  readonly users: readonly AccessUser[];
  /** Without users: whether who comes from where one may is let in. With users, each needs a password. */
  readonly needsNoUser: boolean;
  /** True: everybody may only look. */
  readonly isReadOnly: boolean;
}

/** Rules of a page that only this machine reaches: whoever is on it is let in. */
export const OPEN_ACCESS: AccessRules = { networks: null, users: [], needsNoUser: true, isReadOnly: false };

/** Who somebody has proven to be. */
export interface Identity {
  /** '' where there are no users. */
  readonly user: string;
  readonly isReadOnly: boolean;
}

export type AccessDecision =
  | ({ readonly kind: 'granted' } & Identity)
  | { readonly kind: 'refused-host' }
  | { readonly kind: 'unauthorized'; readonly isWrong: boolean }
  | { readonly kind: 'too-many-failures' };

/** Who may come from where, and as whom. When both networks and users are named, a client needs both. */
export class HttpAccess {
  readonly #rules: AccessRules;
  readonly #failures = new LoginFailures();

  constructor(rules: AccessRules) {
    this.#rules = rules;
  }

  /** Whether a name and a password are asked for. */
  get hasUsers(): boolean {
    return this.#rules.users.length > 0;
  }

  /**
   * Whether a client may come from an address at all.
   *
   * @param address null over a unix socket, where the file system has decided already
   */
  isAllowedFrom(address: string | null): boolean {
    const { networks } = this.#rules;
    return address === null || networks === null || networks.some((network) => isInNetwork(address, network));
  }

  /**
   * Decides about one request by its `Authorization` header.
   *
   * @param address of the client; null over a unix socket
   */
  decide(address: string | null, authorization: string | undefined, nowMs: number): AccessDecision {
    if (!this.isAllowedFrom(address)) return { kind: 'refused-host' };
    const { needsNoUser, isReadOnly } = this.#rules;
    if (!this.hasUsers)
      return needsNoUser && address !== null
        ? { kind: 'granted', user: '', isReadOnly }
        : { kind: 'refused-host' };
    const given = credentials(authorization);
    if (given !== null) return this.login(address, given.name, given.password, nowMs);
    return this.#failures.isTooMany(address ?? '', nowMs)
      ? { kind: 'too-many-failures' }
      : { kind: 'unauthorized', isWrong: false };
  }

  /** Decides about a name and a password. */
  login(address: string | null, name: string, password: string, nowMs: number): AccessDecision {
    if (!this.isAllowedFrom(address)) return { kind: 'refused-host' };
    if (this.#failures.isTooMany(address ?? '', nowMs)) return { kind: 'too-many-failures' };
    const user = this.#rules.users.find((one) => isSameText(one.name, name) && one.isPassword(password));
    if (user === undefined) {
      this.#failures.add(address ?? '', nowMs);
      return { kind: 'unauthorized', isWrong: true };
    }
    return { kind: 'granted', user: user.name, isReadOnly: user.isReadOnly || this.#rules.isReadOnly };
  }
}

function credentials(
  header: string | undefined,
): { readonly name: string; readonly password: string } | null {
  const encoded = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Compares in a time that says nothing of the texts. */
export function isSameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** A user whose password is known as it is. */
export function userWithPassword(name: string, password: string, isReadOnly: boolean): AccessUser {
  return { name, isPassword: (given) => isSameText(password, given), isReadOnly };
}
