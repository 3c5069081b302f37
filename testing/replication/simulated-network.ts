/**
 * Connections between simulated nodes on a virtual clock: bytes arrive in order, late, cut anywhere and with a bound on what is under way;
 * connections can be refused, broken, or held so that nothing arrives and nobody is told.
 */
import { Output } from '../../src/base/output.ts';
import type { Random } from '../../src/base/random.ts';
import type { Connection, ConnectionError, Session } from '../../src/base/session.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Whoever owns connections: something happens to them, then the node's turn ends. */
export interface NetworkNode {
  readonly host: string;
  alive: boolean;
  turnEnd(): void;
  /** Whoever can be stopped keeps what happens to it until it goes on, as its kernel does. @returns false when it runs, and nothing is kept */
  keeps?(run: () => void): boolean;
}

/** Something happens to a process: now, or when it goes on. */
function happensTo(node: NetworkNode, run: () => void): void {
  if (node.keeps?.(run) !== true) run();
}

export interface NetworkOptions {
  readonly delayMsMax: number;
  /** Bytes under way in one direction beyond which the writer is blocked. */
  readonly windowBytes: number;
  /** What passes in a millisecond, on each connection and in each direction; without it, anything. */
  readonly bytesPerMs?: number;
}

/** A packet: of more nothing would be heard for too long. */
const SLOW_PIECE_BYTES_MAX = 1400;

const RESET: ConnectionError = { code: 'ECONNRESET', message: 'Connection reset by peer' };
const REFUSED: ConnectionError = { code: 'ECONNREFUSED', message: 'Connection refused' };
const TIMED_OUT: ConnectionError = { code: 'ETIMEDOUT', message: 'Connection timed out' };

export class SimulatedConnection implements Connection {
  readonly output: Output;
  readonly descriptor = 0;
  readonly remote: string;
  readonly node: NetworkNode;
  session: Session | null = null;
  other: SimulatedConnection | null = null;
  /** No more bytes are fed and closed() has been called or is about to be. */
  gone = false;
  readonly #network: SimulatedNetwork;
  #rest: Uint8Array = new Uint8Array(0);
  /** Sent and not yet taken by the other end's session. */
  #underWayBytes = 0;
  /** Arrived, and not offered to the session for the first time. */
  #notTakenBytes = 0;
  #lastArrivalMs = 0;
  #ending = false;

  constructor(network: SimulatedNetwork, node: NetworkNode, remote: string) {
    this.#network = network;
    this.node = node;
    this.remote = remote;
    this.output = new Output({
      makeRoom: (output, count) => {
        // A transport may send what is there to make room, or grow its buffer.
        if (network.random.below(2) === 0) this.transmit();
        if (output.limit - output.at >= count) return;
        const grown = new Uint8Array(Math.max(512, (output.at + count) * 2));
        grown.set(output.bytes.subarray(0, output.at));
        output.bytes = grown;
        output.limit = grown.length;
      },
    });
  }

  flush(): void {
    this.#network.time.after(0, () => happensTo(this.node, () => this.transmit()));
  }

  end(): void {
    this.#ending = true;
    this.transmit();
  }

  destroy(): void {
    if (this.gone) return;
    this.gone = true;
    this.#network.time.after(0, () => happensTo(this.node, () => this.#closed()));
    this.#tellOther(null);
  }

  pause(): void {}
  resume(): void {}

