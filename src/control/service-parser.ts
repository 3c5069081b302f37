import { absolutePath } from './absolute-path.ts';
import { parseAction } from './action-parser.ts';
import { parseAlert } from './alert-parser.ts';
import { parsePattern } from './connection-parser.ts';
import { ControlError } from './control-error.ts';
import { cronObjection } from './cron.ts';
import type { Cursor } from './cursor.ts';
import { unescaped } from './escapes.ts';
import { checkedPattern } from './extended-pattern.ts';
import { parseProgramCall } from './program-calls.ts';
import { parseOnReboot } from './settings-parser.ts';
import { parseRule } from './test-parser.ts';
import type {
  AlertTarget,
  IgnoredContent,
  Limits,
  Mode,
  OnReboot,
  Place,
  ProgramCall,
  RestartLimit,
  Rule,
  Schedule,
  ServiceEntry,
  ServiceType,
  Subject,
} from './tree.ts';
import { SERVICE_TYPES } from './tree.ts';

/** Most cycles that a limit of restarts can look back. */
const RESTART_CYCLES_MAX = 10_000;

/** Longest name of a service. */
export const NAME_LENGTH_MAX = 255;

/** An entry while its statements come. */
export class EntryDraft {
  readonly name: string;
  readonly type: ServiceType;
  readonly place: Place;
  readonly subject: Subject;
  start: ProgramCall | null = null;
  stop: ProgramCall | null = null;
  restart: ProgramCall | null = null;
  every: Schedule = { kind: 'always' };
  mode: Mode = 'active';
  onReboot: OnReboot | null = null;
  readonly groups: string[] = [];
  readonly dependsOn: { readonly name: string; readonly place: Place }[] = [];
  readonly rules: Rule[] = [];
  readonly restartLimits: RestartLimit[] = [];
  readonly alerts: AlertTarget[] = [];
  readonly noAlerts: string[] = [];
  readonly ignoredContent: IgnoredContent[] = [];

  constructor(name: string, type: ServiceType, place: Place, subject: Subject) {
    this.name = name;
    this.type = type;
    this.place = place;
    this.subject = subject;
  }

  /** What `port N` means in it where no host is given. */
  get host(): string {
    return this.subject.kind === 'address' ? this.subject.address : 'localhost';
  }

  finish(): ServiceEntry {
    return { ...this };
  }
}

/**
 * The head of an entry, behind `check`.
 *
 * @param hostName what `$HOST` means
 */
export function parseEntryHead(cursor: Cursor, hostName: string): EntryDraft {
  const { place } = cursor;
  const word = cursor.expectWord(...SERVICE_TYPES, 'device');
  const type = SERVICE_TYPES.find((name) => name === word) ?? 'filesystem';
  const token = cursor.expectString('a name');
  const name = token.text.replaceAll('$HOST', hostName);
  if (token.kind === 'word' && name.includes(':'))
    throw new ControlError(token.place, `syntax error ':': write the name "${name}" in quotes`);
  if (name === '' || name.length > NAME_LENGTH_MAX || /\p{Cc}/u.test(name))
    throw new ControlError(
      token.place,
      `a name has 1 to ${NAME_LENGTH_MAX} characters, all of them visible`,
      name,
    );
  return new EntryDraft(name, type, place, parseSubject(cursor, type));
}

function parseSubject(cursor: Cursor, type: ServiceType): Subject {
  switch (type) {
    case 'process': {
      // `path` is an older word for it.
      if (['pidfile', 'path'].includes(cursor.expectWord('pidfile', 'path', 'matching', 'match')))
        return { kind: 'pid-file', path: absolutePath(cursor) };
      const token = cursor.expectString('a pattern');
      return { kind: 'matching', pattern: checkedPattern(unescaped(token), token.place) };
    }
    case 'host':
      cursor.expectWord('address');
      return { kind: 'address', address: cursor.expectString('an address').text };
    case 'system':
      return { kind: 'system' };
    case 'program': {
      cursor.expectWord('path');
      return { kind: 'program', call: parseProgramCall(cursor, 'check program', true) };
    }
    case 'network':
      if (cursor.expectWord('interface', 'address') === 'interface')
        return { kind: 'interface', name: cursor.expectString('an interface').text };
      return { kind: 'address', address: cursor.expectString('an address').text };
    default:
      cursor.expectWord('path');
      if (type !== 'filesystem') return { kind: 'path', path: absolutePath(cursor) };
      return { kind: 'path', path: cursor.expectStringAfterNoise('a path').text };
  }
}

