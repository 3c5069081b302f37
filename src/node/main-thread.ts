import { randomBytes } from 'node:crypto';
import { MEMORY_BYTES_MAX } from '../base/limits.ts';
import { type Running, StartError } from '../base/start-error.ts';
import { createSharedLog } from '../engine/log-memory.ts';
import { formatPeer, parseEndpoint } from '../net/addresses.ts';
import { type DataThreads, startDataThreads, type TransportName } from '../net/data-threads.ts';
import type { SocketAddress } from '../net/loop.ts';
import { lockMemory, useLargePages } from '../net/memory-pages.ts';
import { resolveHost } from '../net/resolve.ts';
import type { TlsCertificates } from '../net/tls-server.ts';
import type { CacheOptions } from '../store/cache-options.ts';
import { FEED_BYTES_MIN } from '../store/change-feed.ts';
import { createSharedCache } from '../store/create-shared-cache.ts';
import type { SharedCache } from '../store/shared-cache.ts';
import { tellOperator } from '../telemetry/log-format.ts';
import { AckBoard } from './ack-board.ts';
import { readAuthFile } from './auth-file.ts';
import { Bulletin } from './bulletin.ts';
import { GatheringDesk } from './gathering.ts';
import { type NodeListenAddress, type NodeOptions, REPLICATION_PORT_DEFAULT } from './options.ts';
import { readReplicationSecret } from './replication-secret.ts';
import { checkSaslPasswordFile } from './sasl-password-file.ts';
import { SharedFigures } from './shared-figures.ts';
import {
  type BoundAddress,
  type FromNodeThread,
  isFromNodeThread,
  type NodeThreadData,
  replicationThread,
  type TlsAddress,
} from './thread-messages.ts';

/** A started node. */
export interface RunningNode extends Running {
  /** The port that clients use: the one bound first; 0 with a unix socket. */
  readonly port: number;
  /** The port that twins dial; 0 without replication, and where another node of this host has it. */
  readonly replicationPort: number;
  /** Everything that clients can connect to, in the order of the options; TCP first. */
  readonly addresses: readonly BoundAddress[];
  /** For the operator. */
  readonly warnings: readonly string[];
  /** Fulfilled when a client's `shutdown` asked for the end (true: `graceful`); whoever started the node stops it then. */
  readonly shutdown: Promise<boolean>;
  /** Reads the files of passwords and certificates again. One that cannot be used is told of on stderr, and changes nothing. */
  readonly reload: () => void;
}

/** When the node is stopped its twins are sent what they lack, for so long at most. */
const DRAIN_MS_MAX = 5000;
/** For all threads to take nothing more from clients; they look at their messages in every turn. */
const QUIET_MS_MAX = 1000;

/** Tombstones are kept so long; a twin that was away for longer may bring deleted items back. */
const TOMBSTONE_SECONDS = 600;
const TOMBSTONES_MAX = 200_000;

/** Changes that one data thread remembers for its twins; a twin that is further behind gets a full sync. */
const FEED_BYTES: number = 4 * 1024 * 1024;

/** Each thread's buffers, in front of the items. Most of it is never touched, and then takes no memory. */
const IO_BYTES_PER_THREAD: number = 2 * 1024 * 1024;

/** `cache_memlimit` can raise the limit to this at least, or to twice `-m`. It is address space: memory is only what is written. */
const MEMORY_ROOM_BYTES_MIN: number = 1024 * 1024 * 1024;

