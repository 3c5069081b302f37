/** The paths of monit's that tell how services are, to programs. */
import type { EntryStatus, MonitorFacts } from '../checks/entry-status.ts';
import { nameKey } from '../control/meaning.ts';
import { reportText, reportType, statusText, summaryBox, summaryText } from './entry-text.ts';
import { statusXml } from './entry-xml.ts';

export interface EntryAnswer {
  readonly code: 200 | 400;
  readonly type: string;
  readonly text: string;
}

type Meant = (pattern: string, names: readonly string[]) => ReadonlySet<string> | null;

const TEXT = 'text/plain; charset=utf-8';

/**
 * @param path decoded
 * @param nowMs wall clock
 * @param meant which names a `service` that is no name means; null: none, because it takes too long to say
 * @returns null when it is another path
 */
export function entryAnswer(
  path: string,
  query: URLSearchParams,
  facts: MonitorFacts,
  entries: readonly EntryStatus[],
  nowMs: number,
  meant: Meant = () => new Set(),
): EntryAnswer | null {
  switch (path) {
    case '/_status':
    case '/_status2':
      return ofSelected(entries, query, meant, (selected) =>
        query.get('format') === 'xml'
          ? { code: 200, type: 'text/xml; charset=utf-8', text: statusXml(facts, selected, nowMs) }
          : { code: 200, type: TEXT, text: statusText(facts, selected) },
      );
    case '/_summary':
      return ofSelected(entries, query, meant, (selected) => ({
        code: 200,
        type: TEXT,
        text: (query.has('batch') ? summaryText : summaryBox)(facts, selected),
      }));
    case '/_report': {
      const word = query.get('type') ?? '';
      const type = word === '' ? null : reportType(word);
      if (word !== '' && type === null) return refusal(`Invalid report type: '${word}'`);
      return { code: 200, type: TEXT, text: reportText(entries, type) };
    }
    default:
      return null;
  }
}

function refusal(text: string): EntryAnswer {
  return { code: 400, type: TEXT, text };
}

/** Those of `group`, and of these the `service`, by its name or a pattern; of these those that failed, where `level` says so. */
function ofSelected(
  all: readonly EntryStatus[],
  query: URLSearchParams,
  meant: Meant,
  answer: (entries: readonly EntryStatus[]) => EntryAnswer,
): EntryAnswer {
  let entries = all;
  const [service, group, level] = [query.get('service'), query.get('group'), query.get('level')];
  if (group !== null && group !== '') {
    entries = entries.filter(({ entry }) => entry.groups.some((name) => nameKey(name) === nameKey(group)));
    if (entries.length === 0) return refusal(`Service group '${group}' not found`);
  }
  if (service !== null && service !== '') {
    const some = entries;
    entries = some.filter(({ entry }) => nameKey(entry.name) === nameKey(service));
    if (entries.length === 0) {
      const names = meant(
        service,
        some.map(({ entry }) => entry.name),
      );
      if (names === null) return refusal('The pattern takes too long');
      entries = some.filter(({ entry }) => names.has(entry.name));
    }
    if (entries.length === 0) return refusal(`Service '${service}' not found`);
  }
  if (level === 'failed') entries = entries.filter(({ failures }) => failures.length > 0);
  return answer(entries);
}
