/**
 * A pair of nodes in a simulated life: clients write on both, connections are cut and held, nodes are killed and come back with
 * nothing. When all is quiet again both must hold the same, item for item, and nothing that was safe may be missing.
 *
 * Everything that happens follows from the seed.
 */
import { assert } from '../../src/base/assert.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { type LinkSafety, UNGUARDED } from '../../src/replication/link-safety.ts';
import { assertEqualCopies } from './equal-copies.ts';
import { GUARDED } from './link-guards.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedNode } from './simulated-node.ts';
import { VirtualTime } from './virtual-time.ts';

/** Where the nodes are and who dials whom. */
export const TOPOLOGY = [
  'two hosts, both dial',
  'two hosts, one dials',
  'one host and port, both dial',
] as const;
export type Topology = (typeof TOPOLOGY)[number];

const CHAOS_MS = 6000;
/** For backoffs, the detection of silence and a sync. */
const QUIET_MS = 12000;
const KEYS = 40;
/** So many of them have items that end within seconds, unless a touch prolongs them. */
const BRIEF_KEYS = 6;
/** Longer than something can be on its way: of what has ended there is no trace, and an older value that comes then would come back. */
const BRIEF_SECONDS_MIN = 3;
const BRIEF_SECONDS = 8;
const BRIEF = 'brief';

export interface PairOutcome {
  readonly topology: Topology;
  readonly events: number;
  readonly kills: number;
  readonly cuts: number;
  readonly writes: number;
  readonly overruns: number;
  readonly partialSyncs: number;
  readonly items: number;
  /** Touches that a client has made, and those whose order with others was not known. */
  readonly touches: number;
  readonly unordered: number;
}

/** Runs one life. @throws when the copies differ or a rule is broken; the message says what */
export function simulatePair(seed: number): PairOutcome {
  const life = new PairLife(seededRandom(seed), seed % 4 === 0 ? GUARDED : UNGUARDED);
  life.run();
  return life.outcome();
}

class PairLife {
  readonly #random: Random;
  readonly #time = new VirtualTime();
  readonly #network: SimulatedNetwork;
  readonly #topology: Topology;
  readonly #feedCapacity: number;
  /** Few: the order of touches is lost now and then. */
  readonly #stampsMax: number;
  readonly #safety: LinkSafety;
  readonly #nodes: SimulatedNode[] = [];
  /** The newest version of each key that a node held which was never killed since: the pair may not fall behind it. */
  readonly #safe: Map<string, number> = new Map();
  #events = 0;
  #kills = 0;
  #cuts = 0;
  #writes = 0;
  #touches = 0;
  #chaos = true;

