/** What a cluster file places, and where: shards, proxies, and the pools that proxies serve. */
import type { ServicePolicy } from '../checks/service-policy.ts';
import type { TwinAddress } from '../monitor/service-definition.ts';
import type { ServerAccess } from '../net/server-door.ts';
import type { EjectEntry } from '../proxy/configuration-schema.ts';
import type { ProxyLimitsEntry } from './watching-schema.ts';

/** One node of a shard. */
export interface PlacedTwin {
  readonly name: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** What it wants before it answers; not given: nothing. */
  readonly access?: ServerAccess;
}

/** Where a twin is, as the monitor has it. */
export function twinAddress({ name, address, port, access }: PlacedTwin): TwinAddress {
  return { name, host: address, port, ...(access === undefined ? {} : { access }) };
}

/** Nodes that each have everything. */
export interface PlacedShard {
  readonly kind: 'shard';
  readonly name: string;
  readonly twins: readonly PlacedTwin[];
  readonly replicationPort: number;
  readonly memoryMib: number;
  readonly threads: number;
  /** Words of a node's command line, those of limits in front. */
  readonly options: readonly string[];
  readonly policy: ServicePolicy;
  /** It is gone from the file, and goes on until its keys have moved. */
  readonly isLeaving?: true;
}

export interface PlacedProxy {
  readonly kind: 'proxy';
  readonly name: string;
  readonly host: string;
  readonly address: string;
  /** Of its first pool. */
  readonly port: number;
  /** At least one; a proxy whose file has no pools is its own, of the same name. */
  readonly pools: readonly PlacedPool[];
  readonly threads: number;
  readonly clients: number;
  readonly title: string;
  readonly limits: ProxyLimitsEntry;
  readonly policy: ServicePolicy;
}

/** A server that is none of the cluster. */
export interface PlacedServer {
  readonly kind: 'server';
  /** Its address as written; keys are placed by it. */
  readonly name: string;
  readonly weight: number;
}

/** What a pool sends to. */
export type Target = PlacedShard | PlacedProxy | PlacedServer;

/** One address for clients, and what stands behind it. */
export interface PlacedPool {
  readonly name: string;
  readonly port: number;
  /** In an order that may decide where keys lie. */
  readonly to: readonly Target[];
  readonly spare: PlacedShard | PlacedProxy | null;
  /** As the configuration of a proxy has it. */
  readonly placement: {
    readonly distribution: string;
    readonly hash?: string;
    readonly 'hash-tag'?: string;
  };
  /** The same, where the file says something. */
  readonly times: { readonly 'request-timeout'?: string; readonly 'return-wait'?: string };
  /** How long values of hot keys are kept, as `100ms`; null: not at all. */
  readonly nearCache: string | null;
  readonly coalesces: boolean;
  /** When what is dead loses its keys to the others, as the configuration of a proxy has it; null: never. */
  readonly eject: EjectEntry | null;
  /** Where keys were that move now; not given: they lie where they lie. */
  readonly move?: PoolMove;
}

/** An old placement, out of which keys are carried over. */
export interface PoolMove extends Pick<PlacedPool, 'to' | 'placement'> {
  /** Seconds since 1970. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** So long after that other proxies may still read in the old placement. */
  readonly tailSeconds: number;
}

/** All that a proxy sends to, each once, spares included, and what keys move away from. */
export function targetsOf({ pools }: Pick<PlacedProxy, 'pools'>): readonly Target[] {
  const targets = pools.flatMap(({ to, spare, move }) => [
    ...to,
    ...(spare === null ? [] : [spare]),
    ...(move?.to ?? []),
  ]);
  // A server that is none of the cluster is the same by its name.
  return [...new Map(targets.map((target) => [target.name, target])).values()];
}
