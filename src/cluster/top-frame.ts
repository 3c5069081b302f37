/** Draws what `twincached top` shows: a picture and the operator's choices in, lines of a terminal out. */
import { bytesText, countText, durationText, NOTHING as NOTHING_SHOWN } from '../dashboard/display-units.ts';
import type { TopPicture, TopService } from './top-picture.ts';

/** What the operator has chosen. */
export interface TopView {
  /** Index in TOP_COLUMNS; 0: in the order of the cluster. */
  readonly sort: number;
  readonly isReversed: boolean;
  /** Name of the service that is marked; null: none. */
  readonly selected: string | null;
  readonly page: 'table' | 'details' | 'help';
  /** First line of the details or of the table that is shown. */
  readonly scroll: number;
  readonly isPaused: boolean;
}

export const TOP_VIEW_START: TopView = {
  sort: 0,
  isReversed: false,
  selected: null,
  page: 'table',
  scroll: 0,
  isPaused: false,
};

export interface TopScreen {
  readonly columns: number;
  readonly rows: number;
  readonly hasColours: boolean;
}

interface Column {
  readonly title: string;
  readonly width: number;
  readonly text: (service: TopService) => string;
  /** What is sorted by, the largest first; null stands last. */
  readonly value: (service: TopService) => number | string | null;
}

const NAME_WIDTH_MAX = 24;

function figure(
  title: string,
  width: number,
  value: (service: TopService) => number | null,
  text: (value: number) => string,
): Column {
  return {
    title,
    width,
    value,
    text: (service) => {
      const found = value(service);
      return found === null ? NOTHING_SHOWN : text(found);
    },
  };
}

/** The columns of the table. The first two stand at the left, the others at the right of their place. */
export const TOP_COLUMNS: readonly Column[] = [
  { title: 'SERVICE', width: NAME_WIDTH_MAX, text: ({ name }) => name, value: () => null },
  {
    title: 'STATE',
    width: 11,
    text: ({ state, syncPercent }) => (syncPercent === null ? state : `copy ${Math.floor(syncPercent)} %`),
    value: ({ state }) => state,
  },
  figure('OPS/S', 8, ({ requestsPerSecond }) => requestsPerSecond, countText),
  figure(
    'HIT %',
    6,
    ({ hitPercent }) => hitPercent,
    (value) => value.toFixed(1),
  ),
  figure(
    'LAG MS',
    7,
    ({ lagMs }) => lagMs,
    (value) => value.toFixed(value < 10 ? 1 : 0),
  ),
  figure(
    'CPU %',
    6,
    ({ cpuPercent }) => cpuPercent,
    (value) => value.toFixed(1),
  ),
  figure('RSS', 9, ({ residentBytes }) => residentBytes, bytesText),
  figure('ITEMS', 8, ({ items }) => items, countText),
  {
    title: 'MEMORY',
    width: 14,
    text: memoryText,
    value: ({ bytes, limitBytes }) => (bytes === null ? null : bytes / Math.max(1, limitBytes ?? 1)),
  },
  figure('EVICT/S', 8, ({ evictionsPerSecond }) => evictionsPerSecond, countText),
  figure('CONNS', 6, ({ connections }) => connections, countText),
  figure(
    'P99 MS',
    7,
    ({ p99Micros }) => p99Micros,
    (value) => (value / 1000).toFixed(2),
  ),
  figure('RESTARTS', 8, ({ restarts }) => restarts, String),
];

function memoryText({ bytes, limitBytes }: TopService): string {
  if (bytes === null || limitBytes === null || limitBytes === 0) return NOTHING_SHOWN;
  return `${bytesText(bytes)} ${Math.round((bytes * 100) / limitBytes)} %`;
}

/** The services in the order that is chosen. */
export function sortedServices(picture: TopPicture, { sort, isReversed }: TopView): TopService[] {
  const column = TOP_COLUMNS[sort];
  const services = [...picture.services];
  if (sort > 0 && column !== undefined)
    services.sort((a, b) => {
      const [left, right] = [column.value(a), column.value(b)];
      if (left === null || right === null) return Number(left === null) - Number(right === null);
      if (typeof left === 'string' || typeof right === 'string')
        return String(left).localeCompare(String(right));
      return right - left;
    });
  return isReversed ? services.reverse() : services;
}

const HELP_LINES: readonly string[] = [
  'left, right    choose the column to sort by; the first one is the order of the cluster',
  'r              the other way round',
  'up, down       choose a service (also j, k, page up, page down, home, end)',
  'enter          everything that is known of it; once more, or escape: back',
  'space          stand still, go on',
  'h, ?           this text, and back',
  'q, Ctrl-C      quit',
  '',
  'OPS/S    gets, sets, touches and deletes of a node, requests of a proxy, or of one of its pools',
  'HIT %    of the gets of the last second, or of all where there were none lately',
  'LAG MS   age of the oldest change that a twin has not acknowledged',
  'CPU %    of one core',
  'CONNS    connections of a node, unanswered requests of a proxy',
  'P99 MS   from a request to its answer, through a proxy, of the last seconds',
];

/** Lines of these have no colour. */
const FINE_STATES: ReadonlySet<string> = new Set(['running', 'up']);

