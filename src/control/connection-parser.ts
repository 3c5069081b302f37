import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';
import { unescaped } from './escapes.ts';
import { checkedPattern } from './extended-pattern.ts';
import type { ConnectionTest, HttpQuestion, Limits, Place, Protocol, ResponseTime, Test } from './tree.ts';
import { meaningOf } from './word-table.ts';

/** Protocols of monit's and what becomes of them here. */
const PROTOCOL_WORDS: Readonly<Record<string, Protocol>> = {
  default: 'default',
  memcache: 'memcache',
  'memcache-text': 'memcache-text',
  http: 'http',
  https: 'http',
  redis: 'redis',
  smtp: 'smtp',
  smtps: 'smtp',
  ssh: 'ssh',
};

/** What monit can say, and this program cannot: such a port is tried by a connect. */
const OTHER_PROTOCOLS = new Set([
  ...['apache-status', 'clamav', 'dns', 'dwp', 'fail2ban', 'ftp', 'gps', 'imap', 'imaps', 'ldap2', 'ldap3'],
  ...['lmtp', 'mongodb', 'mqtt', 'mysql', 'mysqls', 'nntp', 'ntp3', 'pgsql', 'pop', 'pops'],
  ...['postfix-policy', 'radius', 'rdate', 'rsync', 'sieve', 'sip', 'spamassassin', 'tns', 'websocket'],
]);

const ATTEMPTS_MAX = 100;

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

interface Draft extends Writable<Omit<ConnectionTest, 'target' | 'dialogue' | 'http'>> {
  dialogue: { readonly kind: 'send' | 'expect'; readonly text: string }[];
  http: Writable<HttpQuestion> | null;
  host: string;
  port: number | null;
  path: string | null;
}

/**
 * What stands behind `if failed` when it is about a connection: `[host H] port N [type T] [protocol P] ...` in any order.
 *
 * @param host where nothing else is said
 */
export function parseConnection(
  cursor: Cursor,
  matchesWhen: 'failed' | 'succeeded',
  host: string,
  limits: Limits,
): ConnectionTest {
  const start = cursor.place;
  const draft: Draft = {
    kind: 'connection',
    matchesWhen,
    host,
    port: null,
    path: null,
    source: null,
    family: 'any',
    transport: 'tcp',
    usesTls: false,
    protocol: 'default',
    http: null,
    dialogue: [],
    timeoutMs: limits.networkTimeoutMs,
    attempts: 1,
    responseTime: null,
  };
  while (parseOption(cursor, draft));
  const { host: toHost, port, path, ...rest } = draft;
  if (path !== null) return { ...rest, target: { kind: 'unix', path } };
  if (port === null) throw new ControlError(start, 'syntax error: a port, a unixsocket or a url is missing');
  return { ...rest, target: { kind: 'port', host: toHost, port } };
}

/** @returns false where no option of a connection stands */
function parseOption(cursor: Cursor, draft: Draft): boolean {
  const word = cursor.takeWord(
    ...[
      'host',
      'port',
      'unixsocket',
      'unix',
      'address',
      'ipv4',
      'ipv6',
      'type',
      'ssl',
      'tls',
      'protocol',
      'proto',
    ],
    ...[
      'send',
      'expect',
      'responsetime',
      'timeout',
      'retry',
      'url',
      'request',
      'method',
      'status',
      'content',
    ],
    ...['certificate', 'hostheader', 'http', 'username', 'password', 'size', 'checksum'],
  );
  switch (word) {
    case null:
      return false;
    case 'host':
      draft.host = cursor.expectStringAfterNoise('a host').text;
      return true;
    case 'port':
      cursor.skipEquals();
      draft.port = cursor.expectWhole('a port', 1, 65_535);
      return true;
    case 'unixsocket':
    case 'unix':
      draft.path = cursor.expectStringAfterNoise('a path').text;
      return true;
    case 'address':
      draft.source = cursor.expectStringAfterNoise('an address').text;
      return true;
    case 'ipv4':
    case 'ipv6':
      draft.family = word;
      return true;
    case 'type': {
      const type = cursor.expectWord('tcp', 'udp', 'tcpssl');
      draft.transport = type === 'udp' ? 'udp' : 'tcp';
      draft.usesTls ||= type === 'tcpssl';
      if (type === 'tcpssl') cursor.takeWord('auto', 'tlsv1', 'tlsv11', 'tlsv12', 'tlsv13', 'sslv3');
      return true;
    }
    case 'ssl':
    case 'tls':
      draft.usesTls = true;
      cursor.takeWord('options');
      if (cursor.takeBrace('{')) {
        const { place } = cursor;
        cursor.takeUntil('}');
        cursor.expectBrace('}');
        cursor.warn(place, 'the options of a TLS connection are not looked at');
      }
      return true;
    case 'certificate': {
      const { place } = cursor;
      cursor.takeWord('valid', 'checksum');
      cursor.takeOperator();
      cursor.expectString('a number of days');
      cursor.takeWord('days', 'day');
      cursor.warn(place, 'certificates of servers are not looked at');
      return true;
    }
    case 'protocol':
    case 'proto':
      parseProtocol(cursor, draft);
      return true;
    case 'send':
    case 'expect':
      draft.dialogue.push({ kind: word, text: unescaped(cursor.expectString('a text')) });
      return true;
    case 'responsetime': {
      const operator = cursor.takeOperator();
      draft.responseTime = { operator, limitMs: cursor.expectDuration('a time') };
      return true;
    }
    case 'timeout':
      cursor.skipEquals();
      draft.timeoutMs = cursor.expectDuration('a number of seconds');
      return true;
    case 'retry':
      draft.attempts = cursor.expectWhole('a number of attempts', 1, ATTEMPTS_MAX);
      return true;
    case 'url':
      parseUrl(cursor, draft);
      return true;
    default:
      parseHttpOption(cursor, draft, word);
      return true;
  }
}

