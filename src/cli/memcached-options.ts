import { resolve } from 'node:path';
import { ITEM_BYTES_MAX, MEMORY_BYTES_MAX } from '../base/limits.ts';
import { StartError } from '../base/start-error.ts';
import {
  NODE_OPTIONS_DEFAULT,
  type NodeListenAddress,
  type NodeOptions,
  REPLICATION_PORT_DEFAULT,
} from '../node/options.ts';
import { type Called, type CommandLine, type ProcessOptions, readOptions } from './command-line.ts';
import type { OptionEvent } from './getopt.ts';
import { logFormatOf } from './log-format-option.ts';
import { checkGuarantees, takeGuarantee } from './memcached-acks.ts';
import { type ExtendedDraft, readExtended, readSlabSizes, SLAB_PAGE_BYTES } from './memcached-extended.ts';
import { ReplicationSafety } from './memcached-replication.ts';
import { MEMCACHED_ROWS, MEMCACHED_VERSION_LINE, memcachedHelp } from './memcached-table.ts';
import { finishTls, newTlsDraft } from './memcached-tls.ts';
import {
  atoi,
  decimalNumber,
  invalidPort,
  invalidValue,
  octalMode,
  PORT_MAX,
  unixPath,
  wholeNumber,
} from './option-values.ts';

export interface MemcachedCommand {
  readonly node: NodeOptions;
  readonly process: ProcessOptions & {
    /** Let the system write core files of any size (`-r`). */
    readonly coreDumps: boolean;
  };
}

/** sysexits.h */
const EX_USAGE = 64;
const EX_OSERR = 71;

const MEBIBYTE: number = 1024 * 1024;
const INT_MAX = 2147483647;
/** More than a terabyte is surely a slip of the pen; what the store can hold is the store's to say. */
const MEMORY_MEBIBYTES_MAX: number = MEMORY_BYTES_MAX / MEBIBYTE;
/** memcached warns above 64; each of ours is a thread with a heap of its own. */
const THREADS_ADVISABLE = 64;
const THREADS_MAX = 256;
const ITEM_BYTES_LEAST = 1024;

type Draft = { -readonly [Name in keyof NodeOptions]: NodeOptions[Name] };

/**
 * Reads memcached's and repcached's command line. In memcached's order: each word's own check where it stands, checks of words against each other at the
 * end; so of several mistakes the same one is reported.
 *
 * @param call how the program was called
 * @param replicates repcached: the replication port is open even when no option says so
 * @throws StartError with memcached's message and exit code, or one clear line where memcached takes junk in silence
 */
export function parseMemcached(call: Called, replicates: boolean): CommandLine<MemcachedCommand> {
  const line = readOptions(call, MEMCACHED_ROWS);
  const reader = new Reader(call, replicates);
  for (const event of line.events) {
    const answer = reader.take(event);
    if (answer !== null) return { kind: 'answer', text: answer };
  }
  const command = reader.finish();
  return { kind: 'run', command, warnings: [...reader.warnings, ...line.warnings] };
}