const TONES: Readonly<Record<string, string>> = {
  ok: '32',
  running: '32',
  up: '32',
  'no answer': '31',
  degraded: '33',
  starting: '33',
  stopping: '33',
  'backing-off': '33',
  warning: '33',
  failing: '31',
  'gave-up': '31',
  error: '31',
};

/**
 * One screen.
 *
 * @param failure why the picture is not fresh; null: it is
 * @returns at most `rows` lines, none of them longer than `columns`, colours aside
 */
export function topFrame(
  picture: TopPicture,
  view: TopView,
  screen: TopScreen,
  failure: string | null = null,
): string[] {
  const { columns, rows } = screen;
  const paint = (text: string, tone: string | undefined): string =>
    tone !== undefined && screen.hasColours ? `\x1b[${tone}m${text}\x1b[0m` : text;
  const lines: string[] = [];
  const add = (text: string, tone?: string): void => {
    lines.push(paint(cut(text, columns), tone));
  };
  add(headText(picture, view), TONES[picture.state] ?? '');
  if (failure !== null) add(`no answer: ${failure}`, '31');
  if (picture.operation !== null) {
    const { text, percent } = picture.operation;
    add(`${bar(percent, 20)} ${text}`, '36');
  }
  add('');
  const room = Math.max(0, rows - lines.length);
  switch (view.page) {
    case 'help':
      for (const line of HELP_LINES.slice(0, room)) add(line);
      break;
    case 'details': {
      const service = picture.services.find(({ name }) => name === view.selected);
      const details = service?.details ?? [];
      const first = Math.min(view.scroll, Math.max(0, details.length - room));
      for (const [name, value] of details.slice(first, first + room)) add(`${name.padEnd(44)} ${value}`);
      break;
    }
    case 'table':
      table(picture, view, screen, room, add);
  }
  return lines.slice(0, rows);
}

function headText({ cluster, state, uptimeSeconds, services }: TopPicture, view: TopView): string {
  const sum = (value: (service: TopService) => number | null): number =>
    services.reduce((total, service) => total + (value(service) ?? 0), 0);
  const nodes = services.filter(({ role }) => role === 'node');
  const processes = services.filter(({ role }) => role !== 'pool');
  const running = processes.filter((service) => service.state === 'running').length;
  const rate = sum((service) => (service.role === 'node' ? service.requestsPerSecond : null));
  const hits = nodes.filter(({ hitPercent }) => hitPercent !== null);
  const weight = hits.reduce((total, { requestsPerSecond }) => total + (requestsPerSecond ?? 0) + 1, 0);
  const hit = hits.reduce(
    (total, { hitPercent, requestsPerSecond }) => total + (hitPercent ?? 0) * ((requestsPerSecond ?? 0) + 1),
    0,
  );
  return [
    `${cluster}: ${state}`,
    `${running} of ${processes.length} up`,
    `${countText(rate)} ops/s`,
    `hits ${weight === 0 ? NOTHING_SHOWN : `${(hit / weight).toFixed(1)} %`}`,
    `${bytesText(sum(({ bytes }) => bytes))} of ${bytesText(sum(({ limitBytes }) => limitBytes))}`,
    `for ${durationText(uptimeSeconds)}`,
    ...(view.isPaused ? ['stands still'] : []),
    ...(view.page === 'help' ? [] : ['h: help']),
  ].join('  ');
}

function table(
  picture: TopPicture,
  view: TopView,
  { columns }: TopScreen,
  room: number,
  add: (text: string, tone?: string) => void,
): void {
  const services = sortedServices(picture, view);
  const nameWidth = Math.min(NAME_WIDTH_MAX, Math.max(7, ...services.map(({ name }) => name.length)));
  const row = (text: (column: Column) => string): string =>
    TOP_COLUMNS.map((column, index) => {
      const width = index === 0 ? nameWidth : column.width;
      const cell = cut(text(column), width);
      return index < 2 ? cell.padEnd(width) : cell.padStart(width);
    }).join(' ');
  const mark = view.isReversed ? '^' : 'v';
  add(
    row((column) =>
      TOP_COLUMNS[view.sort] === column && view.sort > 0 ? `${column.title}${mark}` : column.title,
    ),
    '1',
  );
  const forServices = Math.max(0, room - 1);
  const chosen = services.findIndex(({ name }) => name === view.selected);
  const first = Math.max(0, Math.min(services.length - forServices, chosen - forServices + 1));
  const shown = services.slice(first, first + forServices);
  for (const service of shown) {
    const line = row((column) => column.text(service));
    const text = service.reason === '' ? line : `${line} ${service.reason}`;
    if (service.name === view.selected) add(text.padEnd(columns), '7');
    else add(text, FINE_STATES.has(service.state) ? undefined : TONES[service.state]);
  }
  const left = forServices - shown.length;
  if (left < 2) return;
  add('');
  for (const { atMs, service, level, text } of picture.events.slice(-(left - 1)).reverse())
    add(`${new Date(atMs).toTimeString().slice(0, 8)} ${service}: ${text}`, TONES[level]);
}

function bar(percent: number, width: number): string {
  const full = Math.round((percent * width) / 100);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}

/** A text in at most so many characters. */
function cut(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  return width <= 1 ? characters.slice(0, width).join('') : `${characters.slice(0, width - 1).join('')}…`;
}
