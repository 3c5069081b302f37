/** The monitor's own events on disk, so that they outlive it: a line of JSON each, the newest last. What services print is not among them. */
import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { EVENT_TEXT_LENGTH_MAX, type EventLevel, type LogEvent } from '../checks/event-log.ts';
import { writeWhole } from '../monitor/whole-file.ts';
import { reasonText } from './state-directory.ts';

/** As many as the monitor keeps in memory. */
export const EVENTS_KEPT = 500;

/** The file is written anew with the newest ones when it has so many lines. */
export const EVENT_LINES_MAX: number = 2 * EVENTS_KEPT;

/** With every name and every text as long as can be, and the quotes of JSON. */
const FILE_BYTES_MAX: number = 8 * 1024 * 1024;

const LEVELS: readonly EventLevel[] = ['info', 'warning', 'error'];

export class EventFile {
  /** What was there when it was opened, the last EVENTS_KEPT, oldest first. */
  readonly kept: readonly LogEvent[];
  readonly #path: string;
  readonly #warn: (text: string) => void;
  /** The lines of the file, as far as they are to be kept. */
  #lines: string[];
  /** In the file. */
  #lineCount: number;
  #failed = 0;

  /**
   * Reads what is there. A last line that was not written to its end is left out; a file that has anything else but events is put aside, as
   * `PATH.damaged`, and one begins anew.
   *
   * @param warn is told of that at once, and later when events cannot be written: once until they can be again
   */
  constructor(path: string, warn: (text: string) => void) {
    this.#path = path;
    this.#warn = warn;
    const found = this.#read();
    this.kept = found.slice(-EVENTS_KEPT);
    this.#lines = this.kept.map(lineOf);
    this.#lineCount = found.length;
    // Behind half a line nothing may be added.
    if (found.length > 0) this.#rewrite();
  }

  /** Adds an event; output of services is passed over. */
  add(event: LogEvent): void {
    if (event.level === 'output') return;
    const line = lineOf(event);
    this.#lines.push(line);
    if (this.#lines.length > EVENTS_KEPT) this.#lines.shift();
    const failedBefore = this.#failed;
    const isDone =
      this.#lineCount >= EVENT_LINES_MAX || failedBefore > 0 ? this.#rewrite() : this.#append(line);
    if (!isDone) this.#failed += 1;
    else if (failedBefore > 0) this.#failed = 0;
  }

  #append(line: string): boolean {
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      appendFileSync(this.#path, line, { mode: 0o600 });
    } catch (error) {
      return this.#fail(reasonText(error));
    }
    this.#lineCount += 1;
    return true;
  }

  /** With the newest only: those that could not be written before are among them. */
  #rewrite(): boolean {
    const failure = writeWhole(this.#path, this.#lines.join(''));
    if (failure !== null) return this.#fail(reasonText(failure));
    this.#lineCount = this.#lines.length;
    return true;
  }

  #fail(reason: string): false {
    if (this.#failed > 0) return false;
    // What is told is an event itself.
    this.#failed = 1;
    this.#warn(`events cannot be kept on disk: ${this.#path}: ${reason}`);
    return false;
  }

  #read(): readonly LogEvent[] {
    let text: string;
    try {
      const { size } = statSync(this.#path);
      if (size > FILE_BYTES_MAX) return this.#putAside('is larger than such a file can be');
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      return this.#putAside(`cannot be read: ${reasonText(error)}`);
    }
    const lines = text.split('\n');
    // Nothing, or what was not written to its end.
    lines.pop();
    const events: LogEvent[] = [];
    for (const [index, line] of lines.entries()) {
      const event = eventOf(line);
      if (event === null) return this.#putAside(`line ${index + 1} is no event`);
      events.push(event);
    }
    return events;
  }

  #putAside(what: string): readonly LogEvent[] {
    const aside = `${this.#path}.damaged`;
    let where = `what was there is in ${aside}`;
    try {
      renameSync(this.#path, aside);
    } catch (error) {
      where = `it cannot be put aside: ${reasonText(error)}`;
    }
    this.#warn(`${this.#path} ${what}; the events begin anew, ${where}`);
    return [];
  }
}

function lineOf({ sequence, atMs, service, level, text }: LogEvent): string {
  return `${JSON.stringify({ sequence, atMs, service, level, text })}\n`;
}

/** @returns null when the line is none */
function eventOf(line: string): LogEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const fields = new Map<string, unknown>(Object.entries(value));
  const sequence = fields.get('sequence');
  const atMs = fields.get('atMs');
  const service = fields.get('service');
  const text = fields.get('text');
  const level = LEVELS.find((one) => one === fields.get('level'));
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < 1) return null;
  if (typeof atMs !== 'number' || typeof service !== 'string' || level === undefined) return null;
  if (typeof text !== 'string' || text.length > EVENT_TEXT_LENGTH_MAX) return null;
  return { sequence, atMs, service, level, text };
}
