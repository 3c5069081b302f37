import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { bareEntry } from '../control/bare-entry.ts';
import { ControlError } from '../control/control-error.ts';
import { includeObjection, parseControlFile, trustObjection } from '../control/control-file.ts';
import { withImpliedProtocols } from '../control/implied-protocol.ts';
import type { ControlTree, ControlWarning, Place, ServiceEntry } from '../control/tree.ts';
import { identityToBecome } from '../system/users.ts';

/** Largest control file. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Reads a control file from disk, and everything that it includes.
 *
 * @throws StartError with one line
 */
export function readControlFile(path: string): ControlTree {
  try {
    const tree = parseControlFile(path, { hostName: hostname(), glob: matches, read: readTrusted });
    const warnings = [...tree.warnings, ...tree.services.flatMap(programWarnings)];
    return { ...tree, warnings, services: withSystem(tree.services.map(withImpliedProtocols), path) };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    throw new StartError(error.message, 1, { cause: error });
  }
}

/** What the programs of an entry need and this host has not. @throws ControlError for a user or group that is unknown */
function programWarnings(entry: ServiceEntry): ControlWarning[] {
  const { place, start, stop, restart, subject, rules } = entry;
  const actions = rules.flatMap(({ onFailure, onSuccess }) => [onFailure.action, onSuccess.action]);
  const calls = [
    ...[start, stop, restart].filter((call) => call !== null),
    ...(subject.kind === 'program' ? [subject.call] : []),
    ...actions.flatMap((action) => (action.kind === 'exec' ? [action.call] : [])),
  ];
  const warnings: ControlWarning[] = [];
  for (const { argv, user, group } of calls) {
    try {
      identityToBecome(user, group);
    } catch {
      const who =
        group === null
          ? `user not found on the system '${user}'`
          : `user or group not found on the system '${user ?? ''}' '${group}'`;
      throw new ControlError(place, `Requested ${who}`);
    }
    const program = argv[0] ?? '';
    if (!isFile(program) || !isAbsolute(program))
      warnings.push({ ...place, text: `Program does not exist: '${program}'` });
  }
  return warnings;
}

function readTrusted(path: string, place: Place | null): string {
  let facts: Stats;
  try {
    facts = statSync(path);
  } catch (error) {
    // So it is to monit, which has the reason of an included one alone.
    if (place === null && error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new ControlError(place, `The control file '${path}' is not a file`);
    throw new ControlError(place, `Cannot stat the control file '${path}' -- ${reason(error)}`);
  }
  const { mode, uid, size } = facts;
  const judge = place === null ? trustObjection : includeObjection;
  const objection = judge(path, { isFile: facts.isFile(), mode, ownerUid: uid }, ownUid());
  if (objection !== null) throw new ControlError(place, objection);
  if (size > FILE_BYTES_MAX)
    throw new ControlError(place, `'${path}' is larger than ${FILE_BYTES_MAX} bytes`);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ControlError(place, `Cannot open the control file '${path}' -- ${reason(error)}`);
  }
}

/** Why a file could not be used, in the system's words. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isMissing = 'code' in error && error.code === 'ENOENT';
  return isMissing ? 'No such file or directory' : error.message;
}

function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

function matches(pattern: string): string[] {
  const absolute = isAbsolute(pattern) ? pattern : resolve('/', pattern);
  let paths = ['/'];
  for (const part of absolute.split('/').filter((piece) => piece !== ''))
    paths = paths.flatMap((folder) => namesIn(folder, part).map((name) => join(folder, name)));
  return paths.filter(isFile).sort();
}

/** The names of a folder that a part of a pattern means: `*`, `?` and `[...]`; a leading dot must be written. */
function namesIn(folder: string, part: string): string[] {
  if (!/[*?[]/.test(part)) return [part];
  const pattern = part
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
    .replaceAll('[!', '[^');
  try {
    const wanted = new RegExp(`^${pattern}$`);
    return readdirSync(folder).filter(
      (name) => wanted.test(name) && (part.startsWith('.') || !name.startsWith('.')),
    );
  } catch {
    return [];
  }
}

/** False, too, of what cannot be looked at: somebody else's folder, a circle of links, a name that is too long. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The host is always an entry; one that the file does not name stands at its end. */
function withSystem(services: readonly ServiceEntry[], file: string): ServiceEntry[] {
  return services.some(({ type }) => type === 'system') ? [...services] : [...services, implicitSystem(file)];
}

function implicitSystem(file: string): ServiceEntry {
  return bareEntry({
    name: hostname(),
    type: 'system',
    subject: { kind: 'system' },
    place: { file, line: 0 },
  });
}
