/** Where near-cache and coalesce may stand in the routes of a file: where they see every write of their keys. */
import { ConfigurationMistake } from './configuration-mistake.ts';
import type { HandleEntry, RouteEntry } from './configuration-schema.ts';

type HotKeyType = 'near-cache' | 'coalesce';

/** A route of the file, and where it stands. */
export interface PlacedRoute {
  readonly route: RouteEntry;
  readonly path: readonly PropertyKey[];
}

/** What stands above a route. */
interface Above {
  /** The types of hot-key routes. */
  readonly hot: readonly HotKeyType[];
  /** One whose other routes may be written past this one. */
  readonly forking: HandleEntry['type'] | null;
}

/** A server that some route leads to. */
interface Reached {
  readonly server: string;
  /** The innermost hot-key route that stands above it, if any. */
  readonly by: { readonly type: HotKeyType; readonly path: readonly PropertyKey[] } | null;
  readonly path: readonly PropertyKey[];
}

/** Routes whose children hold the same keys: what is written to one of them is to be found at another. */
const FORKING: ReadonlySet<HandleEntry['type']> = new Set([
  'mirror',
  'failover',
  'miss-failover',
  'replicate',
  'random',
  'warm-up',
  'migrate',
  'reshard',
  'zone',
] as const);

/**
 * Looks whether each near-cache and coalesce makes sense where it stands: it has servers, sees their keys under the names that they have there, and
 * nothing leads to these servers past all such routes.
 *
 * @param fronts the routes of all fronts, whose shape is good and whose pools exist
 * @param serversOf the addresses of a pool's servers, by its name and, for one of them, theirs
 * @throws ConfigurationMistake
 */
export function checkHotKeyPlaces(
  fronts: readonly PlacedRoute[],
  serversOf: (pool: string, server?: string) => readonly string[],
): void {
  const reached: Reached[] = [];
  for (const { route, path } of fronts)
    walk(route, path, { hot: [], forking: null }, null, reached, serversOf);
  const watched = new Map<string, Reached>();
  for (const one of reached) if (one.by !== null) watched.set(one.server, one);
  for (const one of reached) {
    const other = one.by === null ? watched.get(one.server)?.by : undefined;
    if (other === undefined || other === null) continue;
    throw new ConfigurationMistake(
      one.path,
      `this leads to ${one.server} past the ${other.type} at ${nameOf(other.path)}, which would not see what is written here; write a ${other.type} around both, or here, too`,
    );
  }
}

function walk(
  route: RouteEntry,
  path: readonly PropertyKey[],
  above: Above,
  by: Reached['by'],
  reached: Reached[],
  serversOf: (pool: string, server?: string) => readonly string[],
): void {
  const note = (pool: string, server?: string): void => {
    for (const address of serversOf(pool, server)) reached.push({ server: address, by, path });
  };
  if (typeof route === 'string') {
    note(route);
    return;
  }
  const { type } = route;
  const below = (placed: readonly PlacedRoute[], next: Above, nextBy: Reached['by'] = by): void => {
    for (const child of placed) walk(child.route, child.path, next, nextBy, reached, serversOf);
  };
  if (type === 'near-cache' || type === 'coalesce') {
    refuseBelow(type, path, above);
    const before = reached.length;
    below(childrenOf(route, path), { ...above, hot: [...above.hot, type] }, { type, path });
    if (reached.length === before)
      throw new ConfigurationMistake(path, `there is no server below this ${type}; leave it out`);
    return;
  }
  if (type === 'server') {
    note(route.pool, route.server);
    return;
  }
  const [inside] = above.hot;
  if (type === 'prefix' && route.strip === true && inside !== undefined)
    throw new ConfigurationMistake(
      path,
      `"strip" below a ${inside} gives one item two names there; write the ${inside} below the prefix`,
    );
  if ('pool' in route && route.pool !== undefined) note(route.pool);
  const forks = FORKING.has(type) || type === 'shadow';
  const children = childrenOf(route, path);
  // The first route of a shadow is that of all requests.
  if (type === 'shadow') {
    below(children.slice(0, 1), above);
    below(children.slice(1), { ...above, forking: type });
  } else below(children, forks ? { ...above, forking: type } : above);
}

function refuseBelow(type: HotKeyType, path: readonly PropertyKey[], { hot, forking }: Above): void {
  if (forking === 'shadow')
    throw new ConfigurationMistake(
      path,
      `nobody waits for the answers of a shadow; leave the ${type} out there`,
    );
  if (forking !== null)
    throw new ConfigurationMistake(
      path,
      `a ${type} below ${forking} does not see what the other routes of that are sent; write it around the ${forking}`,
    );
  if (hot.includes(type))
    throw new ConfigurationMistake(path, `this ${type} stands below another one; leave one of them out`);
  if (type === 'near-cache' && hot.length > 0)
    throw new ConfigurationMistake(
      path,
      'a near-cache below coalesce is asked by one get of many only; write the coalesce below the near-cache',
    );
}

/** The routes that a handle names, with their places. */
function childrenOf(entry: HandleEntry, path: readonly PropertyKey[]): PlacedRoute[] {
  const at = (route: RouteEntry | undefined, ...place: PropertyKey[]): PlacedRoute[] =>
    route === undefined ? [] : [{ route, path: [...path, ...place] }];
  const named = (routes: Readonly<Record<string, RouteEntry | undefined>>, place: string): PlacedRoute[] =>
    Object.entries(routes).flatMap(([name, route]) => at(route, place, name));
  switch (entry.type) {
    case 'server':
    case 'null':
    case 'error':
      return [];
    case 'shard':
      return (entry.children ?? []).flatMap(({ route }, index) => at(route, 'children', index, 'route'));
    case 'mirror':
      return [...at(entry.main, 'main'), ...at(entry.backup, 'backup')];
    case 'failover':
    case 'miss-failover':
    case 'replicate':
    case 'random':
      return (entry.children ?? []).flatMap((route, index) => at(route, 'children', index));
    case 'coalesce':
    case 'near-cache':
      return at(entry.route, 'route');
    case 'warm-up':
      return [...at(entry.cold, 'cold'), ...at(entry.warm, 'warm')];
    case 'prefix':
      return [...named(entry.routes, 'routes'), ...at(entry.default, 'default')];
    case 'shadow':
      return [...at(entry.route, 'route'), ...at(entry.shadow, 'shadow')];
    case 'migrate':
    case 'reshard':
      return [...at(entry.from, 'from'), ...at(entry.to, 'to')];
    case 'zone':
      return named(entry.zones, 'zones');
    case 'by-command':
      return [...named(entry.commands, 'commands'), ...at(entry.default, 'default')];
  }
}

/** A place as messages name it: `fronts.b.route`. */
function nameOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}
