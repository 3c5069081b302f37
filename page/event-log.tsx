import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { EventLevel, LogEvent } from '../src/checks/event-log.ts';
import { clockText } from './figures.ts';
import { Mark, type Tone } from './marks.tsx';
import { serviceHref } from './navigation.ts';

/** Lines that are drawn at most. */
const LINES_MAX = 300;

const LEVELS: readonly (readonly [level: EventLevel, name: string])[] = [
  ['info', 'news'],
  ['warning', 'warnings'],
  ['error', 'errors'],
  ['output', 'output'],
];

const TONES: Readonly<Record<EventLevel, Tone>> = {
  info: 'idle',
  warning: 'busy',
  error: 'bad',
  output: 'idle',
};

/** What has happened, the newest first, of some levels, with a word in it. */
export function EventLog({
  log,
  services,
}: {
  readonly log: readonly LogEvent[];
  readonly services: readonly string[];
}): JSX.Element {
  const [levels, setLevels] = useState<ReadonlySet<EventLevel>>(new Set(['info', 'warning', 'error']));
  const [words, setWords] = useState('');
  const found = matching(log, levels, words);
  const toggle = (level: EventLevel): void => {
    const next = new Set(levels);
    if (!next.delete(level)) next.add(level);
    setLevels(next);
  };
  return (
    <section id="log" class="card" aria-labelledby="log-title">
      <div class="title-row">
        <h2 id="log-title">Events</h2>
        <input
          type="search"
          aria-label="Filter events"
          placeholder="filter: node-1a died"
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
        <fieldset class="choice">
          <legend class="unseen">Kinds of events</legend>
          {LEVELS.map(([level, name]) => (
            <label key={level}>
              <input type="checkbox" checked={levels.has(level)} onChange={() => toggle(level)} />
              <span>{name}</span>
            </label>
          ))}
        </fieldset>
      </div>
      {found.length === 0 ? (
        <p class="empty">{log.length === 0 ? 'Nothing has happened yet.' : 'No event is like that.'}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <ol class="events" tabIndex={0} aria-label="Events, the newest first">
          {found.map((event) => (
            <EventLine
              key={`${event.sequence} ${event.atMs}`}
              event={event}
              isKnown={services.includes(event.service)}
            />
          ))}
        </ol>
      )}
    </section>
  );
}

export function EventLine({
  event,
  isKnown,
}: {
  readonly event: LogEvent;
  readonly isKnown: boolean;
}): JSX.Element {
  const { atMs, service, level, text } = event;
  return (
    <li data-level={level}>
      <time dateTime={new Date(atMs).toISOString()}>{clockText(atMs)}</time>
      <Mark tone={TONES[level]} />
      <span class="what">
        {service === '' ? null : isKnown ? <a href={serviceHref(service)}>{service}</a> : <b>{service}</b>}{' '}
        {text}
      </span>
    </li>
  );
}

/** The newest first; every word must occur in the service's name or in the text. */
function matching(
  log: readonly LogEvent[],
  levels: ReadonlySet<EventLevel>,
  words: string,
): readonly LogEvent[] {
  const wanted = words
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const found: LogEvent[] = [];
  for (let index = log.length - 1; index >= 0 && found.length < LINES_MAX; index--) {
    const event = log[index];
    if (event === undefined || !levels.has(event.level)) continue;
    const text = `${event.service} ${event.text}`.toLowerCase();
    if (wanted.every((word) => text.includes(word))) found.push(event);
  }
  return found;
}
