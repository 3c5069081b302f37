import assert from 'node:assert/strict';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { type LinkSafety, UNGUARDED } from '../../src/replication/link-safety.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedNode } from './simulated-node.ts';
import { VirtualTime } from './virtual-time.ts';

export const PORT = 11212;
export const READY_MS_MAX = 5000;

/** A network without faults of its own, for tests that arrange what happens. */
export class SimulatedWorld {
  readonly time: VirtualTime = new VirtualTime();
  readonly random: Random = seededRandom(42);
  readonly network: SimulatedNetwork = new SimulatedNetwork(this.time, this.random, {
    delayMsMax: 0.2,
    windowBytes: 100000,
  });

  /** What the links of all nodes are guarded by. */
  safety: LinkSafety = UNGUARDED;

  node(host: string, peerHosts: readonly string[]): SimulatedNode {
    const options = {
      host,
      port: PORT,
      peerHosts,
      feedCapacity: 1000,
      readyMsMax: READY_MS_MAX,
      safety: this.safety,
    };
    return new SimulatedNode(this.network, this.random, options);
  }

  start(host: string, peerHosts: readonly string[]): SimulatedNode {
    const node = this.node(host, peerHosts);
    node.start();
    return node;
  }

  /** Two nodes that dial each other, linked and equal. */
  pair(): readonly [SimulatedNode, SimulatedNode] {
    const [a, b] = [this.start('a', ['b']), this.start('b', ['a'])];
    this.run(2000);
    assertLinked(a, b);
    return [a, b];
  }

  run(ms: number): void {
    this.time.run(this.time.nowMs + ms);
  }
}

/** The two have one link, to each other, different node slots, and the same items. */
export function assertLinked(a: SimulatedNode, b: SimulatedNode): void {
  for (const node of [a, b]) assert.equal(node.peers.openLinks.length, 1, node.messages.join('\n'));
  assert.equal(a.peers.openLinks[0]!.peer?.nodeId, b.peers.nodeId);
  assert.notEqual(a.cache.nodeSlot, b.cache.nodeSlot);
  assert.deepEqual(a.cache.snapshot(), b.cache.snapshot());
}
