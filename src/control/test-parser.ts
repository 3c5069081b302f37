import { parseReactions } from './action-parser.ts';
import { parseConnection, parsePattern, parsePing } from './connection-parser.ts';
import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';
import { parseTraffic } from './network-parser.ts';
import type { ChangingProperty, Limits, Resource, Rule, ServiceType, Test, Unit } from './tree.ts';

/** What a test may be about, by the type of service. */
const RESOURCES_OF: Readonly<Record<ServiceType, readonly Resource[]>> = {
  process: [
    ...(['cpu', 'cpu-total', 'memory', 'memory-total', 'children', 'threads', 'uptime'] as const),
    ...(['file-descriptors', 'file-descriptors-total', 'disk-read', 'disk-write'] as const),
    // Monit takes these and never looks at them. They are the host's.
    ...(['load-1', 'load-5', 'load-15'] as const),
  ],
  system: [
    ...(['load-1', 'load-5', 'load-15', 'cpu', 'cpu-user', 'cpu-system', 'cpu-wait', 'cpu-nice'] as const),
    ...(['cpu-hardirq', 'cpu-softirq', 'cpu-steal', 'cpu-guest', 'cpu-guestnice'] as const),
    ...(['memory', 'swap', 'uptime', 'file-descriptors'] as const),
  ],
  filesystem: [
    ...(['space-used', 'space-free', 'inodes-used', 'inodes-free'] as const),
    ...(['disk-read', 'disk-write', 'service-time'] as const),
  ],
  file: ['size', 'age', 'atime', 'ctime', 'mtime', 'hardlinks'],
  directory: ['age', 'atime', 'ctime', 'mtime', 'hardlinks'],
  fifo: ['age', 'atime', 'ctime', 'mtime', 'hardlinks'],
  program: ['status'],
  host: [],
  network: ['saturation'],
};

const TIMES = ['timestamp', 'atime', 'ctime', 'mtime'] as const;

/** Which of its properties may be seen to change. */
const CHANGES_OF: Readonly<Record<ServiceType, readonly ChangingProperty[]>> = {
  process: ['pid', 'ppid'],
  system: [],
  filesystem: ['fsflags', 'permission'],
  file: ['checksum', 'size', 'permission', ...TIMES],
  directory: ['permission', ...TIMES],
  fifo: ['permission', ...TIMES],
  program: ['status'],
  host: [],
  network: ['link'],
};

/** Tests of `if failed`, and of `exist` and `match`, by what they are about; monit takes them for these types alone, too. */
const TYPES_OF = {
  existence: ['process', 'file', 'directory', 'fifo', 'filesystem'],
  content: ['file', 'program'],
  ping: ['host'],
  permission: ['file', 'directory', 'fifo', 'filesystem'],
  uid: ['process', 'file', 'directory', 'fifo', 'filesystem'],
  gid: ['process', 'file', 'directory', 'fifo', 'filesystem'],
  euid: ['process'],
  checksum: ['file'],
  security: ['process'],
  connection: ['process', 'host'],
  link: ['network'],
} as const satisfies Readonly<Record<string, readonly ServiceType[]>>;

/** @throws ControlError when no service of this type can be tested so: such a test would never say anything */
function checkType(cursor: Cursor, { type }: TestContext, test: keyof typeof TYPES_OF, what: string): void {
  const types: readonly ServiceType[] = TYPES_OF[test];
  if (!types.includes(type)) cursor.fail(`a ${type} has no ${what}`);
}

export interface TestContext {
  readonly type: ServiceType;
  /** What `port N` means where no host is given. */
  readonly host: string;
  readonly limits: Limits;
}

/** A rule, behind its `if`; not one about restarts. */
export function parseRule(cursor: Cursor, context: TestContext): Rule {
  const { place } = cursor;
  const test = parseTest(cursor, context);
  return { place, test, ...parseReactions(cursor) };
}

