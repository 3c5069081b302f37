import { parseReactions } from './action-parser.ts';
import { checkedPattern, parseConnection, parsePing } from './connection-parser.ts';
import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';
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
    ...(['cpu-hardirq', 'cpu-softirq', 'cpu-steal', 'cpu-guest'] as const),
    ...(['memory', 'swap', 'uptime', 'file-descriptors'] as const),
  ],
  filesystem: [
    ...(['space-used', 'space-free', 'inodes-used', 'inodes-free'] as const),
    ...(['disk-read', 'disk-write', 'service-time'] as const),
  ],
  file: ['size', 'age', 'hardlinks'],
  directory: ['age', 'hardlinks'],
  fifo: ['age', 'hardlinks'],
  program: ['status'],
  host: [],
  network: [],
};

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
  if (cursor.takeWord('changed') !== null) return parseChange(cursor);
  const isNegated = cursor.takeWord('not') !== null;
  if (cursor.takeWord('exist', 'exists') !== null) return { kind: 'existence', expected: !isNegated };
  if (cursor.takeWord('match', 'content') !== null) {
    const isOther = cursor.takeOperator() === '!=';
    return content(cursor, context, isNegated || isOther);
  }
  if (isNegated) cursor.fail("expected 'exist' or 'match' after 'not'");
  return parseResource(cursor, context);
}

function content(cursor: Cursor, { type }: TestContext, isNegated: boolean): Test {
  if (type !== 'file' && type !== 'program') cursor.fail(`a ${type} has no content`);
  const { text, place } = cursor.expectString('a pattern');
  return { kind: 'content', pattern: checkedPattern(text, place), isNegated };
}

function parseOutcome(cursor: Cursor, context: TestContext, outcome: 'failed' | 'succeeded'): Test {
  if (cursor.takeWord('ping', 'icmp', 'ping4', 'ping6') !== null) return parsePing(cursor, outcome);
  if (cursor.takeWord('permission', 'perm') !== null) {
    cursor.takeWord('expect');
    const token = cursor.expectString('an octal number');
    if (!/^[0-7]{3,4}$/.test(token.text))
      throw new ControlError(token.place, 'a permission is an octal number of 3 or 4 digits', token.text);
    return { kind: 'permission', expected: token.text.padStart(4, '0') };
  }
  const owner = cursor.takeWord('uid', 'euid', 'gid');
  if (owner === 'uid' || owner === 'euid' || owner === 'gid')
    return { kind: 'owner', property: owner, expected: cursor.expectString('a name or number').text };
  if (cursor.takeWord('checksum', 'md5', 'sha1') !== null) {
    cursor.takeWord('checksum');
    if (cursor.takeWord('expect') === null) return { kind: 'change', property: 'checksum' };
    const token = cursor.expectString('a checksum');
    if (!/^([0-9a-f]{32}|[0-9a-f]{40})$/i.test(token.text))
      throw new ControlError(
        token.place,
        'a checksum has 32 (MD5) or 40 (SHA1) hexadecimal digits',
        token.text,
      );
    return { kind: 'checksum', expected: token.text.toLowerCase() };
  }
  const { place } = cursor;
  if (cursor.takeWord('security') !== null) {
    cursor.expectWord('attribute');
    cursor.takeOperator();
    cursor.expectString('an attribute');
    cursor.warn(place, 'security attributes are not looked at');
    // A property that no sample has: the test never says anything.
    return { kind: 'change', property: 'fsflags' };
  }
  if (context.type !== 'process' && context.type !== 'host') cursor.fail(`a ${context.type} has no port`);
  return parseConnection(cursor, outcome, context.host, context.limits);
}

const CHANGES: Readonly<Record<string, ChangingProperty>> = {
  pid: 'pid',
  ppid: 'ppid',
  checksum: 'checksum',
  timestamp: 'timestamp',
  size: 'size',
  permission: 'permission',
  perm: 'permission',
  uid: 'uid',
  gid: 'gid',
  fsflags: 'fsflags',
  status: 'status',
};

function parseChange(cursor: Cursor): Test {
  cursor.takeWord('md5', 'sha1');
  cursor.takeWord('modification', 'access', 'change');
  const word = cursor.expectWord(...Object.keys(CHANGES));
  return { kind: 'change', property: CHANGES[word] ?? 'pid' };
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
  atime: 'age',
  ctime: 'age',
  mtime: 'age',
  hardlink: 'hardlinks',
  hardlinks: 'hardlinks',
  nlink: 'hardlinks',
  status: 'status',
};

function parseResourceName(cursor: Cursor): Resource {
  const isTotal = cursor.takeWord('total') !== null;
  const word = cursor.takeWord(
    ...Object.keys(RESOURCE_WORDS),
    ...[
      'cpu',
      'loadavg',
      'load',
      'disk',
      'read',
      'write',
      'service',
      'space',
      'inode',
      'inodes',
      'modification',
    ],
    ...['access', 'change'],
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
    case 'modification':
    case 'access':
    case 'change':
      cursor.expectWord('time', 'timestamp');
      return 'age';
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

const PERCENTS = /^cpu/;
const SIZES = new Set<Resource>(['memory', 'memory-total', 'size', 'swap', 'space-used', 'space-free']);
const COUNTS_OR_PERCENTS = new Set<Resource>(['file-descriptors', 'inodes-used', 'inodes-free']);

function parseUnit(
  cursor: Cursor,
  resource: Resource,
  value: number,
  { type }: TestContext,
): { readonly limit: number; readonly unit: Unit } {
  if (PERCENTS.test(resource)) {
    cursor.takePercent();
    return { limit: value, unit: 'percent' };
  }
  if (resource === 'uptime' || resource === 'age' || resource === 'service-time') {
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
  const token = cursor.peek();
  const [, name = '', per] = /^([a-z]+)(\/s)?$/i.exec(token.text) ?? [];
  const factors: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };
  const factor = factors[name.toLowerCase()];
  const isOperations = /^operations?$/i.test(name);
  if (token.kind !== 'word' || per === undefined || (factor === undefined && !isOperations))
    cursor.fail('expected B/s, kB/s, MB/s, GB/s or operations/s');
  cursor.take();
  return isOperations
    ? { limit: value, unit: 'operations-per-second' }
    : { limit: value * (factor ?? 1), unit: 'bytes-per-second' };
}
