/** What the page makes of keys that are on their way. Pure, and run in the browser. */

import type { ProxyStats } from '../checks/cluster-status.ts';
import type { KeyMove } from '../checks/key-moves.ts';
import { countText, durationText } from './display-units.ts';
import type { PageSnapshot } from './page-snapshot.ts';

export interface MoveView {
  readonly pool: string;
  /** Names, in their order. */
  readonly from: string;
  readonly to: string;
  readonly phase: KeyMove['phase'];
  /** Of the time in which keys are carried over; null before and after it. */
  readonly percent: number | null;
  /** How far it is, as a phrase. */
  readonly progress: string;
  /** What the proxies of this monitor have counted, as phrases; what is worth a warning is not among them. */
  readonly counts: readonly string[];
  /** Null: all is well. */
  readonly warning: string | null;
}

export function moveViews({ keyMoves, services, atMs }: PageSnapshot): readonly MoveView[] {
  return keyMoves.map((move) => {
    const { pool, from, to, phase, startAtMs, endAtMs } = move;
    const figures = services.flatMap(({ name, proxy, pools }): ProxyStats[] => {
      const stats = pools.length === 0 ? (name === pool ? proxy : null) : poolStats(pools, pool);
      return stats === null || stats.carried === null ? [] : [stats];
    });
    const sum = (of: (stats: ProxyStats) => number | null | undefined): number =>
      figures.reduce((total, stats) => total + (of(stats) ?? 0), 0);
    const unreached = sum(({ oldUnreached }) => oldUnreached);
    const notCarried = sum((stats) => stats.notCarried);
    const isMoving = phase === 'moving' && startAtMs !== null && endAtMs !== null;
    return {
      pool,
      from: from.join(', '),
      to: to.join(', '),
      phase,
      percent: isMoving
        ? Math.min(100, Math.max(0, ((atMs - startAtMs) * 100) / (endAtMs - startAtMs)))
        : null,
      progress: progressText(move, atMs),
      counts:
        figures.length === 0
          ? []
          : [
              `${countText(sum(({ carried }) => carried))} keys carried over`,
              ...(notCarried > 0 ? [`${countText(notCarried)} left for another time`] : []),
            ],
      warning:
        unreached === 0
          ? null
          : `the old place did not answer ${unreached === 1 ? 'once' : `${countText(unreached)} times`}`,
    };
  });
}

function poolStats(pools: PageSnapshot['services'][number]['pools'], wanted: string): ProxyStats | null {
  return pools.find(({ name }) => name === wanted)?.stats ?? null;
}

function progressText({ phase, startAtMs, endAtMs }: KeyMove, atMs: number): string {
  const until = (ms: number | null): string =>
    durationText(Math.max(0, Math.round(((ms ?? atMs) - atMs) / 1000)));
  switch (phase) {
    case 'announced':
      return 'proxies are being told';
    case 'before':
      return `begins in ${until(startAtMs)}`;
    case 'moving':
      return `carried over as they are asked for, for ${until(endAtMs)} more`;
    case 'after':
      return 'all are read in their new place; the old one still hears of writes';
  }
}
