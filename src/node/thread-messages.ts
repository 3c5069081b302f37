import type { Gathered, GatheredRow } from '../engine/administration.ts';
import type { SharedLog } from '../engine/log-memory.ts';
import type { TextUser } from '../engine/text-logins.ts';
import type { SocketAddress } from '../net/loop.ts';
import type { TlsListening } from '../net/tls-server.ts';
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
  /** Wall clock when the node was started. */
  readonly startedMs: number;
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
  /** To the thread that speaks TLS: read the certificates again. */
  | { readonly kind: 'refresh' }
  /** To the thread that speaks TLS, if that is not thread 0: let clients in. */
  | { readonly kind: 'open' }
  /** To thread 0, and to the one that speaks TLS: refuse new work, send the twins what they lack, then say `drained`. */
  | { readonly kind: 'drain' }
  /** Say what you know (see gathering.ts); and what all have said, for the one that asked. */
  | { readonly kind: 'tell'; readonly gathering: number; readonly what: Gathered }
  | { readonly kind: 'gathered'; readonly question: number; readonly rows: readonly GatheredRow[] };

/** Data threads to the main thread; mostly thread 0. */
export type FromNodeThread =
  | { readonly kind: 'bound'; readonly addresses: readonly BoundAddress[] }
  /** Clients are let in. The replication port is 0 without replication, and where another node of this host has it. */
  | { readonly kind: 'ready'; readonly replicationPort: number }
  /** The thread that speaks TLS has let clients in. */
  | { readonly kind: 'opened' }
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
  'drained',
  'refused',
  'gather',
  'told',
  'shutdown',
];
const TO_NODE: readonly unknown[] = ['logins', 'refresh', 'open', 'drain', 'tell', 'gathered'];

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