  constructor(random: Random, safety: LinkSafety) {
    this.#safety = safety;
    this.#random = random;
    this.#topology = TOPOLOGY[random.below(TOPOLOGY.length)]!;
    this.#feedCapacity = random.below(2) === 0 ? 16 : 1000;
    this.#stampsMax = random.below(4) === 0 ? 2 : 1000;
    this.#network = new SimulatedNetwork(this.#time, random, {
      delayMsMax: random.below(3) === 0 ? 40 : 1,
      windowBytes: random.below(2) === 0 ? 2000 : 200000,
    });
  }

  run(): void {
    for (let index = 0; index < 2; index++) {
      const startMs = this.#random.below(3) === 0 ? 0 : this.#random.below(300);
      this.#time.after(startMs, () => this.#startNode(index));
    }
    this.#time.after(this.#random.below(50), () => this.#clientStep());
    this.#time.after(this.#random.below(1000), () => this.#faultStep());
    this.#events += this.#time.run(CHAOS_MS);
    this.#chaos = false;
    this.#network.release();
    this.#events += this.#time.run(CHAOS_MS + QUIET_MS);
    this.#check();
  }

  outcome(): PairOutcome {
    let overruns = 0;
    let partialSyncs = 0;
    for (const { peers } of this.#nodes) {
      partialSyncs += peers.past.partialSyncs;
      for (const link of peers.links) {
        overruns += link.sender.overruns;
        partialSyncs += link.partialSyncs;
      }
    }
    return {
      topology: this.#topology,
      events: this.#events,
      kills: this.#kills,
      cuts: this.#cuts,
      writes: this.#writes,
      overruns,
      partialSyncs,
      items: this.#nodes[0]!.cache.entries.size,
      touches: this.#touches,
      unordered: this.#nodes.reduce((sum, { cache }) => sum + cache.unordered, 0),
    };
  }

  #startNode(index: number): void {
    const oneHost = this.#topology === 'one host and port, both dial';
    const hosts = oneHost ? ['h', 'h'] : ['h0', 'h1'];
    const dials = this.#topology !== 'two hosts, one dials' || index === 1;
    const node = new SimulatedNode(this.#network, this.#random, {
      host: hosts[index]!,
      port: 11212,
      peerHosts: dials ? [hosts[1 - index]!] : [],
      feedCapacity: this.#feedCapacity,
      readyMsMax: 5000,
      stampsMax: this.#stampsMax,
      safety: this.#safety,
    });
    this.#nodes[index] = node;
    node.start();
  }

  #clientStep(): void {
    if (!this.#chaos) return;
    const random = this.#random;
    const node = this.#nodes[random.below(2)];
    if (node?.alive === true && node.isReady) {
      const burst = random.below(8) === 0 ? 30 : 1;
      for (let i = 0; i < burst; i++) this.#write(node);
      node.turnEnd();
    }
    this.#time.after(random.below(20), () => this.#clientStep());
  }

  #write(node: SimulatedNode): void {
    const random = this.#random;
    const index = random.below(KEYS);
    // What has ended because of a touch that nobody remembers may come back; so not where few are remembered.
    const isBrief = index < BRIEF_KEYS && this.#stampsMax > KEYS;
    const key = `${isBrief ? BRIEF : 'key'}${index}`;
    this.#writes++;
    const dice = random.below(100);
    const end = node.cache.nowSeconds + BRIEF_SECONDS_MIN + random.below(BRIEF_SECONDS);
    if (dice < 70) {
      const bytes = random.below(60) === 0 ? 30000 + random.below(90000) : random.below(200);
      const exptime = isBrief ? end : 0;
      node.cache.set(key, new Uint8Array(bytes).fill(65 + random.below(26)), random.below(65536), exptime);
    } else if (dice < 80) node.cache.delete(key);
    else if (dice < 83) {
      const bytes = random.below(60) === 0 ? 40000 : random.below(50);
      node.cache.invalidate(key, new Uint8Array(bytes).fill(97), random.below(2 ** 32), this.#writes);
    } else if (dice < 86) node.cache.win(key);
    else if (dice < 99) {
      this.#touches++;
      const far = random.below(3) === 0 ? 0 : 2000000000 + random.below(1000);
      node.cache.touch(key, isBrief && random.below(2) === 0 ? end : far);
    } else node.cache.flush();
  }

  #faultStep(): void {
    if (!this.#chaos) return;
    const random = this.#random;
    const dice = random.below(10);
    if (dice < 4) {
      this.#cuts++;
      this.#network.cut();
    } else if (dice < 6) {
      this.#network.hold();
      this.#time.after(random.below(4000), () => this.#network.release());
    } else if (dice < 9) this.#kill(random.below(2));
    this.#time.after(200 + random.below(2000), () => this.#faultStep());
  }

  #kill(index: number): void {
    const node = this.#nodes[index];
    const survivor = this.#nodes[1 - index];
    if (node?.alive !== true) return;
    this.#kills++;
    node.kill();
    // What only the killed one held may be lost; what the survivor holds may not.
    this.#safe.clear();
    if (survivor?.alive === true) {
      for (const [key, entry] of survivor.cache.entries)
        if (!key.startsWith(BRIEF)) this.#safe.set(key, entry.version);
    }
    this.#time.after(this.#random.below(800), () => this.#startNode(index));
  }

  #check(): void {
    const [a, b] = this.#nodes;
    assert(a !== undefined && b !== undefined, 'both nodes were started');
    for (const node of [a, b]) {
      assert(node.failure === '', `a node gave up: ${node.failure}`);
      assert(node.isReady, 'a node is not ready in the end');
      assert(node.cache.locked === 0, 'a stripe was left locked');
      assert(node.cache.reserved === 0, 'memory of a value that did not come was not given back');
      assert(node.peers.isInSync && node.peers.missingMs === 0, 'a node is not in sync in the end');
      const open = node.peers.openLinks;
      assert(open.length === 1, `${open.length} links in the end`);
      assert(open[0]!.sender.backlogBytes() === 0, 'changes were left unsent');
      assert(!open[0]!.sendingSync, 'a full sync did not come to its end');
    }
    assert(a.cache.nodeSlot !== b.cache.nodeSlot, `both have node slot ${a.cache.nodeSlot}`);
    assert(a.peers.isBound || b.peers.isBound, 'nobody listens');
    assertEqualCopies(a.cache, b.cache);
    for (const [key, version] of this.#safe) {
      const kept = Math.max(a.cache.versionOf(key), b.cache.versionOf(key), a.cache.flushState().threshold);
      assert(kept >= version, `${key} fell back from version ${version} to ${kept}`);
    }
  }
}
