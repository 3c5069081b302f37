import { TWINCACHED_VERSION } from '../base/version.ts';
import type { ClusterOperation } from '../checks/cluster-operation.ts';
import type { ClusterControl, ClusterState, ServiceStatus } from '../checks/cluster-status.ts';
import type { LogEvent } from '../checks/event-log.ts';
import type { KeyMove, LeftKeys } from '../checks/key-moves.ts';

/** All that the page shows, but for the log, and what it asks for by itself: charts, slabs, keys. */
export interface PageSnapshot {
  readonly version: string;
  readonly cluster: string;
  readonly state: ClusterState;
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: number;
  readonly uptimeSeconds: number;
  readonly services: readonly ServiceStatus[];
  /** By shard the twin that the proxies ask first. */
  readonly serving: Readonly<Record<string, string>>;
  /** Keys that are on their way, and what they have left behind. */
  readonly keyMoves: readonly KeyMove[];
  readonly leftKeys: readonly LeftKeys[];
  /** The order to the cluster that is being carried out, or was last. */
  readonly operation: ClusterOperation | null;
}

/** What a page begins with; from then on the stream tells of changes. */
export interface PageBeginning {
  readonly snapshot: PageSnapshot;
  /** Oldest first. */
  readonly log: readonly LogEvent[];
  /** Whether orders to the whole cluster can be given. */
  readonly takesOrders: boolean;
}

/** What the page shows, without what only programs ask for. */
export function pageSnapshot(control: ClusterControl): PageSnapshot {
  const { events: _, output: __, ...status } = control.status();
  return { version: TWINCACHED_VERSION, ...status };
}
