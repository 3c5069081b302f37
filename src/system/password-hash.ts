import { createHash, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';

/** Where systems have crypt(3). */
const LIBRARIES = ['libcrypt.so.1', 'libcrypt.so.2'];

type Crypt = (password: string, hash: string) => string | null;

let found: Crypt | null | undefined;

/**
 * Whether a password has this hash: `$apr1$` of htpasswd, `$1$`, and whatever crypt(3) of the system knows, such as `$5$`, `$6$`, `$y$` and the 13
 * characters of old.
 *
 * @returns null when nobody here knows the sort of the hash
 */
export function hasHash(password: string, hash: string): boolean | null {
  const md5 = /^\$(apr1|1)\$([^$]{1,8})\$[./0-9A-Za-z]{22}$/.exec(hash);
  const made =
    md5 === null ? systemCrypt()?.(password, hash) : md5Crypt(password, md5[1] ?? '', md5[2] ?? '');
  // What crypt(3) cannot do begins with an asterisk.
  if (made === undefined || made === null || made.startsWith('*')) return null;
  const [left, right] = [Buffer.from(made), Buffer.from(hash)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function systemCrypt(): Crypt | null {
  if (found !== undefined) return found;
  found = null;
  for (const name of LIBRARIES) {
    try {
      const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
      // Cast: the prototype of crypt(3); without a result it gives a null pointer.
      found = koffi.load(name).func('crypt', 'str', ['str', 'str']) as Crypt;
      break;
    } catch {
      // The next one, or none: there is no such library here, or no koffi.
    }
  }
  return found;
}

const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Which bytes of the digest make four digits together. */
const TRIPLES = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
] as const;
const ROUNDS = 1000;

/**
 * The hash of FreeBSD's crypt(3) (Poul-Henning Kamp, 1994), which Apache has with another name in front.
 *
 * @param name `1` or `apr1`
 */
function md5Crypt(password: string, name: string, salt: string): string {
  const key = Buffer.from(password);
  const md5 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
    const hash = createHash('md5');
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const inner = md5(key, salt, key);
  const parts: (Uint8Array | string)[] = [key, `$${name}$`, salt];
  for (let left = key.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(16, left)));
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? '\0' : key.subarray(0, 1));
  let digest = md5(...parts);
  for (let round = 0; round < ROUNDS; round++) {
    const isOdd = (round & 1) === 1;
    digest = md5(
      isOdd ? key : digest,
      round % 3 === 0 ? '' : salt,
      round % 7 === 0 ? '' : key,
      isOdd ? digest : key,
    );
  }
  const at = (index: number): number => digest[index] ?? 0;
  const digits = (value: number, count: number): string =>
    Array.from({ length: count }, (_, index) => DIGITS[(value >> (6 * index)) & 63]).join('');
  const text = TRIPLES.map(([a, b, c]) => digits((at(a) << 16) | (at(b) << 8) | at(c), 4)).join('');
  return `$${name}$${salt}$${text}${digits(at(11), 2)}`;
}
