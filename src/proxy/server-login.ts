import { readFileSync } from 'node:fs';
import { loginWords, NO_LOGIN } from '../net/login-file.ts';
import type { ServerLogin } from '../routing/destination-host.ts';

/** As whom to log in, by a file as it is now. */
export function loginFrom(file: string): ServerLogin {
  try {
    const words = loginWords(readFileSync(file, 'latin1'));
    return words === null ? { words, source: `${file} ${NO_LOGIN}` } : { words, source: file };
  } catch (error) {
    return { words: null, source: `${file}: ${fileReason(error)}` };
  }
}

/** `no such file or directory` of what node:fs says. */
export function fileReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^\w+: ([^,]+),.*$/s, '$1');
}
