/** What it takes to be let in by a server, as a native configuration says it. */
import { loginWords, NO_LOGIN } from '../net/login-file.ts';
import type { DialCertificates } from '../net/tls-dialler.ts';
import { ConfigurationMistake } from './configuration-mistake.ts';
import type { AccessEntry, TlsEntry } from './configuration-schema.ts';
import type { ServerTls } from './server-tls.ts';

export interface ServerAccess {
  readonly tls?: ServerTls;
  /** In full. */
  readonly loginFile?: string;
}

/** The files that a configuration names. */
export interface ConfigurationFiles {
  /** Reads one, in latin1. Throws what is to be told of it. */
  read(file: string): string;
  /** Its name in full; not given: as it is written. */
  nameOf?(file: string): string;
  /** @returns why certificates are of no use; null: they are. Not given: all are */
  tlsMistake?(certificates: DialCertificates): string | null;
}

/** What an entry says, or else those behind it, the nearest one first; each with its place in the file. */
export function accessOf(
  entries: readonly { readonly entry: AccessEntry; readonly path: readonly PropertyKey[] }[],
  files: ConfigurationFiles,
): ServerAccess {
  const read = <T>(said: (entry: AccessEntry) => T | undefined, key: string): [T, PropertyKey[]] | null => {
    for (const { entry, path } of entries) {
      const value = said(entry);
      if (value !== undefined) return [value, [...path, key]];
    }
    return null;
  };
  const tls = read((entry) => entry.tls, 'tls');
  const login = read((entry) => entry['login-file'], 'login-file');
  return {
    ...(tls === null ? {} : { tls: tlsOf(...tls, files) }),
    ...(login === null ? {} : { loginFile: loginFileOf(...login, files) }),
  };
}

function tlsOf(entry: TlsEntry, path: readonly PropertyKey[], files: ConfigurationFiles): ServerTls {
  const read = (name: keyof TlsEntry): string | null => {
    const file = entry[name];
    return file === undefined ? null : contentOf(file, [...path, name], 'the name of a PEM file', files);
  };
  const nameOf = (name: keyof TlsEntry): string | null => {
    const file = entry[name];
    return file === undefined ? null : (files.nameOf?.(file) ?? file);
  };
  if (entry.key !== undefined && entry.certificate === undefined)
    throw new ConfigurationMistake(
      [...path, 'key'],
      'a key without a certificate is of no use; write "certificate:", too, or leave it out',
    );
  const certificates = {
    chain: read('certificate'),
    key: read('key'),
    authorities: read('authority'),
    pinned: read('server-certificate'),
  };
  const reason = files.tlsMistake?.(certificates) ?? null;
  if (reason !== null)
    throw new ConfigurationMistake(
      path,
      `these files are of no use: ${reason}; write PEM files with a certificate, and the key that belongs to it`,
    );
  return {
    ...certificates,
    files: {
      chain: nameOf('certificate'),
      key: nameOf('key'),
      authorities: nameOf('authority'),
      pinned: nameOf('server-certificate'),
    },
  };
}

function loginFileOf(file: string, path: readonly PropertyKey[], files: ConfigurationFiles): string {
  if (loginWords(contentOf(file, path, 'the name of a file of users', files)) === null)
    throw new ConfigurationMistake(path, `${file} ${NO_LOGIN}; write one into it`);
  return files.nameOf?.(file) ?? file;
}

/** @param needed what to write in the place of a file that cannot be read */
function contentOf(
  file: string,
  path: readonly PropertyKey[],
  needed: string,
  files: ConfigurationFiles,
): string {
  try {
    return files.read(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationMistake(path, `${file} cannot be read: ${reason}; write ${needed}`);
  }
}
