import { renameSync, writeFileSync } from 'node:fs';

/**
 * Writes the ports that a server has bound for whoever started it on "any free port" (memcached's MEMCACHED_PORT_FILENAME). The file appears whole: it is
 * written beside its place and renamed.
 *
 * @param lines as `TCP INET: 11211`
 * @returns null, or why it could not be written
 */
export function writePortFile(path: string, lines: readonly string[]): string | null {
  const draft = `${path}.lck`;
  try {
    writeFileSync(draft, lines.map((line) => `${line}\n`).join(''));
    renameSync(draft, path);
    return null;
  } catch (error) {
    return `Failed to write the port file: ${error instanceof Error ? error.message : String(error)}`;
  }
}
