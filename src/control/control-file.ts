/**
 * monit's control file: text in, tree out. Files are read by whoever calls, so nothing here touches one.
 *
 * A file is a row of statements. `set ...` and `include` may stand anywhere; `check ...` begins an entry, to which the statements behind it
 * belong, across the border of an included file too.
 */
import { ControlError } from './control-error.ts';
import { Cursor } from './cursor.ts';
import { checkMeaning } from './meaning.ts';
import { type EntryDraft, parseEntryHead, parseEntryStatement } from './service-parser.ts';
import { defaultSettings, parseSetting } from './settings-parser.ts';
import type { ControlTree, Place, ServiceEntry } from './tree.ts';

/** Most files that one control file can include, itself counted. */
export const FILES_MAX = 1024;

/** Most services of a control file. */
export const SERVICES_MAX = 10_000;

/** What the parser must know of the world. */
export interface ControlSurroundings {
  /** What `$HOST` means. */
  readonly hostName: string;
  /** The paths that a pattern of `include` means, sorted. */
  readonly glob: (pattern: string) => readonly string[];
  /** The text of a file. @throws ControlError when it cannot be read or must not be trusted; the message names the file */
  readonly read: (path: string, place: Place | null) => string;
}

/**
 * Reads a control file and everything that it includes.
 *
 * @param path for messages, and for `read`
 * @throws ControlError for the first fault, in one line with the file and the line in front
 */
export function parseControlFile(path: string, surroundings: ControlSurroundings): ControlTree {
  const cursor = new Cursor(path, surroundings.read(path, null), surroundings.read);
  const settings = defaultSettings();
  const services: ServiceEntry[] = [];
  let draft: EntryDraft | null = null;
  let files = 1;
  const finish = (): void => {
    if (draft !== null) services.push(draft.finish());
    draft = null;
    if (services.length > SERVICES_MAX)
      throw new ControlError(cursor.place, `a control file has at most ${SERVICES_MAX} services`);
  };
  for (;;) {
    const token = cursor.peek(true);
    if (token.kind === 'end') break;
    if (cursor.takeWord('set') !== null) parseSetting(cursor, settings);
    else if (cursor.takeWord('include') !== null) {
      const { text: pattern, place } = cursor.expectString('a path');
      const paths = surroundings.glob(pattern);
      if (paths.length === 0) cursor.warn(place, `include: nothing matches ${pattern}`);
      files += paths.length;
      if (files > FILES_MAX)
        throw new ControlError(place, `more than ${FILES_MAX} files are included`, pattern);
      // The last one entered is the first one read.
      for (const included of paths.toReversed())
        cursor.enter(included, surroundings.read(included, place), place);
    } else if (cursor.takeWord('check') !== null) {
      finish();
      draft = parseEntryHead(cursor, surroundings.hostName);
    } else if (draft === null || !parseEntryStatement(cursor, draft, settings.limits))
      cursor.fail(draft === null ? "expected 'set', 'check' or 'include'" : 'this begins no statement');
  }
  finish();
  checkMeaning(services);
  return { settings: { ...settings }, services, warnings: cursor.warnings };
}

/** What is known of a file before it is read. */
export interface FileFacts {
  readonly isFile: boolean;
  /** Its permission bits. */
  readonly mode: number;
  readonly ownerUid: number;
}

/** The most that a control file's permissions may allow: it holds passwords and what is run as root. */
const MODE_MAX = 0o700;

/** Of an included file others may know what stands in it, but must not change it. Monit does not look. */
const INCLUDED_MODE_MAX = 0o755;

/**
 * Whether an included file may be used: it can say what root runs, so nobody else may write it.
 *
 * @param ownUid the user who reads it
 * @returns why not; null when it may
 */
export function includeObjection(path: string, facts: FileFacts, ownUid: number): string | null {
  if (!facts.isFile) return `The included file '${path}' is not a regular file.`;
  if (facts.ownerUid !== ownUid && facts.ownerUid !== 0)
    return `The included file '${path}' must be owned by you or by root.`;
  if ((facts.mode & 0o777 & ~INCLUDED_MODE_MAX) !== 0)
    return `The included file '${path}' permission 0${(facts.mode & 0o777).toString(8)} is wrong, maximum 0755 allowed`;
  return null;
}

/**
 * Whether a file may be used as a control file.
 *
 * @param ownUid the user who reads it
 * @returns why not, in monit's words; null when it may
 */
export function trustObjection(path: string, facts: FileFacts, ownUid: number): string | null {
  if (!facts.isFile) return `The control file '${path}' is not a file`;
  if (facts.ownerUid !== ownUid) return `The control file '${path}' must be owned by you.`;
  if ((facts.mode & 0o777 & ~MODE_MAX) !== 0)
    return `The control file '${path}' permission 0${(facts.mode & 0o777).toString(8)} is wrong, maximum 0700 allowed`;
  return null;
}
