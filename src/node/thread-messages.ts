import type { Gathered, GatheredRow } from '../engine/administration.ts';
import type { SharedLog } from '../engine/log-memory.ts';
import type { TextUser } from '../engine/text-logins.ts';
import type { SocketAddress } from '../net/loop.ts';
import type { TlsCertificates, TlsListening } from '../net/tls-server.ts';
import type { SharedCache } from '../store/cache.ts';
import type { NodeOptions } from './options.ts';

/** What every data thread of a node is started with. */
export interface NodeThreadData {
  readonly kind: 'node';
  readonly options: NodeOptions;
  readonly cache: SharedCache;
  /** See SharedFigures. */
  readonly figures: SharedArrayBuffer;
  readonly log: SharedLog;
  /** The last statistics of the replication, written by thread 0 for all; see Bulletin. Null without replication. */
  readonly replicationBulletin: SharedArrayBuffer | null;
  /** What twins have acknowledged; see AckBoard. Null without replication. */
  readonly ackBoard: SharedArrayBuffer | null;
  /** Who may log in by text, which every client must; null: there is no login. */
  readonly logins: readonly TextUser[] | null;
  /** Where clients connect; resolved. */
  readonly listen: readonly SocketAddress[];
  /** Where they connect with TLS, and how; resolved. */
  readonly listenTls: readonly TlsAddress[];
  /** How many data threads there are: those of `-t`, and one that speaks TLS. */
  readonly threads: number;
  /** Where their datagrams go; resolved. */
  readonly listenUdp: readonly SocketAddress[];
  /** Where twins dial us, and where we dial them; resolved. */
  readonly replicationListen: readonly SocketAddress[];
  readonly replicationPeers: readonly SocketAddress[];
  /** What twins must know of each other; null: nothing. */
  readonly replicationSecret: string | null;
  /** What is shown to twins, and who vouches for them; null: links are plain. */
  readonly replicationCertificates: TlsCertificates | null;
  /** Links to twins cost much computing (TLS, compression): they are not on thread 0, which serves clients, but on the last one, see `replicationThread`. */
  readonly replicatesApart: boolean;
  /** Wall clock when the node was started. */
  readonly startedMs: number;
}

/**
 * The thread that has the links to twins: 0, or the thread on node:net behind those of `-t`. Where all of the node is on one thread of node:net,
 * it is that one.
 *
 * @param threads how many threads there really are
 */
export function replicationThread({ replicatesApart }: NodeThreadData, threads: number): number {
  return replicatesApart ? threads - 1 : 0;
}

/** An address with TLS. */
export interface TlsAddress {
  readonly address: SocketAddress;
  readonly tls: TlsListening;
}

/** An address that a node listens on for clients, with the port that it really has. */
export interface BoundAddress {
  readonly transport: 'tcp' | 'udp' | 'unix';
  /** Connections are encrypted. */
  readonly tls: boolean;
  readonly address: SocketAddress;
}

/** Main thread to data threads. */
export type ToNodeThread =
  /** Who may log in by text from now on. */
  | { readonly kind: 'logins'; readonly users: readonly TextUser[] }
  /** To the last thread, which has all certificates: read them again. */
  | { readonly kind: 'refresh' }
  /** To the thread that has the links: what twins must know from now on; links that are open stay. */
  | { readonly kind: 'secret'; readonly secret: string }
  /** To the thread that has the links, if that is not thread 0: look for the twins. */
  | { readonly kind: 'replicate' }
  /** To each thread that listens, unless it does so by itself: let clients in. */
  | { readonly kind: 'open' }
  /** To each thread: nothing more is taken from clients, whose connections end with the replies to what they have asked; say `quiet` then. */
  | { readonly kind: 'quiet' }
  /** To thread 0 and to the last one, if that speaks TLS or has the links: refuse new work, send the twins what they lack, then (whoever has the links) say `drained`. */
  | { readonly kind: 'drain' }
  /** Say what you know (see gathering.ts); and what all have said, for the one that asked. */
  | { readonly kind: 'tell'; readonly gathering: number; readonly what: Gathered }
  | { readonly kind: 'gathered'; readonly question: number; readonly rows: readonly GatheredRow[] };

/** Data threads to the main thread; mostly thread 0. */
export type FromNodeThread =
  | { readonly kind: 'bound'; readonly addresses: readonly BoundAddress[] }
  /** Clients may be let in, by thread 0 they are. The replication port is 0 without replication, and where another node of this host has it. */
  | { readonly kind: 'ready'; readonly replicationPort: number }
  /** A thread that was told to has let clients in. */
  | { readonly kind: 'opened' }
  /** From here on this thread's clients change nothing any more. */
  | { readonly kind: 'quiet' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'refused'; readonly message: string; readonly exitCode: number }
  | { readonly kind: 'gather'; readonly question: number; readonly what: Gathered }
  | { readonly kind: 'told'; readonly gathering: number; readonly rows: readonly GatheredRow[] }
  /** A client asked for the node to end (`shutdown`). */
  | { readonly kind: 'shutdown'; readonly graceful: boolean };

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'kind' in message ? message.kind : undefined;
}

const FROM_NODE: readonly unknown[] = [
  'bound',
  'ready',
  'opened',
  'quiet',
  'drained',
  'refused',
  'gather',
  'told',
  'shutdown',
];
const TO_NODE: readonly unknown[] = [
  'logins',
  'refresh',
  'secret',
  'replicate',
  'open',
  'quiet',
  'drain',
  'tell',
  'gathered',
];

/** Both ends are ours: the kind alone tells the rest of a message. */
export function isNodeThreadData(data: unknown): data is NodeThreadData {
  return kindOf(data) === 'node';
}

export function isToNodeThread(message: unknown): message is ToNodeThread {
  return TO_NODE.includes(kindOf(message));
}

export function isFromNodeThread(message: unknown): message is FromNodeThread {
  return FROM_NODE.includes(kindOf(message));
}
