import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * The end of a file as text, however long the file is.
 *
 * @param bytesMax of what is read; a character that is cut by it becomes U+FFFD
 * @throws when it cannot be read
 */
export function fileEnd(path: string, bytesMax: number): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, bytesMax));
    // One that was cut in the meantime gives less.
    const count = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', 0, count);
  } finally {
    closeSync(file);
  }
}
