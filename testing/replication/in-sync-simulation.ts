/**
 * Two to four nodes in a simulated life in which they lose sight of each other: processes are stopped for up to ten seconds, the network is held in one or both directions, nodes are
 * killed and come back with nothing. All the while clients ask each node whether it is in sync, and a node that says yes must have what clients were told elsewhere: the
 * claim is in docs/internals/replication.md, "In sync, or not". Cuts by resets are no part of it: they look like the end of a process.
 *
 * Everything that happens follows from the seed.
 */
import { assert } from '../../src/base/assert.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { reportFor } from '../../src/node/replication-report.ts';
import { SILENCE_MS_MAX } from '../../src/replication/link-times.ts';
import { ALONE_MS } from '../../src/replication/missing-twins.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedNode } from './simulated-node.ts';
import { VirtualTime } from './virtual-time.ts';

const CHAOS_MS = 30_000;
const QUIET_MS = 12_000;
const KEYS = 12;
const HOSTS_MAX = 4;
const SKEW_MS_MAX = 10 * 60_000;
const STOP_MS_MAX = 10_000;
const HOLD_MS_MAX = 10_000;
/** As in a node's thread: how long it must not have published, and how often it does. */
const STOOD_STILL_MS = 800;
const PUBLISHED_MS = 100;
/** In this network, for what is sent over a way that is open: delays, a full window, a turn. */
const UNDER_WAY_MS = 500;
/**
 * What is older must be there, whatever happens to the network: silence is found by then, counted from the last byte that was read; and that may have stood in the kernel for as long as a
 * process may stand still without finding it.
 */
const LAG_MS_MAX: number = SILENCE_MS_MAX + STOOD_STILL_MS + UNDER_WAY_MS;
/** A process that was started where another one had ended, and cannot be reached, is found by a dial that nobody answers. */
const FOUND_MS_MAX: number = ALONE_MS + UNDER_WAY_MS;

export interface InSyncOutcome {
  readonly hosts: number;
  readonly events: number;
  readonly writes: number;
  readonly kills: number;
  readonly stops: number;
  readonly holds: number;
  /** Answers to those who have just come, and to those who had been there for long where they differ. */
  readonly yes: number;
  readonly no: number;
  readonly aloneYes: number;
  /** Writes that a node had not, and need not have, when it said yes. */
  readonly underWay: number;
}

interface Write {
  readonly version: number;
  readonly atMs: number;
}

/** Runs one life. @throws when a node says that it is in sync and is not; the message says what it lacks */
export function simulateInSync(seed: number): InSyncOutcome {
  const life = new InSyncLife(seededRandom(seed));
  life.run();
  return life.outcome();
}

class InSyncLife {
  readonly #random: Random;
  readonly #time = new VirtualTime();
  readonly #network: SimulatedNetwork;
  readonly #hosts: string[] = [];
  readonly #oneDials: boolean;
  readonly #skewed: boolean;
  readonly #feedCapacity: number;
  readonly #nodes: Map<string, SimulatedNode> = new Map();
  /** What clients were told by each process, by key, in the order of time. */
  readonly #writesOf: Map<SimulatedNode, Map<string, Write[]>> = new Map();
  /** When each way between two hosts was held last, and when each process was stopped last. */
  readonly #heldMs: Map<string, number> = new Map();
  readonly #stoppedMs: Map<SimulatedNode, number> = new Map();
  readonly #startedMs: Map<SimulatedNode, number> = new Map();
  /** Pairs of processes that have been linked. */
  readonly #met: Set<string> = new Set();
  #chaos = true;
  #events = 0;
  #writes = 0;
  #kills = 0;
  #stops = 0;
  #holds = 0;
  #yes = 0;
  #no = 0;
  #aloneYes = 0;
  #underWay = 0;

