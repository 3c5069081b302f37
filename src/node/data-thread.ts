import { randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import type { Connection, Session } from '../base/session.ts';
import { StartError } from '../base/start-error.ts';
import { clientSession, protocolSession } from '../engine/client-session.ts';
import { UdpSession } from '../engine/datagram-session.ts';
import { LookAhead } from '../engine/look-ahead.ts';
import type { GeneralFacts, NodeContext, StatLine } from '../engine/node-context.ts';
import { REPLY, writeReply } from '../engine/replies.ts';
import { RequestTrace } from '../engine/request-trace.ts';
import type { TextLogins } from '../engine/text-logins.ts';
import { RECEIVE_BYTES } from '../net/buffer-pool.ts';
import { type DataThread, runDataThread } from '../net/data-threads.ts';
import { FIGURE } from '../net/figures.ts';
import type { SocketAddress } from '../net/loop.ts';
import { memoryReleaser } from '../net/memory-release.ts';
import { nativeCopier } from '../net/native-copy.ts';
import type { TlsCertificates } from '../net/tls-server.ts';
import { Cache } from '../store/cache.ts';
import { FeedReader } from '../store/change-feed.ts';
import { COUNTER } from '../store/counters.ts';
import { useMemoryRelease, useNativeCopy } from '../store/memory.ts';
import { type LogLevel, logText } from '../telemetry/log-format.ts';
import { Bulletin, processMs } from './bulletin.ts';
import { ClientGate } from './client-gate.ts';
import { NodeClock } from './node-clock.ts';
import { doubted, packReport, reportFor, unpackReport } from './replication-report.ts';
import type { ReplicationService, startReplication as startReplicationOf } from './replication-service.ts';
import { SaslPasswordFile } from './sasl-password-file.ts';
import { settingsReport } from './settings-report.ts';
import { SharedFigures } from './shared-figures.ts';
import { ThreadAcks } from './thread-acks.ts';
import { ThreadAdministration } from './thread-administration.ts';
import { ThreadListeners, type WantedListener } from './thread-listeners.ts';
import {
  type BoundAddress,
  type FromNodeThread,
  isNodeThreadData,
  isToNodeThread,
  type NodeThreadData,
  replicationThread,
  type ToNodeThread,
} from './thread-messages.ts';
import { loadRehearsals, type Rehearsals, rehearse } from './thread-rehearsal.ts';
import type { CertificateFiles } from './tls-files.ts';

const STDERR = 2;

/** The loop's number for the client port; replication-service.ts has another. */
const SERVICE_CLIENT = 1;
const SERVICE_UDP = 3;

/** When a port cannot be listened on, memcached exits with EX_OSERR of sysexits.h. */
const EXIT_OS_ERROR = 71;

/** How often thread 0 tells the others what `stats replication` says, beside the moments when it changes. */
const BULLETIN_MS = 100;
/**
 * Of a thread with links that has not published for so long: it, or all of the process, stood still. A proxy that waited for an answer for a second, and
 * has gone to the twin, must not find the node as good as before.
 */
const STOOD_STILL_MS = 800;

/** What memcached says of a listener's protocol. */
const LISTENING = { auto: 'auto-negotiate', ascii: 'ascii', binary: 'binary' } as const;

/** How often idle clients are looked for. */
const IDLE_WATCH_MS = 1000;

/** A client that is one too many: told so, and closed. */
class RejectedSession implements Session {
  constructor(connection: Connection) {
    writeReply(connection.output, REPLY.tooManyConnections);
    connection.end();
  }

  feed(_input: Uint8Array, _start: number, end: number): number {
    return end;
  }

  closed(): void {}
}

/** One data thread of a node: its view of the cache, its sessions, on thread 0 the listeners, and on one of them the links to the twins. */
class NodeThread {
  readonly #thread: DataThread;
  readonly #data: NodeThreadData;
  readonly #cache: Cache;
  readonly #figures: SharedFigures;
  readonly #bulletin: Bulletin | null;
  readonly #listeners: ThreadListeners;
  readonly #gate: ClientGate;
  readonly #clock: NodeClock;
  readonly #trace: RequestTrace = new RequestTrace((line) => this.#tell('debug', line));
  readonly #administration: ThreadAdministration;
  readonly #startReplication: typeof startReplicationOf | null;
  readonly #logins: TextLogins | null;
  readonly #tlsCertificates: (() => TlsCertificates) | null;
  readonly #linkCertificates: (() => TlsCertificates) | null;
  readonly #linkThread: number;
  /** Null without twins. */
  readonly #acks: ThreadAcks | null;
  #replication: ReplicationService | null = null;
  /** When each client came; only of a node that replicates. */
  readonly #connectedAtMs = new WeakMap<Connection, number>();

  /**
   * @param startReplication only on the thread that has the links of a node that replicates
   * @param tlsCertificates only on the thread that speaks TLS with clients: reads them
   * @param linkCertificates only on the thread that speaks TLS with twins: reads them
   * @param rehearsals of requests where the node has twins, of links where this thread has them
   */
  constructor(
    thread: DataThread,
    data: NodeThreadData,
    startReplication: typeof startReplicationOf | null,
    tlsCertificates: (() => TlsCertificates) | null,
    linkCertificates: (() => TlsCertificates) | null,
    rehearsals: Rehearsals,
  ) {
    this.#tlsCertificates = tlsCertificates;
    this.#linkCertificates = linkCertificates;
    this.#linkThread = replicationThread(data, thread.count);
    this.#startReplication = startReplication;
    this.#thread = thread;
    this.#data = data;
    this.#cache = new Cache(data.cache, thread.index);
    this.#figures = new SharedFigures(data.figures);
    this.#bulletin = data.replicationBulletin === null ? null : new Bulletin(data.replicationBulletin);
    const { loop } = thread;
    this.#acks = data.ackBoard === null ? null : new ThreadAcks(thread, data, data.ackBoard, this.#cache);
    loop.useMemory(this.#cache.ioRegion);
    const copy = nativeCopier(this.#cache.arenas);
    if (copy !== null) useNativeCopy(copy);
    this.#listeners = new ThreadListeners({
      loop,
      services: { tcp: SERVICE_CLIENT, udp: SERVICE_UDP },
      backlog: data.options.backlog,
      ...(thread.index === 0 ? { onAccepted: () => this.#gate.accepted() } : {}),
      onBound: (addresses) => this.#bound(addresses),
      onRefused: (message) => this.#post({ kind: 'refused', message, exitCode: EXIT_OS_ERROR }),
    });
    if (thread.index === 0) {
      this.#figures.verbosity = data.options.verbosity;
      this.#figures.detail = data.options.detailEnabled;
      this.#figures.certificatesAt = Math.floor(data.startedMs / 1000);
    }
    const release = memoryReleaser();
    if (release !== null) useMemoryRelease(release);
    this.#administration = new ThreadAdministration(
      thread,
      data,
      this.#figures,
      this.#cache,
      this.#listeners.all,
      (message) => this.#post(message),
      () => {
        const outcome = this.#renewCertificates();
        return outcome === null ? [] : [[outcome]];
      },
    );
    this.#logins = data.logins === null ? null : { users: data.logins };
    thread.onMessage((message) => {
      if (!isToNodeThread(message)) return;
      this.#administration.receive(message);
      if (message.kind === 'logins' && this.#logins !== null) this.#logins.users = message.users;
      else if (message.kind === 'refresh') this.#refreshed();
      else if (message.kind === 'secret') this.#replication?.useSecret(message.secret);
      else if (message.kind === 'replicate') this.#replicate();
      else if (message.kind === 'quiet') this.#beQuiet();
      else if (thread.index !== 0) this.#receiveApart(message);
    });
    this.#gate = new ClientGate(
      thread,
      data.options,
      this.#figures,
      this.#listeners.ofClients,
      thread.index !== 0 && tlsCertificates !== null,
    );
    this.#clock = new NodeClock(loop.clock, this.#figures);
    this.#tick();
    loop.onTurnStart(() => this.#tick());
    loop.onTurnEnd(() => {
      const { figures } = loop;
      this.#figures.setBytes(thread.index, loop.bytesRead, loop.bytesWritten);
      this.#figures.setOutput(
        thread.index,
        figures[FIGURE.acceptPauses]!,
        figures[FIGURE.pendingOverflows]!,
        figures[FIGURE.pendingBytes]!,
      );
      this.#figures.setTls(
        thread.index,
        figures[FIGURE.tlsNewSessions]!,
        figures[FIGURE.tlsHandshakeErrors]!,
        figures[FIGURE.tlsProtocolErrors]!,
      );
    });
    const context = this.#context();
    rehearse(rehearsals, thread, context, data.cache.options, (message) => this.#log(2, message));
    const gate = this.#gate;
    const acks = this.#acks;
    const clientClosed = (): void => gate.closed();
    loop.serve(SERVICE_CLIENT, (connection) => {
      if (!gate.opened()) return new RejectedSession(connection);
      // It was accepted before, and comes from another thread.
      if (this.#isQuiet) connection.end();
      if (this.#bulletin !== null) this.#connectedAtMs.set(connection, loop.turnMs);
      const session = clientSession(context, connection, clientClosed);
      return acks === null ? session : acks.session(connection, session);
    });
    loop.serveDatagrams(SERVICE_UDP, (socket) => {
      const session = new UdpSession(socket, (connection, isBinary) =>
        protocolSession(context, connection, isBinary),
      );
      return acks === null ? session : acks.datagrams(socket, session);
    });
    this.#watchIdle();
    this.#watchFeed();
    const { listenTls, listen, listenUdp } = data;
    const speaksTls = listenTls.length > 0 && thread.index === thread.count - 1;
    const wanted: WantedListener[] = speaksTls
      ? listenTls.map(({ address, tls }) => ({ address, transport: 'tcp', tls, all: listenTls.length }))
      : [];
    if (thread.index === 0) {
      wanted.unshift(
        ...listen.map((address) => ({ address, transport: 'tcp' as const, all: listen.length })),
      );
      wanted.push(
        ...listenUdp.map((address) => ({ address, transport: 'udp' as const, all: listenUdp.length })),
      );
      this.#lead(wanted);
    } else if (speaksTls) {
      this.#listeners.bind(wanted);
    }
  }

  /** SIGHUP; nobody waits for an answer. */
  #refreshed(): void {
    const outcome = this.#renewCertificates();
    if (outcome !== null && outcome !== 'OK') this.#log(0, outcome);
  }

  /** Reads the certificates of clients and of twins again, as far as this thread has them. @returns null if it has none, `OK`, or what is wrong */
  #renewCertificates(): string | null {
    const ofClients = this.#tlsCertificates === null ? null : this.#refreshCertificates();
    if (this.#linkCertificates === null || (ofClients !== null && ofClients !== 'OK')) return ofClients;
    try {
      this.#replication?.useCertificates(this.#linkCertificates());
      return 'OK';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #tick(): void {
    this.#cache.tick(this.#clock.wallMs());
    this.#trace.level = this.#figures.verbosity;
    this.#administration.tick();
  }

  /** `-o idle_timeout`: each second, who has said nothing for longer is closed. */
  #watchIdle(): void {
    const { loop } = this.#thread;
    const { counters } = this.#cache;
    const { idleTimeoutSeconds } = this.#data.options.extended;
    if (idleTimeoutSeconds === 0) return;
    const watch = (): void => {
      const beforeSeconds = this.#cache.nowSeconds - idleTimeoutSeconds;
      counters[COUNTER.idleKicks]! += this.#administration.clients.kickIdle(beforeSeconds);
      loop.schedule(IDLE_WATCH_MS, watch);
    };
    loop.schedule(IDLE_WATCH_MS, watch);
  }

  #post(message: FromNodeThread): void {
    this.#thread.post(message);
  }

  /** Other threads tell the one that has the links of their changes; it sends them. */
  #watchFeed(): void {
    const { loop, index } = this.#thread;
    if (this.#bulletin === null) return;
    let seen = this.#cache.feedHead;
    const look = (): void => {
      const head = this.#cache.feedHead;
      if (head === seen) return;
      seen = head;
      if (index === this.#linkThread) this.#replication?.changed();
      else this.#thread.wake(this.#linkThread);
    };
    loop.onTurnEnd(look);
    if (index === this.#linkThread) this.#thread.onWake(() => this.#replication?.changed());
    // Whoever is answered here may ask the twin next: the sooner it is told, the better. (The one with the links sends by itself at that moment.)
    else loop.onRepliesDue(look);
  }

  /** What thread 0 does for all: ports, background work, and twins unless another one has them. */
  #lead(wanted: readonly WantedListener[]): void {
    const { loop } = this.#thread;
    const maintain = (): void => {
      loop.schedule(this.#cache.upkeep.maintain(), maintain);
    };
    loop.schedule(0, maintain);
    this.#listeners.bind(wanted);
    this.#thread.onMessage((message) => {
      if (!isToNodeThread(message)) return;
      if (message.kind === 'drain') this.#drain();
      // As a node without twins does when its ports are bound.
      else if (message.kind === 'open' && this.#letIn()) this.#post({ kind: 'opened' });
    });
  }

  /** What is answered from here on the twins may not get any more, for they are about to be told good-bye. */
  #beQuiet(): void {
    this.#isQuiet = true;
    this.#listeners.close();
    this.#administration.clients.endAll();
    this.#post({ kind: 'quiet' });
  }

  /** Refuses new clients; where the links are, sends the twins what they lack. */
  #drain(): void {
    this.#listeners.close();
    if (this.#thread.index !== this.#linkThread) return;
    if (this.#replication === null) this.#post({ kind: 'drained' });
    else this.#replication.stop(() => this.#post({ kind: 'drained' }));
  }

  #isQuiet = false;
  /** Other threads are to be told that this node may not be in sync. */
  #isDoubtDue = false;

  /** All ports are bound: the twins are looked for, and then clients are let in. */
  #bound(addresses: readonly BoundAddress[]): void {
    this.#post({ kind: 'bound', addresses });
    // Another thread than 0 is told when to let clients in.
    if (this.#thread.index === 0 && this.#linkThread === 0) this.#replicate();
  }

  /** Looks for the twins, if the node has any; then clients may come in. */
  #replicate(): void {
    if (this.#startReplication === null) {
      this.#open([]);
      return;
    }
    const { replicationSecret, replicationCertificates, options } = this.#data;
    this.#replication = this.#startReplication({
      loop: this.#thread.loop,
      cache: this.#cache,
      legacy: options.replication.takesLegacy ? this.#cache : null,
      readers: () => this.#feedReaders(),
      listen: this.#data.replicationListen,
      peers: this.#data.replicationPeers,
      secret: replicationSecret,
      certificates: replicationCertificates,
      compressBytesMin: options.replication.compressBytesMin,
      wantsAcks: () => this.#acks?.board.areWanted === true,
      onAcknowledged: (peers) => this.#acks?.acknowledged(peers),
      onSyncDoubted: () => this.#syncDoubted(),
      wallMs: () => this.#clock.wallMs(),
      random: { below: (bound) => randomInt(bound) },
      log: (verbosity, message) => this.#log(verbosity, message),
      onReady: (listening) => this.#open(listening),
      onRefused: (message) => this.#post({ kind: 'refused', message, exitCode: 1 }),
    });
    this.#publish();
  }

  /** A reader of each thread's changes; made for each link to a twin. */
  #feedReaders(): FeedReader[] {
    const { cache, threads } = this.#data;
    return Array.from({ length: threads }, (_, thread) => new FeedReader(cache, thread));
  }

  /** With -v and -vv. */
  #log(verbosity: number, message: string): void {
    if (verbosity > this.#figures.verbosity) return;
    this.#tell(verbosity === 0 ? 'warning' : verbosity === 1 ? 'info' : 'debug', message);
  }

  /** Straight to the descriptor, because this thread never returns to where streams are written. */
  #tell(level: LogLevel, message: string): void {
    try {
      writeSync(STDERR, logText(level, message));
    } catch {
      // Whoever read it has gone, or reads too slowly for a pipe that does not wait: the line is lost, the node serves.
    }
  }

  /** @param replication where twins can dial us */
  #open(replication: readonly SocketAddress[]): void {
    // Another thread than 0 has the links, and thread 0 is told by the main thread.
    if (this.#thread.index === 0 && !this.#letIn()) return;
    this.#post({ kind: 'ready', replicationPort: portOf(replication[0]) });
  }

  /** @returns false when a port cannot be opened, which has been told */
  #letIn(): boolean {
    this.#logSlabClasses();
    if (!this.#openListeners()) return false;
    this.#figures.accepting = true;
    return true;
  }

  /** With -vv, in memcached's words. */
  #logSlabClasses(): void {
    for (const [index, [chunkBytes, perPage]] of this.#cache.slabClassSizes().entries()) {
      const number = String(index + 1).padStart(3);
      const bytes = String(chunkBytes).padStart(9);
      this.#log(2, `slab class ${number}: chunk size ${bytes} perslab ${String(perPage).padStart(7)}`);
    }
  }

  #openListeners(): boolean {
    return this.#listeners.open(({ takesDatagrams, descriptor }) => {
      const how = takesDatagrams ? 'udp' : LISTENING[this.#data.options.protocol];
      this.#log(2, `<${descriptor} server listening (${how})`);
    });
  }

  /** What is asked of the last thread, if that is not thread 0. */
  #receiveApart(message: ToNodeThread): void {
    if (message.kind === 'drain') this.#drain();
    else if (message.kind === 'open' && this.#openListeners()) this.#post({ kind: 'opened' });
  }

  /** Reads the certificates again; connections go on. @returns `OK`, or why they cannot be used, and then nothing changes */
  #refreshCertificates(): string {
    if (this.#tlsCertificates === null) return 'Error TLS not enabled';
    try {
      const certificates = this.#tlsCertificates();
      this.#listeners.useCertificates(certificates);
      this.#figures.certificatesAt = this.#cache.nowSeconds;
      return 'OK';
    } catch (error) {
      if (error instanceof StartError) return error.message;
      // Good files may still not go with the ciphers: OpenSSL has levels of security.
      return `Error using the certificates: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  #publish(): void {
    this.#writeBulletin();
    this.#thread.loop.schedule(BULLETIN_MS, () => this.#publish());
  }

  /** Other threads are told at once; but clients, who may wait for the first answer of this node behind the death of a twin, before that. */
  #syncDoubted(): void {
    if (this.#data.threads === 1 || this.#isDoubtDue) return;
    this.#isDoubtDue = true;
    this.#thread.loop.schedule(0, () => {
      this.#isDoubtDue = false;
      this.#writeBulletin();
    });
  }

  #writeBulletin(): void {
    // Whatever stops this process from here on shows the next time: by then what is written now is old.
    const asOfMs = processMs();
    const quietMs = this.#bulletin?.ageMs ?? 0;
    if (quietMs >= STOOD_STILL_MS) this.#replication?.stoodStill(quietMs);
    this.#bulletin?.write(packReport(this.#replicationStatistics()), asOfMs);
  }

  // What sessions need to know

  #context(): NodeContext {
    const { options } = this.#data;
    const { claim, threads, clients, prefixes, log } = this.#administration;
    return {
      cache: this.#cache,
      settings: {
        requestsPerTurnMax: options.requestsPerEventMax,
        flushAllowed: options.flushEnabled,
        shutdownAllowed: options.shutdownEnabled,
        casShown: options.casEnabled,
        waitBytesMax: 8192,
        protocol: options.protocol,
        dumpAllowed: options.dumpEnabled,
        watchAllowed: options.watchEnabled,
        watcherBytesMax: options.extended.watcherBufferBytes,
        sizesTracked: options.extended.trackSizes,
      },
      reports: {
        general: () => this.#facts(),
        settings: () => {
          const tcp = options.unixPath === null ? (options.tcpPort ?? 0) : 0;
          const udp = options.unixPath === null ? (options.udpPort ?? 0) : 0;
          const { verbosity, detail } = this.#figures;
          const startedSeconds = Math.floor(this.#data.startedMs / 1000);
          return settingsReport(options, { tcp, udp }, verbosity, this.#cache, detail, startedSeconds);
        },
        replication: (asker) => this.#replicationLines(asker),
        replicates: this.#bulletin !== null,
        replicationQueueFree: () => options.replication.queueMax,
      },
      control: {
        setVerbosity: (level) => {
          this.#figures.verbosity = level;
        },
        shutdown: (graceful) => this.#post({ kind: 'shutdown', graceful }),
        resetStatistics: () => {
          this.#figures.reset();
          this.#administration.resetPrefixes();
        },
        setDetail: (isOn) => this.#administration.setDetail(isOn),
        reassignPage: (source, target) => this.#cache.upkeep.reassignPage(source, target),
        clock: options.debugCommands ? this.#clock : null,
        setMemoryLimit: (bytes) => this.#cache.upkeep.setMemoryLimit(bytes),
      },
      tunables: this.#cache.upkeep.settings,
      claim,
      threads,
      clients,
      prefixes,
      lookAhead: new LookAhead(this.#cache),
      trace: this.#trace,
      othersWait: () => this.#thread.loop.othersWait,
      log,
      fence: this.#acks?.fence ?? null,
      acks: this.#acks,
      logins: this.#logins,
      sasl:
        options.saslPasswordFile === null
          ? null
          : new SaslPasswordFile(options.saslPasswordFile, (message) => this.#log(0, message)),
    };
  }

  #replicationStatistics(): readonly StatLine[] {
    const { clockAheadMicros, clockAhead, clockRefused, ...touches } = this.#cache.statistics();
    return [
      ...(this.#replication?.statistics() ?? []),
      ['replication_clock_ahead_us', String(clockAheadMicros)],
      ['replication_versions_ahead', String(clockAhead)],
      ['replication_versions_refused', String(clockRefused)],
      ['replication_touch_stamps', String(touches.touchStamps)],
      ['replication_touch_stamps_dropped', String(touches.touchStampsDropped)],
      ['replication_touches_unordered', String(touches.touchesUnordered)],
      ...(this.#acks?.board.statistics(this.#data.options.replication.acks) ?? []),
    ];
  }

  /** @param asker the client; a datagram's is always a new one */
  #replicationLines(asker: Connection): readonly StatLine[] | null {
    const { turnMs } = this.#thread.loop;
    const connectedMs = turnMs - (this.#connectedAtMs.get(asker) ?? turnMs);
    if (this.#replication !== null) {
      // It may have been stopped in the middle of a turn.
      if ((this.#bulletin?.ageMs ?? 0) >= STOOD_STILL_MS) this.#writeBulletin();
      return reportFor(this.#replicationStatistics(), connectedMs);
    }
    if (this.#bulletin === null) return null;
    const { text, ageMs } = this.#bulletin.read();
    const lines = unpackReport(text);
    // When the process goes on after it stood still, this thread may be asked before the other one has seen that.
    if (ageMs >= STOOD_STILL_MS) return doubted(lines);
    return reportFor(lines, connectedMs);
  }

  #facts(): GeneralFacts {
    const figures = this.#figures;
    const { startedMs, options } = this.#data;
    const cpu = process.cpuUsage();
    const nowMs = this.#clock.wallMs();
    return {
      pid: process.pid,
      uptimeSeconds: Math.floor((nowMs - startedMs) / 1000),
      nowSeconds: this.#cache.nowSeconds,
      userMicros: cpu.user,
      systemMicros: cpu.system,
      connectionsMax: options.connectionsMax,
      connections: figures.connections,
      connectionsTotal: figures.connectionsTotal,
      connectionsRejected: figures.connectionsRejected,
      bytesRead: figures.bytesRead,
      bytesWritten: figures.bytesWritten,
      threads: options.threads,
      accepting: figures.accepting,
      rejectsSurplus: options.extended.connectionsMaxFast,
      kicksIdle: options.extended.idleTimeoutSeconds > 0,
      acceptPauses: figures.acceptPauses + figures.listenDisabledCount,
      listenDisabledMicros: figures.listenDisabledMicros,
      outputBytesWaiting: figures.outputBytesWaiting,
      outputOverflows: figures.outputOverflows,
      receiveBytes: RECEIVE_BYTES,
      tls:
        options.tls === null
          ? null
          : {
              countsSessions: options.tls.sessionCache,
              newSessions: figures.tlsNewSessions,
              handshakeErrors: figures.tlsHandshakeErrors,
              protocolErrors: figures.tlsProtocolErrors,
              certificatesAt: figures.certificatesAt,
            },
    };
  }
}

function portOf(address: SocketAddress | undefined): number {
  return address === undefined || address.family === 'unix' ? 0 : address.port;
}

void runDataThread(async (thread) => {
  const { data, index } = thread;
  if (!isNodeThreadData(data)) throw new Error('a node thread was started without its data');
  const replicates = index === replicationThread(data, thread.count) && data.replicationBulletin !== null;
  const replication = replicates ? await import('./replication-service.ts') : null;
  const rehearsals = await loadRehearsals(data.replicationBulletin !== null, replicates);
  const { tls, replication: links } = data.options;
  const speaksTls = tls !== null && data.listenTls.length > 0 && index === thread.count - 1;
  const linksSpeakTls = replicates && links.tls !== null;
  const files = speaksTls || linksSpeakTls ? await import('./tls-files.ts') : null;
  const reader = (where: CertificateFiles | null): (() => TlsCertificates) | null =>
    where === null || files === null ? null : () => files.readTlsCertificates(where);
  new NodeThread(
    thread,
    data,
    replication?.startReplication ?? null,
    reader(speaksTls ? tls : null),
    reader(linksSpeakTls && links.tls !== null ? { ...links.tls, keyFormat: 'pem' } : null),
    rehearsals,
  );
});
