/**
 * twemproxy's configuration file: YAML, of which it takes a small part. One mapping of pools, each a mapping of directives to scalars, with
 * one sequence in it: `servers`.
 */
import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
} from 'yaml';
import { StartError } from '../base/start-error.ts';
import { DISTRIBUTIONS, KEY_HASHES } from '../hashing/index.ts';
import { listenAddress, type PlacedShard, serverOfText } from './nutcracker-addresses.ts';
import { type NutcrackerRouting, POOL_DEFAULT, type ProxyPool, RETURN_WAIT_MS_MAX } from './options.ts';

/** What is wrong in a file. The message is the original's where it has one; line and column are ours. */
export class NutcrackerFileError extends StartError {}

/** Without the directive twemproxy waits for ever; here every request is answered. */
const TIMEOUT_MS_DEFAULT = 5000;
const BACKLOG_DEFAULT = 512;
const RETRY_MS_DEFAULT = 30_000;
const FAILURE_LIMIT_DEFAULT = 2;
/** Connections of one thread to one server. */
const SERVER_CONNECTIONS_MAX = 256;
const NUMBER_MAX = 2 ** 31 - 1;

const DIRECTIVES = [
  'listen',
  'hash',
  'hash_tag',
  'distribution',
  'timeout',
  'backlog',
  'client_connections',
  'tcpkeepalive',
  'reuseport',
  'redis',
  'redis_auth',
  'redis_db',
  'preconnect',
  'auto_eject_hosts',
  'server_connections',
  'server_retry_timeout',
  'server_failure_limit',
  'servers',
  // Ours.
  'health_probes',
  'server_return_wait',
] as const;
type Directive = (typeof DIRECTIVES)[number];

/** The tokens that twemproxy refuses, with libyaml's numbers. */
const TOKENS = {
  directive: 'version directive token (3)',
  tag: 'tag token (20)',
  documentStart: 'document start token (5)',
  documentEnd: 'document end token (6)',
  flowSequence: 'flow sequence start token (10)',
  flowMapping: 'flow mapping start token (12)',
  alias: 'alias token (18)',
  anchor: 'anchor token (19)',
} as const;

/** What YAML has no place for. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]/;

function isDirective(text: string): text is Directive {
  return DIRECTIVES.some((name) => name === text);
}

/**
 * Reads a file.
 *
 * @param file its name, for messages
 * @param text what it holds
 * @throws NutcrackerFileError for the first thing that is wrong
 */
export function parseNutcrackerFile(file: string, text: string): readonly ProxyPool[] {
  return new FileReader(file, text).read();
}

