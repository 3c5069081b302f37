import { createHash, timingSafeEqual } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { type IpNetwork, isInNetwork } from '../control/ip-networks.ts';
import type { Httpd, HttpUser } from '../control/tree.ts';

/** Wrong passwords from one address that are answered at once; then it has to wait. */
export const FAILURES_MAX = 10;
const FAILURES_FORGOTTEN_MS = 60_000;
/** Addresses whose failures are remembered. */
const ADDRESSES_MAX = 1000;

export type AccessDecision =
  | { readonly kind: 'granted'; readonly user: string; readonly isReadOnly: boolean }
  | { readonly kind: 'refused-host' }
  | { readonly kind: 'unauthorized'; readonly isWrong: boolean }
  | { readonly kind: 'too-many-failures' };

/** Who may come from where, and as whom. When both hosts and users are named, a client needs both. */
export class HttpAccess {
  readonly #networks: readonly IpNetwork[];
  readonly #users: readonly HttpUser[];
  readonly #hasHosts: boolean;
  readonly #isReadOnly: boolean;
  readonly #failures = new Map<string, { count: number; sinceMs: number }>();

  private constructor(httpd: Httpd, networks: readonly IpNetwork[], users: readonly HttpUser[]) {
    this.#networks = networks;
    this.#users = users;
    this.#hasHosts = httpd.allowedHosts.length > 0;
    this.#isReadOnly = httpd.isReadOnly;
  }

  /**
   * Looks up names and reads password files.
   *
   * @param warn what of the settings has no effect
   */
  static async of(httpd: Httpd, warn: (text: string) => void): Promise<HttpAccess> {
    const networks: IpNetwork[] = [];
    for (const host of httpd.allowedHosts) {
      if (host.kind === 'network') {
        networks.push(host);
        continue;
      }
      try {
        const addresses = await lookup(host.name, { all: true });
        for (const { address } of addresses)
          networks.push({ address, bits: address.includes(':') ? 128 : 32 });
      } catch {
        warn(
          `${host.place.file}:${host.place.line}: allow ${host.name}: the name cannot be found; passed over`,
        );
      }
    }
    const users = [...httpd.users];
    for (const { name } of httpd.groups)
      warn(`allow @${name}: passwords of the system are not asked for; passed over`);
    for (const { format, path, users: wanted, isReadOnly } of httpd.passwordFiles) {
      if (format !== 'cleartext') {
        warn(`allow ${format} ${path}: only cleartext password files are understood; passed over`);
        continue;
      }
      for (const { name, password } of passwordLines(path, warn))
        if (wanted.length === 0 || wanted.includes(name)) users.push({ name, password, isReadOnly });
    }
    return new HttpAccess(httpd, networks, users);
  }

  /**
   * Decides about one request.
   *
   * @param address of the client; null over a unix socket, where the file system has decided already
   */
  decide(address: string | null, authorization: string | undefined, nowMs: number): AccessDecision {
    if (
      address !== null &&
      this.#hasHosts &&
      !this.#networks.some((network) => isInNetwork(address, network))
    )
      return { kind: 'refused-host' };
    if (this.#users.length === 0) {
      // Without users, hosts alone decide; without either, nobody is let in.
      if (address === null || !this.#hasHosts) return { kind: 'refused-host' };
      return { kind: 'granted', user: '', isReadOnly: this.#isReadOnly };
    }
    if (this.#hasFailedTooOften(address ?? '', nowMs)) return { kind: 'too-many-failures' };
    const given = credentials(authorization);
    if (given === null) return { kind: 'unauthorized', isWrong: false };
    const user = this.#users.find(
      ({ name, password }) => same(name, given.name) && same(password, given.password),
    );
    if (user === undefined) {
      this.#failed(address ?? '', nowMs);
      return { kind: 'unauthorized', isWrong: true };
    }
    return { kind: 'granted', user: user.name, isReadOnly: user.isReadOnly || this.#isReadOnly };
  }

  #hasFailedTooOften(address: string, nowMs: number): boolean {
    const failures = this.#failures.get(address);
    if (failures === undefined) return false;
    if (nowMs - failures.sinceMs >= FAILURES_FORGOTTEN_MS) this.#failures.delete(address);
    return failures.count >= FAILURES_MAX && nowMs - failures.sinceMs < FAILURES_FORGOTTEN_MS;
  }

  #failed(address: string, nowMs: number): void {
    const failures = this.#failures.get(address);
    if (failures !== undefined) failures.count += 1;
    else {
      if (this.#failures.size >= ADDRESSES_MAX) this.#failures.clear();
      this.#failures.set(address, { count: 1, sinceMs: nowMs });
    }
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
function same(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function passwordLines(path: string, warn: (text: string) => void): { name: string; password: string }[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => /^[^#:]+:./.test(line))
      .map((line) => ({
        name: line.slice(0, line.indexOf(':')),
        password: line.slice(line.indexOf(':') + 1).trim(),
      }));
  } catch (error) {
    warn(`allow cleartext ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}