/** Words that begin a statement of an entry. */
const ENTRY_WORDS = [
  ...([
    'start',
    'stop',
    'restart',
    'every',
    'not',
    'mode',
    'onreboot',
    'group',
    'depends',
    'depend',
  ] as const),
  ...(['if', 'alert', 'noalert', 'ignore'] as const),
];

/**
 * One statement of an entry.
 *
 * @returns false when what comes next is none
 */
export function parseEntryStatement(cursor: Cursor, draft: EntryDraft, limits: Limits): boolean {
  const word = cursor.takeWord(...ENTRY_WORDS);
  switch (word) {
    case null:
      return false;
    case 'start':
    case 'stop':
    case 'restart':
      cursor.takeWord('program');
      draft[word] = parseProgramCall(cursor, word);
      return true;
    case 'not':
      cursor.expectWord('every');
      draft.every = parseCron(cursor, true);
      return true;
    case 'every':
      draft.every = parseEvery(cursor);
      return true;
    case 'mode':
      draft.mode = parseMode(cursor, draft);
      return true;
    case 'onreboot':
      draft.onReboot = parseOnReboot(cursor);
      return true;
    case 'group':
      draft.groups.push(cursor.expectString('a group', ',').text);
      return true;
    case 'depends':
    case 'depend':
      parseDepends(cursor, draft);
      return true;
    case 'alert':
      draft.alerts.push(parseAlert(cursor));
      return true;
    case 'ignore':
      parseIgnore(cursor, draft);
      return true;
    case 'noalert':
      draft.noAlerts.push(cursor.expectString('a mail address').text);
      return true;
    default:
      parseIf(cursor, draft, limits);
      return true;
  }
}

/** Lines of a file that rules about its content do not see. */
function parseIgnore(cursor: Cursor, draft: EntryDraft): void {
  if (draft.type !== 'file') cursor.fail(`a ${draft.type} has no content`);
  const isNot = cursor.takeWord('not') !== null;
  cursor.expectWord('content', 'match');
  const isOther = cursor.takeOperator() === '!=';
  draft.ignoredContent.push({ pattern: parsePattern(cursor), isNegated: isNot || isOther });
}

function parseIf(cursor: Cursor, draft: EntryDraft, limits: Limits): void {
  const { place } = cursor;
  const number = cursor.takeWhole();
  if (number === null) {
    draft.rules.push(parseRule(cursor, { type: draft.type, host: draft.host, limits }));
    return;
  }
  cursor.expectWord('restart', 'restarts');
  const cycles = cursor.takeWhole() ?? cursor.fail('expected a number of cycles');
  cursor.expectWord('cycle', 'cycles');
  if (cycles.value < 1 || cycles.value > RESTART_CYCLES_MAX)
    throw new ControlError(
      cycles.token.place,
      `The number of cycles must be between 1 and ${RESTART_CYCLES_MAX}`,
      cycles.token.text,
    );
  if (number.value < 1 || number.value > cycles.value)
    throw new ControlError(
      number.token.place,
      `The number of restarts must be between 1 and the number of cycles, which is ${cycles.value}`,
      number.token.text,
    );
  cursor.expectWord('then');
  const action = parseAction(cursor);
  draft.restartLimits.push({ restarts: number.value, cycles: cycles.value, action, place });
}

function parseEvery(cursor: Cursor): Schedule {
  const cycles = cursor.takeWhole();
  if (cycles === null) return parseCron(cursor, false);
  cursor.expectWord('cycle', 'cycles');
  return { kind: 'cycles', cycles: Math.max(1, cycles.value) };
}

function parseCron(cursor: Cursor, isExclusion: boolean): Schedule {
  const { text: line, place } = cursor.expectString('a number of cycles, or a schedule in quotes');
  const objection = cronObjection(line);
  if (objection !== null) throw new ControlError(place, `invalid every format: ${objection}`, line);
  return { kind: 'cron', line, isExclusion };
}

function parseMode(cursor: Cursor, draft: EntryDraft): Mode {
  const word = cursor.expectWord('active', 'passive', 'manual');
  if (word === 'manual') draft.onReboot = 'laststate';
  return word === 'passive' ? 'passive' : 'active';
}

/** Names in a row, with commas or blanks between them; a word that begins a statement ends it, unless it is in quotes. */
function parseDepends(cursor: Cursor, draft: EntryDraft): void {
  do {
    const { text, place } = cursor.expectStringAfterNoise('the name of a service', ',');
    draft.dependsOn.push({ name: text, place });
  } while (cursor.isNextCharacter(','));
}
