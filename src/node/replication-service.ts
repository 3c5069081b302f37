/**
 * Runs the replication of a node on the loop of one of its data threads: listens, dials, moves changes when a turn ends, keeps the timer.
 * What is done and when is decided in src/replication; here it is only joined to sockets.
 */

import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Connection, ConnectionError } from '../base/session.ts';
import { formatAddress } from '../net/addresses.ts';
import type { Listener, ListenOptions, Loop, SocketAddress } from '../net/loop.ts';
import type { TlsDialling } from '../net/tls-dialler.ts';
import type { TlsCertificates, TlsListening, TlsObserver } from '../net/tls-server.ts';
import { Link } from '../replication/link.ts';
import type { LinkSafety } from '../replication/link-safety.ts';
import { HANDSHAKE_MS_MAX } from '../replication/link-times.ts';
import { peerStatistics, type StatisticLine } from '../replication/peer-statistics.ts';
import { type PeerActions, Peers } from '../replication/peers.ts';
import type { ChangeReader, LegacyCache, LinkCache } from '../replication/store-port.ts';
import { DeflateLinkCodec } from './link-codec.ts';
import { HmacLinkSecret } from './link-secret.ts';

/** The loop's number for the replication port. */
const SERVICE_REPLICATION = 2;
const BACKLOG = 16;
/** Between two slices of a full copy, at least: as long as a slice takes, so that clients have half of the thread. */
const COPY_PAUSE_MS = 0.5;
/** A thread without anything else to do sleeps for a millisecond between two slices: epoll counts whole ones, and rounds up. */
const COPY_SLEEP_MS = 0.9;
/** Twins are all of this program: nothing older is needed. */
const TLS_VERSION_MIN = 'TLSv1.3';
/** Clients of a node with twins to find wait at most so long without progress of the first full sync. */
export const READY_MS_MAX = 5000;
/** What is queued for the twins when the node stops is given up after this time. */
export const DRAIN_MS_MAX = 3000;

export interface ReplicationServiceOptions {
  readonly loop: Loop;
  readonly cache: LinkCache;
  /** The cache as a repcached may change it; null: no repcached is a twin. Nor is one where there is a secret or TLS. */
  readonly legacy: LegacyCache | null;
  /** Makes readers of all data threads' change feeds, each standing at the feed's end; called once for each link. */
  readonly readers: () => readonly ChangeReader[];
  /** Where twins dial this node. */
  readonly listen: readonly SocketAddress[];
  /** Where this node dials its twins. */
  readonly peers: readonly SocketAddress[];
  /** What twins must know of each other; null: nothing. */
  readonly secret: string | null;
  /** Links are encrypted, and both sides show a certificate; null: they are plain. A portable loop only. */
  readonly certificates: TlsCertificates | null;
  /** Frames whose body has so many bytes are compressed where that saves some; null: none is. */
  readonly compressBytesMin: number | null;
  /** Whether clients wait for the acks of twins. */
  readonly wantsAcks?: () => boolean;
  /** Twins have acknowledged something, or there are others. */
  readonly onAcknowledged?: (links: readonly Link[]) => void;
  /** The node may not be in sync any more: what `statistics` says of that is wanted at once by whoever passes it on. */
  readonly onSyncDoubted?: () => void;
  /** What time it is for the items, in ms since 1970; absent: what the loop's clock says. */
  readonly wallMs?: () => number;
  /** For the node's id and for jitter. */
  readonly random: Random;
  readonly readyMsMax?: number;
  readonly drainMsMax?: number;
  /** @param verbosity 0: always, 1: with -v, 2: with -vv. */
  readonly log: (verbosity: number, message: string) => void;
  /** Clients may come in now; called once, perhaps within the call of `startReplication`, with the ports bound for twins. */
  readonly onReady: (listening: readonly SocketAddress[]) => void;
  /** The node cannot start. @param message one line for the operator */
  readonly onRefused: (message: string) => void;
}

