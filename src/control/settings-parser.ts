import { TIMER_MS_MAX } from '../base/clock.ts';
import { absolutePath } from './absolute-path.ts';
import { NO_FORMAT, parseAlert, parseMailFormat } from './alert-parser.ts';
import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';
import { parseHttpd } from './httpd-parser.ts';
import type { AlertTarget, Limits, MailServer, Settings } from './tree.ts';
import { meaningOf } from './word-table.ts';

/** Longest poll cycle and delay. */
export const CYCLE_SECONDS_MAX: number = Math.floor(TIMER_MS_MAX / 1000);

export const DEFAULT_LIMITS: Limits = {
  programOutputBytes: 512,
  sendExpectBufferBytes: 256,
  fileContentBufferBytes: 512,
  httpContentBufferBytes: 1024 * 1024,
  networkTimeoutMs: 5000,
  programTimeoutMs: 300_000,
  stopTimeoutMs: 30_000,
  startTimeoutMs: 30_000,
  restartTimeoutMs: 30_000,
};

export type SettingsDraft = { -readonly [Name in keyof Settings]: Settings[Name] } & {
  mailServers: MailServer[];
  alerts: AlertTarget[];
  limits: Limits;
};

export function defaultSettings(): SettingsDraft {
  return {
    cycleSeconds: null,
    startDelaySeconds: 0,
    isInit: false,
    log: null,
    pidFile: null,
    idFile: null,
    stateFile: null,
    onReboot: 'start',
    isBatch: false,
    httpd: null,
    mailServers: [],
    mailFormat: NO_FORMAT,
    alerts: [],
    eventQueue: null,
    limits: DEFAULT_LIMITS,
  };
}

/** A global statement, behind `set`. */
export function parseSetting(cursor: Cursor, settings: SettingsDraft): void {
  const { place } = cursor;
  const word = cursor.expectWord(
    ...[
      'daemon',
      'init',
      'log',
      'logfile',
      'pidfile',
      'idfile',
      'statefile',
      'onreboot',
      'terminal',
      'httpd',
    ],
    ...[
      'mailserver',
      'mail-format',
      'alert',
      'eventqueue',
      'limits',
      'mmonit',
      'ssl',
      'tls',
      'expectbuffer',
      'fips',
    ],
  );
  switch (word) {
    case 'daemon':
      settings.cycleSeconds = cursor.expectWhole('a number of seconds', 0, CYCLE_SECONDS_MAX);
      if (cursor.takeWord('start') !== null) {
        cursor.expectWord('delay');
        settings.startDelaySeconds = cursor.expectWhole('a number of seconds', 0, CYCLE_SECONDS_MAX);
      }
      break;
    case 'init':
      settings.isInit = true;
      break;
    case 'log':
    case 'logfile':
      if (cursor.takeWord('syslog') !== null) {
        const facility = cursor.takeWord('facility') === null ? null : parseFacility(cursor);
        settings.log = { kind: 'syslog', facility };
      } else settings.log = { kind: 'file', path: absolutePath(cursor) };
      break;
    case 'pidfile':
      settings.pidFile = absolutePath(cursor);
      break;
    case 'idfile':
      settings.idFile = absolutePath(cursor);
      break;
    case 'statefile':
      settings.stateFile = absolutePath(cursor);
      break;
    case 'onreboot':
      settings.onReboot = parseOnReboot(cursor);
      break;
    case 'terminal':
      cursor.expectWord('batch');
      settings.isBatch = true;
      break;
    case 'httpd':
      settings.httpd = parseHttpd(cursor, settings.httpd);
      break;
    case 'mailserver':
      parseMailServers(cursor, settings.mailServers, settings.limits);
      break;
    case 'mail-format':
      settings.mailFormat = parseMailFormat(cursor);
      break;
    case 'alert':
      settings.alerts.push(parseAlert(cursor));
      break;
    case 'eventqueue': {
      cursor.takeWord('basedir');
      const directory = absolutePath(cursor);
      const slots =
        cursor.takeWord('slots', 'slot') === null
          ? null
          : cursor.expectWhole('a number of slots', 1, 1_000_000);
      settings.eventQueue = { directory, slots };
      break;
    }
    case 'limits':
      parseLimits(cursor, settings);
      break;
    case 'mmonit':
      parseMmonit(cursor);
      cursor.warn(place, 'reports to M/Monit are not built; the line is passed over');
      break;
    default:
      if (cursor.isNextCharacter('{') || cursor.isWord('options')) {
        cursor.takeWord('options');
        cursor.expectBrace('{');
        cursor.takeUntil('}');
        cursor.expectBrace('}');
      } else if (word === 'expectbuffer') {
        cursor.expectNumber('a size');
        cursor.takeByteUnit();
      }
      cursor.warn(place, `set ${word} has no effect here`);
  }
}

/** Of syslog, as monit calls them. */
const FACILITIES = /^log_(auth|authpriv|cron|daemon|ftp|kern|lpr|mail|news|syslog|user|uucp|local[0-7])$/i;