function parseTest(cursor: Cursor, context: TestContext): Test {
  const outcome = cursor.takeWord('failed', 'succeeded');
  if (outcome === 'failed' || outcome === 'succeeded') return parseOutcome(cursor, context, outcome);
  if (cursor.takeWord('changed') !== null) return parseChange(cursor, context);
  if (context.type === 'network') {
    const traffic = parseTraffic(cursor);
    if (traffic !== null) return traffic;
  }
  const isNegated = cursor.takeWord('not') !== null;
  if (cursor.isWord('exist', 'exists')) {
    checkType(cursor, context, 'existence', 'test of existence');
    cursor.takeWord('exist', 'exists');
    return { kind: 'existence', expected: !isNegated };
  }
  if (cursor.takeWord('match', 'content') !== null) {
    const isOther = cursor.takeOperator() === '!=';
    return content(cursor, context, isNegated || isOther);
  }
  if (isNegated) cursor.fail("expected 'exist' or 'match' after 'not'");
  return parseResource(cursor, context);
}

function content(cursor: Cursor, context: TestContext, isNegated: boolean): Test {
  checkType(cursor, context, 'content', 'content');
  return { kind: 'content', pattern: parsePattern(cursor), isNegated };
}

/** What `if failed` can say of a service itself. */
const PROPERTY_PARSERS: Readonly<Record<string, (cursor: Cursor, context: TestContext) => Test>> = {
  permission: parsePermission,
  perm: parsePermission,
  uid: parseOwner,
  euid: parseOwner,
  gid: parseOwner,
  checksum: parseChecksum,
  md5: parseChecksum,
  sha1: parseChecksum,
  security: parseSecurity,
};
const PROPERTY_WORDS = Object.keys(PROPERTY_PARSERS);

/** Behind `failed` or `succeeded`. */
function parseOutcome(cursor: Cursor, context: TestContext, outcome: 'failed' | 'succeeded'): Test {
  if (cursor.isWord(...PROPERTY_WORDS)) {
    if (outcome === 'succeeded') cursor.fail('only connections, pings and links can be tested for success');
    const parse = PROPERTY_PARSERS[cursor.peek().text.toLowerCase()];
    if (parse !== undefined) return parse(cursor, context);
  }
  if (cursor.isWord('ping', 'icmp', 'ping4', 'ping6')) {
    checkType(cursor, context, 'ping', 'ping: write it into a check host');
    return parsePing(cursor, outcome, context.limits);
  }
  if (cursor.isWord('link')) {
    checkType(cursor, context, 'link', 'link');
    if (outcome === 'succeeded') cursor.fail('write: if link up');
    cursor.take();
    return { kind: 'link', matchesWhen: 'down' };
  }
  const { place } = cursor;
  checkType(cursor, context, 'connection', 'port');
  const test = parseConnection(cursor, outcome, context.host, context.limits);
  if (test.target.kind === 'unix' && context.type === 'host')
    throw new ControlError(
      place,
      'a host has no unixsocket: write it into a check process',
      test.target.path,
    );
  return test;
}

function parsePermission(cursor: Cursor, context: TestContext): Test {
  checkType(cursor, context, 'permission', 'permission');
  cursor.take();
  cursor.takeWord('expect');
  const token = cursor.expectString('an octal number');
  if (!/^[0-7]{3,4}$/.test(token.text))
    throw new ControlError(token.place, 'a permission is an octal number of 3 or 4 digits', token.text);
  return { kind: 'permission', expected: token.text.padStart(4, '0') };
}

function parseOwner(cursor: Cursor, context: TestContext): Test {
  const word = cursor.isWord('uid') ? 'uid' : cursor.isWord('gid') ? 'gid' : 'euid';
  checkType(cursor, context, word, word);
  cursor.take();
  return { kind: 'owner', property: word, expected: cursor.expectString('a name or number').text };
}

function parseChecksum(cursor: Cursor, context: TestContext): Test {
  checkType(cursor, context, 'checksum', 'checksum');
  cursor.take();
  cursor.takeWord('checksum');
  if (cursor.takeWord('expect') === null) return { kind: 'change', property: 'checksum' };
  cursor.takeWord('sum');
  const token = cursor.expectStringAfterNoise('a checksum');
  if (!/^([0-9a-f]{32}|[0-9a-f]{40})$/i.test(token.text))
    throw new ControlError(
      token.place,
      'a checksum has 32 (MD5) or 40 (SHA1) hexadecimal digits',
      token.text,
    );
  return { kind: 'checksum', expected: token.text.toLowerCase() };
}

