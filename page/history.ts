import { useEffect, useState } from 'preact/hooks';
import {
  HISTORY_FIGURES,
  type HistoryFigure,
  type HistoryPart,
  type HistorySpan,
} from '../src/dashboard/figure-history.ts';

const POINTS_MAX = 720;

/** Where a cluster's page has its figures from. */
export const CLUSTER_HISTORY = '/history.json';

/**
 * The figures of a service, kept up to date.
 *
 * @param source path that tells them
 * @param service `` for the cluster
 * @param newestAtMs changes when there is a new point
 * @returns null until they have come, or when nothing is remembered
 */
export function useHistory(
  source: string,
  service: string,
  span: HistorySpan,
  newestAtMs: number,
): HistoryPart | null {
  const [known, setKnown] = useState<{ readonly of: string; readonly part: HistoryPart } | null>(null);
  const of = `${span} ${service}`;
  const part = known?.of === of ? known.part : null;
  // Each new point asks for what has come since.
  useEffect(() => {
    const end = new AbortController();
    const query = new URLSearchParams({ service, span, after: String(part?.atMs.at(-1) ?? 0) });
    const read = async (): Promise<void> => {
      const answer = await fetch(`${source}?${query}`, { signal: end.signal });
      if (!answer.ok) return;
      // Cast: our own server's answer, of the same release.
      const more = (await answer.json()) as HistoryPart;
      setKnown({ of, part: part === null ? more : joined(part, more) });
    };
    // The next point asks again.
    read().catch(() => {});
    return () => end.abort();
  }, [of, newestAtMs]);
  return part;
}

function joined(part: HistoryPart, more: HistoryPart): HistoryPart {
  const column = (figure: HistoryFigure): readonly (number | null)[] =>
    [...part.figures[figure], ...more.figures[figure]].slice(-POINTS_MAX);
  const figures: Partial<Record<HistoryFigure, readonly (number | null)[]>> = {};
  for (const figure of HISTORY_FIGURES) figures[figure] = column(figure);
  return {
    stepMs: more.stepMs,
    atMs: [...part.atMs, ...more.atMs].slice(-POINTS_MAX),
    // Cast: every figure was set just before.
    figures: figures as HistoryPart['figures'],
  };
}
