/** What a pool of a native configuration means: its servers, its settings, and how keys are placed on them. */
import { parseEndpoint } from '../net/addresses.ts';
import type { EjectionRules } from '../routing/ejecting-distribution.ts';
import type { RoutingSettings } from '../routing/settings.ts';
import type { RouteTree, ShardPlacement } from '../routing/tree-plan.ts';
import { ConfigurationMistake } from './configuration-mistake.ts';
import { milliseconds, sizeBytes } from './configuration-quantities.ts';
import {
  EJECT_DEFAULT,
  type EjectEntry,
  type PlacementEntry,
  type PoolEntry,
  type PoolSettingsEntry,
  type ServerEntry,
} from './configuration-schema.ts';
import type { ProxyServer } from './options.ts';
import type { ServerAccess } from './server-access.ts';

const SERVER_PORT_DEFAULT = 11211;
const HASH_DEFAULT = 'fnv1a_64';
const DISTRIBUTION_DEFAULT = 'ketama';

/** A server as its pool knows it. */
export type PoolServer = ProxyServer & { readonly weight: number; readonly name: string };

/** A pool's servers, with the positions of the connections of each in the list of all servers. */
export interface PlacedServers {
  readonly entry: PoolEntry;
  readonly servers: readonly PoolServer[];
  readonly connections: readonly (readonly number[])[];
}

/** Keys spread over the servers of a pool. @param own what the route itself says of the placement */
export function shardOver(
  { entry, servers, connections }: PlacedServers,
  own: PlacementEntry,
  defaults: PlacementEntry,
): RouteTree {
  return {
    type: 'shard',
    ...placement(own, entry, defaults),
    children: servers.map(({ name, weight }, index) => ({
      name,
      weight,
      route: { type: 'server', connections: connections[index] ?? [] },
    })),
  };
}

/** The first of them that says something counts. */
export function placement(
  own: PlacementEntry,
  pool: PlacementEntry,
  defaults: PlacementEntry,
): ShardPlacement & { readonly ejection?: EjectionRules } {
  const eject = own.eject ?? pool.eject ?? defaults.eject;
  return {
    ...(eject === undefined ? {} : { ejection: ejectionOf(eject) }),
    hash: own.hash ?? pool.hash ?? defaults.hash ?? HASH_DEFAULT,
    distribution: own.distribution ?? pool.distribution ?? defaults.distribution ?? DISTRIBUTION_DEFAULT,
    hashTag: own['hash-tag'] ?? pool['hash-tag'] ?? defaults['hash-tag'] ?? null,
    stopMark: own['stop-mark'] ?? pool['stop-mark'] ?? defaults['stop-mark'] ?? null,
  };
}

function ejectionOf({ failures, retry }: EjectEntry): EjectionRules {
  return {
    failureLimit: failures ?? EJECT_DEFAULT.failures,
    retryMs: milliseconds(retry ?? EJECT_DEFAULT.retry) ?? 0,
    probes: true,
    needsOthers: true,
  };
}

/**
 * `HOST:PORT*WEIGHT`, or the same in parts. As in twemproxy, a name without a port stands for one with 11211.
 *
 * @param path where it stands in the file
 * @throws ConfigurationMistake
 */
export function serverOf(
  entry: ServerEntry,
  path: readonly PropertyKey[],
  access: ServerAccess = {},
): PoolServer {
  const whole = typeof entry === 'string' ? entry : entry.address;
  const [, address = '', weightText] = /^(.*?)(?:\*(\d{1,6}))?$/.exec(whole.trim()) ?? [];
  const endpoint = parseEndpoint(address);
  if (endpoint.kind === 'mistake' || (endpoint.kind === 'tcp' && /^\*?$/.test(endpoint.host)))
    throw new ConfigurationMistake(
      path,
      `"${whole}" is no server${endpoint.kind === 'mistake' ? `: ${endpoint.reason}` : ''}; write HOST:PORT, and *WEIGHT behind it if it has one`,
    );
  const port = endpoint.kind === 'unix' ? 0 : (endpoint.port ?? SERVER_PORT_DEFAULT);
  if (endpoint.kind === 'tcp' && port === 0)
    throw new ConfigurationMistake(
      path,
      `"${whole}" has the port 0; write the port that the server listens on`,
    );
  const weight = (typeof entry === 'string' ? undefined : entry.weight) ?? Number(weightText ?? 1);
  if (weight < 1)
    throw new ConfigurationMistake(
      path,
      `"${whole}" has the weight 0; write at least 1, or leave the server out`,
    );
  const host = endpoint.kind === 'unix' ? endpoint.path : endpoint.host;
  const name = (typeof entry === 'string' ? undefined : entry.name) ?? address;
  return { host, port, text: address, name, weight, ...access };
}

/** The settings that a pool says itself, or else `defaults`; what neither says is left out. */
export function poolSettings(own: PoolSettingsEntry, defaults: PoolSettingsEntry): Partial<RoutingSettings> {
  const health = { ...defaults.health, ...own.health };
  const set = (name: keyof RoutingSettings, value: number | undefined): Partial<RoutingSettings> =>
    value === undefined ? {} : { [name]: value };
  const bytes = own['queue-bytes'] ?? defaults['queue-bytes'];
  return {
    // Unlike magent's, which has no word for it.
    flapWindowMs: milliseconds(health['flap-window'] ?? '10s') ?? 0,
    ...set('requestTimeoutMs', milliseconds(own['request-timeout'] ?? defaults['request-timeout'])),
    ...set('connectTimeoutMs', milliseconds(own['connect-timeout'] ?? defaults['connect-timeout'])),
    ...set('returnWaitMs', milliseconds(own['return-wait'] ?? defaults['return-wait'])),
    ...set('queueCallsMax', own['queue-calls'] ?? defaults['queue-calls']),
    ...set('queueBytesMax', bytes === undefined ? undefined : sizeBytes(bytes)),
    ...set('backoffMsMin', milliseconds(health['pause-min'])),
    ...set('backoffMsMax', milliseconds(health['pause-max'])),
    ...set('flapBackoffMsMax', milliseconds(health['flap-pause-max'])),
    ...set('failOpenShare', health['fail-open']),
  };
}
