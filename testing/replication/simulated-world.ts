import { type Random, seededRandom } from '../../src/base/random.ts';
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

  node(host: string, peerHosts: readonly string[]): SimulatedNode {
    const options = { host, port: PORT, peerHosts, feedCapacity: 1000, readyMsMax: READY_MS_MAX };
    return new SimulatedNode(this.network, this.random, options);
  }

  start(host: string, peerHosts: readonly string[]): SimulatedNode {
    const node = this.node(host, peerHosts);
    node.start();
    return node;
  }

  run(ms: number): void {
    this.time.run(this.time.nowMs + ms);
  }
}
