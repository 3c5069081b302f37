import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { z } from 'zod';
import { StartError } from '../base/start-error.ts';

/** Where something stands in a file: keys and indexes from the top. */
export type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** Longer files are no configuration. */
const FILE_BYTES_MAX = 1024 * 1024;

/** A YAML file whose data a schema checks, and which knows where each part of it stands. */
export class CheckedYaml {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  /**
   * @param file its name, for messages
   * @param needed what is to be told of a file that is no mapping
   * @throws StartError when it is no YAML
   */
  constructor(file: string, text: string, needed: string) {
    this.#file = file;
    if (text.length > FILE_BYTES_MAX)
      throw new StartError(`${file}:1:1: the file is longer than ${FILE_BYTES_MAX} bytes`);
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const { errors } = this.#document;
    if (errors.length > 0)
      throw new StartError(errors.map(({ pos, message }) => this.#at(pos[0], message)).join('\n'));
    if (!isMap(this.#document.contents)) throw new StartError(this.#at(0, needed));
    this.#refuseKeysThatAreNone();
  }

  /** YAML lets lists and mappings be keys; data made of it would have their text as a name. */
  #refuseKeysThatAreNone(): void {
    visit(this.#document, {
      Pair: (_, { key }) => {
        if (isScalar(key)) return;
        const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0;
        throw new StartError(this.#at(offset, 'a key is a list, a mapping or an alias; write a word'));
      },
    });
  }

  /**
   * The data.
   *
   * @throws StartError with a line for each mistake that is seen at once
   */
  checked<T>(schema: z.ZodType<T>): T {
    let data: unknown;
    try {
      data = this.#document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      throw new StartError(this.#at(0, error instanceof Error ? error.message : String(error)));
    }
    const checked = schema.safeParse(data);
    if (checked.success) return checked.data;
    const lines = checked.error.issues.flatMap((issue) => this.#tell(issue, []));
    throw new StartError([...new Set(lines)].join('\n'));
  }

  /** A mistake that no schema sees, at the place of what stands at `path`. */
  mistake(path: Path, message: string): StartError {
    return new StartError(this.#place(path, message));
  }

  /** One line for what is wrong, or several. */
  #tell(issue: Issue, outer: Path): string[] {
    const path = [...outer, ...issue.path];
    const what = name(path);
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => this.#place([...path, key], `"${key}" ${issue.message}`, true));
      case 'invalid_union':
        return this.#tellUnion(issue, path);
      case 'invalid_key':
        return [this.#place(path, `${what} is no name that may stand here`, true)];
      case 'invalid_type':
        if (this.#isMissing(path)) return [this.#missing(path, kind(issue.expected))];
        if (issue.message.includes('; write')) return [this.#place(path, `${what} ${issue.message}`)];
        return [
          this.#place(
            path,
            `${what}: ${this.#shown(path)} is not what may stand here; write ${kind(issue.expected)}`,
          ),
        ];
      case 'invalid_value':
        return [
          this.#place(
            path,
            `${what}: ${this.#shown(path)} is none of ${issue.values.map(String).join(', ')}; write one of them`,
          ),
        ];
      case 'too_small':
      case 'too_big':
        if (issue.message.includes('; write')) return [this.#place(path, `${what} ${issue.message}`)];
        return [this.#place(path, `${what}: ${this.#shown(path)} is out of bounds; write a ${bound(issue)}`)];
      default:
        return [this.#place(path, `${what}: ${this.#shown(path)} ${issue.message}`)];
    }
  }

  /** Of several forms the one that was meant. */
  #tellUnion(issue: Extract<Issue, { code: 'invalid_union' }>, path: Path): string[] {
    const value = this.#value(path);
    if ('discriminator' in issue && issue.errors.length === 0) {
      const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
      const type = path.at(-1) === issue.discriminator ? path : [...path, String(issue.discriminator)];
      if (this.#node(type) === null)
        return [
          this.#place(
            path,
            `${name(type.slice(0, -1))} has no type; write "type:" and one of ${options.join(', ')}`,
          ),
        ];
      return [
        this.#place(type, `${this.#shown(type)} is no type of a route; write one of ${options.join(', ')}`),
      ];
    }
    if (this.#isMissing(path)) return [this.#missing(path, 'what belongs there')];
    const isText = typeof value !== 'object' || value === null;
    const fitting = issue.errors.filter((issues) =>
      issues.every((one) => one.path.length > 0 || one.code !== 'invalid_type'),
    );
    const branch = fitting[0];
    if (branch !== undefined) return branch.flatMap((one) => this.#tell(one, path));
    const wanted = issue.errors.flatMap((issues) =>
      issues.flatMap((one) => (one.code === 'invalid_type' ? [kind(one.expected)] : [])),
    );
    const shown = isText ? `${this.#shown(path)} ` : '';
    return [
      this.#place(
        path,
        `${name(path)}: ${shown}is not what may stand here; write ${[...new Set(wanted)].join(' or ')}`,
      ),
    ];
  }

  #isMissing(path: Path): boolean {
    return path.length > 0 && this.#node(path) === null;
  }

  #missing(path: Path, wanted: string): string {
    const key = String(path.at(-1));
    return this.#place(path.slice(0, -1), `${name(path)} is missing; write "${key}:" and ${wanted}`);
  }

  #shown(path: Path): string {
    const value = this.#value(path);
    const text = JSON.stringify(value) ?? 'nothing';
    return text.length > 60 ? `${text.slice(0, 57)}...` : text;
  }

  #value(path: Path): unknown {
    const node = this.#node(path);
    return node === null ? undefined : node.toJS(this.#document);
  }

  #node(path: Path): Node | null {
    const node: unknown = this.#document.getIn(path, true);
    return isNode(node) && node.range != null ? node : null;
  }

  #place(path: Path, message: string, atKey = false): string {
    for (let depth = path.length; depth >= 0; depth--) {
      const offset = this.#offset(path.slice(0, depth), atKey && depth === path.length);
      if (offset !== null) return this.#at(offset, message);
    }
    return this.#at(0, message);
  }

  #offset(path: Path, atKey: boolean): number | null {
    if (!atKey) return this.#node(path)?.range?.[0] ?? null;
    const parent: unknown =
      path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true);
    if (!isMap(parent)) return null;
    for (const pair of parent.items) {
      if (!isPair(pair) || !isScalar(pair.key) || String(pair.key.value) !== String(path.at(-1))) continue;
      return pair.key.range?.[0] ?? null;
    }
    return null;
  }

  #at(offset: number, message: string): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#file}:${Math.max(1, line)}:${Math.max(1, col)}: ${message}`;
  }
}

/** The place as people say it: `pools.main.servers[2]`. */
function name(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text === '' ? 'the file' : text;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};

function kind(expected: string): string {
  return KINDS[expected] ?? expected;
}

function bound(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const limit = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  return issue.origin === 'array' ? `list with ${limit} entries` : `number of ${limit}`;
}
