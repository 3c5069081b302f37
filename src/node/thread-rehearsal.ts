/** When a data thread rehearses; what, is in rehearsal.ts and link-rehearsal.ts, which are loaded only where they are needed. */
import type { NodeContext } from '../engine/node-context.ts';
import type { DataThread } from '../net/data-threads.ts';
import type { CacheOptions } from '../store/cache-options.ts';
import type { rehearseLinks } from './link-rehearsal.ts';
import type { rehearseRequests } from './rehearsal.ts';

/** The thread has been up for so long: first it has better things to do. One thread after the other, for they have a machine in common. */
const AFTER_MS = 500;
const APART_MS = 1000;
/** Between two pieces, for what clients want. */
const PAUSE_MS = 10;

export interface Rehearsals {
  readonly ofRequests: typeof rehearseRequests | null;
  readonly ofLinks: typeof rehearseLinks | null;
}

/** @param hasTwins the node has; without, nobody waits for it to take over. @param hasLinks this thread has the links to them */
export async function loadRehearsals(hasTwins: boolean, hasLinks: boolean): Promise<Rehearsals> {
  return {
    ofRequests: hasTwins ? (await import('./rehearsal.ts')).rehearseRequests : null,
    ofLinks: hasLinks ? (await import('./link-rehearsal.ts')).rehearseLinks : null,
  };
}

/**
 * Begins, and goes on by itself, a little at a time.
 *
 * @param context of the thread's sessions
 * @param options of the node's cache
 * @param log of a rehearsal that failed, which does the node no harm
 */
export function rehearse(
  { ofRequests, ofLinks }: Rehearsals,
  { loop, index }: DataThread,
  context: NodeContext,
  options: CacheOptions,
  log: (message: string) => void,
): void {
  if (ofRequests === null) return;
  const pieces = [ofRequests(context, options, index, loop.clock.wallMs())];
  if (ofLinks !== null) pieces.push(ofLinks(context, options, index, loop.clock));
  const next = (): void => {
    try {
      while (pieces[0]?.next().done === true) pieces.shift();
    } catch (error) {
      log(`rehearsal: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    if (pieces.length > 0) loop.schedule(PAUSE_MS, next);
  };
  loop.schedule(AFTER_MS + index * APART_MS, next);
}
