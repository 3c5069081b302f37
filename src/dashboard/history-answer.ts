import { type FigureHistory, HISTORY_SPANS, type HistorySpan } from './figure-history.ts';
import { CLUSTER_SERIES } from './history-points.ts';

/** An answer in JSON, or one line on what is wrong. */
export type DataAnswer =
  | { readonly code: 200; readonly value: unknown }
  | { readonly code: 400 | 404 | 503; readonly text: string };

/**
 * What a page asks for its charts: `service`, the whole unless given; `span`, an hour unless given; `after`, milliseconds since 1970.
 *
 * @param isKnown whether there is a service of a name
 */
export function historyAnswer(
  history: FigureHistory,
  query: URLSearchParams,
  isKnown: (service: string) => boolean,
): DataAnswer {
  const span = spanNamed(query.get('span') ?? 'hour');
  const after = wholeNumber(query.get('after') ?? '0');
  if (span === null)
    return { code: 400, text: `span must be one of ${Object.keys(HISTORY_SPANS).join(', ')}.` };
  if (after === null) return { code: 400, text: 'after must be milliseconds since 1970.' };
  const service = query.get('service') ?? CLUSTER_SERIES;
  if (service !== CLUSTER_SERIES && !isKnown(service))
    return { code: 404, text: 'There is no service of that name.' };
  return { code: 200, value: history.read(service, span, after) };
}

function spanNamed(name: string): HistorySpan | null {
  return name === 'hour' || name === 'day' ? name : null;
}

/** @returns null when the text is none that a sequence number or a time could be */
export function wholeNumber(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
