import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Writes a file whole or not at all, readable by its owner alone. @returns why it failed, or null */
export function writeWhole(path: string, text: string): string | null {
  const draft = `${path}.tmp`;
  try {
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, path);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @returns null when there is no such file, or it cannot be read */
export function readWhole(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
