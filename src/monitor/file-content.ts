import type { ProbeOutcome } from '../checks/sample.ts';
import { jsPattern } from '../control/extended-pattern.ts';
import type { ServiceEntry, Test } from '../control/tree.ts';
import { matching } from '../system/bounded-match.ts';
import { NoAnswerError } from '../system/bounded-reads.ts';
import type { FileReader } from './file-reader.ts';

/** Most of a file that is looked through at a time: its end. */
const CONTENT_BYTES_MAX = 1024 * 1024;

/** Characters of a line that are told. */
const SHOWN_LENGTH = 200;

/** What is known of a content when its pattern has taken too long: whoever wrote the rule must hear of it. */
const TOO_LONG = 'the pattern takes too long';

/** Where a file was read up to, for rules about its content. */
export interface ContentPosition {
  inode: number;
  offset: number;
}

/** How a file's content is looked at. */
export interface ContentLook {
  /** Is moved on. */
  readonly position: ContentPosition;
  readonly reader: FileReader;
  /** What is looked at of each line, and a byte more, as in monit. */
  readonly lineBytesMax: number;
}

/**
 * What rules about content find in the lines that were written since the look before.
 *
 * @returns by index of the rule
 * @throws NoAnswerError when the file hangs
 */
export async function contentProbes(
  { rules, ignoredContent }: Pick<ServiceEntry, 'rules' | 'ignoredContent'>,
  path: string,
  look: ContentLook,
): Promise<Map<number, ProbeOutcome>> {
  const probes = new Map<number, ProbeOutcome>();
  if (!rules.some(({ test }) => test.kind === 'content')) return probes;
  const lines = withoutIgnored(await newLines(path, look), ignoredContent);
  for (const [index, { test }] of rules.entries())
    if (test.kind === 'content') probes.set(index, contentOutcome(test, lines));
  return probes;
}

/** @returns null: it takes too long to say */
function withoutIgnored(
  lines: readonly string[],
  ignored: ServiceEntry['ignoredContent'],
): readonly string[] | null {
  let left = lines;
  for (const { pattern, isNegated } of ignored) {
    const found = matching(new RegExp(jsPattern(pattern)), left);
    if (found === null) return null;
    const matched = new Set(found);
    left = left.filter((_, at) => matched.has(at) === isNegated);
  }
  return left;
}

/**
 * What a rule about content finds in some lines, or in a whole text.
 *
 * @param texts null: which they are took too long to say
 * @param flags of the pattern
 */
export function contentOutcome(
  { pattern, isNegated }: Extract<Test, { kind: 'content' }>,
  texts: readonly string[] | null,
  flags = '',
): ProbeOutcome {
  const found = texts === null ? null : matching(new RegExp(jsPattern(pattern), flags), texts, 1);
  if (texts === null || found === null) return { isOk: !isNegated, text: TOO_LONG, responseMs: null };
  const [first] = found;
  if (first === undefined) return { isOk: false, text: 'content does not match', responseMs: null };
  return { isOk: true, text: `content match: ${texts[first]?.slice(0, SHOWN_LENGTH)}`, responseMs: null };
}

/** The whole lines that were written to a file since it was read last: the first time none, and of a new file all of them. */
async function newLines(path: string, { position, reader, lineBytesMax }: ContentLook): Promise<string[]> {
  const bytes = await newBytes(path, position, reader);
  let end = bytes.lastIndexOf('\n') + 1;
  // Its writer has not come to the end of the last one. Of one that is too long there is nothing more to be seen.
  if (bytes.length - end >= lineBytesMax - 1) end = bytes.length;
  position.offset -= bytes.length - end;
  return bytes
    .toString('utf8', 0, end)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(0, lineBytesMax - 1));
}

async function newBytes(path: string, position: ContentPosition, reader: FileReader): Promise<Buffer> {
  try {
    const file = await reader.open(path);
    try {
      const { ino, size } = await file.stat();
      const isFirst = position.inode === 0;
      if (position.inode !== ino || position.offset > size) position.offset = isFirst ? size : 0;
      position.inode = ino;
      const from = Math.max(position.offset, size - CONTENT_BYTES_MAX);
      const bytes = Buffer.alloc(Math.max(0, size - from));
      const count = await file.read(bytes, from);
      position.offset = from + count;
      return bytes.subarray(0, count);
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof NoAnswerError) throw error;
    return Buffer.alloc(0);
  }
}