class Reader {
  readonly warnings: string[] = [];
  readonly #directory: string;
  readonly #saslPasswordFile: string | undefined;
  #tls = false;
  readonly #replicates: boolean;
  readonly #node: Draft = { ...NODE_OPTIONS_DEFAULT };
  readonly #extended: ExtendedDraft = {
    ...NODE_OPTIONS_DEFAULT.extended,
    slabSizesText: null,
    tls: newTlsDraft(),
  };
  readonly #listen: NodeListenAddress[] = [];
  readonly #peers: string[] = [];
  #tcpPort: number | null = null;
  #udpPort: number | null = null;
  #replicationPort: number | null = null;
  readonly #safety: ReplicationSafety;
  #guarantees: ReturnType<typeof takeGuarantee> = {};
  #queueMax: number = NODE_OPTIONS_DEFAULT.replication.queueMax;
  #memoryMebibytes: number = NODE_OPTIONS_DEFAULT.memoryBytesMax / MEBIBYTE;
  #sasl = false;
  /** `-B` was given: whoever says nothing and wants SASL means `binary`. */
  #isProtocolGiven = false;
  #daemon = false;
  #coreDumps = false;
  #pidFile: string | null = null;
  #user: string | null = null;

  constructor(call: Called, replicates: boolean) {
    this.#directory = call.directory;
    this.#safety = new ReplicationSafety(call);
    this.#saslPasswordFile = call.environment['MEMCACHED_SASL_PWDB'];
    // The variable that memcached's test suite is run with; only a build for debugging has the command there.
    this.#node.debugCommands = (call.environment['MEMCACHED_DEBUG'] ?? '') !== '';
    this.#replicates = replicates;
  }

  /** @returns a text to print instead of starting, or null */
  take(event: OptionEvent): string | null {
    if (event.kind === 'error') throw new StartError(`${event.message}\nIllegal argument "?"`);
    const { name, spelling } = event;
    const value = event.value ?? '';
    const node = this.#node;
    switch (name) {
      case 'help':
        return memcachedHelp();
      case 'version':
        return `${MEMCACHED_VERSION_LINE}\n`;
      case 'license':
        return LICENSE;
      case 'port':
        this.#tcpPort = port(spelling, value);
        break;
      case 'udp-port':
        this.#udpPort = port(spelling, value);
        break;
      case 'listen':
        this.#listen.push(...listenAddresses(spelling, value));
        break;
      case 'unix-socket':
        node.unixPath = unixPath(spelling, resolve(this.#directory, value), value);
        break;
      case 'unix-mask':
        node.unixMode = octalMode(spelling, value);
        break;
      case 'memory-limit':
        this.#memoryMebibytes = memoryMebibytes(spelling, value);
        break;
      case 'disable-evictions':
        node.evict = false;
        break;
      case 'conn-limit':
        node.connectionsMax = positive(
          spelling,
          value,
          'Maximum connections must be greater than 0',
          INT_MAX,
        );
        break;
      case 'threads':
        node.threads = positive(spelling, value, 'Number of threads must be greater than 0', THREADS_MAX);
        if (node.threads > THREADS_ADVISABLE)
          this.warnings.push(
            'WARNING: Setting a high number of worker threads is not recommended: the number of cores is enough.',
          );
        break;
      case 'max-reqs-per-event':
        node.requestsPerEventMax = positive(
          spelling,
          value,
          'Number of requests per event must be greater than 0',
          INT_MAX,
        );
        break;
      case 'slab-growth-factor':
        node.growthFactor = growthFactor(value);
        break;
      case 'slab-min-size':
        node.chunkBytesMin = positive(spelling, value, 'Chunk size must be greater than 0', ITEM_BYTES_MAX);
        break;
      case 'listen-backlog':
        node.backlog = wholeNumber(spelling, value, 0, INT_MAX);
        break;
      case 'max-item-size':
        node.itemBytesMax = itemBytes(spelling, value);
        break;
      case 'protocol':
        if (value !== 'auto' && value !== 'ascii' && value !== 'binary')
          throw new StartError(
            `Invalid value for binding protocol: ${value}\n -- should be one of auto, binary, or ascii`,
            EX_USAGE,
          );
        node.protocol = value;
        this.#isProtocolGiven = true;
        break;
      case 'enable-sasl':
        this.#sasl = true;
        break;
      case 'delimiter':
        if (value === '') throw new StartError('No delimiter specified');
        node.prefixDelimiter = [...value][0] ?? ':';
        node.detailEnabled = true;
        break;
      case 'verbose':
        node.verbosity++;
        break;
      case 'disable-cas':
        node.casEnabled = false;
        break;
      case 'disable-flush-all':
        node.flushEnabled = false;
        break;
      case 'disable-dumping':
        node.dumpEnabled = false;
        break;
      case 'disable-watch':
        node.watchEnabled = false;
        break;
      case 'enable-shutdown':
        node.shutdownEnabled = true;
        break;
      case 'extended':
        this.warnings.push(...readExtended(this.#extended, value));
        break;
      case 'replication-peer':
        this.#peers.push(...peers(spelling, value));
        break;
      case 'replication-port':
        if (event.value === null) node.dumpEnabled = false;
        else this.#replicationPort = replicationPort(spelling, value);
        break;
      case 'replication-queue':
        this.#queueMax = wholeNumber(spelling, value, 1, INT_MAX);
        break;
      case 'replication-secret-file':
      case 'replication-tls-chain':
      case 'replication-tls-key':
      case 'replication-tls-ca':
      case 'replication-compress':
        this.#safety.take(name, spelling, value);
        break;
      case 'replication-backlog':
      case 'no-legacy-twins':
      case 'acks':
      case 'ack-timeout':
      case 'ack-refuse':
      case 'min-replicas':
        this.#guarantees = { ...this.#guarantees, ...takeGuarantee(name, spelling, value) };
        break;
      case 'daemon':
        this.#daemon = true;
        break;
      case 'pidfile':
        if (value === '') throw invalidValue(spelling, value, 'a file name is needed');
        this.#pidFile = resolve(this.#directory, value);
        break;
      case 'user':
        this.#user = value;
        break;
      case 'auth-file':
        if (value === '') throw invalidValue(spelling, value, 'a file name is needed');
        node.authFile = resolve(this.#directory, value);
        break;
      case 'log-format':
        logFormatOf(spelling, value);
        break;
      case 'enable-ssl':
        this.#tls = true;
        break;
      case 'enable-coredumps':
        this.#coreDumps = true;
        break;
      case 'enable-largepages':
        node.largePages = true;
        break;
      case 'lock-memory':
        node.memoryLocked = true;
        break;
      default:
        throw new StartError(`${spelling} is not supported`);
    }
    return null;
  }

  /** Checks the words against each other, in memcached's order, and makes the plain objects. */
  finish(): MemcachedCommand {
    const node = this.#node;
    const { slabSizesText, tls, ...extended } = this.#extended;
    node.memoryBytesMax = this.#memoryMebibytes * MEBIBYTE;
    checkItemSize(node.itemBytesMax, node.memoryBytesMax, extended.slabChunkBytesMax);
    if (extended.hotLruPercent + extended.warmLruPercent > 80)
      throw new StartError('hot_lru_pct + warm_lru_pct cannot be more than 80% combined', EX_USAGE);
    if (extended.temporaryTtlSeconds !== null && !extended.lruMaintainer)
      throw new StartError('temporary_ttl requires lru_maintainer to be enabled', EX_USAGE);
    if (slabSizesText !== null)
      extended.slabSizes = readSlabSizes(slabSizesText, node.chunkBytesMin, extended.slabChunkBytesMax);
    if (node.chunkBytesMin > extended.slabChunkBytesMax)
      throw new StartError(
        `Chunk size (-n ${node.chunkBytesMin}) must not be greater than the largest chunk of ${extended.slabChunkBytesMax} bytes`,
      );
    if (this.#sasl) this.#checkSasl();
    if (node.authFile !== null) this.#checkAuthFile();
    if (this.#tls) node.tls = finishTls(tls, (file) => resolve(this.#directory, file));
    else if (this.#listen.some((address) => address.tls !== undefined))
      throw new StartError(
        "'notls', 'btls' and 'mtls' (-l) are valid only when SSL is enabled (-Z)",
        EX_OSERR,
      );
    for (const number of [this.#tcpPort, this.#udpPort, this.#replicationPort])
      if (number !== null && number > PORT_MAX) throw invalidPort(number);

    // As in memcached: a UDP port alone is the TCP port too.
    const udpAlone = this.#tcpPort === null && this.#udpPort !== null && this.#udpPort !== 0;
    const tcpPort = udpAlone ? this.#udpPort : (this.#tcpPort ?? NODE_OPTIONS_DEFAULT.tcpPort);
    const { backlogBytes, takesLegacy, acks, ackTimeoutMs, ackRefuses, replicasMin } =
      NODE_OPTIONS_DEFAULT.replication;
    const replicating = this.#peers.length > 0 || this.#replicates;
    checkGuarantees(this.#guarantees, replicating || this.#replicationPort !== null);
    return {
      node: {
        ...node,
        listen: this.#listen,
        tcpPort: openPort(tcpPort),
        udpPort: openPort(this.#udpPort),
        replication: {
          peers: this.#peers,
          port: this.#replicationPort ?? (replicating ? REPLICATION_PORT_DEFAULT : null),
          queueMax: this.#queueMax,
          ...this.#safety.finish(),
          ...{ backlogBytes, takesLegacy, acks, ackTimeoutMs, ackRefuses, replicasMin },
          ...this.#guarantees,
        },
        extended,
      },
      process: {
        daemon: this.#daemon,
        pidFile: this.#pidFile,
        user: this.#user,
        coreDumps: this.#coreDumps,
      },
    };
  }

  /** The login of the text protocol leaves no other way in. */
  #checkAuthFile(): void {
    const node = this.#node;
    if (this.#udpPort !== null && this.#udpPort !== 0)
      throw new StartError('Cannot use UDP with ascii authentication enabled (-U 0 to disable)', EX_USAGE);
    if (this.#sasl || (this.#isProtocolGiven && node.protocol !== 'ascii'))
      throw new StartError(
        'ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.',
        EX_USAGE,
      );
    node.protocol = 'ascii';
  }

  /** SASL goes with the binary protocol over connections only, and needs somebody who may log in. */
  #checkSasl(): void {
    const node = this.#node;
    if (this.#isProtocolGiven && node.protocol !== 'binary')
      throw new StartError('ERROR: You cannot allow the ASCII protocol while using SASL.', EX_USAGE);
    if (this.#udpPort !== null && this.#udpPort !== 0)
      throw new StartError('ERROR: Cannot enable UDP while using binary SASL authentication.', EX_USAGE);
    const file = this.#saslPasswordFile;
    if (file === undefined || file === '')
      throw new StartError(
        '-S: the environment variable MEMCACHED_SASL_PWDB must name a file of lines user:password',
      );
    node.protocol = 'binary';
    node.saslPasswordFile = resolve(this.#directory, file);
  }
}

const LICENSE = `${MEMCACHED_VERSION_LINE}

This is twincached, under the MIT License: you may use, copy, change and pass it on freely, provided that the
copyright notice and the licence text, both in the file LICENSE of the package, go with it. It comes without warranty.
`;

/** A port as typed: above 65535 is left to the checks at the end, where memcached has it. */
function port(spelling: string, value: string): number {
  const number = /^[+-]?\d{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
  if (number >= -1) return number;
  throw invalidValue(
    spelling,
    value,
    `a port from 0 (none) to ${PORT_MAX} is needed, or -1 for any free one`,
  );
}

/** From what is typed (0 none, -1 any) to what a role takes (null none, 0 any). */
function openPort(typed: number | null): number | null {
  if (typed === null || typed === 0) return null;
  return typed === -1 ? 0 : typed;
}

function replicationPort(spelling: string, value: string): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= 0) return number;
  throw invalidValue(spelling, value, `a replication port from 0 (any free one) to ${PORT_MAX} is needed`);
}

/** A number above 0: what memcached would refuse, in its words; what it would misread or could not use, in ours. */
function positive(spelling: string, value: string, complaint: string, most: number): number {
  if (atoi(value) <= 0) throw new StartError(complaint);
  return wholeNumber(spelling, value, 1, most);
}

function growthFactor(value: string): number {
  const factor = decimalNumber(value);
  if (factor === null || factor <= 1) throw new StartError('Factor must be greater than 1');
  return factor;
}

/** `-m`: MiB. `64m` is common, and memcached takes it for the 64 that is meant. Other junk behind the number says something else than what it would do. */
function memoryMebibytes(spelling: string, value: string): number {
  const number = /^(.*\d)mb?$/i.exec(value)?.[1] ?? value;
  return wholeNumber(spelling, number, 0, MEMORY_MEBIBYTES_MAX);
}

const ITEM_SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['k', 1024],
  ['m', MEBIBYTE],
  ['g', 1024 * MEBIBYTE],
]);

/** `-I`: bytes, or with a suffix KiB or MiB. memcached reads other suffixes as bytes, which is hardly ever what was meant. */
function itemBytes(spelling: string, value: string): number {
  const match = /^\s*\+?(\d{1,15})([kmg]?)$/i.exec(value);
  const number = Number(match?.[1]);
  const unit = ITEM_SIZE_UNITS.get(match?.[2]?.toLowerCase() ?? '') ?? 1;
  if (match !== null) return number * unit;
  // Junk that memcached would read as a size too small to use is refused in its words, by the check at the end.
  const misread = atoi(value);
  if (misread < ITEM_BYTES_LEAST) return misread;
  throw invalidValue(spelling, value, 'a number of bytes is needed, or one with the suffix k, m or g');
}

function checkItemSize(itemBytesMax: number, memoryBytesMax: number, slabChunkBytesMax: number): void {
  const refuse = (message: string): StartError => new StartError(message, EX_USAGE);
  if (itemBytesMax < ITEM_BYTES_LEAST) throw refuse('Item max size cannot be less than 1024 bytes.');
  if (itemBytesMax > memoryBytesMax / 2)
    throw refuse('Cannot set item size limit higher than 1/2 of memory max.');
  if (itemBytesMax > ITEM_BYTES_MAX) throw refuse('Cannot set item size limit higher than a gigabyte.');
  if (slabChunkBytesMax > itemBytesMax)
    throw refuse(
      `slab_chunk_max (bytes: ${slabChunkBytesMax}) cannot be larger than -I (item_size_max ${itemBytesMax})`,
    );
  if (itemBytesMax % slabChunkBytesMax !== 0)
    throw refuse(
      `-I (item_size_max: ${itemBytesMax}) must be evenly divisible by slab_chunk_max (bytes: ${slabChunkBytesMax})`,
    );
  if (SLAB_PAGE_BYTES % slabChunkBytesMax !== 0)
    throw refuse(
      `slab_chunk_max (bytes: ${slabChunkBytesMax}) must divide evenly into ${SLAB_PAGE_BYTES} (slab_page_size)`,
    );
}

/** `-l`: addresses with `,` or `;` between them. */
function listenAddresses(spelling: string, value: string): NodeListenAddress[] {
  const addresses = value.split(/[,;]/).filter((part) => part !== '');
  if (addresses.length === 0) throw invalidValue(spelling, value, 'an address to listen on is needed');
  return addresses.map((text) => listenAddress(spelling, text));
}

const TLS_OF_PREFIX: Readonly<Record<string, NodeListenAddress['tls']>> = {
  'notls:': 'none',
  'btls:': 'basic',
  'mtls:': 'mutual',
};

function listenAddress(spelling: string, text: string): NodeListenAddress {
  const [prefix = ''] = /^(no|b|m)tls:/.exec(text) ?? [];
  const plain = text.slice(prefix.length);
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(plain);
  // More than one colon without brackets: an IPv6 address without a port.
  const parts = bracketed ?? (/^[^:]*:[^:]*:/.test(plain) ? null : /^([^:]*)(?::(.*))?$/.exec(plain));
  const host = parts === null ? plain : (parts[1] ?? '');
  const portText = parts === null ? undefined : parts[2];
  if (host === '' || host.startsWith('['))
    throw invalidValue(spelling, text, 'an address to listen on is needed');
  if (portText !== undefined && (!/^\d{1,5}$/.test(portText) || Number(portText) > PORT_MAX))
    throw new StartError(`Invalid port number: "${portText}" (${spelling} ${text})`, EX_OSERR);
  const address = {
    host: host === '*' ? null : host,
    port: portText === undefined ? null : Number(portText),
  };
  const tls = TLS_OF_PREFIX[prefix];
  return tls === undefined ? address : { ...address, tls };
}

/** `-x`: one host or several with commas; whether they can be resolved is found when the node starts. */
function peers(spelling: string, value: string): string[] {
  const hosts = value.split(',');
  for (const host of hosts)
    if (host === '' || /\s/.test(host))
      throw invalidValue(spelling, value, 'the address of a twin is needed');
  return hosts;
}
