import { constants } from 'node:os';
import type { ConnectionError } from '../base/session.ts';

/**
 * The sentences of strerror(3) for the errors that sockets give. Node's own messages are libuv's, which are worded otherwise;
 * the programs this one stands in for print the C library's.
 */
const SENTENCES: ReadonlyMap<string, string> = new Map([
  ['E2BIG', 'Argument list too long'],
  ['EACCES', 'Permission denied'],
  ['EADDRINUSE', 'Address already in use'],
  ['EADDRNOTAVAIL', 'Cannot assign requested address'],
  ['EAFNOSUPPORT', 'Address family not supported by protocol'],
  ['EAGAIN', 'Resource temporarily unavailable'],
  ['EBADF', 'Bad file descriptor'],
  ['ECONNABORTED', 'Software caused connection abort'],
  ['ECONNREFUSED', 'Connection refused'],
  ['ECONNRESET', 'Connection reset by peer'],
  ['EHOSTDOWN', 'Host is down'],
  ['EHOSTUNREACH', 'No route to host'],
  ['EINVAL', 'Invalid argument'],
  ['EISDIR', 'Is a directory'],
  ['ELOOP', 'Too many levels of symbolic links'],
  ['EMFILE', 'Too many open files'],
  ['EMSGSIZE', 'Message too long'],
  ['ENAMETOOLONG', 'File name too long'],
  ['ENETDOWN', 'Network is down'],
  ['ENETUNREACH', 'Network is unreachable'],
  ['ENFILE', 'Too many open files in system'],
  ['ENOBUFS', 'No buffer space available'],
  ['ENOENT', 'No such file or directory'],
  ['ENOMEM', 'Cannot allocate memory'],
  ['ENOTDIR', 'Not a directory'],
  ['ENOTSOCK', 'Socket operation on non-socket'],
  ['EPERM', 'Operation not permitted'],
  ['EPIPE', 'Broken pipe'],
  ['EPROTO', 'Protocol error'],
  ['EPROTOTYPE', 'Protocol wrong type for socket'],
  ['EROFS', 'Read-only file system'],
  ['ETIMEDOUT', 'Connection timed out'],
]);

/** The numbers of errors by name, as this system has them. */
export const ERRNO: typeof constants.errno = constants.errno;

/** EWOULDBLOCK and EOPNOTSUPP share their numbers with names listed later; the first name of a number wins. */
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .reverse()
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'EOPNOTSUPP')
    .map(([name, number]) => [number, name]),
);

/** The error of a name, such as `ECONNREFUSED`, with strerror's sentence for it. */
export function errorOfName(code: string): ConnectionError {
  return { code, message: SENTENCES.get(code) ?? code };
}

/** The error of a number, as errno has it. */
export function errorOfNumber(errno: number): ConnectionError {
  return errorOfName(NAMES.get(errno) ?? `errno ${errno}`);
}

/** Does something to a file. @returns null, or why it could not be done */
export function attempt(action: () => void): ConnectionError | null {
  try {
    action();
    return null;
  } catch (error) {
    return errorOfName(error instanceof Error && 'code' in error ? String(error.code) : 'EINVAL');
  }
}
