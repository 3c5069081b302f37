/** What keys do in `twincached top`. */
import { sortedServices, TOP_COLUMNS, type TopView } from './top-frame.ts';
import type { TopPicture } from './top-picture.ts';

export type TopKey =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'page-up'
  | 'page-down'
  | 'home'
  | 'end'
  | 'enter'
  | 'escape'
  | 'space'
  | 'reverse'
  | 'help'
  | 'quit'
  | 'suspend'
  | 'redraw';

const SEQUENCES: Readonly<Record<string, TopKey>> = {
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  k: 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  j: 'down',
  '\x1b[D': 'left',
  '\x1bOD': 'left',
  '<': 'left',
  '\x1b[C': 'right',
  '\x1bOC': 'right',
  '>': 'right',
  '\x1b[5~': 'page-up',
  '\x1b[6~': 'page-down',
  '\x1b[H': 'home',
  '\x1bOH': 'home',
  '\x1b[1~': 'home',
  '\x1b[F': 'end',
  '\x1bOF': 'end',
  '\x1b[4~': 'end',
  '\r': 'enter',
  '\n': 'enter',
  '\x1b': 'escape',
  ' ': 'space',
  r: 'reverse',
  h: 'help',
  '?': 'help',
  q: 'quit',
  '\x03': 'quit',
  '\x1a': 'suspend',
  '\x0c': 'redraw',
};

/** Escape sequences as a whole, all else by character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what keys send.
const ONE_KEY = /\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|[\s\S]/g;

/** The keys in what a terminal has sent in one piece; what is not known is passed over. */
export function keysIn(text: string): TopKey[] {
  return (text.match(ONE_KEY) ?? []).flatMap((sequence) => SEQUENCES[sequence] ?? []);
}

const PAGE_LINES = 10;

/** The view after a key; the ones that are not about the view change nothing. */
export function viewAfter(view: TopView, key: TopKey, picture: TopPicture): TopView {
  switch (key) {
    case 'left':
    case 'right': {
      const step = key === 'left' ? TOP_COLUMNS.length - 1 : 1;
      return { ...view, sort: (view.sort + step) % TOP_COLUMNS.length };
    }
    case 'reverse':
      return { ...view, isReversed: !view.isReversed };
    case 'space':
      return { ...view, isPaused: !view.isPaused };
    case 'help':
      return { ...view, page: view.page === 'help' ? 'table' : 'help' };
    case 'escape':
      return view.page === 'table' ? { ...view, selected: null } : { ...view, page: 'table' };
    case 'enter':
      if (view.page !== 'table') return { ...view, page: 'table' };
      return view.selected === null ? view : { ...view, page: 'details', scroll: 0 };
    case 'up':
      return moved(view, -1, picture);
    case 'down':
      return moved(view, 1, picture);
    case 'page-up':
      return moved(view, -PAGE_LINES, picture);
    case 'page-down':
      return moved(view, PAGE_LINES, picture);
    case 'home':
      return moved(view, Number.NEGATIVE_INFINITY, picture);
    case 'end':
      return moved(view, Number.POSITIVE_INFINITY, picture);
    default:
      return view;
  }
}

/** In the table another service is chosen, in the details another line is the first. */
function moved(view: TopView, by: number, picture: TopPicture): TopView {
  if (view.page === 'help') return view;
  if (view.page === 'details') {
    const lines = picture.services.find(({ name }) => name === view.selected)?.details.length ?? 0;
    return { ...view, scroll: Math.max(0, Math.min(lines - 1, view.scroll + by)) };
  }
  const names = sortedServices(picture, view).map(({ name }) => name);
  const before = view.selected === null ? -1 : names.indexOf(view.selected);
  const at = before < 0 && by < 0 ? names.length - 1 : Math.max(0, Math.min(names.length - 1, before + by));
  return { ...view, selected: names[at] ?? null };
}
