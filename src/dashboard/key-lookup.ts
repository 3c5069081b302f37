import type { ServiceStatus } from '../checks/cluster-status.ts';
import type { ServerAccess } from '../net/server-door.ts';
import { askServer } from '../net/server-exchange.ts';

/** As memcached has it. */
export const LOOKUP_KEY_BYTES_MAX = 250;

/** Nodes and proxies that one lookup asks at most. */
export const LOOKUP_NODES_MAX = 64;
const LOOKUP_PROXIES_MAX = 32;

const ANSWER_TIMEOUT_MS = 1500;

/** What one node has of a key. */
export interface LookupNode {
  readonly service: string;
  readonly group: string;
  /** `found`, `missing`, or `unknown` when the node did not answer, or not as a node does. */
  readonly state: 'found' | 'missing' | 'unknown';
  /** Of the value, in bytes; null unless found, as all that follows. */
  readonly bytes: number | null;
  readonly flags: number | null;
  /** Seconds that are left; -1: for ever. */
  readonly secondsLeft: number | null;
  /** The item's version, which is its cas id: twins that have the same one have the same value. Too long for a number of JSON. */
  readonly version: string | null;
  /** Since it was last read or written. */
  readonly idleSeconds: number | null;
  readonly wasRead: boolean | null;
  /** Marked as stale by a meta delete. */
  readonly isStale: boolean | null;
}

/** What a proxy says of the way of a key. */
export interface LookupHop {
  readonly proxy: string;
  /** Which of its pools says so; null where it has one address. */
  readonly pool: string | null;
  /** In the order in which they are tried: names of services, or addresses of servers that are none of ours. */
  readonly servers: readonly string[];
}

/**
 * `equal`: each node of the group has it, in the same version. `partial`: some of them have it. `different`: they have different versions, which lasts
 * as long as the lag. `nowhere`: no node that answered has it. `unknown`: a node of the group did not answer.
 */
export type LookupVerdict = 'equal' | 'partial' | 'different' | 'nowhere' | 'unknown';

export interface LookupResult {
  readonly key: string;
  readonly verdict: LookupVerdict;
  /** The group where the proxies look for it; null when no proxy could say. */
  readonly group: string | null;
  readonly hops: readonly LookupHop[];
  readonly nodes: readonly LookupNode[];
}

/** Why a text is no key, or null when it is one. */
export function keyObjection(key: string): string | null {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0) return 'Give a key.';
  if (bytes > LOOKUP_KEY_BYTES_MAX)
    return `A key has at most ${LOOKUP_KEY_BYTES_MAX} bytes; this one has ${bytes}.`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return /[\x00-\x20\x7f]/.test(key) ? 'A key has no blanks and no control characters.' : null;
}

/**
 * Finds where a key lies: asks the proxies which way it takes, and every node whether it has it. Nodes are asked in a way that moves nothing: neither the
 * order of eviction nor the time of the last access change, but the node counts a get.
 *
 * @param key one without objection
 * @param accessTo what a node wants before it answers
 */
export async function lookUp(
  key: string,
  services: readonly ServiceStatus[],
  accessTo: (service: string) => ServerAccess | undefined = () => undefined,
): Promise<LookupResult> {
  const nodes = services.filter(({ role }) => role === 'node').slice(0, LOOKUP_NODES_MAX);
  const [hops, answers] = await Promise.all([
    followProxies(key, services),
    Promise.all(nodes.map((node) => askNode(key, node, accessTo(node.name)))),
  ]);
  const group = groupOf(hops, services, answers);
  return { key, verdict: verdictOf(answers, group), group, hops, nodes: answers };
}

/** From the proxies that no other one sends to, on to those that they name. */
async function followProxies(key: string, services: readonly ServiceStatus[]): Promise<LookupHop[]> {
  const proxies = services.filter(({ role }) => role === 'proxy');
  const inner = new Set(proxies.flatMap(({ sendsTo }) => sendsTo));
  const hops: LookupHop[] = [];
  const asked: Set<string> = new Set();
  let wave = proxies.filter(({ name }) => !inner.has(name));
  while (wave.length > 0 && hops.length < LOOKUP_PROXIES_MAX) {
    const now = wave.slice(0, LOOKUP_PROXIES_MAX - hops.length);
    for (const { name } of now) asked.add(name);
    const found = (await Promise.all(now.map((proxy) => askProxy(key, proxy, services)))).flat();
    hops.push(...found);
    const next = new Set(found.flatMap(({ servers }) => servers));
    wave = proxies.filter(({ name }) => next.has(name) && !asked.has(name));
  }
  return hops;
}

