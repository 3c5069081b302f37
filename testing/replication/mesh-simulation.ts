/**
 * Three to five nodes, each of which knows all others, in a simulated life: clients write everywhere; single links are cut, or held in one direction; nodes are
 * killed, some for good, and others join; their clocks differ by minutes. When all is quiet again all copies must be equal, item for item with their cas ids; nothing may be older than
 * what a node that never died has written, deletes included; and what one survivor had of a dead node all have. A write that a twin had acknowledged when its
 * node died is on a survivor, and stays as long as one copy of it lives. No two writes have one version, whatever dies and whatever the clocks show, so a cas with a stale token never
 * succeeds. Nodes have one to four data threads, whose clients write in any order.
 *
 * Everything that happens follows from the seed. Items that are touched on several sides end at the same time everywhere, as far as the clocks allow it.
 */
import { assert } from '../../src/base/assert.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { type LinkSafety, UNGUARDED } from '../../src/replication/link-safety.ts';
import { assertEqualCopies } from './equal-copies.ts';
import { GUARDED } from './link-guards.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedNode } from './simulated-node.ts';
import { VirtualTime } from './virtual-time.ts';

const CHAOS_MS = 6000;
const QUIET_MS = 15000;
const SLOW_QUIET_MS = 45000;
const KEYS = 60;
/** So many that what was missed of a key is seldom made good by a later write. */
const SLOW_KEYS = 400;
/** So many of them have items that end within seconds, unless a touch prolongs them. */
const BRIEF_KEYS = 6;
/** Longer than something can be on its way: of what has ended there is no trace, and an older value that comes then would come back. */
const BRIEF_SECONDS_MIN = 3;
const BRIEF_SECONDS = 8;
/** Touches differ by more than what clocks are taken for equal and expiry times are rounded, a few times over. */
const FAR_SECONDS = 20;
const SKEW_MS_MAX = 10 * 60_000;
const HOSTS_MIN = 3;
const HOSTS_MAX = 5;
const THREADS_MAX = 4;
const TOKENS_MAX = 40;
/** In a slow network, where large values are a tenth as large. */
const SLOW_BYTES_PER_MS_MIN = 10;

export interface MeshOutcome {
  readonly hosts: number;
  readonly events: number;
  readonly writes: number;
  readonly kills: number;
  readonly leavings: number;
  readonly repairs: number;
  /** Writes that were acknowledged when their node was killed. */
  readonly acknowledged: number;
  readonly partialSyncs: number;
  readonly fullSyncs: number;
  /** Cas with a token that was still good, and with one that was not. */
  readonly casStored: number;
  readonly casRefused: number;
  /** The most that one node had. */
  readonly threads: number;
  readonly touches: number;
  /** Touches whose order with others was not known. */
  readonly unordered: number;
}

/** A write whose node may be killed, or has been. */
interface Write {
  readonly key: string;
  readonly version: number;
  /** Behind it in the ring of its node's thread. */
  readonly position: number;
  readonly thread: number;
}

/** What a client has read and may compare with later, on whatever node. */
interface Token {
  readonly key: string;
  readonly version: number;
}

/** Runs one life. @throws when copies differ or a rule is broken; the message says what */
export function simulateMesh(seed: number): MeshOutcome {
  const life = new MeshLife(seededRandom(seed), seed % 4 === 0 ? GUARDED : UNGUARDED);
  life.run();
  return life.outcome();
}

