import { COALESCE_DEFAULT, CoalesceRoute } from './coalesce.ts';
import { HOT_KEY_FIGURE, type HotKeyFigures } from './hot-key-figures.ts';
import { HotKeyRoute } from './hot-key-route.ts';
import { NEAR_CACHE_DEFAULT, NearCacheRoute } from './near-cache.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';

/** What the drop-in proxies do for hot keys, by option. */
export interface HotKeys {
  /** How long copies are given out; null: there is no near cache. */
  readonly nearCacheMs: number | null;
  readonly coalesces: boolean;
}

/** Handles for hot keys around a whole tree. @returns `root` itself where nothing is wanted */
export function withHotKeys(root: RouteHandle, hotKeys: HotKeys | null, context: RouteContext): RouteHandle {
  if (hotKeys === null) return root;
  const { nearCacheMs, coalesces } = hotKeys;
  const inner = coalesces ? new CoalesceRoute(root, COALESCE_DEFAULT, context) : root;
  if (nearCacheMs === null) return inner;
  return new NearCacheRoute(inner, { ...NEAR_CACHE_DEFAULT, ttlMs: nearCacheMs }, context);
}

const NEAR_CACHE_LINES = [
  ['near_cache_hits', HOT_KEY_FIGURE.nearHits],
  ['near_cache_fills', HOT_KEY_FIGURE.nearFills],
  ['near_cache_invalidations', HOT_KEY_FIGURE.nearInvalidations],
  ['near_cache_evictions', HOT_KEY_FIGURE.nearEvictions],
  ['near_cache_not_admitted', HOT_KEY_FIGURE.nearNotAdmitted],
  ['near_cache_items', HOT_KEY_FIGURE.nearItems],
  ['near_cache_bytes', HOT_KEY_FIGURE.nearBytes],
] as const;

const COALESCE_LINES = [
  ['coalesce_sent', HOT_KEY_FIGURE.coalesceSent],
  ['coalesce_joined', HOT_KEY_FIGURE.coalesceJoined],
  ['coalesce_not_joined', HOT_KEY_FIGURE.coalesceNotJoined],
  ['coalesce_waiting', HOT_KEY_FIGURE.coalesceWaiting],
] as const;

/** What the handles for hot keys of a tree have counted, of all threads, by name; empty where it has none. */
export function hotKeyFigures(root: RouteHandle, figures: HotKeyFigures): [name: string, count: number][] {
  const handles = [...root.walk()].filter((handle) => handle instanceof HotKeyRoute);
  const lines = [
    ...(handles.some((handle) => handle instanceof NearCacheRoute) ? NEAR_CACHE_LINES : []),
    ...(handles.some((handle) => handle instanceof CoalesceRoute) ? COALESCE_LINES : []),
  ];
  return lines.map(([name, figure]) => [name, figures.total(figure)]);
}
