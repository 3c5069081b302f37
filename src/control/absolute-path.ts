import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';

/** A path that must begin with a slash. */
export function absolutePath(cursor: Cursor): string {
  const token = cursor.expectStringAfterNoise('a path');
  if (!token.text.startsWith('/'))
    throw new ControlError(token.place, `syntax error '${token.text}': a path must begin with /`);
  return token.text;
}
