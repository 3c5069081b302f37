import type { Random } from '../../src/base/random.ts';

const KEYS: readonly string[] = [
  ...['a', 'b', 'num', 'n2', 'k:1', '\x01\x7f\xff', `${'k'.repeat(250)}`, 'Zm9v', 'YWJjZA=='],
];
const BAD_KEYS: readonly string[] = ['', 'k'.repeat(251), 'a\0b', '\t'];
const NUMBERS: readonly string[] = [
  ...['0', '1', '2', '9', '10', '60', '100', '2592000', '2592001', '2147483647', '4294967295'],
  ...['18446744073709551615', '9007199254740993'],
];
const BAD_NUMBERS: readonly string[] = [
  ...['-1', '-2147483648', '2147483648', '4294967296', '18446744073709551616', '99999999999999999999999'],
  ...['abc', '1x', '0x10', '1.5', '+1', '', '٣'],
];
const VALUES: readonly string[] = [
  ...[
    '',
    '1',
    '5',
    '99',
    '18446744073709551615',
    ' 7',
    '12 b',
    'get a\r\n',
    '\r\n',
    'VALUE a 0 1\r\nx\r\nEND\r\n',
  ],
  ...['v'.repeat(90), 'v'.repeat(1000), 'w'.repeat(9000), 'x'.repeat(40_000)],
];
const META_FLAGS: readonly string[] = [
  ...[
    'b',
    'c',
    'f',
    'h',
    'k',
    'l',
    'q',
    's',
    't',
    'u',
    'v',
    'x',
    'I',
    'Oabc',
    'O',
    'T30',
    'T0',
    'T-1',
    'N30',
    'R30',
  ],
  ...['C1', 'C0', 'E99', 'F7', 'D5', 'J10', 'MS', 'MA', 'MP', 'ME', 'MR', 'MI', 'MD', 'M+', 'M-', 'Px', 'Lx'],
];
const BAD_META_FLAGS: readonly string[] = [
  ...['z', 'v v', 'T', 'Tx', 'Dx', 'Fx', 'Cx', 'MZ', 'M', `O${'o'.repeat(40)}`, 'E-1', 'S5', '0', '\x01'],
];
/** Answers that depend on the clock of the process or close the connection are left to other tests. */
const WITHOUT_KEY: readonly string[] = [
  ...['version', 'verbosity 1', 'verbosity', 'verbosity x', 'flush_all', 'flush_all 0', 'flush_all x'],
  ...[
    'nonsense',
    'GET a',
    ' get a',
    'get',
    'set',
    'stats nonsense',
    'cache_memlimit',
    'lru_crawler',
    'lru',
    'slabs',
  ],
  ...[
    'slabs automove x',
    'lru mode x',
    'lru_crawler sleep x',
    'me',
    'mg',
    'ms',
    'md',
    'ma',
    'touch',
    'incr a',
  ],
];

/** Makes the requests of one stream. */
export class TextRequests {
  readonly #random: Random;
  readonly #oddPerThousand: number;

  /** @param oddPerThousand how many words in a thousand are not what belongs there; with 0 every request is read as one */
  constructor(random: Random, oddPerThousand: number) {
    this.#random = random;
    this.#oddPerThousand = oddPerThousand;
  }

  /** One request with its data, if it has any: mostly right, now and then with a wrong word. Latin-1. */
  next(): string {
    const kind = this.#random.below(16);
    if (kind < 4) return this.#storage();
    if (kind < 6) return this.#metaSet();
    if (kind < 9) return this.#meta();
    if (kind < 10) return `${this.#pick(WITHOUT_KEY)}${this.#lineEnd()}`;
    return this.#plain();
  }

  #pick(list: readonly string[]): string {
    return list[this.#random.below(list.length)]!;
  }

  #rarely(): boolean {
    return this.#random.below(1000) < this.#oddPerThousand;
  }

  #key(): string {
    return this.#pick(this.#rarely() ? BAD_KEYS : KEYS);
  }

  #number(): string {
    return this.#pick(this.#rarely() ? BAD_NUMBERS : NUMBERS);
  }

  #exptime(): string {
    return this.#pick(this.#rarely() ? BAD_NUMBERS : ['0', '0', '0', '-1', '100', '2592001']);
  }

  #noreply(): string {
    return this.#random.below(5) === 0 ? ' noreply' : '';
  }

  #lineEnd(): string {
    return this.#random.below(10) === 0 ? '\n' : '\r\n';
  }

  #data(value: string): string {
    return this.#rarely() ? `${value}xx` : `${value}\r\n`;
  }

  #length(value: string): string {
    return this.#rarely()
      ? this.#pick(['-1', 'x', '3000000', '2147483647', '4294967295'])
      : `${value.length}`;
  }

  #storage(): string {
    const verb = this.#pick(['set', 'set', 'add', 'replace', 'append', 'prepend', 'cas']);
    const value = this.#pick(VALUES);
    const cas = verb === 'cas' ? ` ${this.#number()}` : '';
    const line = `${verb} ${this.#key()} ${this.#number()} ${this.#exptime()} ${this.#length(value)}${cas}`;
    return `${line}${this.#noreply()}${this.#lineEnd()}${this.#data(value)}`;
  }

  #metaFlags(): string {
    let flags = '';
    for (let count = this.#random.below(6); count > 0; count--) {
      flags += ` ${this.#pick(this.#rarely() ? BAD_META_FLAGS : META_FLAGS)}`;
    }
    return flags;
  }

  #metaSet(): string {
    const value = this.#pick(VALUES);
    return `ms ${this.#key()} ${this.#length(value)}${this.#metaFlags()}${this.#lineEnd()}${this.#data(value)}`;
  }

  #meta(): string {
    return `${this.#pick(['mg', 'mg', 'md', 'ma', 'me'])} ${this.#key()}${this.#metaFlags()}${this.#lineEnd()}`;
  }

  #plain(): string {
    const end = this.#lineEnd();
    switch (this.#random.below(7)) {
      case 0: {
        const keys = Array.from({ length: 1 + this.#random.below(120) }, () => this.#key());
        return `${this.#pick(['get', 'gets'])} ${keys.join(' ')}${end}`;
      }
      case 1:
        return `${this.#pick(['gat', 'gats'])} ${this.#exptime()} ${this.#key()} ${this.#key()}${end}`;
      case 2:
        return `${this.#pick(['incr', 'decr'])} ${this.#pick(['num', 'n2', this.#key()])} ${this.#number()}${this.#noreply()}${end}`;
      case 3:
        return `touch ${this.#key()} ${this.#exptime()}${this.#noreply()}${end}`;
      case 4:
        return `delete ${this.#key()}${this.#pick(['', '', ' 0', ' 5', ' x'])}${this.#noreply()}${end}`;
      default:
        return `${this.#pick(['get', 'get', 'gets'])} ${this.#key()}${end}`;
    }
  }
}