  constructor(random: Random) {
    this.#random = random;
    const hosts = random.below(2) === 0 ? 2 : 3 + random.below(HOSTS_MAX - 2);
    for (let i = 0; i < hosts; i++) this.#hosts.push(`h${i}`);
    this.#oneDials = hosts === 2 && random.below(3) === 0;
    this.#skewed = random.below(2) === 0;
    this.#feedCapacity = random.below(4) === 0 ? 20 : 1000;
    this.#network = new SimulatedNetwork(this.#time, random, {
      delayMsMax: random.below(3) === 0 ? 10 : 1,
      windowBytes: random.below(4) === 0 ? 50_000 : 200_000,
    });
  }

  run(): void {
    for (const host of this.#hosts) this.#time.after(this.#random.below(300), () => this.#start(host));
    this.#time.after(400, () => this.#clientStep());
    this.#time.after(500, () => this.#faultStep());
    this.#events += this.#time.run(CHAOS_MS);
    this.#chaos = false;
    for (const from of this.#hosts) for (const to of this.#hosts) this.#releaseWay(from, to);
    for (const node of this.#nodes.values()) this.#goOn(node);
    this.#events += this.#time.run(CHAOS_MS + QUIET_MS);
    this.#askAll();
    for (const node of this.#nodes.values())
      assert(node.peers.isInSync && node.peers.missingMs === 0, `${node.host} is not in sync in the end`);
  }

  outcome(): InSyncOutcome {
    return {
      hosts: this.#hosts.length,
      events: this.#events,
      writes: this.#writes,
      kills: this.#kills,
      stops: this.#stops,
      holds: this.#holds,
      yes: this.#yes,
      no: this.#no,
      aloneYes: this.#aloneYes,
      underWay: this.#underWay,
    };
  }

  #pick(): string {
    return this.#hosts[this.#random.below(this.#hosts.length)]!;
  }

  #start(host: string): void {
    const dials = !this.#oneDials || host === this.#hosts[0];
    const node = new SimulatedNode(this.#network, this.#random, {
      host,
      port: 11212,
      peerHosts: dials ? this.#hosts.filter((other) => other !== host) : [],
      feedCapacity: this.#feedCapacity,
      readyMsMax: 5000,
      skewMs: this.#skewed ? this.#random.below(SKEW_MS_MAX) - SKEW_MS_MAX / 2 : 0,
    });
    this.#nodes.set(host, node);
    this.#writesOf.set(node, new Map());
    this.#startedMs.set(node, this.#time.nowMs);
    node.start();
  }

  #clientStep(): void {
    if (!this.#chaos) return;
    const random = this.#random;
    const node = this.#nodes.get(this.#pick());
    if (node?.runs === true && node.isReady) {
      const key = `key${random.below(KEYS)}`;
      const bytes = random.below(200) === 0 ? 20_000 : random.below(100);
      const { cache } = node;
      const version =
        random.below(8) === 0
          ? cache.delete(key)
          : cache.set(key, new Uint8Array(bytes).fill(65 + random.below(26)), 0, 0);
      if (version > 0) this.#noteWrite(node, key, version);
      node.turnEnd();
    }
    this.#askAll();
    this.#time.after(5 + random.below(30), () => this.#clientStep());
  }

  #noteWrite(node: SimulatedNode, key: string, version: number): void {
    const ofNode = this.#writesOf.get(node);
    if (ofNode === undefined) return;
    this.#writes++;
    const writes = ofNode.get(key) ?? [];
    writes.push({ version, atMs: this.#time.nowMs });
    // Of those that must be everywhere the last one is enough.
    while (writes.length > 1 && writes[1]!.atMs < this.#time.nowMs - LAG_MS_MAX) writes.shift();
    ofNode.set(key, writes);
  }

  #faultStep(): void {
    if (!this.#chaos) return;
    const random = this.#random;
    const dice = random.below(12);
    if (dice < 4) this.#stop(this.#pick());
    else if (dice < 9) this.#hold(this.#pick(), this.#pick(), dice < 6);
    else if (dice < 11) this.#kill(this.#pick());
    this.#askAll();
    this.#time.after(100 + random.below(4000), () => this.#faultStep());
  }

  #stop(host: string): void {
    const node = this.#nodes.get(host);
    if (node?.runs !== true) return;
    this.#stops++;
    node.stop();
    const ms = this.#random.below(3) === 0 ? this.#random.below(1500) : this.#random.below(STOP_MS_MAX);
    this.#time.after(ms, () => {
      this.#goOn(node);
      this.#askAll();
    });
  }

  #goOn(node: SimulatedNode): void {
    if (!node.alive || node.runs) return;
    this.#stoppedMs.set(node, this.#time.nowMs);
    const random = this.#random;
    node.goOn(random.below(PUBLISHED_MS), STOOD_STILL_MS, random.below(2) === 0);
  }

  #hold(from: string, to: string, bothWays: boolean): void {
    if (from === to) return;
    this.#holds++;
    const ms = this.#random.below(HOLD_MS_MAX);
    this.#network.holdWay(from, to);
    if (bothWays) this.#network.holdWay(to, from);
    this.#time.after(ms, () => {
      this.#releaseWay(from, to);
      if (bothWays) this.#releaseWay(to, from);
      this.#askAll();
    });
  }

  #releaseWay(from: string, to: string): void {
    if (!this.#network.holdsWay(from, to)) return;
    this.#heldMs.set(`${from}>${to}`, this.#time.nowMs);
    this.#network.releaseWay(from, to);
  }

  #kill(host: string): void {
    const node = this.#nodes.get(host);
    if (node?.alive !== true) return;
    this.#kills++;
    node.kill();
    this.#time.after(this.#random.below(3000), () => this.#start(host));
  }

  /** Until when the way from one to the other was not open, or one of them did not run. */
  #disturbedMs(from: SimulatedNode, to: SimulatedNode): number {
    if (!from.runs || !to.runs || this.#network.holdsWay(from.host, to.host)) return this.#time.nowMs;
    return Math.max(
      this.#heldMs.get(`${from.host}>${to.host}`) ?? 0,
      this.#stoppedMs.get(from) ?? 0,
      this.#stoppedMs.get(to) ?? 0,
    );
  }

  /** Two clients ask every node that answers: one that has just come, and one that has been there for long. */
  #askAll(): void {
    for (const node of this.#nodes.values()) {
      for (const { peer, isOpen } of node.peers.links)
        if (isOpen && peer !== null) this.#met.add(`${node.peers.nodeId} ${peer.nodeId}`);
      if (!node.runs || !node.isReady) continue;
      const lines = [
        ['replication_in_sync', node.peers.isInSync ? '1' : '0'],
        ['replication_missing_ms', String(node.peers.missingMs)],
      ] as const;
      const [first] = reportFor(lines, ALONE_MS);
      if (node.peers.isInSync) {
        this.#yes++;
        this.#check(node, false);
      } else if (first?.[1] === '1') {
        this.#aloneYes++;
        this.#check(node, true);
      } else this.#no++;
    }
  }

  #hasMet(node: SimulatedNode, other: SimulatedNode): boolean {
    return this.#met.has(`${node.peers.nodeId} ${other.peers.nodeId}`);
  }

  /** The other process was started while this one ran, and has not been met. */
  #isNew(other: SimulatedNode, node: SimulatedNode): boolean {
    const since = (of: SimulatedNode): number => this.#startedMs.get(of) ?? 0;
    return since(other) > since(node) && !this.#hasMet(node, other);
  }

  /** @param isAlone the node says yes only to whoever has been connected for long */
  #check(node: SimulatedNode, isAlone: boolean): void {
    const nowMs = this.#time.nowMs;
    for (const [other, ofOther] of this.#writesOf) {
      if (other === node || !other.alive) continue;
      const wholeMs = nowMs - Math.max(this.#disturbedMs(other, node), this.#disturbedMs(node, other));
      // Whoever could not be reached within that time is not known to be there.
      if (isAlone && wholeMs < ALONE_MS) continue;
      // Who dials nobody cannot know of one that has yet to come.
      if (!node.peers.dials && !this.#hasMet(node, other)) continue;
      const disturbedMs = this.#disturbedMs(other, node);
      for (const [key, writes] of ofOther) {
        const held = node.cache.versionOf(key);
        const lacking = writes.find(({ version }) => version > held);
        if (lacking === undefined) continue;
        const ageMs = nowMs - lacking.atMs;
        // Over a way that has been open ever since it is only what takes a moment.
        const lagMs = disturbedMs < lacking.atMs ? UNDER_WAY_MS : LAG_MS_MAX;
        if (ageMs <= (this.#isNew(other, node) ? FOUND_MS_MAX : lagMs)) {
          this.#underWay++;
          continue;
        }
        const hasMet = this.#hasMet(node, other);
        const linked = node.peers.openLinks.some(({ peer }) => peer?.nodeId === other.peers.nodeId);
        throw new Error(
          `at ${Math.round(nowMs)} ms ${node.host} says that it is in sync${isAlone ? ' (alone)' : ''} and lacks ${key}, ` +
            `written ${Math.round(ageMs)} ms ago on ${other.host}; disturbed ${Math.round(nowMs - disturbedMs)} ms ago, ` +
            `met ${hasMet}, linked ${linked}, ` +
            `started ${Math.round(this.#startedMs.get(node) ?? 0)} and ${Math.round(this.#startedMs.get(other) ?? 0)}`,
        );
      }
    }
  }
}
