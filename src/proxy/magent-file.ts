import { StartError } from '../base/start-error.ts';
import { magentServer } from './magent-addresses.ts';
import type { MagentRouting, ProxyServer } from './options.ts';

/** What a configuration file of magent 0.7 says. */
export interface MagentFile {
  readonly mains: readonly ProxyServer[];
  readonly backups: readonly ProxyServer[];
  readonly port: number;
  readonly host: string;
  readonly connectionsMax: number;
  readonly distribution: MagentRouting['distribution'];
  readonly daemon: boolean;
  readonly verbosity: number;
}

const GROUP = 'General';
const PORT_DEFAULT = 11215;
const CLIENTS_DEFAULT = 4096;
const PORT_MAX = 65535;
const INT_MAX = 2147483647;

const KEYS = [
  'masters',
  'backups',
  'port',
  'host_ip',
  'maxconns',
  'maxidle',
  'useketama',
  'daemon_mode',
  'verbose_mode',
  'logdir',
] as const;
type Key = (typeof KEYS)[number];

interface Value {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

function isKey(text: string): text is Key {
  return KEYS.some((key) => key === text);
}

/**
 * Reads a file as magent 0.7 has it: GLib's, with the group `[General]`, `key=value` and lists with commas.
 *
 * @param file its name, for messages
 * @param text what it holds
 * @throws StartError `FILE:LINE:COLUMN: what is wrong and what to write`
 */
export function parseMagentFile(file: string, text: string): MagentFile {
  return new MagentFileReader(file).read(text);
}

class MagentFileReader {
  readonly #file: string;
  readonly #values: Map<Key, Value> = new Map();

  constructor(file: string) {
    this.#file = file;
  }

  read(text: string): MagentFile {
    this.#lines(text);
    const mains = this.#servers('masters');
    if (mains.length === 0)
      throw this.#error(1, 1, 'masters is missing; write "masters=HOST:PORT", with commas between several');
    const port = this.#number('port', PORT_DEFAULT, PORT_MAX);
    if (port < 1) throw this.#wrong('port', `is no port; write a number from 1 to ${PORT_MAX}`);
    const connectionsMax = this.#number('maxconns', CLIENTS_DEFAULT, INT_MAX);
    this.#number('maxidle', 0, INT_MAX);
    return {
      mains,
      backups: this.#servers('backups'),
      port,
      host: this.#values.get('host_ip')?.text ?? '0.0.0.0',
      connectionsMax: connectionsMax > 0 ? connectionsMax : CLIENTS_DEFAULT,
      distribution: this.#flag('useketama', false) ? 'ketama' : 'modulo',
      daemon: this.#flag('daemon_mode', true),
      verbosity: this.#flag('verbose_mode', false) ? 1 : 0,
    };
  }

  #lines(text: string): void {
    let group: string | null = null;
    for (const [index, whole] of text.split(/\r?\n/).entries()) {
      const line = whole.trimEnd();
      const column = line.length - line.trimStart().length + 1;
      const content = line.trim();
      if (content === '' || content.startsWith('#')) continue;
      const heading = /^\[([^\]]*)\]$/.exec(content)?.[1];
      if (heading !== undefined) {
        group = heading;
        continue;
      }
      if (group === null)
        throw this.#error(
          index + 1,
          column,
          `something stands in front of the first group; write "[${GROUP}]" before it`,
        );
      // Other groups are other programs' or other versions'.
      if (group === GROUP) this.#assignment(line, content, index + 1, column);
    }
    if (group === null) throw this.#error(1, 1, `there is no group; write "[${GROUP}]" before the keys`);
  }

  #assignment(line: string, content: string, number: number, column: number): void {
    const [, key = '', value] = /^([^=]*?)\s*=\s*(.*)$/.exec(content) ?? [];
    if (value === undefined)
      throw this.#error(number, column, `"${content}" is no assignment; write KEY=VALUE`);
    if (!isKey(key))
      throw this.#error(number, column, `"${key}" is unknown; write one of ${KEYS.join(', ')}`);
    this.#values.set(key, { text: value, line: number, column: line.length - value.length + 1 });
  }

  #servers(key: 'masters' | 'backups'): ProxyServer[] {
    const value = this.#values.get(key);
    if (value === undefined) return [];
    const servers: ProxyServer[] = [];
    let at = 0;
    for (const part of value.text.split(/[,;]/)) {
      const text = part.trim();
      const column = value.column + at + part.length - part.trimStart().length;
      at += part.length + 1;
      if (text === '') continue;
      const server = magentServer(text);
      if (typeof server === 'string') throw this.#error(value.line, column, `"${text}" in ${key}: ${server}`);
      servers.push(server);
    }
    return servers;
  }

  #number(key: Key, otherwise: number, most: number): number {
    const value = this.#values.get(key);
    if (value === undefined) return otherwise;
    const number = /^-?\d+$/.test(value.text) ? Number(value.text) : Number.NaN;
    if (!(Math.abs(number) <= most)) throw this.#wrong(key, `is no number up to ${most}; write one`);
    return number;
  }

  #flag(key: Key, otherwise: boolean): boolean {
    const text = this.#values.get(key)?.text;
    if (text === undefined) return otherwise;
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw this.#wrong(key, 'is neither true nor false; write one of them');
  }

  #wrong(key: Key, what: string): StartError {
    const { text, line, column } = this.#values.get(key) ?? { text: '', line: 1, column: 1 };
    return this.#error(line, column, `${key}: "${text}" ${what}`);
  }

  #error(line: number, column: number, message: string): StartError {
    return new StartError(`${this.#file}:${line}:${column}: ${message}`);
  }
}
