import { isSameSecret } from './sasl.ts';

/** One line of the password file of `-Y`. */
export interface TextUser {
  readonly name: Uint8Array;
  readonly password: Uint8Array;
}

/** Who may log in by text; replaced when the file is read again. */
export interface TextLogins {
  users: readonly TextUser[];
}

/** memcached looks at no more lines. */
export const TEXT_USERS_MAX = 8;

/** Longest line of the file, as in memcached. */
const LINE_BYTES_MAX = 255;

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

/**
 * Reads the password file: a line for each user, `name:password`; the first colon ends the name. Lines beyond the eighth are not looked at.
 *
 * @returns the users, or the number of the line that is none
 */
export function parseTextUsers(text: Uint8Array): readonly TextUser[] | number {
  const users: TextUser[] = [];
  for (let start = 0; start < text.length && users.length < TEXT_USERS_MAX; ) {
    let end = text.indexOf(LF, start);
    if (end < 0) end = text.length;
    const next = end + 1;
    if (end > start && text[end - 1] === CR) end--;
    const colon = text.indexOf(COLON, start);
    // Nobody can log in without a name or a password, so such a line is a slip.
    if (colon <= start || colon + 1 >= end || end - start > LINE_BYTES_MAX) return users.length + 1;
    users.push({ name: text.slice(start, colon), password: text.slice(colon + 1, end) });
    start = next;
  }
  return users;
}

/** What a login says: the first two words of [start, end) of `input`. */
export interface LoginWords {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly passwordStart: number;
  readonly passwordEnd: number;
}

/** @returns null when there are no two words */
export function loginWords(input: Uint8Array, start: number, end: number): LoginWords | null {
  const nameStart = skip(input, start, end, true);
  const nameEnd = skip(input, nameStart, end, false);
  const passwordStart = skip(input, nameEnd, end, true);
  const passwordEnd = skip(input, passwordStart, end, false);
  return passwordEnd > passwordStart ? { nameStart, nameEnd, passwordStart, passwordEnd } : null;
}

/** The end of the run of spaces, or of other bytes, that begins at `start`. */
function skip(input: Uint8Array, start: number, end: number, spaces: boolean): number {
  let at = start;
  while (at < end && (input[at] === SPACE) === spaces) at++;
  return at;
}

/** Whether there is such a user. How long it takes tells nothing of the file but its number of users. */
export function acceptsLogin(users: readonly TextUser[], input: Uint8Array, words: LoginWords): boolean {
  let accepted = 0;
  for (const { name, password } of users) {
    accepted |=
      isSameSecret(name, name.length, input, words.nameStart, words.nameEnd) &
      isSameSecret(password, password.length, input, words.passwordStart, words.passwordEnd);
  }
  return accepted === 1;
}
