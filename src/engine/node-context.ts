import type { Connection } from '../base/session.ts';
import type { Cache, Reassigned } from '../store/cache.ts';
import type { ThreadPort, TunableSettings, WalkClaim } from './administration.ts';
import type { ConnectedClients } from './connected-clients.ts';
import type { LookAhead } from './look-ahead.ts';
import type { NodeLog } from './node-log.ts';
import type { PrefixStatistics } from './prefix-statistics.ts';
import type { RequestTrace } from './request-trace.ts';
import type { SaslDatabase } from './sasl.ts';
import type { TextLogins } from './text-logins.ts';

/** One statistics line: name and value. */
export type StatLine = readonly [name: string, value: string | number];

/** The settings that change what a request does. */
export interface RequestSettings {
  /** `-R`: requests that a connection may have executed before others that wait have their turn. */
  readonly requestsPerTurnMax: number;
  /** False with `-F`. */
  readonly flushAllowed: boolean;
  /** True with `-A`. */
  readonly shutdownAllowed: boolean;
  /** False with `-C`: cas ids are shown as 0. */
  readonly casShown: boolean;
  /** Values longer than this are stored piece by piece as they arrive instead of being waited for. */
  readonly waitBytesMax: number;
  /** `-B`: what clients may speak; `auto` lets the first byte of each connection decide. */
  readonly protocol: 'auto' | 'ascii' | 'binary';
  /** False with `-X`: neither keys nor prefixes are told. */
  readonly dumpAllowed: boolean;
  /** False with `-W`. */
  readonly watchAllowed: boolean;
  /** `-o watcher_logbuf_size`: bytes that wait for a watcher that does not read, beyond which it loses lines. */
  readonly watcherBytesMax: number;
  /** `-o track_sizes` */
  readonly sizesTracked: boolean;
}

/** What the role around the engine knows: the process, its options, its peers. */
export interface NodeReports {
  /** Process facts for the general statistics; see GeneralFacts. */
  general(): GeneralFacts;
  /** `stats settings`, in memcached's order. */
  settings(): readonly StatLine[];
  /** There is a replication port. */
  readonly replicates: boolean;
  /** `stats replication`; null without a replication port. @param asker the client that asks */
  replication(asker: Connection): readonly StatLine[] | null;
  /** repcached's `repcached_qi_free`: room for changes that wait for a twin. */
  replicationQueueFree(): number;
}

/** Facts for `stats` that do not come from the cache. */
export interface GeneralFacts {
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly nowSeconds: number;
  readonly userMicros: number;
  readonly systemMicros: number;
  readonly connectionsMax: number;
  readonly connections: number;
  readonly connectionsTotal: number;
  readonly connectionsRejected: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly threads: number;
  readonly accepting: boolean;
  /** One client too many is told so; else it waits. */
  readonly rejectsSurplus: boolean;
  /** Clients that say nothing for a while are closed. */
  readonly kicksIdle: boolean;
  /** Times that accepting stopped for a while, for want of descriptors or memory, or because the node was full. */
  readonly acceptPauses: number;
  /** Microseconds in which nobody was accepted, because the node was full. */
  readonly listenDisabledMicros: number;
  /** Bytes of replies that clients have not taken, now; and clients closed because they held too many. */
  readonly outputBytesWaiting: number;
  readonly outputOverflows: number;
  /** Bytes of the one buffer that each thread receives into. */
  readonly receiveBytes: number;
  /** Null without TLS. */
  readonly tls: TlsFacts | null;
}

/** What `stats` tells of TLS. */
export interface TlsFacts {
  /** Clients may take up a session again, so new ones are counted. */
  readonly countsSessions: boolean;
  readonly newSessions: number;
  readonly handshakeErrors: number;
  readonly protocolErrors: number;
  /** When the certificates were read last, in unix seconds. */
  readonly certificatesAt: number;
}

/** The node's clock as tests move it: forward for good, stopped and let go on. */
export interface DebugClock {
  move(seconds: number): void;
  hold(): void;
  release(): void;
}

/** What an administrator's request asks of the role. */
export interface NodeControl {
  setVerbosity(level: number): void;
  shutdown(graceful: boolean): void;
  /** `stats reset`: counters of the transport and the process. */
  resetStatistics(): void;
  /** `stats detail on|off`, for all threads. */
  setDetail(isOn: boolean): void;
  /** Has a page moved between two slab classes; -1 as the source: any. Class 0 is the pool of free pages. */
  reassignPage(source: number, target: number): Reassigned;
  /** Changes what `-m` has said. @returns false when it cannot be so much or so little */
  setMemoryLimit(bytes: number): boolean;
  /** What tests do to the node's clock; null: they may not. */
  readonly clock: DebugClock | null;
}

/** Whether writes are taken now: a node can be told to refuse them while it has too few twins. */
export interface WriteFence {
  /** Asked for each write; counts those that it refuses. */
  refuses(): boolean;
}

/** The twins that a client's writes wait for. */
export interface ClientAcks {
  /**
   * Has this connection's writes wait for so many twins, 0 for none.
   *
   * @param timeoutMs for so long at most; null: as long as the node does by itself
   * @returns false where replies cannot be held back, or too many different times are waited for already
   */
  waitFor(connection: Connection, acks: number, timeoutMs: number | null): boolean;
}

/** Everything that the sessions of one data thread share. */
export interface NodeContext {
  readonly cache: Cache;
  readonly settings: RequestSettings;
  readonly reports: NodeReports;
  readonly control: NodeControl;
  /** `-S`: who may log in, which every client must. Null: there is no login. */
  readonly sasl: SaslDatabase | null;
  /** `-Y`: who may log in by text, which every client must; nothing but text is spoken then. Null: there is no such login. */
  readonly logins: TextLogins | null;
  readonly tunables: TunableSettings;
  readonly claim: WalkClaim;
  readonly threads: ThreadPort;
  /** The clients of this thread, and its counts by prefix. */
  readonly clients: ConnectedClients;
  readonly prefixes: PrefixStatistics;
  /** What this thread's clients are about to ask. */
  readonly lookAhead: LookAhead;
  readonly trace: RequestTrace;
  /** Whether other connections of this thread wait for their turn. */
  readonly othersWait: () => boolean;
  readonly log: NodeLog;
  /** Null: every write is taken. */
  readonly fence: WriteFence | null;
  /** Null: the node has no twins. */
  readonly acks: ClientAcks | null;
}
