/**
 * As whom to log in, by a file of `user:password` lines as memcached's `-Y` has it: the first one counts.
 *
 * @param text what the file holds, in latin1
 * @returns `user password`, a character for each byte, as a server is told it; null: there is no such line
 */
export function loginWords(text: string): string | null {
  const [, user, password] = /^([^:\r\n]+):([^\r\n]+)/m.exec(text) ?? [];
  return user === undefined || password === undefined ? null : `${user} ${password}`;
}

/** What is told of a file without such a line. */
export const NO_LOGIN = 'has no line user:password';
