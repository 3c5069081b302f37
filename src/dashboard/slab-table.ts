import { openServer, type ServerAccess } from '../net/server-door.ts';
import { addressParts } from '../net/server-exchange.ts';
import { scrapeNode } from '../telemetry/stats-scrape.ts';

const ANSWER_TIMEOUT_MS = 2000;

/** One slab class of a node that has pages. */
export interface SlabClass {
  readonly id: number;
  readonly chunkBytes: number;
  readonly pages: number;
  readonly items: number;
  readonly chunks: number;
  readonly usedChunks: number;
  /** Bytes of the items themselves, without what chunks leave unused. */
  readonly itemBytes: number;
  /** Since the last use of the item that would go next; null when nothing is old. */
  readonly ageSeconds: number | null;
  readonly evicted: number;
  readonly evictedUnfetched: number;
  readonly outOfMemory: number;
}

/**
 * Asks a node for its slab classes, smallest chunks first.
 *
 * @param address `host:port`
 * @param access what it wants before; not given: nothing
 * @returns null when it does not answer
 */
export async function readSlabs(
  address: string,
  access?: ServerAccess,
): Promise<readonly SlabClass[] | null> {
  const [host, port] = addressParts(address);
  if (port === null) return null;
  const place = { host, port, ...(access === undefined ? {} : { access }) };
  const answer = await scrapeNode((ready) => openServer(place, ready), ANSWER_TIMEOUT_MS);
  return answer === null ? null : slabClasses(answer.slabs, answer.items);
}

/** @param slabs, items the lines of `stats slabs` and `stats items` by name */
export function slabClasses(
  slabs: ReadonlyMap<string, string>,
  items: ReadonlyMap<string, string>,
): readonly SlabClass[] {
  const ids = new Set([...slabs.keys()].flatMap((name) => /^(\d+):chunk_size$/.exec(name)?.[1] ?? []));
  const number = (lines: ReadonlyMap<string, string>, name: string): number => {
    const value = Number(lines.get(name) ?? 0);
    return Number.isFinite(value) ? value : 0;
  };
  return [...ids]
    .map((id): SlabClass => {
      const slab = (name: string): number => number(slabs, `${id}:${name}`);
      const item = (name: string): number => number(items, `items:${id}:${name}`);
      const count = item('number');
      const age = Math.max(item('age'), item('age_warm'), item('age_hot'));
      return {
        id: Number(id),
        chunkBytes: slab('chunk_size'),
        pages: slab('total_pages'),
        items: count,
        chunks: slab('total_chunks'),
        usedChunks: slab('used_chunks'),
        itemBytes: item('mem_requested'),
        ageSeconds: count === 0 ? null : age,
        evicted: item('evicted'),
        evictedUnfetched: item('evicted_unfetched'),
        outOfMemory: item('outofmemory'),
      };
    })
    .sort((one, other) => one.id - other.id);
}