/** @throws StartError when the system does not give so much memory, or the cache cannot use it */
function makeCache(options: NodeOptions): SharedCache {
  const { memoryBytesMax } = options;
  if (memoryBytesMax > MEMORY_BYTES_MAX) {
    throw new StartError(
      `a cache of ${mebibytes(memoryBytesMax)} is too large for one node: at most ${mebibytes(MEMORY_BYTES_MAX)} (-m)`,
    );
  }
  const cache = cacheOptions(options);
  try {
    return createSharedCache(cache);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  try {
    // Without room for a higher limit.
    return createSharedCache({ ...cache, memoryRoomBytes: 0 });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StartError(`the system has no room for a cache of ${mebibytes(memoryBytesMax)} (-m)`);
  }
}

/** Tells the system how to keep the cache, before anything is written there. @returns warnings, in the words of memcached's */
function keepMemory(options: NodeOptions, { arenas, buckets }: SharedCache): readonly string[] {
  const warnings: string[] = [];
  const buffers = [...arenas, buckets];
  const unlocked = options.memoryLocked ? lockMemory(buffers) : null;
  if (unlocked !== null) warnings.push(`warning: -k invalid, mlock2() failed: ${unlocked}`);
  const small = options.largePages ? useLargePages(buffers) : null;
  if (small !== null) warnings.push(`Cannot enable large pages on this system: ${small}`);
  return warnings;
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1048576)} MB`;
}

function cacheOptions(options: NodeOptions): CacheOptions {
  const seed = randomBytes(8);
  const replicates = options.replication.port !== null;
  const { extended, memoryBytesMax } = options;
  return {
    memoryBytesMax,
    memoryRoomBytes: Math.min(MEMORY_BYTES_MAX, Math.max(2 * memoryBytesMax, MEMORY_ROOM_BYTES_MIN)),
    hashExpand: extended.hashExpand,
    ...(extended.hashPowerInitial === 0 ? {} : { hashPower: extended.hashPowerInitial }),
    ...(extended.slabSizes === null ? {} : { slabSizes: extended.slabSizes }),
    maintenance: {
      reassign: extended.slabReassign,
      automove: extended.slabAutomove,
      automoveRatio: extended.slabAutomoveRatio,
      automoveWindowSeconds: extended.slabAutomoveWindow,
      maintainer: extended.lruMaintainer,
      crawler: extended.lruCrawler,
      crawlerSleepMicros: extended.lruCrawlerSleepMicroseconds,
      crawlerItemsMax: extended.lruCrawlerToCrawl,
      temporaryTtlSeconds: extended.temporaryTtlSeconds ?? -1,
      segmented: extended.lruSegmented,
      hotPercent: extended.hotLruPercent,
      warmPercent: extended.warmLruPercent,
      hotMaxFactor: extended.hotMaxFactor,
      warmMaxFactor: extended.warmMaxFactor,
    },
    itemBytesMax: options.itemBytesMax,
    countsCas: options.casEnabled,
    growthFactor: options.growthFactor,
    chunkBytesMin: options.chunkBytesMin,
    slabChunkBytesMax: extended.slabChunkBytesMax,
    evict: options.evict,
    threads: dataThreads(options),
    ioBytesPerThread: IO_BYTES_PER_THREAD,
    hashSeed: [seed.readInt32LE(0), seed.readInt32LE(4)],
    nodeSlot: 0,
    tombstonesMax: replicates ? TOMBSTONES_MAX : 0,
    tombstoneSeconds: TOMBSTONE_SECONDS,
    feedBytes: replicates ? feedBytes(options) : 0,
  };
}

/** Bytes of each thread's ring: what was asked for, divided among them, is made up to a power of two. */
function feedBytes(options: NodeOptions): number {
  const { backlogBytes } = options.replication;
  if (backlogBytes === null) return FEED_BYTES;
  return Math.max(FEED_BYTES_MIN, 2 ** Math.ceil(Math.log2(backlogBytes / dataThreads(options))));
}

/** Where clients are let in: the entries of `-l`, or every interface. */
function listenEntries(options: NodeOptions): readonly NodeListenAddress[] {
  return options.listen.length > 0 ? options.listen : [{ host: null, port: null }];
}

/** @returns the addresses of an entry with a port */
async function resolveEntry(entry: NodeListenAddress, port: number): Promise<readonly SocketAddress[]> {
  const found = await resolveHost(entry.host ?? '*', port);
  if ('code' in found) throw new StartError(`cannot listen on ${entry.host}: ${found.message}`, 71);
  return found;
}

/** All addresses that a node listens on with a port, but those that have one of their own; each once. */
async function listenAddresses(
  options: NodeOptions,
  port: number,
  portIsFixed: boolean,
): Promise<SocketAddress[]> {
  const addresses: SocketAddress[] = [];
  for (const entry of listenEntries(options)) {
    addresses.push(...(await resolveEntry(entry, portIsFixed ? port : (entry.port ?? port))));
  }
  // A host may be named twice, with two ports for clients.
  const seen = new Map(addresses.map((address) => [formatPeer(address), address]));
  return portIsFixed ? [...seen.values()] : addresses;
}

/** Where clients connect, without TLS and with it. */
async function clientAddresses(options: NodeOptions): Promise<Pick<NodeThreadData, 'listen' | 'listenTls'>> {
  const { tls, tcpPort, unixPath } = options;
  const files = tls === null ? null : await import('./tls-files.ts');
  const certificates = tls === null || files === null ? null : files.readTlsCertificates(tls);
  // A unix socket needs no secrecy, and memcached has none there.
  if (unixPath !== null) {
    return { listen: [{ family: 'unix', path: unixPath, mode: options.unixMode }], listenTls: [] };
  }
  const listen: SocketAddress[] = [];
  const listenTls: TlsAddress[] = [];
  for (const entry of tcpPort === null ? [] : listenEntries(options)) {
    const found = await resolveEntry(entry, entry.port ?? tcpPort ?? 0);
    if (tls === null || files === null || certificates === null || entry.tls === 'none') {
      listen.push(...found);
    } else {
      const how = files.tlsListening(tls, certificates, entry);
      listenTls.push(...found.map((address) => ({ address, tls: how })));
    }
  }
  return { listen, listenTls };
}

/** One more than `-t` where clients may connect with TLS, or links to twins have a thread: see `portableThreads`. */
function dataThreads(options: NodeOptions): number {
  return options.threads + (options.tls === null && !replicatesApart(options) ? 0 : 1);
}

/** Links to twins cost much computing. */
function replicatesApart({ replication }: NodeOptions): boolean {
  return replication.port !== null && (replication.tls !== null || replication.compressBytesMin !== null);
}

/** What twins show each other. @throws StartError when a file cannot be used */
async function replicationCertificates({ replication }: NodeOptions): Promise<TlsCertificates | null> {
  if (replication.port === null || replication.tls === null) return null;
  const { readTlsCertificates } = await import('./tls-files.ts');
  return readTlsCertificates({ ...replication.tls, keyFormat: 'pem' });
}

/** The twins' replication addresses: one for each address of each `-x`. */
async function peerAddresses(options: NodeOptions, port: number): Promise<SocketAddress[]> {
  const addresses: SocketAddress[] = [];
  for (const peer of options.replication.peers) {
    const endpoint = parseEndpoint(peer);
    if (endpoint.kind !== 'tcp') throw new StartError(`Illegal address: ${peer}`);
    const found = await resolveHost(endpoint.host, endpoint.port ?? port);
    if ('code' in found) throw new StartError(`Illegal address: ${peer}: ${found.message}`);
    addresses.push(...found);
  }
  return addresses;
}

async function threadData(options: NodeOptions, secret: string | null): Promise<NodeThreadData> {
  const { replication } = options;
  const replicationPort = replication.port ?? REPLICATION_PORT_DEFAULT;
  const replicates = replication.port !== null;
  const hasUdp = options.unixPath === null && options.udpPort !== null;
  return {
    kind: 'node',
    options,
    cache: makeCache(options),
    figures: SharedFigures.allocate(dataThreads(options)),
    log: createSharedLog(dataThreads(options), options.extended.workerBufferBytes),
    replicationBulletin: replicates ? Bulletin.allocate() : null,
    ackBoard: replicates ? AckBoard.allocate(dataThreads(options)) : null,
    logins: options.authFile === null ? null : readAuthFile(options.authFile),
    ...(await clientAddresses(options)),
    threads: dataThreads(options),
    listenUdp: hasUdp ? await listenAddresses(options, options.udpPort, false) : [],
    replicationListen: replicates ? await listenAddresses(options, replicationPort, true) : [],
    replicationPeers: replicates ? await peerAddresses(options, replicationPort) : [],
    replicationSecret: secret,
    replicationCertificates: await replicationCertificates(options),
    replicatesApart: replicatesApart(options),
    startedMs: Date.now(),
  };
}

/**
 * Starts a node: its shared memory, its data threads, its ports, and (with a replication port) its search for twins.
 *
 * Fulfilled when clients can connect, which with `-x` is after the first full sync, or after a bounded wait for it.
 *
 * @param options see NodeOptions
 * @param transport how bytes are moved
 * @throws StartError when an address cannot be used or a name is unknown
 */
export async function startNode(
  options: NodeOptions,
  transport: TransportName = 'auto',
): Promise<RunningNode> {
  if (options.saslPasswordFile !== null) checkSaslPasswordFile(options.saslPasswordFile);
  const { secret, warnings } =
    options.replication.port === null
      ? { secret: null, warnings: [] }
      : readReplicationSecret(options.replication);
  const data = await threadData(options, secret);
  const keptMemory = keepMemory(options, data.cache);
  const { promise: failed, resolve: fail } = deferred<Error>();
  const { promise: bound, resolve: isBound } = deferred<readonly BoundAddress[]>();
  const { promise: tlsBound, resolve: isTlsBound } = deferred<readonly BoundAddress[]>();
  const { promise: ready, resolve: isReady } = deferred<number>();
  const { promise: opened, resolve: isOpened } = deferred<void>();
  const { promise: tlsOpened, resolve: isTlsOpened } = deferred<void>();
  const { promise: refused, resolve: refuse } = deferred<StartError>();
  const { promise: quiet, resolve: isQuiet } = deferred<void>();
  let threadsQuiet = 0;
  const { promise: drained, resolve: isDrained } = deferred<void>();
  const { promise: shutdown, resolve: isShutDown } = deferred<boolean>();
  const receive = (message: FromNodeThread, thread: number): void => {
    if (message.kind === 'bound') (thread === 0 ? isBound : isTlsBound)(message.addresses);
    else if (message.kind === 'ready') isReady(message.replicationPort);
    else if (message.kind === 'opened') (thread === 0 ? isOpened : isTlsOpened)();
    else if (message.kind === 'quiet' && ++threadsQuiet === threads.count) isQuiet();
    else if (message.kind === 'drained') isDrained();
    else if (message.kind === 'refused') refuse(new StartError(message.message, message.exitCode));
    else if (message.kind === 'shutdown') isShutDown(message.graceful);
  };
  const hasLastThread = data.listenTls.length > 0 || data.replicatesApart;
  const desk = new GatheringDesk();
  const threads = startDataThreads({
    entry: new URL('./data-thread.js', import.meta.url),
    threads: options.threads,
    portableThreads: hasLastThread ? 1 : 0,
    // A twin's clients come all at once, when the other one has died: no moment to start threads, should the system refuse one.
    startsOnDemand: options.replication.port === null,
    transport,
    data,
    onMessage: (message, thread) => {
      if (!isFromNodeThread(message)) return;
      receive(message, thread);
      desk.receive(message, thread, threads.count, (to, question) => threads.send(to, question));
    },
    onFailure: fail,
  });
  const stopped = (): Promise<void> => threads.stop();
  // Where all is on one thread of node:net it is thread 0, and needs to be told nothing.
  const lastThread = hasLastThread ? threads.count - 1 : 0;
  const tlsThread = data.listenTls.length > 0 ? lastThread : 0;
  const linkThread = replicationThread(data, threads.count);
  const start = async (): Promise<Pick<RunningNode, 'addresses' | 'replicationPort'>> => {
    const addresses = [...(await bound)];
    // Without UDP's, which follow.
    const tcp = addresses.filter(({ transport: name }) => name !== 'udp').length;
    if (tlsThread > 0) addresses.splice(tcp, 0, ...(await tlsBound));
    if (linkThread > 0) threads.send(linkThread, { kind: 'replicate' });
    const replicationPort = await ready;
    if (linkThread > 0) {
      threads.send(0, { kind: 'open' });
      await opened;
    }
    if (tlsThread > 0) {
      threads.send(tlsThread, { kind: 'open' });
      await tlsOpened;
    }
    return { addresses, replicationPort };
  };
  const outcome = await Promise.race([start(), refused, failed]);
  if (outcome instanceof Error) {
    await stopped();
    throw outcome;
  }
  const { addresses, replicationPort } = outcome;
  const first = addresses[0]?.address;
  return {
    port: first === undefined || first.family === 'unix' ? 0 : first.port,
    replicationPort,
    addresses,
    failed,
    shutdown,
    warnings: [...warnings, ...keptMemory],
    reload: () => reload(options, threads, data),
    stop: async () => {
      // What clients are told after the twins' good-bye nobody else would have.
      if (options.replication.port !== null) {
        for (let thread = 0; thread < threads.count; thread++) threads.send(thread, { kind: 'quiet' });
        await Promise.race([quiet, failed, delay(QUIET_MS_MAX)]);
      }
      threads.send(0, { kind: 'drain' });
      if (lastThread > 0) threads.send(lastThread, { kind: 'drain' });
      await Promise.race([drained, failed, delay(DRAIN_MS_MAX)]);
      await stopped();
    },
  };
}

/** A file that cannot be used is told of and changes nothing. */
function reload(options: NodeOptions, threads: DataThreads, data: NodeThreadData): void {
  if (data.listenTls.length > 0 || data.replicationCertificates !== null) {
    threads.send(threads.count - 1, { kind: 'refresh' });
  }
  tellFailure(() => {
    if (options.authFile === null) return;
    const users = readAuthFile(options.authFile);
    for (let thread = 0; thread < threads.count; thread++) threads.send(thread, { kind: 'logins', users });
  });
  tellFailure(() => {
    if (data.replicationSecret === null || options.replication.secretFile === null) return;
    const { secret } = readReplicationSecret(options.replication);
    if (secret !== null) threads.send(replicationThread(data, threads.count), { kind: 'secret', secret });
  });
}

function tellFailure(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    tellOperator('error', error.message);
  }
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
