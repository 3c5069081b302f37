import { createHash } from 'node:crypto';
import { readFileSync, type Stats } from 'node:fs';
import { EMPTY_SAMPLE, figure, type Sample } from '../checks/sample.ts';
import type { Limits, ServiceEntry, ServiceType } from '../control/tree.ts';
import { NoAnswerError } from '../system/bounded-reads.ts';
import { type ContentPosition, contentProbes } from './file-content.ts';
import type { FileReader } from './file-reader.ts';

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
 * @throws NoAnswerError when it hangs
 */
export async function sampleFile(
  entry: ServiceEntry,
  path: string,
  position: ContentPosition,
  { fileContentBufferBytes }: Pick<Limits, 'fileContentBufferBytes'>,
  wallMs: number,
  reader: FileReader,
): Promise<Sample> {
  let stats: Stats;
  try {
    stats = await reader.stat(path);
  } catch (error) {
    if (error instanceof NoAnswerError) throw error;
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
      ? await checksumOf(path, reader, expected?.expected.length === SHA1_DIGITS ? 'sha1' : 'md5')
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
    probes: stats.isFile()
      ? await contentProbes(entry, path, { position, reader, lineBytesMax: fileContentBufferBytes })
      : new Map(),
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

/** What is read at a time for a checksum. */
const CHUNK_BYTES = 256 * 1024;

/** @returns null when the file cannot be read */
async function checksumOf(
  path: string,
  reader: FileReader,
  algorithm: 'md5' | 'sha1',
): Promise<string | null> {
  const hash = createHash(algorithm);
  try {
    const file = await reader.open(path);
    try {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      for (let at = 0; ; ) {
        const count = await file.read(chunk, at);
        if (count === 0) return hash.digest('hex');
        hash.update(chunk.subarray(0, count));
        at += count;
      }
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof NoAnswerError) throw error;
    return null;
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