  /** Sends what stands in the output, cut at random. */
  transmit(): void {
    const { output } = this;
    if (this.gone) return;
    const { random, options } = this.#network;
    const pieceBytesMax = options.bytesPerMs === undefined ? 40000 : SLOW_PIECE_BYTES_MAX;
    let at = output.start;
    while (at < output.at) {
      const count = Math.min(output.at - at, 1 + random.below(random.below(4) === 0 ? 64 : pieceBytesMax));
      const piece = output.bytes.slice(at, at + count);
      at += count;
      this.#underWayBytes += count;
      this.#inOrder(() => {
        const { other } = this;
        if (other !== null) happensTo(other.node, () => other.#arrive(piece));
      }, count);
    }
    output.at = output.start;
    output.blocked = this.#underWayBytes > this.#network.options.windowBytes;
    if (this.#ending && !this.gone) {
      this.gone = true;
      this.#network.time.after(0, () => happensTo(this.node, () => this.#closed()));
      this.#tellOther(null);
    }
  }

  /** The other end has taken bytes in. */
  #taken(count: number): void {
    const { output } = this;
    this.#underWayBytes -= count;
    if (!output.blocked || this.gone || this.#underWayBytes > this.#network.options.windowBytes / 2) return;
    output.blocked = false;
    this.session?.drained?.();
    this.transmit();
    this.#feed();
    this.node.turnEnd();
  }

  /** The connection breaks: this end is told at once, what is under way may be lost. */
  breakOff(error: ConnectionError | null): void {
    happensTo(this.node, () => this.#breakOff(error));
  }

  #breakOff(error: ConnectionError | null): void {
    if (this.gone) return;
    this.gone = true;
    this.#network.time.after(0, () => {
      if (!this.node.alive) return;
      this.session?.closed(error);
      this.node.turnEnd();
    });
  }

  /** The process of this end is gone; its kernel tells the other end. */
  abandon(): void {
    if (this.gone) return;
    this.gone = true;
    this.#tellOther(RESET);
  }

  #closed(): void {
    this.session?.closed(null);
    this.node.turnEnd();
  }

  #tellOther(error: ConnectionError | null): void {
    this.#inOrder(() => this.other?.breakOff(error));
  }

  #inOrder(run: () => void, bytes = 0): void {
    const network = this.#network;
    const { time } = network;
    const { bytesPerMs = Number.POSITIVE_INFINITY } = network.options;
    const atMs = time.nowMs + network.delayMs();
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, atMs) + bytes / bytesPerMs;
    time.after(this.#lastArrivalMs - time.nowMs, () =>
      network.whenOpen(this.node, this.other?.node ?? null, run),
    );
  }

  #arrive(piece: Uint8Array): void {
    if (this.gone || !this.node.alive) return;
    const joined = new Uint8Array(this.#rest.length + piece.length);
    joined.set(this.#rest, 0);
    joined.set(piece, this.#rest.length);
    this.#rest = joined;
    this.#notTakenBytes += piece.length;
    this.#feed();
  }

  /** As the transports do: a session whose output is blocked is not fed, unless it asks for that. */
  #feed(): void {
    const { session } = this;
    if (this.gone || session === null || this.#rest.length === 0) return;
    if (this.output.blocked && session.readsWhileBlocked !== true) return;
    const input = new Uint8Array(this.#rest.length + 8).fill(0xff);
    input.set(this.#rest, 4);
    const end = 4 + this.#rest.length;
    const taken = this.#notTakenBytes;
    this.#notTakenBytes = 0;
    const consumed = session.feed(input, 4, end);
    this.#rest = input.slice(consumed, end);
    this.#network.time.after(0, () => {
      const { other } = this;
      if (taken > 0 && other !== null) happensTo(other.node, () => other.#taken(taken));
    });
    this.transmit();
    this.node.turnEnd();
  }
}

export class SimulatedNetwork {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly options: NetworkOptions;
  readonly #listeners: Map<
    string,
    { node: NetworkNode; accept: (connection: SimulatedConnection) => Session }
  > = new Map();
  #connections: SimulatedConnection[] = [];
  #held = false;
  /** Directions in which nothing passes: `from>to`. */
  readonly #heldWays: Set<string> = new Set();
  #waiting: { readonly from: NetworkNode; readonly to: NetworkNode | null; readonly run: () => void }[] = [];

  constructor(time: VirtualTime, random: Random, options: NetworkOptions) {
    this.time = time;
    this.random = random;
    this.options = options;
  }

  delayMs(): number {
    return 0.02 + (this.random.below(1000) / 1000) * this.options.delayMsMax;
  }

  /** @returns false when the address is taken */
  bind(node: NetworkNode, address: string, accept: (connection: SimulatedConnection) => Session): boolean {
    if (this.#listeners.has(address)) return false;
    this.#listeners.set(address, { node, accept });
    return true;
  }

  dial(
    node: NetworkNode,
    address: string,
    timeoutMs: number,
    factory: (connection: SimulatedConnection) => Session,
  ): void {
    const near = new SimulatedConnection(this, node, address);
    near.session = factory(near);
    const fail = (error: ConnectionError): void => {
      near.breakOff(error);
    };
    this.time.after(this.delayMs(), () => {
      if (near.gone || !node.alive) return;
      const listener = this.#listeners.get(address);
      const isHeld =
        listener !== undefined && (this.#isHeld(node, listener.node) || this.#isHeld(listener.node, node));
      if (isHeld) this.time.after(timeoutMs, () => fail(TIMED_OUT));
      else if (listener === undefined) fail(REFUSED);
      else {
        const far = new SimulatedConnection(
          this,
          listener.node,
          `${node.host}:${40000 + this.random.below(9999)}`,
        );
        near.other = far;
        far.other = near;
        this.#connections = this.#connections.filter((connection) => !connection.gone);
        this.#connections.push(near, far);
        // The kernel accepts, whether the process runs or not.
        happensTo(listener.node, () => {
          far.session = listener.accept(far);
          far.transmit();
          listener.node.turnEnd();
        });
        happensTo(node, () => {
          near.session?.opened?.();
          near.transmit();
          node.turnEnd();
        });
      }
    });
  }

  /** The process ends without a word: its ports are free and its connections are reset. What is held back of it is lost. */
  kill(node: NetworkNode): void {
    node.alive = false;
    this.#waiting = this.#waiting.filter(({ from }) => from !== node);
    for (const [address, listener] of this.#listeners) {
      if (listener.node === node) this.#listeners.delete(address);
    }
    for (const connection of this.#connections) if (connection.node === node) connection.abandon();
  }

  /** Breaks all connections between different nodes, or between two hosts, as a firewall that answers with resets does. */
  cut(host?: string, otherHost?: string): void {
    for (const connection of this.#connections) {
      const hosts = [connection.node.host, connection.other?.node.host];
      if (host === undefined || (hosts.includes(host) && hosts.includes(otherHost)))
        connection.breakOff(RESET);
    }
  }

  /** Holds back what goes from one host to another, in this direction only, until `release`. */
  holdWay(fromHost: string, toHost: string): void {
    this.#heldWays.add(`${fromHost}>${toHost}`);
  }

  /** The opposite of `holdWay`: what was held back comes at once. */
  releaseWay(fromHost: string, toHost: string): void {
    this.#heldWays.delete(`${fromHost}>${toHost}`);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { from, to, run } of waiting) this.whenOpen(from, to, run);
  }

  /** Nothing passes in this direction. */
  holdsWay(fromHost: string, toHost: string): boolean {
    return this.#held || this.#heldWays.has(`${fromHost}>${toHost}`);
  }

  /** Holds everything between different nodes back until `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#heldWays.clear();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { run } of waiting) run();
  }

  whenOpen(from: NetworkNode, to: NetworkNode | null, run: () => void): void {
    if (this.#isHeld(from, to)) this.#waiting.push({ from, to, run });
    else run();
  }

  #isHeld(from: NetworkNode, to: NetworkNode | null): boolean {
    if (from === to) return false;
    return to === null ? this.#held : this.holdsWay(from.host, to.host);
  }
}