function parseSecurity(cursor: Cursor, context: TestContext): Test {
  const { place } = cursor;
  checkType(cursor, context, 'security', 'security attribute');
  cursor.take();
  cursor.expectWord('attribute');
  cursor.takeOperator();
  const { text: expected } = cursor.expectString('an attribute');
  cursor.warn(place, 'security attributes are not looked at');
  return { kind: 'security', expected };
}

const CHANGES: Readonly<Record<string, ChangingProperty>> = {
  pid: 'pid',
  ppid: 'ppid',
  checksum: 'checksum',
  timestamp: 'timestamp',
  atime: 'atime',
  ctime: 'ctime',
  mtime: 'mtime',
  size: 'size',
  permission: 'permission',
  perm: 'permission',
  fsflags: 'fsflags',
  status: 'status',
  link: 'link',
};

/** `modification time` and so on. */
const TIME_WORDS: Readonly<Record<string, 'atime' | 'ctime' | 'mtime'>> = {
  access: 'atime',
  change: 'ctime',
  modification: 'mtime',
  modify: 'mtime',
};

function takeTimeName(cursor: Cursor): 'atime' | 'ctime' | 'mtime' | null {
  const word = cursor.takeWord(...Object.keys(TIME_WORDS));
  if (word === null) return null;
  cursor.expectWord('time', 'timestamp');
  return TIME_WORDS[word] ?? 'mtime';
}

function parseChange(cursor: Cursor, { type }: TestContext): Test {
  cursor.takeWord('md5', 'sha1');
  const start = cursor.peek();
  const property = takeTimeName(cursor) ?? CHANGES[cursor.expectWord(...Object.keys(CHANGES))] ?? 'pid';
  if (property === 'link') cursor.takeWord('capacity');
  if (!CHANGES_OF[type].includes(property))
    throw new ControlError(
      start.place,
      `syntax error '${start.text}': of a ${type} no change of its ${property} is seen`,
    );
  return { kind: 'change', property };
}

function parseResource(cursor: Cursor, context: TestContext): Test {
  const start = cursor.peek();
  const resource = parseResourceName(cursor);
  if (!RESOURCES_OF[context.type].includes(resource))
    throw new ControlError(start.place, `syntax error '${start.text}': a ${context.type} has no ${resource}`);
  const isLoad = resource.startsWith('load-');
  let isPerCore = false;
  if (isLoad && cursor.takeWord('per') !== null) {
    cursor.expectWord('core');
    isPerCore = true;
  }
  // `space usage`, `read rate`: words that only read well.
  cursor.takeWord('rate');
  const operator = cursor.takeOperator();
  const number = cursor.peek();
  const value = cursor.expectNumber('a number');
  const { limit, unit } = parseUnit(cursor, resource, value, context);
  if (!Number.isFinite(limit)) throw new ControlError(number.place, 'the number is too large', number.text);
  return { kind: 'resource', resource, operator, limit, unit, isPerCore };
}

const CPU_PARTS: Readonly<Record<string, Resource>> = {
  user: 'cpu-user',
  system: 'cpu-system',
  wait: 'cpu-wait',
  nice: 'cpu-nice',
  hardirq: 'cpu-hardirq',
  softirq: 'cpu-softirq',
  steal: 'cpu-steal',
  guest: 'cpu-guest',
  guestnice: 'cpu-guestnice',
};

/** Words that mean a resource by themselves. */
const RESOURCE_WORDS: Readonly<Record<string, Resource>> = {
  mem: 'memory',
  memory: 'memory',
  totalmem: 'memory-total',
  totalmemory: 'memory-total',
  totalcpu: 'cpu-total',
  swap: 'swap',
  children: 'children',
  threads: 'threads',
  filedescriptors: 'file-descriptors',
  uptime: 'uptime',
  size: 'size',
  timestamp: 'age',
  atime: 'atime',
  ctime: 'ctime',
  mtime: 'mtime',
  saturation: 'saturation',
  hardlink: 'hardlinks',
  hardlinks: 'hardlinks',
  nlink: 'hardlinks',
  status: 'status',
};

