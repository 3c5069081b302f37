import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, type Stats, statSync } from 'node:fs';
import { EMPTY_SAMPLE, figure, type Sample } from '../checks/sample.ts';
import type { Limits, ServiceEntry, ServiceType } from '../control/tree.ts';
import { type ContentPosition, contentProbes } from './file-content.ts';

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

/**
 * Looks at a file, a directory or a fifo.
 *
 * @param position of the content that was looked at before; is moved on
 */
export async function sampleFile(
  entry: ServiceEntry,
  path: string,
  position: ContentPosition,
  { fileContentBufferBytes }: Pick<Limits, 'fileContentBufferBytes'>,
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
    probes: stats.isFile() ? contentProbes(entry, path, position, fileContentBufferBytes) : new Map(),
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
