import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** Longest value that is written; the rest is cut. */
export const AUDIT_VALUE_LENGTH_MAX = 200;

/**
 * A file with a line of JSON for each thing that somebody did. It is opened for each line, so that it may be rotated at any time, and made with the
 * first one.
 */
export class AuditLog {
  readonly #path: string;
  readonly #warn: (text: string) => void;
  #hasFailed = false;

  /** @param warn is told when lines cannot be written, once until they can be again */
  constructor(path: string, warn: (text: string) => void) {
    this.#path = path;
    this.#warn = warn;
  }

  /**
   * Writes one line: when, and the values by name.
   *
   * @param atMs milliseconds since 1970
   */
  write(atMs: number, values: { readonly [name: string]: string }): void {
    const cut = Object.entries(values).map(([name, value]) => [name, value.slice(0, AUDIT_VALUE_LENGTH_MAX)]);
    const line = JSON.stringify({ time: new Date(atMs).toISOString(), ...Object.fromEntries(cut) });
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed)
        this.#warn(
          `the audit log cannot be written: ${error instanceof Error ? error.message : String(error)}`,
        );
      this.#hasFailed = true;
    }
  }
}
