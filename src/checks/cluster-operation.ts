/*
 * What an operator may ask of a running cluster as a whole, and what is told of it while it is done. Plain data: the monitor's page takes the
 * orders, `src/cluster` carries them out, /status.json says how far they are.
 */

export const CLUSTER_ACTIONS = [
  'reload',
  'rolling-restart',
  'switchover',
  'take-out',
  'put-back',
  'down',
] as const;
export type ClusterAction = (typeof CLUSTER_ACTIONS)[number];

export type ClusterOrder =
  | {
      /** The cluster file is read again, and what has changed is carried out. */
      readonly action: 'reload';
      /** Only say what would be done. */
      readonly dryRun: boolean;
    }
  | {
      /** Services are started anew, one after the other, each when the one before serves and is in sync. */
      readonly action: 'rolling-restart';
      /** Services or shards; none: all services. */
      readonly names: readonly string[];
      /** Also nodes whose items nobody else has. */
      readonly force: boolean;
    }
  | {
      /** The proxies ask another twin of a shard first from now on. */
      readonly action: 'switchover';
      readonly shard: string;
      /** The twin; null: the next one of the shard. */
      readonly to: string | null;
    }
  | {
      /** Proxies ask a node no more, though it may serve; or do so again. */
      readonly action: 'take-out' | 'put-back';
      readonly node: string;
      /** Null: all of this monitor. */
      readonly proxy: string | null;
    }
  | {
      /** Everything is stopped, and the monitor ends. */
      readonly action: 'down';
    };

/** Steps of one operation that are kept. */
export const OPERATION_LINES_MAX = 200;

/** Something that takes a while: under way, or the last one that was. */
export interface ClusterOperation {
  /** Grows by one with each operation of this monitor, from 1. */
  readonly id: number;
  readonly action: ClusterAction;
  /** Who asked for it, and whence. */
  readonly by: string;
  /** Wall clock, milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Null while it is under way. */
  readonly endedAtMs: number | null;
  readonly state: 'under-way' | 'done' | 'failed';
  readonly stepsDone: number;
  /** As far as it is known. */
  readonly stepsTotal: number;
  /** What is being done or waited for; at the end the outcome. */
  readonly text: string;
  /** What has been done so far, oldest first; the last OPERATION_LINES_MAX. */
  readonly lines: readonly string[];
  /** How many lines there were before these. */
  readonly linesBefore: number;
}

export type OrderAnswer =
  /** It goes on by itself; `ClusterStatus.operation` tells how far it is. */
  | { readonly kind: 'begun'; readonly operation: ClusterOperation }
  /** A dry run: what would be done, a line each. */
  | { readonly kind: 'plan'; readonly lines: readonly string[] }
  /** Nothing is done. @param reason a line for each thing that is in the way */
  | { readonly kind: 'refused'; readonly reason: string };

/** Who carries out orders. */
export interface ClusterOperations {
  /**
   * @param by who asks, and whence, for the log
   * @returns as soon as it is known whether it can be done
   */
  order(order: ClusterOrder, by: string): Promise<OrderAnswer>;
}