class FileReader {
  readonly #file: string;
  readonly #text: string;
  readonly #lines = new LineCounter();

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
  }

  read(): readonly ProxyPool[] {
    const control = CONTROL.exec(this.#text);
    if (control !== null) throw this.#error(control.index, 'control characters are not allowed');
    this.#refuseMarkers();
    const documents = parseAllDocuments(this.#text, {
      lineCounter: this.#lines,
      uniqueKeys: false,
      merge: false,
      // All scalars are texts, as to the original: no numbers, no null.
      schema: 'failsafe',
    });
    const none = `'${this.#file}' must contain only 1 document; found 0 documents`;
    if (!('length' in documents) || documents.length === 0) throw this.#error(0, none);
    if (documents.length > 1)
      throw this.#error(
        0,
        `'${this.#file}' must contain only 1 document; found ${documents.length} documents`,
      );
    const [document] = documents;
    const [failure] = document?.errors ?? [];
    if (failure !== undefined) {
      const what = failure.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? '';
      throw this.#error(failure.pos[0], what.replace(/:$/, ''));
    }
    const root = document?.contents ?? null;
    if (root === null) throw this.#error(0, none);
    this.#refuseToken(root);
    if (isSeq(root)) throw this.#error(at(root), `'${this.#file}' has sequence at depth 0 instead of 2`);
    if (!isMap(root)) throw this.#error(at(root), `'${this.#file}' has invalid empty "key:" at depth 0`);
    const pools = root.items.map((pair) => this.#pool(pair));
    this.#checkTogether(pools);
    return pools.map(({ pool }) => pool);
  }

  /** The markers of documents and directives stand at the start of a line, and are refused even where YAML allows them. */
  #refuseMarkers(): void {
    let start = 0;
    for (const line of this.#text.split('\n')) {
      const token = /^---(\s|$)/.test(line)
        ? TOKENS.documentStart
        : /^\.\.\.(\s|$)/.test(line)
          ? TOKENS.documentEnd
          : line.startsWith('%')
            ? TOKENS.directive
            : null;
      if (token !== null) throw this.#refusal(start, token);
      start += line.length + 1;
    }
  }

  #refuseToken(node: unknown): void {
    if (isAlias(node)) throw this.#refusal(at(node), TOKENS.alias);
    if (!isScalar(node) && !isCollection(node)) return;
    if (node.anchor !== undefined) throw this.#refusal(at(node), TOKENS.anchor);
    if (node.tag !== undefined && this.#text.slice(0, at(node)).trimEnd().endsWith(node.tag))
      throw this.#refusal(at(node), TOKENS.tag);
    if (/![^\s]*\s*$/.test(this.#text.slice(0, at(node)))) throw this.#refusal(at(node), TOKENS.tag);
    if (isCollection(node) && node.flow === true)
      throw this.#refusal(at(node), isSeq(node) ? TOKENS.flowSequence : TOKENS.flowMapping);
  }

  #refusal(offset: number, token: string): NutcrackerFileError {
    return this.#error(offset, `${token} is disallowed`);
  }

  #error(offset: number, message: string): NutcrackerFileError {
    const { line, col } =
      this.#lines.lineStarts.length === 0 ? this.#place(offset) : this.#lines.linePos(offset);
    return new NutcrackerFileError(
      `${this.#file}:${Math.max(1, line)}:${Math.max(1, col)}: conf: ${message}`,
    );
  }

  #place(offset: number): { readonly line: number; readonly col: number } {
    const before = this.#text.slice(0, offset).split('\n');
    return { line: before.length, col: (before.at(-1)?.length ?? 0) + 1 };
  }

  #pool({ key, value }: Pair<unknown, unknown>): ReadPool {
    const { text: name, offset } = this.#scalar(key, 'a name of a pool');
    this.#refuseToken(value);
    if (!isMap(value))
      throw this.#error(
        isNode(value) ? at(value) : offset,
        `'${this.#file}' has invalid mapping "key:" at depth 1`,
      );
    const pool = new ReadPool(name, offset);
    for (const pair of value.items) this.#directive(pool, pair);
    if (!pool.hasServers) throw this.#error(offset, `'${this.#file}' missing sequence directive at depth 2`);
    this.#finish(pool);
    return pool;
  }

  #directive(pool: ReadPool, { key, value }: Pair<unknown, unknown>): void {
    const { text: name, offset } = this.#scalar(key, 'a directive');
    this.#refuseToken(value);
    if (isSeq(value)) {
      if (pool.hasServers) throw this.#error(offset, `'${this.#file}' has more than one sequence directive`);
      if (name !== 'servers') throw this.#error(offset, `directive "${name}" is unknown`);
      pool.hasServers = true;
      for (const item of value.items) {
        this.#refuseToken(item);
        if (isSeq(item)) throw this.#error(at(item), `'${this.#file}' has more than one sequence directive`);
        pool.servers.push(this.#server(this.#scalar(item, 'a server')));
      }
      if (value.items.length === 0)
        throw this.#error(offset, `'${this.#file}' missing sequence directive at depth 2`);
      return;
    }
    if (!isDirective(name)) throw this.#error(offset, `directive "${name}" is unknown`);
    if (name === 'servers')
      throw this.#error(offset, `'${this.#file}' missing sequence directive at depth 2`);
    if (pool.values.has(name)) throw this.#error(offset, `directive "${name}" is a duplicate`);
    const { text, offset: valueAt } = this.#scalar(value, `a value of "${name}"`, offset);
    pool.values.set(name, { text, offset: valueAt });
    this.#checkValue(pool, name, text, valueAt);
  }

  #checkValue(pool: ReadPool, name: Directive, text: string, offset: number): void {
    const fail = (what: string): NutcrackerFileError => this.#error(offset, `directive "${name}" ${what}`);
    switch (name) {
      case 'listen': {
        const listen = listenAddress(text);
        if (typeof listen === 'string') throw fail(listen);
        pool.listen = listen;
        return;
      }
      case 'hash':
        if (!KEY_HASHES.has(text)) throw fail('is not a valid hash');
        return;
      case 'distribution':
        if (!DISTRIBUTIONS.has(text)) throw fail('is not a valid distribution');
        return;
      case 'hash_tag':
        // To the original characters are bytes.
        if (Buffer.byteLength(text) !== 2) throw fail('is not a valid hash tag string with two characters');
        return;
      case 'tcpkeepalive':
      case 'reuseport':
      case 'redis':
      case 'preconnect':
      case 'auto_eject_hosts':
      case 'health_probes':
        if (text !== 'true' && text !== 'false') throw fail('is not "true" or "false"');
        return;
      case 'redis_auth':
      case 'servers':
        return;
      default:
        if (!/^\d+$/.test(text) || Number(text) > NUMBER_MAX) throw fail('is not a number');
    }
  }

  #server({ text, offset }: ReadScalar): ReadServer {
    const shard = serverOfText(text);
    if (typeof shard === 'string') throw this.#error(offset, `directive "servers" ${shard}`);
    return { ...shard, offset };
  }

  #scalar(node: unknown, what: string, near = 0): ReadScalar {
    this.#refuseToken(node);
    if (isMap(node)) throw this.#error(at(node), `'${this.#file}' has a depth greater than 2`);
    const text = isScalar(node) && typeof node.value === 'string' ? node.value : '';
    if (!isScalar(node) || (text === '' && node.type === 'PLAIN'))
      throw this.#error(isNode(node) ? at(node) : near, `${what} is missing or is no single word`);
    return { text, offset: at(node) };
  }

  #finish(read: ReadPool): void {
    const { name, offset, values } = read;
    const { listen } = read;
    if (listen === null) throw this.#error(offset, 'directive "listen:" is missing');
    const connections = read.number('server_connections', 1);
    if (connections === 0)
      throw this.#error(
        values.get('server_connections')?.offset ?? offset,
        'directive "server_connections:" cannot be 0',
      );
    if (connections > SERVER_CONNECTIONS_MAX)
      throw this.#error(
        values.get('server_connections')?.offset ?? offset,
        `directive "server_connections:" cannot be more than ${SERVER_CONNECTIONS_MAX}`,
      );
    if (read.flag('redis'))
      throw this.#error(
        values.get('redis')?.offset ?? offset,
        `pool '${name}' is one of Redis, which this proxy does not speak: only pools of memcached can be served`,
      );
    if (values.has('redis_auth'))
      throw this.#error(
        values.get('redis_auth')?.offset ?? offset,
        'directive "redis_auth:" is only valid for a redis pool',
      );
    const seen = new Set<string>();
    for (const { server, offset: serverAt } of read.servers) {
      const serverName = server.name ?? server.text;
      if (seen.has(serverName))
        throw this.#error(serverAt, `pool '${name}' has servers with same name '${serverName}'`);
      seen.add(serverName);
    }
    read.pool = this.#made(read, listen, connections);
  }

  #made(read: ReadPool, listen: NonNullable<ReadPool['listen']>, serverConnections: number): ProxyPool {
    const timeoutMs = read.number('timeout', 0) || TIMEOUT_MS_DEFAULT;
    const returnWaitMs = Math.min(read.number('server_return_wait', 0), RETURN_WAIT_MS_MAX);
    const ejection: NutcrackerRouting['ejection'] = read.flag('auto_eject_hosts')
      ? {
          failureLimit: Math.max(1, read.number('server_failure_limit', FAILURE_LIMIT_DEFAULT)),
          retryMs: read.number('server_retry_timeout', RETRY_MS_DEFAULT),
          probes: read.flag('health_probes'),
        }
      : null;
    const twins = read.servers.flatMap(({ twin }, position) => (twin === null ? [] : [{ twin, position }]));
    return {
      ...POOL_DEFAULT,
      ...listen,
      name: read.name,
      backlog: read.number('backlog', BACKLOG_DEFAULT),
      servers: [...read.servers.map(({ server }) => server), ...twins.map(({ twin }) => twin)],
      timeouts: {
        requestTimeoutMs: timeoutMs,
        connectTimeoutMs: Math.min(timeoutMs, 1000),
        ...(returnWaitMs === 0 ? {} : { returnWaitMs }),
      },
      routing: {
        kind: 'nutcracker',
        hash: read.text('hash', 'fnv1a_64'),
        hashTag: read.values.get('hash_tag')?.text ?? null,
        distribution: read.text('distribution', 'ketama'),
        serverConnections,
        ejection,
        ...(twins.length === 0 ? {} : { twinOf: twins.map(({ position }) => position) }),
      },
    };
  }

  #checkTogether(pools: readonly ReadPool[]): void {
    const listens = new Map<string, string>();
    const names = new Set<string>();
    for (const { name, offset, values } of pools) {
      if (names.has(name)) throw this.#error(offset, `'${this.#file}' has pools with same name ${name}'`);
      names.add(name);
      const listen = values.get('listen');
      const other = listens.get(listen?.text ?? '');
      if (other !== undefined)
        throw this.#error(
          listen?.offset ?? offset,
          `pools '${other}' and '${name}' have the same listen address '${listen?.text}'`,
        );
      listens.set(listen?.text ?? '', name);
    }
  }
}

interface ReadScalar {
  readonly text: string;
  readonly offset: number;
}

interface ReadServer extends PlacedShard {
  readonly offset: number;
}

/** A pool as far as it has been read. */
class ReadPool {
  readonly name: string;
  readonly offset: number;
  readonly values: Map<Directive, ReadScalar> = new Map();
  readonly servers: ReadServer[] = [];
  hasServers = false;
  listen: Pick<ProxyPool, 'listen' | 'unixPath' | 'unixMode'> | null = null;
  pool: ProxyPool = POOL_DEFAULT;

  constructor(name: string, offset: number) {
    this.name = name;
    this.offset = offset;
  }

  text(name: Directive, otherwise: string): string {
    return this.values.get(name)?.text ?? otherwise;
  }

  number(name: Directive, otherwise: number): number {
    const value = this.values.get(name);
    return value === undefined ? otherwise : Number(value.text);
  }

  flag(name: Directive): boolean {
    return this.values.get(name)?.text === 'true';
  }
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isCollection(value) || isAlias(value);
}

function at(node: Node): number {
  return node.range?.[0] ?? 0;
}
