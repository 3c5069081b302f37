import { absolutePath } from './absolute-path.ts';
import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';
import { parseNetwork } from './ip-networks.ts';
import type { AllowedHosts, Httpd, HttpUser, PasswordFile } from './tree.ts';

type Draft = { -readonly [Name in keyof Httpd]: Httpd[Name] } & {
  allowedHosts: AllowedHosts[];
  users: HttpUser[];
  groups: { name: string; isReadOnly: boolean }[];
  passwordFiles: PasswordFile[];
};

/**
 * `port N [use address A] [allow ...] ...` or `unixsocket PATH ...`, behind `set httpd`.
 *
 * @param before what an earlier statement said: two statements add up, one for the port and one for the socket
 */
export function parseHttpd(cursor: Cursor, before: Httpd | null): Httpd {
  const draft: Draft = {
    port: before?.port ?? null,
    address: before?.address ?? null,
    unixSocket: before?.unixSocket ?? null,
    hasSignature: before?.hasSignature ?? true,
    isReadOnly: before?.isReadOnly ?? false,
    pemFile: before?.pemFile ?? null,
    allowedHosts: [...(before?.allowedHosts ?? [])],
    users: [...(before?.users ?? [])],
    groups: [...(before?.groups ?? [])],
    passwordFiles: [...(before?.passwordFiles ?? [])],
  };
  while (parseOption(cursor, draft));
  if (draft.port === null && draft.unixSocket === null) cursor.fail('set httpd needs a port or a unixsocket');
  return draft;
}

function parseOption(cursor: Cursor, draft: Draft): boolean {
  const word = cursor.takeWord(
    ...[
      'port',
      'address',
      'unixsocket',
      'uid',
      'gid',
      'permission',
      'allow',
      'signature',
      'read-only',
      'readonly',
    ],
    ...['ssl', 'tls', 'enable', 'disable', 'pemfile', 'clientpemfile'],
  );
  switch (word) {
    case null:
      return false;
    case 'port':
      draft.port = cursor.expectWhole('a port', 1, 65_535);
      return true;
    case 'address':
      draft.address = cursor.expectStringAfterNoise('an address').text;
      return true;
    case 'unixsocket':
      draft.unixSocket = { path: absolutePath(cursor), permission: null, user: null, group: null };
      return true;
    case 'uid':
    case 'gid':
    case 'permission':
      parseSocketOption(cursor, draft, word);
      return true;
    case 'allow':
      parseAllow(cursor, draft);
      return true;
    case 'signature':
      draft.hasSignature = cursor.expectWord('enable', 'disable') === 'enable';
      return true;
    case 'read-only':
    case 'readonly':
      draft.isReadOnly = true;
      return true;
    case 'pemfile':
      draft.pemFile = absolutePath(cursor);
      return true;
    case 'ssl':
    case 'tls':
      if (cursor.takeBrace('{')) parseTls(cursor, draft);
      return true;
    default: {
      const { place } = cursor;
      if (word === 'clientpemfile') absolutePath(cursor);
      cursor.warn(place, `${word} of set httpd has no effect here`);
      return true;
    }
  }
}

function parseSocketOption(cursor: Cursor, draft: Draft, word: 'uid' | 'gid' | 'permission'): void {
  const token = cursor.expectString('a value');
  const socket = draft.unixSocket;
  if (socket === null) throw new ControlError(token.place, `${word} belongs to a unixsocket`, token.text);
  if (word === 'uid') draft.unixSocket = { ...socket, user: token.text };
  else if (word === 'gid') draft.unixSocket = { ...socket, group: token.text };
  else if (/^0?[0-7]{3}$/.test(token.text)) draft.unixSocket = { ...socket, permission: token.text };
  else throw new ControlError(token.place, 'a permission is an octal number of 3 digits', token.text);
}

function parseTls(cursor: Cursor, draft: Draft): void {
  const { place } = cursor;
  const text = cursor.takeUntil('}');
  cursor.expectBrace('}');
  const file = /(?:^|\s)pemfile\s*:\s*"?([^\s,"}]+)/i.exec(text)?.[1];
  if (file === undefined)
    throw new ControlError(place, 'ssl of set httpd needs a pemfile: with certificate and key');
  draft.pemFile = file;
  if (/clientpemfile|version|ciphers/i.test(text))
    cursor.warn(place, 'of the options of ssl only pemfile has an effect here');
}

function parseAllow(cursor: Cursor, draft: Draft): void {
  const format = cursor.takeWord('cleartext', 'crypt', 'md5');
  if (format === 'cleartext' || format === 'crypt' || format === 'md5') {
    draft.passwordFiles.push(parsePasswordFile(cursor, format));
    return;
  }
  const first = cursor.expectString('a host, a network, user:password or @group');
  // "user":password, "user":"password"
  const rest =
    first.kind === 'text' && !first.text.includes(':') && cursor.isNextCharacter(':')
      ? cursor.expectString('a password').text
      : '';
  const token = { ...first, text: first.text + rest };
  const attached = cursor.takeAttachedText();
  const colon = token.text.indexOf(':');
  const network = token.kind === 'word' && attached === null ? parseNetwork(token.text) : null;
  if (network !== null) draft.allowedHosts.push({ kind: 'network', ...network });
  else if (token.text.startsWith('@'))
    draft.groups.push({ name: token.text.slice(1), isReadOnly: isReadOnly(cursor) });
  else if (colon > 0) {
    const password = token.text.slice(colon + 1) + (attached ?? '');
    if (password === '') throw new ControlError(token.place, 'a user needs a password', token.text);
    draft.users.push({ name: token.text.slice(0, colon), password, isReadOnly: isReadOnly(cursor) });
  } else if (/^[\d.]+(\/[\d.]*)?$/.test(token.text))
    throw new ControlError(token.place, 'this is no address and no network', token.text);
  else draft.allowedHosts.push({ kind: 'name', name: token.text, place: token.place });
}

function parsePasswordFile(cursor: Cursor, format: PasswordFile['format']): PasswordFile {
  const path = absolutePath(cursor);
  const users: string[] = [];
  const endings = ['allow', 'set', 'check', 'include', 'signature', 'ssl', 'address', 'port', 'unixsocket'];
  while (!isReadOnlyNext(cursor) && cursor.peek().kind === 'word' && !cursor.isWord(...endings))
    users.push(cursor.expectString('a user').text);
  return { format, path, users, isReadOnly: isReadOnly(cursor) };
}

function isReadOnlyNext(cursor: Cursor): boolean {
  return cursor.isWord('read-only', 'readonly');
}

function isReadOnly(cursor: Cursor): boolean {
  return cursor.takeWord('read-only', 'readonly') !== null;
}