function parseResourceName(cursor: Cursor): Resource {
  const isTotal = cursor.takeWord('total') !== null;
  const time = takeTimeName(cursor);
  if (time !== null) return time;
  const word = cursor.takeWord(
    ...Object.keys(RESOURCE_WORDS),
    ...['cpu', 'loadavg', 'load', 'disk', 'read', 'write', 'service', 'space', 'inode', 'inodes'],
  );
  switch (word) {
    case null:
      return cursor.fail('expected a test');
    case 'cpu': {
      if (isTotal) return 'cpu-total';
      const part = cursor.takeWord(...Object.keys(CPU_PARTS));
      return part === null ? 'cpu' : (CPU_PARTS[part] ?? 'cpu');
    }
    case 'loadavg':
    case 'load':
      return parseLoad(cursor);
    case 'disk':
      return cursor.expectWord('read', 'write') === 'read' ? 'disk-read' : 'disk-write';
    case 'read':
      return 'disk-read';
    case 'write':
      return 'disk-write';
    case 'service':
      cursor.expectWord('time');
      return 'service-time';
    case 'space':
      return cursor.takeWord('free') === null ? 'space-used' : 'space-free';
    case 'inode':
    case 'inodes':
      return cursor.takeWord('free') === null ? 'inodes-used' : 'inodes-free';
    default: {
      const resource = RESOURCE_WORDS[word] ?? 'cpu';
      if (!isTotal) return resource;
      if (resource === 'memory') return 'memory-total';
      if (resource === 'file-descriptors') return 'file-descriptors-total';
      return cursor.fail(`there is no total of ${word}`);
    }
  }
}

function parseLoad(cursor: Cursor): Resource {
  const token = cursor.peek();
  const minutes = cursor.takeWhole()?.value;
  if (minutes === undefined) return 'load-1';
  cursor.takeWord('min', 'm', 'minute', 'minutes');
  if (minutes === 1) return 'load-1';
  if (minutes === 5) return 'load-5';
  if (minutes === 15) return 'load-15';
  throw new ControlError(
    token.place,
    `syntax error '${token.text}min': load averages are of 1min, 5min or 15min`,
  );
}

const PERCENTS = /^(cpu|saturation)/;
const SIZES = new Set<Resource>(['memory', 'memory-total', 'size', 'swap', 'space-used', 'space-free']);
const DURATIONS = new Set<Resource>(['uptime', 'age', 'atime', 'ctime', 'mtime', 'service-time']);
const COUNTS_OR_PERCENTS = new Set<Resource>(['file-descriptors', 'inodes-used', 'inodes-free']);

function parseUnit(
  cursor: Cursor,
  resource: Resource,
  value: number,
  { type }: TestContext,
): { readonly limit: number; readonly unit: Unit } {
  if (PERCENTS.test(resource)) {
    if (!cursor.takePercent() && resource === 'saturation') cursor.fail('expected %');
    return { limit: value, unit: 'percent' };
  }
  if (DURATIONS.has(resource)) {
    const factor = cursor.takeTimeUnit() ?? (resource === 'service-time' ? 1 : 1000);
    return { limit: value * factor, unit: 'milliseconds' };
  }
  if (resource === 'disk-read' || resource === 'disk-write') return parseRate(cursor, value);
  if (SIZES.has(resource)) {
    if (resource !== 'size' && cursor.takePercent()) return { limit: value, unit: 'percent' };
    const { place } = cursor;
    const factor = cursor.takeByteUnit();
    if (factor === null && value > 0)
      cursor.warn(place, `${value} without a unit means bytes; write ${value} MB if that is meant`);
    return { limit: value * (factor ?? 1), unit: 'bytes' };
  }
  if (COUNTS_OR_PERCENTS.has(resource) && cursor.takePercent()) return { limit: value, unit: 'percent' };
  if (type === 'system' && resource === 'file-descriptors') cursor.takePercent();
  return { limit: value, unit: 'none' };
}

/** `10 MB/s`, `100 operations/s`. */
function parseRate(cursor: Cursor, value: number): { readonly limit: number; readonly unit: Unit } {
  if (cursor.takeWord('operation/s', 'operations/s') !== null)
    return { limit: value, unit: 'operations-per-second' };
  const factor = cursor.takeByteRate() ?? cursor.fail('expected B/s, kB/s, MB/s, GB/s or operations/s');
  return { limit: value * factor, unit: 'bytes-per-second' };
}
