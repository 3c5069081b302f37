import { localCluster } from '../src/cluster/local-cluster.ts';
import type { ClusterPlan } from '../src/cluster/plan.ts';
import { planCluster } from '../src/cluster/planned-cluster.ts';
import { busyPorts } from '../src/cluster/port-check.ts';
import { claimPort } from './port-claims.ts';

/** The built-in cluster's plan with its ports moved, to look at. */
export function movedLocalPlan(portOffset: number): ClusterPlan {
  const description = localCluster({ nodeMemoryMib: 1, portOffset, pagePort: null });
  return planCluster(description, { file: null, host: null, command: [], directory: '' }, new Map());
}

/**
 * An offset at which every port of the built-in cluster is free now, and nobody else's. Stays below the ports that the kernel hands out to
 * clients, which come and go.
 */
export async function freePortOffset(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const portOffset = 3000 + Math.floor(Math.random() * 17_000);
    const plan = movedLocalPlan(portOffset);
    const ports = plan.services.flatMap((service) => service.ports.map(({ port }) => port));
    if (ports.every((port) => claimPort(port)) && (await busyPorts(plan)).length === 0) return portOffset;
  }
  throw new Error('no port offset is free');
}
