/**
 * A pair of nodes of which each is asked again and again, by clients that come anew, whether it is in sync. Whenever it says so it must have every write that has been answered
 * by the other one, save what is on its way: as long as anything takes from one host to the other; or, while nothing passes, as long as a link needs to find that out.
 *
 * Nodes stand still, for shorter and for longer than they notice, the network lets nothing pass, in one direction or both, and nodes are killed and come back with nothing. The
 * network resets no connections here: that looks like a process that has ended, and the claim does not hold then. Nor does it for what a node is told that was started while
 * nothing passes, as long as the other one has not met it.
 */
import { assert } from '../../src/base/assert.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { SILENCE_MS_MAX } from '../../src/replication/link-times.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedNode } from './simulated-node.ts';
import { VirtualTime } from './virtual-time.ts';

const LIFE_MS = 20_000;
const KEYS = 5;
/** A node notices from then on that it stood still. */
const NOTICED_MS = 800;
/** A turn, and what comes to pass one after the other in the same moment. */
const TURN_MS = 1;
const HOSTS = ['h0', 'h1'] as const;

interface Answered {
  readonly key: string;
  readonly version: number;
  readonly atMs: number;
  readonly by: SimulatedNode;
}

export interface InSyncOutcome {
  /** Times that a node was asked, and said that it is. */
  readonly asked: number;
  readonly saidYes: number;
  readonly stops: number;
  readonly holds: number;
  readonly kills: number;
}

/** Runs one life. @throws when a node has said that it is in sync and was not */
export function simulateInSync(seed: number): InSyncOutcome {
  return new Life(seededRandom(seed)).run();
}

class Life {
  readonly #random: Random;
  readonly #time = new VirtualTime();
  readonly #network: SimulatedNetwork;
  readonly #delayMs: number;
  readonly #nodes: SimulatedNode[] = [];
  #answered: Answered[] = [];
  /** Since when something does not pass; Infinity: everything does. */
  #heldMs = Number.POSITIVE_INFINITY;
  /** When each stood still last, and went on. */
  readonly #awakeMs: Map<SimulatedNode, number> = new Map();
  #asked = 0;
  #saidYes = 0;
  #stops = 0;
  #holds = 0;
  #kills = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#delayMs = random.below(2) === 0 ? 1 : 30;
    this.#network = new SimulatedNetwork(this.#time, random, {
      delayMsMax: this.#delayMs,
      windowBytes: 1 << 20,
    });
  }

  run(): InSyncOutcome {
    for (const index of [0, 1]) this.#time.after(this.#random.below(300), () => this.#start(index));
    this.#every(15, () => this.#write());
    this.#every(10, () => this.#ask());
    this.#every(3000, () => this.#fault());
    this.#time.run(LIFE_MS);
    return {
      asked: this.#asked,
      saidYes: this.#saidYes,
      stops: this.#stops,
      holds: this.#holds,
      kills: this.#kills,
    };
  }

  #every(msMax: number, run: () => void): void {
    this.#time.after(this.#random.below(msMax * 10) / 10, () => {
      run();
      this.#every(msMax, run);
    });
  }

  #start(index: number): void {
    const node = new SimulatedNode(this.#network, this.#random, {
      host: HOSTS[index]!,
      port: 11212,
      peerHosts: [HOSTS[1 - index]!],
      feedCapacity: 1000,
      readyMsMax: 5000,
    });
    this.#nodes[index] = node;
    node.start();
  }

  /** One that clients can talk to now. */
  #someNode(): SimulatedNode | null {
    const node = this.#nodes[this.#random.below(2)];
    const isThere = node?.alive === true && node.isReady && !this.#network.isFrozen(node);
    return isThere ? node : null;
  }

  #write(): void {
    const node = this.#someNode();
    if (node === null) return;
    const isMet = node.peers.linksMade > 0;
    const key = `k${this.#random.below(KEYS)}`;
    node.cache.set(key, new Uint8Array(this.#random.below(50)), 0, 0);
    node.turnEnd();
    const now: Answered = { key, version: node.cache.versionOf(key), atMs: this.#time.nowMs, by: node };
    this.#answered = this.#answered.filter((one) => one.key !== key || one.by !== node);
    // The one before counts on until this one has had the time to come.
    if (isMet) this.#time.after(0, () => this.#answered.push(now));
  }

  #ask(): void {
    const node = this.#someNode();
    if (node === null) return;
    this.#asked++;
    if (!node.peers.isInSync) return;
    this.#saidYes++;
    const { nowMs } = this.#time;
    const heldForMs = Math.max(0, nowMs - this.#heldMs);
    // What came in while it stood still it hears behind that.
    const hearsMs = Math.max(this.#heldMs, this.#awakeMs.get(node) ?? 0);
    const isFoundOut = nowMs > hearsMs + SILENCE_MS_MAX + this.#delayMs + TURN_MS;
    const onItsWayMs = this.#delayMs + TURN_MS + (isFoundOut ? 0 : heldForMs);
    for (const { key, version, atMs, by } of this.#answered)
      assert(
        by === node || atMs >= nowMs - onItsWayMs || node.cache.versionOf(key) >= version,
        `at ${nowMs} ms ${node.host} says that it is in sync, and has not what ${by.host} was told at ${atMs} ms`,
      );
  }

  #fault(): void {
    const random = this.#random;
    const dice = random.below(10);
    if (dice < 4) this.#stop(random.below(2));
    else if (dice < 8) this.#hold();
    else this.#kill(random.below(2));
  }

  #stop(index: number): void {
    const node = this.#nodes[index];
    if (node?.alive !== true || this.#network.isFrozen(node)) return;
    this.#stops++;
    node.freeze();
    const ms = random3(this.#random, 1000, 2500, 6000);
    this.#time.after(ms, () => {
      this.#awakeMs.set(node, this.#time.nowMs);
      node.thaw(ms >= NOTICED_MS ? ms : 0);
    });
  }

  #hold(): void {
    if (this.#heldMs !== Number.POSITIVE_INFINITY) return;
    this.#holds++;
    this.#heldMs = this.#time.nowMs;
    const way = this.#random.below(3);
    if (way === 2) this.#network.hold();
    else this.#network.holdWay(HOSTS[way]!, HOSTS[1 - way]!);
    this.#time.after(random3(this.#random, 1000, 4000, 8000), () => {
      this.#network.release();
      this.#heldMs = Number.POSITIVE_INFINITY;
    });
  }

  #kill(index: number): void {
    const node = this.#nodes[index];
    if (node?.alive !== true || this.#network.isFrozen(node)) return;
    this.#kills++;
    node.kill();
    // What nobody else had been told is lost.
    this.#answered = this.#answered.filter(({ by }) => by !== node);
    this.#time.after(this.#random.below(2000), () => this.#start(index));
  }
}

/** Less than one of three bounds, each as often. */
function random3(random: Random, ...bounds: readonly [number, number, number]): number {
  return random.below(bounds[random.below(3)]!);
}
