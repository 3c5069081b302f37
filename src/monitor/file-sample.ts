import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';
import { EMPTY_SAMPLE, figure, type ProbeOutcome, type Sample } from '../checks/sample.ts';
import { jsPattern } from '../control/connection-parser.ts';
import type { ServiceEntry, ServiceType } from '../control/tree.ts';

/** Most of a file that is looked through for a pattern at a time: its end. */
const CONTENT_BYTES_MAX = 1024 * 1024;

const IS_OF_TYPE: Readonly<Partial<Record<ServiceType, (stats: Stats) => boolean>>> = {
  file: (stats) => stats.isFile(),
  directory: (stats) => stats.isDirectory(),
  fifo: (stats) => stats.isFIFO(),
};

/** Hexadecimal digits of a checksum by SHA1; one by MD5 has 32. */
const SHA1_DIGITS = 40;

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** Where a file was read up to, for rules about its content. */
export interface ContentPosition {
  inode: number;
  offset: number;
}

/**
 * Looks at a file, a directory or a fifo.
 *
 * @param position of the content that was looked at before; is moved on
 */
export async function sampleFile(
  entry: ServiceEntry,
  path: string,
  position: ContentPosition,
  wallMs: number,
): Promise<Sample> {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch {
    return EMPTY_SAMPLE;
  }
  if (!(IS_OF_TYPE[entry.type]?.(stats) ?? true))
    return { ...EMPTY_SAMPLE, exists: true, properties: { 'other-type': `is no ${entry.type}` } };
  const wanted = entry.rules.map(({ test }) => test);
  const expected = wanted.find((test) => test.kind === 'checksum');
  const needsChecksum =
    expected !== undefined || wanted.some((test) => test.kind === 'change' && test.property === 'checksum');
  const checksum =
    needsChecksum && stats.isFile()
      ? await checksumOf(path, expected?.expected.length === SHA1_DIGITS ? 'sha1' : 'md5')
      : null;
  const probes = new Map<number, ProbeOutcome>();
  const hasContent = wanted.some(({ kind }) => kind === 'content') && stats.isFile();
  const ignored = entry.ignoredContent.map(({ pattern, isNegated }) => ({
    regex: new RegExp(jsPattern(pattern)),
    isNegated,
  }));
  const lines = (hasContent ? newContent(path, position) : '')
    .split('\n')
    .filter((line) => line !== '' && !ignored.some(({ regex, isNegated }) => regex.test(line) !== isNegated));
  for (const [index, test] of wanted.entries()) {
    if (test.kind !== 'content') continue;
    const pattern = new RegExp(jsPattern(test.pattern));
    const line = lines.find((part) => pattern.test(part));
    probes.set(index, {
      isOk: line !== undefined,
      text: line === undefined ? 'content does not match' : `content match: ${line.slice(0, 200)}`,
      responseMs: null,
    });
  }
  return {
    exists: true,
    figures: {
      size: figure(stats.size),
      // Monit's timestamp is the later one of the two.
      age: figure(Math.max(0, wallMs - Math.max(stats.mtimeMs, stats.ctimeMs))),
      atime: figure(Math.max(0, wallMs - stats.atimeMs)),
      ctime: figure(Math.max(0, wallMs - stats.ctimeMs)),
      mtime: figure(Math.max(0, wallMs - stats.mtimeMs)),
      hardlinks: figure(stats.nlink),
    },
    properties: {
      ...ownerProperties(stats),
      size: String(stats.size),
      timestamp: timeText(Math.max(stats.mtimeMs, stats.ctimeMs)),
      atime: timeText(stats.atimeMs),
      ctime: timeText(stats.ctimeMs),
      mtime: timeText(stats.mtimeMs),
      ...(checksum === null
        ? {}
        : { checksum, 'checksum-type': checksum.length === SHA1_DIGITS ? 'SHA1' : 'MD5' }),
    },
    probes,
    shown: { 'accessed-ms': stats.atimeMs, 'changed-ms': stats.ctimeMs, 'modified-ms': stats.mtimeMs },
  };
}

/** Who owns a file, and what may be done with it. */
export function ownerProperties({ mode, uid, gid }: Stats): Sample['properties'] {
  return {
    permission: (mode & 0o7777).toString(8).padStart(4, '0'),
    uid: ownerText('/etc/passwd', uid),
    gid: ownerText('/etc/group', gid),
  };
}

function checksumOf(path: string, algorithm: 'md5' | 'sha1'): Promise<string | null> {
  return new Promise((resolve) => {
    const hash = createHash(algorithm);
    createReadStream(path)
      .on('data', (chunk) => hash.update(chunk))
      .on('error', () => resolve(null))
      .on('end', () => resolve(hash.digest('hex')));
  });
}

/** What was written to a file since it was read last: the first time nothing, and of a new file all of it. */
function newContent(path: string, position: ContentPosition): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { ino, size } = fstatSync(descriptor);
    const isFirst = position.inode === 0;
    if (position.inode !== ino || position.offset > size) position.offset = isFirst ? size : 0;
    position.inode = ino;
    const from = Math.max(position.offset, size - CONTENT_BYTES_MAX);
    const bytes = Buffer.alloc(Math.max(0, size - from));
    const count = readSync(descriptor, bytes, 0, bytes.length, from);
    position.offset = from + count;
    return bytes.toString('utf8', 0, count);
  } catch {
    return '';
  } finally {
    closeSync(descriptor);
  }
}

/** `number name`: a rule may expect either. */
export function ownerText(file: string, id: number): string {
  const name = names(file).get(id);
  return name === undefined ? String(id) : `${id} ${name}`;
}

const NAMES_FRESH_MS = 60_000;
const cache = new Map<string, { readonly readMs: number; readonly names: ReadonlyMap<number, string> }>();

function names(file: string): ReadonlyMap<number, string> {
  const known = cache.get(file);
  if (known !== undefined && performance.now() - known.readMs < NAMES_FRESH_MS) return known.names;
  const found = new Map<number, string>();
  try {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [name, , id] = line.split(':');
      if (name !== undefined && id !== undefined && !found.has(Number(id))) found.set(Number(id), name);
    }
  } catch {
    // Numbers do then.
  }
  cache.set(file, { readMs: performance.now(), names: found });
  return found;
}