export interface ReplicationService {
  /** The lines of `stats replication`. */
  statistics(): readonly StatisticLine[];
  /** The ports really bound, as far as they are; with port 0 asked the kernel chose. */
  listening(): readonly SocketAddress[];
  /** What twins must know of each other from now on; open links stay. */
  useSecret(secret: string): void;
  /** What is shown from now on to twins that dial or are dialled; open links stay. */
  useCertificates(certificates: TlsCertificates): void;
  /** See Peers. */
  stoodStill(ms: number): void;
  /** A data thread's feed has grown: sends what is new. Called at the end of turns and on wake-ups. */
  changed(): void;
  /** Sends what is queued, says bye, closes. @param done called once, after at most `drainMsMax` */
  stop(done: () => void): void;
}

/** Begins to listen and to dial. */
export function startReplication(options: ReplicationServiceOptions): ReplicationService {
  const service = new Service(options);
  service.start();
  return service;
}

class Service implements ReplicationService, PeerActions {
  readonly #options: ReplicationServiceOptions;
  readonly #loop: Loop;
  readonly #clock: Clock;
  readonly #peers: Peers;
  readonly #listeners: Listener[] = [];
  /** How to dial and to listen, with TLS. */
  #dialling: (TlsDialling & { readonly certificates: TlsCertificates }) | undefined;
  #safety: LinkSafety;
  #timer = 0;
  #timerMs = Number.POSITIVE_INFINITY;
  #turnAsked = false;
  /** When the next slice of a full copy may be sent. */
  #copyMs = 0;
  readonly #turnCame = (): void => {
    this.#turnAsked = false;
  };
  #done: (() => void) | null = null;

  constructor(options: ReplicationServiceOptions) {
    const { loop, random } = options;
    this.#options = options;
    this.#loop = loop;
    this.#safety = {
      secret: options.secret === null ? null : new HmacLinkSecret(options.secret),
      codec: new DeflateLinkCodec(),
      compressBytesMin: options.compressBytesMin ?? Number.POSITIVE_INFINITY,
      legacy: options.secret === null && options.certificates === null ? options.legacy : null,
    };
    if (options.certificates !== null) {
      this.#dialling = { certificates: options.certificates, versionMin: TLS_VERSION_MIN };
    }
    // Not the time of the turn: how long a slice of a full copy takes is to be seen while it is made.
    const { clock } = loop;
    const { wallMs = () => clock.wallMs() } = options;
    this.#clock = { monotonicMs: () => clock.monotonicMs(), wallMs };
    let nodeId = '';
    while (nodeId.length < 32) nodeId += random.below(65536).toString(16).padStart(4, '0');
    this.#peers = new Peers(this.#clock, random, options.cache, this, {
      nodeId,
      targets: options.peers.map((address) => [formatAddress(address)]),
      listeners: options.listen.length,
      readyMsMax: options.readyMsMax ?? READY_MS_MAX,
      ...(options.wantsAcks === undefined ? {} : { wantsAcks: options.wantsAcks }),
    });
  }

  start(): void {
    this.#loop.serve(SERVICE_REPLICATION, (connection) => this.#link(connection, -1));
    this.#loop.onRepliesDue(() => {
      if (this.#peers.pumpChanges()) this.#askForTurn();
    });
    this.#loop.onTurnEnd(() => this.#turnEnd());
    this.#peers.start();
    this.#setTimer();
  }

  statistics(): readonly StatisticLine[] {
    return peerStatistics(this.#peers, this.#clock.monotonicMs());
  }

  stoodStill(ms: number): void {
    this.#peers.stoodStill(ms);
    this.#setTimer();
  }

  listening(): readonly SocketAddress[] {
    return this.#listeners.map((listener) => listener.address);
  }

  useSecret(secret: string): void {
    this.#safety = { ...this.#safety, secret: new HmacLinkSecret(secret) };
  }

  useCertificates(certificates: TlsCertificates): void {
    this.#dialling = { certificates, versionMin: TLS_VERSION_MIN };
    for (const listener of this.#listeners) listener.useCertificates?.(certificates);
  }

  changed(): void {
    if (this.#peers.pumpChanges()) this.#askForTurn();
  }

  stop(done: () => void): void {
    this.#done = done;
    for (const listener of this.#listeners) listener.close();
    this.#peers.stop(this.#options.drainMsMax ?? DRAIN_MS_MAX);
    this.#setTimer();
  }

  // PeerActions

  listen(index: number): void {
    const { listen } = this.#options;
    const address = listen[index];
    if (address === undefined) return;
    const options = { address, backlog: BACKLOG, spread: false, hold: false, ...this.#tlsOptions() };
    this.#loop.listen(options, SERVICE_REPLICATION, (outcome) => {
      if (!('code' in outcome)) {
        this.#listeners.push(outcome);
        if (this.#done !== null) outcome.close();
        this.#peers.listening(index);
      } else if (isMissingFamily(outcome, address, listen.length)) {
        this.#peers.listenNeedless(index);
      } else {
        const message = `failed to listen on ${formatAddress(address)}: ${outcome.message}`;
        this.#peers.listenFailed(index, outcome.code === 'EADDRINUSE', message);
      }
      this.#setTimer();
    });
  }

  dial(target: number, _address: number, timeoutMs: number): void {
    const address = this.#options.peers[target];
    if (address === undefined) return;
    this.#loop.dial(address, timeoutMs, (connection) => this.#link(connection, target), this.#dialling);
  }

  ready(): void {
    this.#options.onReady(this.listening());
  }

  acknowledged(): void {
    this.#options.onAcknowledged?.(this.#peers.links);
  }

  syncDoubted(): void {
    this.#options.onSyncDoubted?.();
  }

  stopped(): void {
    this.#done?.();
  }

  failed(message: string): void {
    this.#options.onRefused(`replication: ${message}`);
  }

  log(verbosity: number, message: string): void {
    this.#options.log(verbosity, `replication: ${message}`);
  }

  #tlsOptions(): Pick<ListenOptions, 'tls' | 'handshakeMs' | 'tlsObserver'> {
    if (this.#dialling === undefined) return {};
    const { certificates } = this.#dialling;
    const tls: TlsListening = {
      certificates,
      clientCertificate: 'needed',
      ciphers: null,
      versionMin: TLS_VERSION_MIN,
      sessions: false,
    };
    const tlsObserver: TlsObserver = {
      sessionBegun: () => {},
      handshakeFailed: (error, peer) => this.#peers.refusals.handshakeFailed(error, peer),
      protocolFailed: () => {},
    };
    return { tls, handshakeMs: HANDSHAKE_MS_MAX, tlsObserver };
  }

  #link(connection: Connection, target: number): Link {
    const { cache, readers } = this.#options;
    const link = new Link(connection, this.#clock, cache, readers(), this.#peers, target, this.#safety);
    this.#peers.added(link);
    return link;
  }

  #turnEnd(): void {
    if (this.#peers.hasWork && this.#send()) this.#askForTurn();
    this.#setTimer();
  }

  /** Sends what this turn should. @returns true when there is more */
  #send(): boolean {
    if (!this.#peers.isCopying) return this.#peers.pump();
    // A busy thread has a turn for each request: with a slice in every one of them clients would wait for nothing else.
    if (this.#clock.monotonicMs() < this.#copyMs) {
      this.#peers.pumpChanges();
      return true;
    }
    const more = this.#peers.pump();
    this.#copyMs = this.#clock.monotonicMs() + COPY_PAUSE_MS;
    return more;
  }

  /**
   * There is more to send than one turn should. Changes go on at once, after what clients have asked meanwhile. A full copy pauses: where its two ends
   * and the clients have fewer cores than they are, the one that never sleeps is scheduled last, and the clients of this thread wait with it.
   */
  #askForTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    const pauses = this.#peers.isCopying && !this.#peers.hasChanges;
    this.#loop.schedule(pauses ? COPY_SLEEP_MS : 0, this.#turnCame);
  }

  /** Only ever brings the timer forward: one that turns out too early is set again when it fires. */
  #setTimer(): void {
    const { dueMs } = this.#peers;
    if (dueMs >= this.#timerMs || dueMs === Number.POSITIVE_INFINITY) return;
    if (this.#timerMs !== Number.POSITIVE_INFINITY) this.#loop.cancel(this.#timer);
    this.#timerMs = dueMs;
    this.#timer = this.#loop.schedule(Math.max(0, dueMs - this.#loop.turnMs), () => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      this.#peers.tick();
      this.#setTimer();
    });
  }
}

/** A host without IPv6 (or IPv4) is no fault where other addresses are listened on too. */
function isMissingFamily(error: ConnectionError, address: SocketAddress, addresses: number): boolean {
  if (addresses < 2 || address.family === 'unix') return false;
  return error.code === 'EAFNOSUPPORT' || (error.code === 'EADDRNOTAVAIL' && address.host === '::');
}