function parseProtocol(cursor: Cursor, draft: Draft): void {
  const token = cursor.peek();
  const name = token.text.toLowerCase();
  const known = meaningOf(PROTOCOL_WORDS, name);
  if (token.kind !== 'word' || (known === undefined && !OTHER_PROTOCOLS.has(name))) {
    const advice = name === 'memcached' ? 'its name is memcache' : 'there is no such protocol';
    throw new ControlError(token.place, `syntax error '${token.text}': ${advice}`);
  }
  cursor.take();
  draft.protocol = known ?? 'default';
  draft.usesTls ||= name === 'https' || name === 'smtps' || name === 'imaps' || name === 'pops';
  if (known === undefined)
    cursor.warn(token.place, `protocol ${name} is not spoken here: the port is tried by a connect`);
  if (draft.protocol === 'http') draft.http ??= question();
  if (known === undefined) skipOptions(cursor);
}

/** What the protocols that are not spoken here can be told. */
function skipOptions(cursor: Cursor): void {
  for (;;) {
    const word = cursor.takeWord(
      ...['username', 'password', 'database', 'secret', 'target', 'maxforward', 'origin', 'version', 'host'],
      ...[
        'request',
        'clientid',
        'rsakey',
        'path',
        'loglimit',
        'closelimit',
        'dnslimit',
        'keepalivelimit',
        'replylimit',
      ],
      ...['requestlimit', 'startlimit', 'waitlimit', 'gracefullimit', 'cleanuplimit', 'or'],
    );
    if (word === null) return;
    if (word === 'or') continue;
    cursor.takeOperator();
    cursor.expectString('a value');
    cursor.takePercent();
  }
}

function question(): Writable<HttpQuestion> {
  return { path: '/', method: 'GET', status: null, content: null, headers: [], credentials: null };
}

function parseUrl(cursor: Cursor, draft: Draft): void {
  const { text, place } = cursor.expectString('a URL');
  const match = /^(https?):\/\/(?:([^/@]+)@)?(\[[^\]]+\]|[^/:?]+)(?::(\d{1,5}))?(\/.*)?$/i.exec(
    text.replace(/\)$/, ''),
  );
  if (match === null) throw new ControlError(place, 'this is no URL of http or https', text);
  const [, scheme = '', credentials, host = '', port, path = '/'] = match;
  const isTls = scheme.toLowerCase() === 'https';
  draft.host = host.replace(/^\[|\]$/g, '');
  draft.port = port === undefined ? (isTls ? 443 : 80) : Number(port);
  if (draft.port < 1 || draft.port > 65_535)
    throw new ControlError(place, 'a port must be between 1 and 65535', port);
  draft.usesTls = isTls;
  draft.protocol = 'http';
  draft.http = { ...question(), path, credentials: credentials ?? null };
}

