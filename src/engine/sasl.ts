/** One user of SASL's password file. */
export interface SaslUser {
  /** As the file has it, maybe with `@realm` behind the name. */
  readonly name: Uint8Array;
  readonly password: Uint8Array;
}

/** Where the users are found; asked at each login, so that the file can change while the node runs. */
export interface SaslDatabase {
  users(): readonly SaslUser[];
}

const LF = 10;
const CR = 13;
const COLON = 58;
const AT = 64;

/**
 * Reads a password file: a line for each user, `name:password` or `name:password:`, the name maybe with `@realm`. Lines without a colon
 * or without a name are passed over, as are empty ones.
 */
export function parseSaslUsers(text: Uint8Array): SaslUser[] {
  const users: SaslUser[] = [];
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf(LF, start);
    if (end < 0) end = text.length;
    const next = end + 1;
    if (end > start && text[end - 1] === CR) end--;
    const colon = text.indexOf(COLON, start);
    if (colon > start && colon < end) {
      const passwordEnd = end - 1 > colon && text[end - 1] === COLON ? end - 1 : end;
      users.push({ name: text.slice(start, colon), password: text.slice(colon + 1, passwordEnd) });
    }
    start = next;
  }
  return users;
}

/**
 * Judges the message of the mechanism PLAIN (RFC 4616): `[authorisation identity] NUL name NUL password`, in [start, end) of `input`.
 * A realm behind a name, `name@realm`, counts where both have one. The first user of the name counts.
 *
 * How long it takes tells nothing of the passwords, nor whether there is such a user: all users are gone through, and all bytes compared. It
 * does depend on the length of the message, which whoever sent it knows.
 */
export function acceptsPlain(
  users: readonly SaslUser[],
  input: Uint8Array,
  start: number,
  end: number,
): boolean {
  const nameStart = indexBehindNul(input, start, end);
  const passwordStart = indexBehindNul(input, nameStart, end);
  if (nameStart === 0 || passwordStart === 0) return false;
  const nameEnd = passwordStart - 1;
  const plainEnd = realmAt(input, nameStart, nameEnd);
  let found = 0;
  let accepted = 0;
  for (const { name, password } of users) {
    const plainBytes = realmAt(name, 0, name.length);
    // All forms are compared, whichever can be right.
    let isUser = isSameSecret(name, name.length, input, nameStart, nameEnd);
    isUser |= isSameSecret(name, plainBytes, input, nameStart, nameEnd);
    isUser |= isSameSecret(name, name.length, input, nameStart, plainEnd);
    const isRight = isSameSecret(password, password.length, input, passwordStart, end);
    const isFirst = isUser & ~found;
    accepted |= isFirst & isRight;
    found |= isFirst;
  }
  return accepted === 1;
}

/** @returns where the `@realm` of a name begins, its end when there is none */
function realmAt(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start + 1; i < end; i++) if (bytes[i] === AT) return i;
  return end;
}

/** @returns the index behind the next NUL, 0 when there is none */
function indexBehindNul(input: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (input[i] === 0) return i + 1;
  return 0;
}

/** 1 when the first `count` bytes of `secret` are those of [start, end), else 0; in a time that depends on the latter's length only. */
export function isSameSecret(
  secret: Uint8Array,
  count: number,
  input: Uint8Array,
  start: number,
  end: number,
): number {
  let difference = count ^ (end - start);
  for (let i = start; i < end; i++) {
    const own = i - start < count ? secret[i - start]! : 0;
    difference |= own ^ input[i]!;
  }
  return difference === 0 ? 1 : 0;
}
