/** Whether nodes have what their twins have, by their own words. */
import { probe } from '../monitor/probe.ts';
import type { TwinAddress } from '../monitor/service-definition.ts';
import type { ServerPlace } from '../net/server-door.ts';

/** A node that does not answer within this time counts as one that does not answer. */
const ANSWER_MS_MAX = 2000;

/** What a node says of its copy. */
export interface NodeSync {
  readonly answers: boolean;
  /** By its own word it has all that its twins have. */
  readonly isInSync: boolean;
  /** It has what its twins have, and all that it is linked with have what it has. */
  readonly isLinkedAndInSync: boolean;
  readonly twinsLinked: number;
  /** Twins whose acks it waits for: those that have everything, and have said so. */
  readonly twinsCounted: number;
  /** Of the copies that it gets, so far. */
  readonly itemsReceived: number;
  /** Of the copy that it sends; null when it sends none. */
  readonly percentSent: number | null;
}

const SILENT: NodeSync = {
  answers: false,
  isInSync: false,
  isLinkedAndInSync: false,
  twinsLinked: 0,
  twinsCounted: 0,
  itemsReceived: 0,
  percentSent: null,
};

/** Asks a node how it stands with its twins. Never throws: one that says nothing does not answer. */
export async function askNode(node: ServerPlace): Promise<NodeSync> {
  const result = await probe({ ...node, stats: true }, ANSWER_MS_MAX, 'node');
  if (!result.ok || result.stats === null) return SILENT;
  const { stats } = result;
  let itemsReceived = 0;
  let percentSent: number | null = null;
  for (const [name, value] of stats) {
    if (/^replication_peer_\d+_sync_items_received$/.test(name)) itemsReceived += Number(value);
    const index = /^replication_peer_(\d+)_sync_percent$/.exec(name)?.[1];
    if (index !== undefined && stats.get(`replication_peer_${index}_state`) === 'syncing')
      percentSent = Math.max(percentSent ?? 0, Number(value));
  }
  const isInSync = stats.get('replication_in_sync') === '1';
  return {
    answers: true,
    isInSync,
    isLinkedAndInSync: isInSync && stats.get('replication_state') === 'linked',
    twinsLinked: Number(stats.get('replication_peers') ?? 0),
    twinsCounted: Number(stats.get('replication_acks_peers') ?? 0),
    itemsReceived,
    percentSent,
  };
}

/** How a proxy has its servers, by `HOST:PORT`: `up`, `down` and so on, of the thread that answers; null when it does not say. */
export async function serverStates({
  host,
  port,
}: Pick<TwinAddress, 'host' | 'port'>): Promise<ReadonlyMap<string, string> | null> {
  const result = await probe({ host, port, stats: true }, ANSWER_MS_MAX, 'proxy');
  if (!result.ok || result.stats === null) return null;
  const states = new Map<string, string>();
  for (const [name, value] of result.stats) {
    const index = /^server_(\d+)_name$/.exec(name)?.[1];
    if (index !== undefined) states.set(value, result.stats.get(`server_${index}_state`) ?? '');
  }
  return states;
}

/** Whether a node has what all those of its twins have that answer; and how far it is. */
export interface Readiness {
  readonly isReady: boolean;
  /** Changes while it comes nearer. */
  readonly text: string;
}

/** @param twins all others, wherever they run */
export async function readinessOf(node: ServerPlace, twins: readonly TwinAddress[]): Promise<Readiness> {
  const [own, ...others] = await Promise.all([node, ...twins].map(askNode));
  const alive = others.filter(({ answers }) => answers);
  // It lets nobody in before it has its copy; whoever sends it can be asked.
  const percent = alive.reduce((most, { percentSent }) => Math.max(most, percentSent ?? 0), 0);
  const copy = percent > 0 ? `, ${percent} % of its copy sent` : '';
  if (own === undefined || !own.answers) return { isReady: false, text: `does not answer yet${copy}` };
  if (alive.length === 0) return { isReady: true, text: 'serves' };
  // And that the others know it: until they count on its acks they answer without.
  const isReady =
    own.isLinkedAndInSync &&
    [own, ...alive].every(
      ({ twinsLinked, twinsCounted }) => Math.min(twinsLinked, twinsCounted) >= alive.length,
    );
  if (isReady) return { isReady, text: 'serves, in sync' };
  if (own.isLinkedAndInSync && own.twinsLinked >= alive.length)
    return { isReady, text: 'has everything, and its twins do not count on it yet' };
  return {
    isReady,
    text: `has ${own.twinsLinked} of ${alive.length} twins, ${own.itemsReceived} items copied${copy}`,
  };
}