class MeshLife {
  readonly #random: Random;
  readonly #time = new VirtualTime();
  readonly #network: SimulatedNetwork;
  readonly #hosts: string[] = [];
  readonly #feedCapacity: number;
  readonly #stampsMax: number;
  /** Changes wait for seconds before they can be sent. */
  readonly #isSlow: boolean;
  readonly #safety: LinkSafety;
  readonly #nodes: Map<string, SimulatedNode> = new Map();
  /** Hosts that nobody starts again. */
  readonly #left: Set<string> = new Set();
  /** The last write of each key by a node that has not died since. */
  readonly #written: Map<string, { readonly node: SimulatedNode; readonly version: number }[]> = new Map();
  /** The writes of each node since it started. */
  readonly #writesOf: Map<SimulatedNode, Write[]> = new Map();
  /** Those of dead nodes that had been acknowledged, while a copy of them lives. */
  #acknowledged: Write[] = [];
  #acknowledgedCount = 0;
  /** All versions that were ever given. */
  readonly #versions: Set<number> = new Set();
  readonly #tokens: Token[] = [];
  #casStored = 0;
  #casRefused = 0;
  #threadsMax = 1;
  #events = 0;
  #writes = 0;
  #touches = 0;
  #kills = 0;
  #chaos = true;

  constructor(random: Random, safety: LinkSafety) {
    this.#random = random;
    this.#safety = safety;
    const hosts = HOSTS_MIN + random.below(HOSTS_MAX - HOSTS_MIN + 1);
    for (let i = 0; i < hosts; i++) this.#hosts.push(`h${i}`);
    this.#feedCapacity = random.below(4) === 0 ? 20 : 1000;
    this.#stampsMax = random.below(4) === 0 ? 10 : 1000;
    this.#isSlow = random.below(3) === 0;
    this.#network = new SimulatedNetwork(this.#time, random, {
      delayMsMax: random.below(3) === 0 ? 40 : 1,
      windowBytes: random.below(2) === 0 ? 2000 : this.#isSlow ? 20000 : 200000,
      ...(this.#isSlow ? { bytesPerMs: SLOW_BYTES_PER_MS_MIN + random.below(SLOW_BYTES_PER_MS_MIN) } : {}),
    });
  }

  run(): void {
    for (const host of this.#hosts) {
      this.#time.after(this.#random.below(300), () => this.#start(host));
    }
    this.#time.after(400, () => this.#clientStep());
    this.#time.after(600, () => this.#faultStep());
    this.#events += this.#time.run(CHAOS_MS);
    this.#chaos = false;
    this.#network.release();
    this.#events += this.#time.run(CHAOS_MS + (this.#isSlow ? SLOW_QUIET_MS : QUIET_MS));
    this.#check();
  }

  outcome(): MeshOutcome {
    const sum = (of: (node: SimulatedNode) => number): number =>
      this.#alive().reduce((total, node) => total + of(node), 0);
    const links = (of: 'repairs' | 'fullSyncs'): number =>
      sum(({ peers }) => peers.links.reduce((total, link) => total + link.copies[of], peers.past[of]));
    const partialSyncs = sum(({ peers }) =>
      peers.links.reduce((total, link) => total + link.partialSyncs, peers.past.partialSyncs),
    );
    return {
      hosts: this.#hosts.length,
      events: this.#events,
      writes: this.#writes,
      kills: this.#kills,
      acknowledged: this.#acknowledgedCount,
      casStored: this.#casStored,
      casRefused: this.#casRefused,
      threads: this.#threadsMax,
      touches: this.#touches,
      unordered: sum(({ cache }) => cache.unordered),
      leavings: this.#left.size,
      repairs: links('repairs'),
      partialSyncs,
      fullSyncs: links('fullSyncs'),
    };
  }

  #alive(): SimulatedNode[] {
    return [...this.#nodes.values()].filter((node) => node.alive);
  }

  #start(host: string): void {
    const node = new SimulatedNode(this.#network, this.#random, {
      host,
      port: 11212,
      peerHosts: this.#hosts.filter((other) => other !== host),
      feedCapacity: this.#feedCapacity,
      readyMsMax: 5000,
      threads: 1 + this.#random.below(THREADS_MAX),
      skewMs: this.#random.below(SKEW_MS_MAX) - SKEW_MS_MAX / 2,
      wantsAcks: true,
      stampsMax: this.#stampsMax,
      safety: this.#safety,
    });
    this.#nodes.set(host, node);
    node.start();
  }

  #clientStep(): void {
    if (!this.#chaos) return;
    const random = this.#random;
    const alive = this.#alive();
    const node = alive[random.below(Math.max(1, alive.length))];
    if (node?.isReady === true) {
      const burst = random.below(8) === 0 ? 30 : 1;
      for (let i = 0; i < burst; i++) this.#write(node);
      node.turnEnd();
    }
    this.#time.after(random.below(20), () => this.#clientStep());
  }

  #write(node: SimulatedNode): void {
    const random = this.#random;
    const index = random.below(this.#isSlow ? SLOW_KEYS : KEYS);
    // In a slow network what is on its way comes when its item has ended.
    const isBrief = index < BRIEF_KEYS && this.#stampsMax > KEYS && !this.#isSlow;
    if (isBrief || random.below(8) === 0) {
      this.#touchOrBrief(node, isBrief ? `brief${index}` : `key${index}`, isBrief);
      return;
    }
    let key = `key${index}`;
    this.#writes++;
    let version = 0;
    const { cache } = node;
    const thread = random.below(cache.feeds.length);
    cache.thread = thread;
    this.#threadsMax = Math.max(this.#threadsMax, cache.feeds.length);
    const dice = random.below(200);
    if (dice < 20) ({ key, version } = this.#cas(node, key));
    else if (dice < 150) {
      const largeBytes = (30000 + random.below(90000)) / (this.#isSlow ? 10 : 1);
      const bytes = random.below(80) === 0 ? Math.floor(largeBytes) : random.below(100);
      version = node.cache.set(
        key,
        new Uint8Array(bytes).fill(65 + random.below(26)),
        random.below(65536),
        0,
      );
    } else if (dice < 199) {
      version = node.cache.delete(key);
    } else {
      node.cache.flush();
    }
    const { feed } = cache;
    // What a link does on its own account is done by the first thread, which has it.
    cache.thread = 0;
    if (version === 0) return;
    assert(!this.#versions.has(version), `version ${version} was given twice`);
    this.#versions.add(version);
    const mine = this.#writesOf.get(node) ?? [];
    mine.push({ key, version, position: feed.written, thread });
    this.#writesOf.set(node, mine);
    const writes = (this.#written.get(key) ?? []).filter((write) => write.node !== node && write.node.alive);
    writes.push({ node, version });
    this.#written.set(key, writes);
  }

  /** Of items that end nothing is said but that they end everywhere. */
  #touchOrBrief(node: SimulatedNode, key: string, isBrief: boolean): void {
    const random = this.#random;
    const { cache } = node;
    cache.thread = random.below(cache.feeds.length);
    const end = cache.nowSeconds + BRIEF_SECONDS_MIN + random.below(BRIEF_SECONDS);
    const dice = random.below(10);
    if (isBrief && dice < 5) cache.set(key, new Uint8Array(random.below(100)).fill(97), 0, end);
    else if (isBrief && dice < 6) cache.delete(key);
    else {
      this.#touches++;
      const far = 2000000000 + FAR_SECONDS * random.below(1000);
      cache.touch(key, isBrief && dice < 8 ? end : random.below(3) === 0 ? 0 : far);
    }
    cache.thread = 0;
  }

  /**
   * A client reads a key, and compares with what it, or another one, has read here or elsewhere.
   *
   * @returns what it has stored; version 0: nothing
   */
  #cas(node: SimulatedNode, key: string): Token {
    const random = this.#random;
    const version = node.cache.versionOf(key);
    if (version > 0) this.#tokens.push({ key, version });
    if (this.#tokens.length > TOKENS_MAX) this.#tokens.shift();
    const token = this.#tokens[random.below(Math.max(1, this.#tokens.length))];
    if (token === undefined) return { key, version: 0 };
    const stored = node.cache.cas(token.key, token.version, new Uint8Array(random.below(50)).fill(99));
    if (stored === 0) this.#casRefused++;
    else this.#casStored++;
    return { key: token.key, version: stored };
  }

  #faultStep(): void {
    if (!this.#chaos) return;
    const random = this.#random;
    const host = this.#hosts[random.below(this.#hosts.length)]!;
    const other = this.#hosts[random.below(this.#hosts.length)]!;
    const dice = random.below(12);
    if (dice < 4) this.#network.cut(host, other);
    else if (dice < 5) this.#network.cut();
    else if (dice < 8) {
      this.#network.holdWay(host, other);
      this.#time.after(random.below(4000), () => this.#network.release());
    } else this.#kill(host);
    this.#time.after(100 + random.below(1500), () => this.#faultStep());
  }

  #kill(host: string): void {
    const node = this.#nodes.get(host);
    if (node?.alive !== true || this.#alive().length < 2) return;
    this.#kills++;
    const acknowledged = this.#acknowledgedBy(node);
    node.kill();
    for (const write of acknowledged)
      assert(this.#livesSomewhere(write), `${write.key} had been acknowledged in version ${write.version}`);
    this.#acknowledgedCount += acknowledged.length;
    this.#acknowledged = [...this.#acknowledged, ...acknowledged].filter((write) =>
      this.#livesSomewhere(write),
    );
    const leaves = this.#random.below(3) === 0 && this.#hosts.length - this.#left.size > HOSTS_MIN - 1;
    if (leaves) this.#left.add(host);
    else this.#time.after(this.#random.below(1500), () => this.#start(host));
  }

  /** The writes of a node that a peer says it has, of those that have everything. */
  #acknowledgedBy(node: SimulatedNode): Write[] {
    const positions = node.cache.feeds.map(() => 0);
    for (const link of node.peers.links) {
      const isAlive = this.#alive().some((other) => other.peers.nodeId === link.peer?.nodeId);
      if (!link.countsForAcks || !isAlive) continue;
      for (const [thread, position] of link.acknowledged.entries())
        positions[thread] = Math.max(positions[thread] ?? 0, position);
    }
    return (this.#writesOf.get(node) ?? []).filter(
      ({ position, thread }) => position <= (positions[thread] ?? 0),
    );
  }

  #livesSomewhere({ key, version }: Write): boolean {
    return this.#alive().some(
      ({ cache }) => Math.max(cache.versionOf(key), cache.flushState().threshold) >= version,
    );
  }

  #check(): void {
    const nodes = this.#alive();
    assert(nodes.length >= HOSTS_MIN - 1, `${nodes.length} nodes in the end`);
    const [first] = nodes;
    assert(first !== undefined, 'a node lives');
    for (const node of nodes) {
      assert(node.failure === '' && node.isReady, `a node is not ready in the end: ${node.failure}`);
      assert(node.cache.locked === 0 && node.cache.reserved === 0, 'nothing is left locked or half');
      const { openLinks } = node.peers;
      assert(openLinks.length === nodes.length - 1, `${openLinks.length} links in the end`);
      assert(node.peers.isInSync && node.peers.missingMs === 0, 'a node is not in sync in the end');
      for (const link of openLinks) assert(link.isComplete && !link.hasWork, 'something was left unsent');
      // Of a touch that came sooner than its item and was forgotten before the item came nobody knows.
      const aheadMs = this.#stampsMax > KEYS ? node.skewMs - first.skewMs : null;
      assertEqualCopies(first.cache, node.cache, aheadMs);
      for (const { key, version } of this.#acknowledged) {
        const kept = Math.max(node.cache.versionOf(key), node.cache.flushState().threshold);
        assert(kept >= version, `${key} had been acknowledged in version ${version} and is ${kept}`);
      }
      for (const [key, writes] of this.#written) {
        for (const write of writes) {
          const kept = Math.max(node.cache.versionOf(key), node.cache.flushState().threshold);
          assert(
            !write.node.alive || kept >= write.version,
            `${key} fell back from version ${write.version} to ${kept}`,
          );
        }
      }
    }
    assert(new Set(nodes.map((node) => node.cache.nodeSlot)).size === nodes.length, 'two have one slot');
  }
}