/** Each of its pools has a way of its own. @returns without those that do not say */
async function askProxy(
  key: string,
  { name, address, pools }: ServiceStatus,
  services: readonly ServiceStatus[],
): Promise<LookupHop[]> {
  const asked =
    pools.length === 0
      ? [{ pool: null, address }]
      : pools.map((one) => ({ pool: one.name, address: one.address }));
  const hops = await Promise.all(
    asked.map(async ({ pool, address: at }) => {
      const servers = await wayBehind(key, at, services);
      return servers === null ? null : { proxy: name, pool, servers };
    }),
  );
  return hops.filter((hop) => hop !== null);
}

/** What the proxy at an address would ask for a key; null when it does not say. */
async function wayBehind(
  key: string,
  at: string,
  services: readonly ServiceStatus[],
): Promise<readonly string[] | null> {
  const question = `__twincached__.route(get,${Buffer.from(key).toString('latin1')})`;
  // The question is a key itself.
  if (question.length > LOOKUP_KEY_BYTES_MAX) return null;
  const answer = await askServer(
    at,
    `get ${question}\r\n`,
    (text) => /(^|\r\n)(END|ERROR|(CLIENT|SERVER)_ERROR [^\r]*)\r\n$/.test(text),
    ANSWER_TIMEOUT_MS,
  );
  const value = /^VALUE \S+ \d+ \d+\r\n([\s\S]*)\r\nEND\r\n$/.exec(answer ?? '')?.[1] ?? '';
  const addresses = value.split('\r\n').filter((line) => line !== '' && !line.startsWith('ERROR'));
  if (addresses.length === 0) return null;
  return addresses.map(
    (address) =>
      services.find((service) => service.address === address || bracketed(service.address) === address)
        ?.name ?? address,
  );
}

/** `::1:11211` as proxies write it: `[::1]:11211`. */
function bracketed(address: string): string {
  const colon = address.lastIndexOf(':');
  return `[${address.slice(0, colon)}]${address.slice(colon)}`;
}

/** The group of the first node that the way leads to; where pools lead to several, of the first that has the key. */
function groupOf(
  hops: readonly LookupHop[],
  services: readonly ServiceStatus[],
  nodes: readonly LookupNode[],
): string | null {
  const byName = new Map(services.map((service) => [service.name, service]));
  const groups = hops.flatMap(({ servers }) =>
    servers.flatMap((server) => {
      const service = byName.get(server);
      return service?.role === 'node' ? [service.group] : [];
    }),
  );
  const holders = new Set(nodes.filter(({ state }) => state === 'found').map(({ group }) => group));
  return groups.find((group) => holders.has(group)) ?? groups[0] ?? null;
}

async function askNode(
  key: string,
  node: ServiceStatus,
  access: ServerAccess | undefined,
): Promise<LookupNode> {
  const request = `mg ${Buffer.from(key).toString('latin1')} s t f c h l u\r\n`;
  const answer = await askServer(
    node.address,
    request,
    (text) => text.endsWith('\r\n'),
    ANSWER_TIMEOUT_MS,
    access,
  );
  return { service: node.name, group: node.group, ...readMetaGet(answer ?? '') };
}

/** What an answer to `mg KEY s t f c h l u` says. */
export function readMetaGet(answer: string): Omit<LookupNode, 'service' | 'group'> {
  const isFound = answer.startsWith('HD ');
  const words = isFound ? answer.trimEnd().split(' ').slice(1) : [];
  const word = (flag: string): string | null =>
    words.find((one) => one.startsWith(flag) && one.length > 1)?.slice(1) ?? null;
  const number = (flag: string): number | null => {
    const text = word(flag);
    return text === null || !Number.isFinite(Number(text)) ? null : Number(text);
  };
  return {
    state: isFound ? 'found' : answer === 'EN\r\n' ? 'missing' : 'unknown',
    bytes: number('s'),
    flags: number('f'),
    secondsLeft: number('t'),
    version: word('c'),
    idleSeconds: number('l'),
    wasRead: isFound ? word('h') === '1' : null,
    isStale: isFound ? words.includes('X') : null,
  };
}

/** @param group where it should be; null: wherever it is */
export function verdictOf(nodes: readonly LookupNode[], group: string | null): LookupVerdict {
  const holder = nodes.find(({ state }) => state === 'found')?.group;
  const home = group ?? holder ?? null;
  const members = nodes.filter((node) => home === null || node.group === home);
  if (members.every(({ state }) => state === 'missing')) return 'nowhere';
  const found = members.filter(({ state }) => state === 'found');
  if (new Set(found.map(({ version }) => version)).size > 1) return 'different';
  if (members.some(({ state }) => state === 'unknown')) return 'unknown';
  return found.length === members.length ? 'equal' : 'partial';
}