function parseFacility(cursor: Cursor): string {
  const { text, place } = cursor.expectString('a facility');
  if (!FACILITIES.test(text)) throw new ControlError(place, 'Invalid syslog facility', text);
  return text;
}

/** All that may stand there; none of it has an effect. */
function parseMmonit(cursor: Cursor): void {
  do {
    cursor.expectString('a URL', ',');
    for (;;) {
      const word = cursor.takeWord(
        'timeout',
        'ssl',
        'tls',
        'certificate',
        'certmd5',
        'register',
        'without',
        'credentials',
      );
      if (word === null) break;
      if (word === 'timeout') cursor.expectDuration('a number of seconds');
      else if (word === 'certificate' || word === 'certmd5') parseChecksum(cursor);
      else if ((word === 'ssl' || word === 'tls') && cursor.takeBrace('{')) {
        cursor.takeUntil('}');
        cursor.expectBrace('}');
      }
    }
  } while (isAnotherServer(cursor));
}

function parseChecksum(cursor: Cursor): void {
  cursor.takeWord('checksum');
  cursor.expectString('a checksum');
}

export function parseOnReboot(cursor: Cursor): Settings['onReboot'] {
  const word = cursor.expectWord('start', 'nostart', 'laststate');
  return word === 'nostart' || word === 'laststate' ? word : 'start';
}

/** Versions of TLS by which older files of monit's ask for it; the version is agreed with the server. */
const TLS_WORDS = ['auto', 'sslauto', 'sslv2', 'sslv3', 'tlsv1', 'tlsv11', 'tlsv12', 'tlsv13'];

function parseMailServers(cursor: Cursor, servers: MailServer[], limits: Limits): void {
  do {
    const host = cursor.expectString('a mail server', ',').text;
    let port: number | null = null;
    let user: string | null = null;
    let password: string | null = null;
    let usesTls = false;
    let timeoutMs = limits.networkTimeoutMs;
    for (;;) {
      const word = cursor.takeWord(
        'port',
        'username',
        'password',
        'ssl',
        'tls',
        'timeout',
        ...TLS_WORDS,
        'hostname',
        'certificate',
        'certmd5',
      );
      if (word === null) break;
      if (word === 'hostname') {
        const { place } = cursor.expectString('a host name');
        cursor.warn(place, 'the host name of set mailserver has no effect here');
      } else if (word === 'port') port = cursor.expectWhole('a port', 1, 65_535);
      else if (word === 'username') user = cursor.expectString('a user').text;
      else if (word === 'password') password = cursor.expectString('a password').text;
      else if (word === 'timeout') timeoutMs = cursor.expectDuration('a number of seconds');
      else if (word === 'certificate' || word === 'certmd5') parseChecksum(cursor);
      else {
        usesTls = true;
        cursor.takeWord('options');
        if (cursor.takeBrace('{')) {
          cursor.takeUntil('}');
          cursor.expectBrace('}');
        }
      }
    }
    servers.push({ host, port, user, password, usesTls, timeoutSeconds: timeoutMs / 1000 });
  } while (isAnotherServer(cursor));
}

/** A comma is as good as a blank, so what follows is another server unless it begins a statement. */
function isAnotherServer(cursor: Cursor): boolean {
  const token = cursor.peek();
  if (token.kind === 'end') return false;
  return !cursor.isWord('set', 'check', 'include') && token.kind !== 'brace';
}

const LIMIT_NAMES: Readonly<Record<string, keyof Limits>> = {
  programoutput: 'programOutputBytes',
  sendexpectbuffer: 'sendExpectBufferBytes',
  filecontentbuffer: 'fileContentBufferBytes',
  httpcontentbuffer: 'httpContentBufferBytes',
  networktimeout: 'networkTimeoutMs',
  programtimeout: 'programTimeoutMs',
  stoptimeout: 'stopTimeoutMs',
  starttimeout: 'startTimeoutMs',
  restarttimeout: 'restartTimeoutMs',
};

/** Largest limit in bytes. */
const LIMIT_BYTES_MAX = 64 * 1024 * 1024;

function parseLimits(cursor: Cursor, settings: SettingsDraft): void {
  cursor.expectBrace('{');
  const limits: { -readonly [Name in keyof Limits]: number } = { ...settings.limits };
  while (!cursor.takeBrace('}')) {
    const token = cursor.take();
    const name = token.text.toLowerCase().replace(/:$/, '');
    const limit = meaningOf(LIMIT_NAMES, name);
    if (limit === undefined)
      throw new ControlError(token.place, `syntax error '${token.text}': there is no such limit`);
    cursor.skipColon();
    if (limit.endsWith('Ms')) limits[limit] = cursor.expectDuration('a time');
    else {
      const bytes = cursor.expectNumber('a size') * (cursor.takeByteUnit() ?? 1);
      if (bytes < 1 || bytes > LIMIT_BYTES_MAX)
        throw new ControlError(
          token.place,
          `a limit must be between 1 B and ${LIMIT_BYTES_MAX} B`,
          token.text,
        );
      limits[limit] = bytes;
    }
  }
  settings.limits = limits;
}
