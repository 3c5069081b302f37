/** A node of a simulation: the peers' state machine over the small cache, driven by the simulated network. */
import type { Clock } from '../../src/base/clock.ts';
import type { Random } from '../../src/base/random.ts';
import { Link } from '../../src/replication/link.ts';
import type { LinkSafety } from '../../src/replication/link-safety.ts';
import { type PeerActions, Peers } from '../../src/replication/peers.ts';
import { MapCache, MapFeedReader } from './map-cache.ts';
import type { NetworkNode, SimulatedConnection, SimulatedNetwork } from './simulated-network.ts';

export interface SimulatedNodeOptions {
  readonly host: string;
  readonly port: number;
  /** The peers' hosts; their port is this node's, as with `-X`. */
  readonly peerHosts: readonly string[];
  readonly feedCapacity: number;
  readonly readyMsMax: number;
  /** Data threads whose changes one link sends; absent: one. */
  readonly threads?: number;
  /** Touches that are remembered; absent: more than there are. */
  readonly stampsMax?: number;
  /** By how much its wall clock is ahead. */
  readonly skewMs?: number;
  /** Clients wait for the acks of peers. */
  readonly wantsAcks?: boolean;
  readonly safety?: LinkSafety;
}

export class SimulatedNode implements NetworkNode, PeerActions {
  readonly host: string;
  alive = true;
  readonly cache: MapCache;
  readonly peers: Peers;
  isReady = false;
  readyMs = -1;
  failure = '';
  hasStopped = false;
  readonly messages: string[] = [];
  readonly skewMs: number;
  readonly #network: SimulatedNetwork;
  readonly #clock: Clock;
  readonly #options: SimulatedNodeOptions;
  #tickMs = Number.POSITIVE_INFINITY;
  #turnDue = false;
  /** What has happened to it since it was stopped; null while it runs. */
  #kept: (() => void)[] | null = null;
  #stoppedMs = 0;

  constructor(network: SimulatedNetwork, random: Random, options: SimulatedNodeOptions) {
    this.#network = network;
    this.#options = options;
    this.host = options.host;
    const { time } = network;
    const { skewMs = 0, wantsAcks = false } = options;
    this.skewMs = skewMs;
    this.#clock = { monotonicMs: () => time.monotonicMs(), wallMs: () => time.wallMs() + skewMs };
    this.cache = new MapCache(this.#clock, options.feedCapacity, options.threads, options.stampsMax);
    let nodeId = '';
    for (let i = 0; i < 32; i++) nodeId += random.below(16).toString(16);
    this.peers = new Peers(this.#clock, random, this.cache, this, {
      nodeId,
      targets: options.peerHosts.map((host) => [`${host}:${options.port}`]),
      listeners: 1,
      readyMsMax: options.readyMsMax,
      wantsAcks: () => wantsAcks,
    });
  }

  start(): void {
    this.peers.start();
    this.turnEnd();
  }

  /** The process is killed: all its memory is lost. */
  kill(): void {
    this.#network.kill(this);
  }

  get runs(): boolean {
    return this.alive && this.#kept === null;
  }

  /** The process is stopped, as by SIGSTOP: its kernel accepts, and buffers. */
  stop(): void {
    if (this.#kept !== null) return;
    this.#kept = [];
    this.#stoppedMs = this.#network.time.nowMs;
  }

  /**
   * The process goes on. As in a node, it finds that it stood still before anybody is answered.
   *
   * @param notedMs how long before the stop it had published its figures
   * @param stoodStillMs from how long on it finds that it stood still
   * @param readsFirst what the kernel has kept is taken before that
   */
  goOn(notedMs: number, stoodStillMs: number, readsFirst: boolean): void {
    const kept = this.#kept;
    this.#kept = null;
    if (kept === null || !this.alive) return;
    const ms = this.#network.time.nowMs - this.#stoppedMs + notedMs;
    const finds = (): void => {
      if (ms >= stoodStillMs) this.peers.stoodStill(ms);
    };
    if (!readsFirst) finds();
    for (const run of kept) if (this.alive) run();
    if (readsFirst) finds();
    this.turnEnd();
  }

  keeps(run: () => void): boolean {
    this.#kept?.push(run);
    return this.#kept !== null;
  }

  /** Runs something now, or when the process goes on. */
  #do(run: () => void): void {
    if (!this.keeps(run)) run();
  }

  /** Clients have changed something, or an event has been handled: what a loop does at the end of a turn. */
  turnEnd(): void {
    if (this.#turnDue || !this.alive) return;
    this.#turnDue = true;
    const turn = (): void => {
      this.#turnDue = false;
      if (!this.alive) return;
      if (this.peers.pump()) this.#network.time.after(0.1, () => this.turnEnd());
      this.#setTimer();
    };
    this.#network.time.after(0, () => this.#do(turn));
  }

  // PeerActions

  listen(index: number): void {
    const bound = this.#network.bind(this, `${this.host}:${this.#options.port}`, (connection) =>
      this.#link(connection, -1),
    );
    const told = (): void => {
      if (!this.alive) return;
      if (bound) this.peers.listening(index);
      else this.peers.listenFailed(index, true, 'Address already in use');
      this.turnEnd();
    };
    this.#network.time.after(0, () => this.#do(told));
  }

  dial(target: number, _address: number, timeoutMs: number): void {
    const address = `${this.#options.peerHosts[target]}:${this.#options.port}`;
    this.#network.dial(this, address, timeoutMs, (connection) => this.#link(connection, target));
  }

  ready(): void {
    this.isReady = true;
    this.readyMs = this.#network.time.nowMs;
  }

  acknowledged(): void {}

  syncDoubted(): void {}

  stopped(): void {
    this.hasStopped = true;
  }

  failed(message: string): void {
    this.failure = message;
  }

  log(_verbosity: number, message: string): void {
    this.messages.push(message);
  }

  #link(connection: SimulatedConnection, target: number): Link {
    const { cache } = this;
    const readers = cache.feeds.map((feed) => new MapFeedReader(feed));
    const link = new Link(connection, this.#clock, cache, readers, this.peers, target, this.#options.safety);
    this.peers.added(link);
    return link;
  }

  #setTimer(): void {
    const { time } = this.#network;
    const dueMs = Math.max(this.peers.dueMs, time.nowMs);
    if (dueMs === Number.POSITIVE_INFINITY || (this.#tickMs > time.nowMs && this.#tickMs <= dueMs)) return;
    this.#tickMs = dueMs;
    const ticks = (): void => {
      if (!this.alive || this.#tickMs !== dueMs) return;
      this.#tickMs = Number.POSITIVE_INFINITY;
      this.peers.tick();
      this.turnEnd();
    };
    time.at(dueMs, () => this.#do(ticks));
  }
}
