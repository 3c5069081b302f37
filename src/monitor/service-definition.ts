import type { ProxyShard, ServiceRole } from '../checks/cluster-status.ts';
import type { ServicePolicy } from '../checks/service-policy.ts';
import type { ServiceRule } from '../checks/service-rules.ts';
import type { ServerPlace } from '../net/server-door.ts';
import type { ProbeTarget } from './probe.ts';

/** Where a node is. */
export interface TwinAddress extends ServerPlace {
  readonly name: string;
}

/** One of several addresses of a proxy. */
export interface PoolDefinition {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly shards: readonly ProxyShard[];
}

/** One process to supervise. Plain data, wherever it comes from. */
export interface ServiceDefinition {
  /** Unique in its cluster; letters, digits, `-`, `_` and `.`. */
  readonly name: string;
  readonly role: ServiceRole;
  /** Services of one group stand in for each other. */
  readonly group: string;
  /** A phrase on its place in the cluster. */
  readonly title: string;
  /** Program and arguments; no shell reads them. */
  readonly argv: readonly string[];
  /** Names of services that are stopped only after this one, because this one sends its requests there. */
  readonly after: readonly string[];
  readonly probe: ProbeTarget;
  readonly policy: ServicePolicy;
  /** What is looked at each time that it is probed; nothing unless given. */
  readonly rules?: readonly ServiceRule[];
  /** Of a node the others that have the same items, wherever they run. */
  readonly twins: readonly TwinAddress[];
  /** Of a proxy where its keys lie; not given: not known. */
  readonly shards?: readonly ProxyShard[];
  /** Of a proxy that serves several addresses all of them, the probed one first; not given: it has one. */
  readonly pools?: readonly PoolDefinition[];
}
