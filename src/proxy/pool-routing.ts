import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { PlacedServer } from '../hashing/index.ts';
import { MAGENT_MANNER, NUTCRACKER_MANNER } from '../routing/client-manner.ts';
import {
  KETAMA_8BIT_PLACEMENT,
  KETAMA_PLACEMENT,
  MODULO_PLACEMENT,
  magentPlan,
  type Placement,
} from '../routing/magent-plan.ts';
import { nutcrackerPlan } from '../routing/nutcracker-plan.ts';
import type { Routing } from '../routing/router.ts';
import { ServerRecords } from '../routing/server-records.ts';
import { ROUTING_SETTINGS_DEFAULT } from '../routing/settings.ts';
import { treePlan } from '../routing/tree-plan.ts';
import type { MagentRouting, NutcrackerRouting, ProxyPool, ProxyServer } from './options.ts';
import type { ThreadPool } from './thread-messages.ts';

const MAGENT_PLACEMENTS: Readonly<Record<MagentRouting['distribution'], Placement>> = {
  modulo: MODULO_PLACEMENT,
  ketama: KETAMA_PLACEMENT,
  'ketama-8bit': KETAMA_8BIT_PLACEMENT,
};

/**
 * How a pool is routed, from its options.
 *
 * @param more lines of `stats` that a tree does not know
 * @param threadIndex of the data thread
 */
export function poolRouting(
  { pool, records }: ThreadPool,
  more: () => readonly string[],
  threadIndex: number,
): Routing {
  const { routing } = pool;
  const settings = { ...ROUTING_SETTINGS_DEFAULT, ...pool.timeouts };
  const shared = { settings, records: new ServerRecords(records), facts: factsOf(pool, threadIndex) };
  if (routing.kind === 'nutcracker') {
    const { twinOf = [] } = routing;
    const shards = pool.servers.slice(0, pool.servers.length - twinOf.length);
    const nutcracker = { ...routing, twinOf, servers: shards.map(placedServer) };
    return {
      ...shared,
      servers: connectionNames(pool, routing),
      manner: NUTCRACKER_MANNER,
      plan: (destinations, context) => nutcrackerPlan(destinations, nutcracker, context),
    };
  }
  if (routing.kind === 'tree') {
    // One record for all servers of a group: that is how a router knows them as one.
    const groups = routing.settings.map((changed) => ({ ...settings, ...changed }));
    const returnWaitMs = Math.max(...groups.map((group) => group.returnWaitMs), 0);
    return {
      ...shared,
      settings: { ...settings, returnWaitMs },
      servers: pool.servers.map((server) => addressName(server)),
      dialledAs: pool.servers.map(({ tls }) => (tls === undefined ? '' : digest(JSON.stringify(tls)))),
      serverSettings: routing.settingsOf.map((group) => groups[group] ?? settings),
      manner: { ...MAGENT_MANNER, flush: routing.allowsFlush ? 'everywhere' : 'refused' },
      plan: (destinations, context) => treePlan(destinations, routing.tree, context, more),
    };
  }
  const placement = MAGENT_PLACEMENTS[routing.distribution];
  const weights = pool.servers.map(({ weight }) => weight ?? 1);
  return {
    ...shared,
    servers: pool.servers.map(addressName),
    manner: MAGENT_MANNER,
    plan: (destinations, context) =>
      magentPlan(destinations, routing.mains, placement, context, weights, routing.hotKeys),
  };
}

/** In the place of certificates and keys, which are long. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** What admin keys tell of a pool. */
function factsOf(pool: ProxyPool, threadIndex: number): ReadonlyMap<string, string> {
  return new Map([
    ['hostid', hostname()],
    ['thread', `${threadIndex}`],
    ['pools', `${pool.name}: ${pool.servers.map(({ text }) => text).join(' ')}`],
    ['options', JSON.stringify(pool.timeouts)],
  ]);
}

/** How many connections there are to each server of a pool. */
export function connectionsEach({ routing }: ProxyPool): number {
  return routing.kind === 'nutcracker' ? routing.serverConnections : 1;
}

/** Each server as often as there are connections to it. */
function connectionNames(pool: ProxyPool, { serverConnections }: NutcrackerRouting): string[] {
  return pool.servers.flatMap((server) =>
    Array.from({ length: serverConnections }, () => `${server.host}:${server.port}`),
  );
}

function placedServer({ name, text, weight }: ProxyServer): PlacedServer {
  return { name: name ?? text, weight: weight ?? 1 };
}

/** The address as typed, and the port in any case. */
function addressName({ text, port }: ProxyServer): string {
  const bare = text.startsWith('[') ? text.slice(0, text.indexOf(']') + 1) : text;
  const colon = bare.indexOf(':');
  const host =
    colon < 0 || colon !== bare.lastIndexOf(':') || bare.startsWith('[') ? bare : bare.slice(0, colon);
  return `${host}:${port}`;
}