function parseHttpOption(cursor: Cursor, draft: Draft, word: string): void {
  draft.http ??= question();
  const http = draft.http;
  switch (word) {
    case 'request':
      http.path = cursor.expectString('a path').text;
      break;
    case 'method':
      http.method = cursor.expectWord('get', 'head') === 'head' ? 'HEAD' : 'GET';
      break;
    case 'status': {
      const operator = cursor.takeOperator();
      http.status = { operator, code: cursor.expectWhole('a status', 100, 999) };
      break;
    }
    case 'content': {
      const isNegated = cursor.takeOperator() === '!=';
      http.content = { pattern: regex(cursor), isNegated };
      break;
    }
    case 'username':
      http.credentials = `${cursor.expectString('a user').text}:${http.credentials?.replace(/^[^:]*:/, '') ?? ''}`;
      break;
    case 'password':
      http.credentials = `${http.credentials?.replace(/:.*$/s, '') ?? ''}:${cursor.expectString('a password').text}`;
      break;
    case 'http':
      cursor.expectWord('headers');
      http.headers = [...http.headers, ...parseHeaders(cursor)];
      break;
    case 'hostheader':
      http.headers = [...http.headers, ['Host', headerValue(cursor.expectString('a host'))]];
      break;
    default: {
      const { place } = cursor;
      cursor.takeOperator();
      cursor.expectString('a value');
      cursor.warn(place, `${word} is not looked at in answers of http`);
    }
  }
}

/** A header with the comma behind it. */
const HEADER = /\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(?:"([^"]*)"|([^,]*))\s*(?:,|$)/y;

/** `[Name: value, Name: "value, with a comma"]`. */
function parseHeaders(cursor: Cursor): [string, string][] {
  const { place } = cursor;
  if (!cursor.takeBrace('[')) cursor.fail('expected [');
  const text = cursor.takeUntil(']');
  if (!cursor.takeBrace(']')) cursor.fail('expected ]');
  const headers: [string, string][] = [];
  HEADER.lastIndex = 0;
  for (let at = 0; text.slice(at).trim() !== ''; at = HEADER.lastIndex) {
    const [, name = '', quoted, plain = ''] = HEADER.exec(text) ?? [];
    if (name === '')
      throw new ControlError(place, 'http headers are written [Name: value, ...]', text.slice(at).trim());
    headers.push([name, headerValue({ text: quoted ?? plain.trim(), place })]);
  }
  return headers;
}

function headerValue({ text, place }: { readonly text: string; readonly place: Place }): string {
  if (/[^\x20-\x7e\t]/.test(text))
    throw new ControlError(place, 'a header has visible characters only', text.replace(/[^\x20-\x7e]/g, '?'));
  return text;
}

function regex(cursor: Cursor): string {
  const token = cursor.expectString('a pattern');
  return checkedPattern(unescaped(token), token.place);
}

/** A pattern for lines; what begins with a slash is the path of a file with one on each line, any of which may match. */
export function parsePattern(cursor: Cursor): string {
  const token = cursor.expectString('a pattern');
  const { text, place } = token;
  if (!text.startsWith('/')) return checkedPattern(unescaped(token), place);
  const patterns = cursor
    .readOther(text, place)
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (patterns.length === 0) throw new ControlError(place, 'there is no pattern in the file', text);
  return patterns.map((line) => `(${checkedPattern(line, place)})`).join('|');
}

/**
 * `failed ping [count N] [size N] [with timeout N seconds] [address A] [responsetime N ms]`, from the word on, which may be `ping4` or `ping6`.
 *
 * @param limits for the timeout
 */
export function parsePing(cursor: Cursor, matchesWhen: 'failed' | 'succeeded', limits: Limits): Test {
  const word = cursor.expectWord('ping', 'icmp', 'ping4', 'ping6');
  const family = word === 'ping4' ? 'ipv4' : word === 'ping6' ? 'ipv6' : 'any';
  let count = 3;
  let payloadBytes = 64;
  let timeoutMs = limits.networkTimeoutMs;
  let source: string | null = null;
  let responseTime: ResponseTime | null = null;
  for (;;) {
    const option = cursor.takeWord('count', 'timeout', 'size', 'type', 'echo', 'address', 'responsetime');
    if (option === 'count') count = cursor.expectWhole('a number of pings', 1, 20);
    else if (option === 'timeout') timeoutMs = cursor.expectDuration('a number of seconds');
    else if (option === 'size') payloadBytes = cursor.expectWhole('a number of bytes', 8, 1492);
    else if (option === 'address') source = cursor.expectStringAfterNoise('an address').text;
    else if (option === 'responsetime') {
      const operator = cursor.takeOperator();
      responseTime = { operator, limitMs: cursor.expectDuration('a time') };
    } else if (option === null)
      return { kind: 'ping', matchesWhen, count, timeoutMs, family, source, payloadBytes, responseTime };
  }
}
