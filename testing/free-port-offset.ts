import { localPlan } from '../src/cluster/plan.ts';
import { busyPorts } from '../src/cluster/port-check.ts';

/**
 * An offset at which every port of the built-in cluster is free now. Stays below the ports that the kernel hands out to
 * clients, which come and go.
 */
export async function freePortOffset(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const portOffset = 3000 + Math.floor(Math.random() * 17_000);
    const plan = localPlan({ command: [], nodeMemoryMib: 1, portOffset, pagePort: null, asRoot: false });
    if ((await busyPorts(plan)).length === 0) return portOffset;
  }
  throw new Error('no port offset is free');
}
