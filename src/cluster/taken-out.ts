/** Nodes that an operator has taken out of proxies: they are asked no more, though they may serve. */
import { StartError } from '../base/start-error.ts';
import { hostAndPort } from '../net/addresses.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { type PlacedProxy, type PlacedShard, type PlacedTwin, targetsOf } from './placed-services.ts';
import type { TakenOut } from './proxy-configuration.ts';

export interface OutRequest {
  readonly action: 'take-out' | 'put-back';
  readonly node: string;
  /** Null: all that run here. */
  readonly proxy: string | null;
}

export interface OutChange {
  readonly out: TakenOut;
  /** Names of those that are to be told. */
  readonly proxies: readonly string[];
  /** Those that are asked from now on instead of the node; null: it is asked again. */
  readonly standIns: readonly PlacedTwin[] | null;
}

/**
 * What becomes of proxies when a node is taken out of them, or put back.
 *
 * @param here names of the proxies that this monitor runs
 * @throws StartError when it cannot be done: no such names, or nobody would be left to ask
 */
export function changeOut(
  { shards, proxies }: ClusterDescription,
  here: ReadonlySet<string>,
  out: TakenOut,
  { action, node, proxy: wanted }: OutRequest,
): OutChange {
  const shard = shards.find(({ twins }) => twins.some(({ name }) => name === node));
  const twin = shard?.twins.find(({ name }) => name === node);
  if (shard === undefined || twin === undefined) throw new StartError(`there is no node named ${node}`);
  if (wanted !== null && !here.has(wanted)) throw new StartError(`no proxy named ${wanted} runs here`);
  const senders = proxies.filter((proxy) => here.has(proxy.name) && sendsTo(proxy, shard));
  const chosen = senders.filter(({ name }) => wanted === null || name === wanted);
  if (chosen.length === 0)
    throw new StartError(
      `${wanted ?? 'no proxy that runs here'} sends ${wanted === null ? '' : 'no '}requests to ${node}`,
    );
  const address = addressOf(twin);
  const changed = chosen.filter(
    ({ name }) => (out.get(name)?.has(address) === true) === (action === 'put-back'),
  );
  if (changed.length === 0)
    throw new StartError(
      `${node} ${action === 'put-back' ? 'is asked already' : 'is out already'} as far as ${chosen.map(({ name }) => name).join(', ')} can tell`,
    );
  const next = new Map(out);
  for (const { name } of changed) {
    const addresses = new Set(next.get(name));
    if (action === 'put-back') addresses.delete(address);
    else addresses.add(address);
    if (action === 'take-out' && shard.twins.every((other) => addresses.has(addressOf(other))))
      throw new StartError(
        shard.twins.length === 1
          ? `${node} has no twin, so nobody could be asked for its keys`
          : `${name} would have nobody to ask for the keys of ${shard.name}; put ${shard.twins
              .filter((other) => other !== twin)
              .map((other) => other.name)
              .join(' or ')} back first`,
      );
    if (addresses.size === 0) next.delete(name);
    else next.set(name, addresses);
  }
  const standIns =
    action === 'put-back'
      ? null
      : shard.twins.filter((other) =>
          changed.some(({ name }) => next.get(name)?.has(addressOf(other)) !== true),
        );
  return { out: next, proxies: changed.map(({ name }) => name), standIns };
}

/** The proxy that would have nobody to ask if a node were away; null: none would. */
export function dependsOnlyOn(
  { shards }: ClusterDescription,
  out: TakenOut,
  node: string,
): { readonly proxy: string; readonly others: readonly string[] } | null {
  const shard = shards.find(({ twins }) => twins.some(({ name }) => name === node));
  if (shard === undefined || shard.twins.length < 2) return null;
  const others = shard.twins.filter(({ name }) => name !== node);
  for (const [proxy, addresses] of out)
    if (others.every((other) => addresses.has(addressOf(other))))
      return { proxy, others: others.map(({ name }) => name) };
  return null;
}

/**
 * What is out still when another file is taken over: nodes that it has, of proxies that it has. A proxy by another name is the same where it has the
 * address of one that is gone. Where nobody of a shard would be left to ask, nobody of it is out.
 */
export function outAfter(out: TakenOut, before: ClusterDescription, after: ClusterDescription): TakenOut {
  const kept = new Map<string, ReadonlySet<string>>();
  for (const proxy of after.proxies) {
    const { name } = proxy;
    const isSame = before.proxies.some((other) => other.name === name);
    const nameBefore = isSame
      ? name
      : before.proxies.find((other) => addressOf(other) === addressOf(proxy))?.name;
    const wasOut = out.get(nameBefore ?? name);
    if (wasOut === undefined) continue;
    const addresses = targetsOf(proxy).flatMap((target) => {
      if (target.kind !== 'shard') return [];
      const all = target.twins.map(addressOf);
      const left = all.filter((address) => wasOut.has(address));
      return left.length < all.length ? left : [];
    });
    if (addresses.length > 0) kept.set(name, new Set(addresses));
  }
  return kept;
}

function sendsTo(proxy: PlacedProxy, shard: PlacedShard): boolean {
  return targetsOf(proxy).includes(shard);
}

function addressOf({ address, port }: PlacedTwin | PlacedProxy): string {
  return hostAndPort(address, port);
}
