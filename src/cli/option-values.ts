import { StartError } from '../base/start-error.ts';

/** What C's atoi makes of a text: its leading whole number, 0 when there is none. For checks that must come out as the original's do. */
export function atoi(text: string): number {
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)?.[1];
  return digits === undefined ? 0 : Number(digits);
}

/** The refusal of a value that the original would have misread in silence. */
export function invalidValue(spelling: string, value: string, wanted: string): StartError {
  return new StartError(`Invalid value "${value}" for ${spelling}: ${wanted}`);
}

/**
 * A decimal whole number within bounds.
 *
 * @param spelling the option as typed, for the message
 * @throws StartError that names the option, the value and the bounds
 */
export function wholeNumber(spelling: string, value: string, least: number, most: number): number {
  const number = /^[+-]?\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw invalidValue(spelling, value, `a whole number from ${least} to ${most} is needed`);
}

/**
 * A decimal number with an optional fraction and exponent.
 *
 * @returns null when the text is anything else
 */
export function decimalNumber(value: string): number | null {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(value.trim()) ? Number(value) : null;
}

/** A number in octal digits, as chmod takes it, of at most 0777. */
export function octalMode(spelling: string, value: string): number {
  if (/^0*[0-7]{1,3}$/.test(value)) return Number.parseInt(value, 8);
  throw invalidValue(spelling, value, 'an access mode in octal, such as 770, is needed');
}

export const PORT_MAX = 65535;

/** memcached's refusal of a port that no socket can have: its words and, unless another is given, its exit code (usage). */
export function invalidPort(port: number, exitCode = 64): StartError {
  return new StartError(`ERROR: Invalid port number ${port}.`, exitCode);
}

/** sizeof(sockaddr_un.sun_path) less the closing zero. */
const UNIX_PATH_BYTES_MAX = 107;

/**
 * Checks the path of a unix socket.
 *
 * @param path in full
 * @param typed as written, for the message
 * @returns the path
 */
export function unixPath(spelling: string, path: string, typed: string): string {
  if (typed === '') throw invalidValue(spelling, typed, 'a file name is needed');
  const bytes = Buffer.byteLength(path);
  if (bytes > UNIX_PATH_BYTES_MAX)
    throw invalidValue(
      spelling,
      typed,
      `the path is too long for a socket (${bytes} bytes; most: ${UNIX_PATH_BYTES_MAX})`,
    );
  return path;
}
