import { beginsWith } from '../protocol/text/reply-parser.ts';
import { VERB } from '../protocol/text/verbs.ts';

/** Why a destination did not answer a call. All of them let another destination be tried, save where the call's fate forbids it. */
export const FAILURE = {
  none: 0,
  /** No connection, or the destination is in its back-off: nothing was sent. */
  connect: 1,
  /** The connection ended before the reply. */
  reset: 2,
  /** No reply in time. */
  timeout: 3,
  /** Too much is waiting for this destination already: nothing was sent. */
  busy: 4,
  /** The destination sent what is no reply. */
  garbled: 5,
  /** The destination is a proxy and says that it has no server for the call. */
  reported: 6,
  /** The answer does not fit our buffers. */
  memory: 7,
  /** The configuration refuses the call, with a line of its own. */
  refused: 8,
} as const;

/** One of the numbers of FAILURE. */
export type Failure = (typeof FAILURE)[keyof typeof FAILURE];

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * The reply that a client gets when nothing answered. The texts are magent's where it has one; TIMEOUT and BUSY are ours, in its
 * style, because magent knows neither.
 */
const FAILURE_LINES: Record<Failure, Uint8Array> = {
  [FAILURE.none]: ascii('SERVER_ERROR BACKEND SERVER ERROR\r\n'),
  [FAILURE.connect]: ascii('SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n'),
  [FAILURE.reset]: ascii('SERVER_ERROR BACKEND SERVER RESET OR CLOSE CONNECTION\r\n'),
  [FAILURE.timeout]: ascii('SERVER_ERROR BACKEND SERVER TIMEOUT\r\n'),
  [FAILURE.busy]: ascii('SERVER_ERROR BACKEND SERVER BUSY\r\n'),
  [FAILURE.garbled]: ascii('SERVER_ERROR BACKEND SERVER ERROR\r\n'),
  [FAILURE.reported]: ascii('SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n'),
  [FAILURE.memory]: ascii('SERVER_ERROR OUT OF MEMORY\r\n'),
  [FAILURE.refused]: ascii('SERVER_ERROR NO ROUTE\r\n'),
};

/** The reply line, with its CR LF, for a failure. */
export function failureLine(failure: Failure): Uint8Array {
  return FAILURE_LINES[failure];
}

/** What follows `SERVER_ERROR ` in the lines by which proxies report that they reached no server, so that nothing was done. */
const NOT_REACHED: readonly Uint8Array[] = [
  'CAN NOT CONNECT TO BACKEND',
  'BACKEND SERVER BUSY',
  'OUT OF CONNECTION',
  'Connection refused',
  'Host is down',
  'No route to host',
  'Network is unreachable',
].map(ascii);

/** … and by which they report that a server was lost on the way: whether it did what was asked is unknown. */
const LOST_ON_THE_WAY: readonly Uint8Array[] = [
  'BACKEND SERVER RESET OR CLOSE CONNECTION',
  'BACKEND SERVER CLOSE CONNECTION',
  'BACKEND SERVER TIMEOUT',
  'BACKEND SERVER ERROR',
  'CAN NOT WRITE REQUEST TO BACKEND SERVER',
  'backend failure',
  'Connection timed out',
  'Connection reset by peer',
  'Broken pipe',
].map(ascii);

/** All that twemproxy says of a server that closed the connection: it knows no reason. */
const NO_REASON = ascii('unknown');

const TEXT_OFFSET = 'SERVER_ERROR '.length;

/** What a SERVER_ERROR line means for the call it answers. */
export const SERVER_ERROR = {
  /** The server's own answer (too large, out of memory): the client gets it. */
  final: 0,
  /** A proxy reached no server; another destination may be tried. */
  notReached: 1,
  /** A proxy lost the server in between; another destination may be tried if doing the thing twice is harmless. */
  lost: 2,
} as const;

/**
 * Tells the errors of a proxy's missing servers (ours, magent's, twemproxy's, memcached's own proxy) from a server's answers.
 *
 * @param start the first byte of the line, which begins with `SERVER_ERROR`
 * @param end the end of the line without CR LF
 * @returns one of SERVER_ERROR
 */
export function classifyServerError(bytes: Uint8Array, start: number, end: number): number {
  const at = start + TEXT_OFFSET;
  for (const text of NOT_REACHED) if (beginsWith(bytes, at, end, text)) return SERVER_ERROR.notReached;
  if (end - at === NO_REASON.length && beginsWith(bytes, at, end, NO_REASON)) return SERVER_ERROR.lost;
  for (const text of LOST_ON_THE_WAY) if (beginsWith(bytes, at, end, text)) return SERVER_ERROR.lost;
  return SERVER_ERROR.final;
}

/** Verbs that leave the same state when they are done twice, so that an unknown fate is no reason to give up. */
const RETRY_SAFE: ReadonlySet<number> = new Set<number>([
  VERB.get,
  VERB.gets,
  VERB.gat,
  VERB.gats,
  VERB.set,
  VERB.replace,
  VERB.delete,
  VERB.touch,
]);
const retrySafe = new Uint8Array(64);
for (const verb of RETRY_SAFE) retrySafe[verb] = 1;

/** Whether a request may be sent again although a server may have done it already. */
export function isRetrySafe(verb: number): boolean {
  return retrySafe[verb] === 1;
}

/** Whether a request only asks, with whatever command: it goes where keys are read. (mg may also make or touch an item.) */
export function asksOnly(verb: number): boolean {
  return isRead(verb) || verb === VERB.metaGet || verb === VERB.metaDebug;
}

/** Whether a request is a retrieval of the classic protocol, which may have many keys (gat and gats also move the exptime, of the copy that answers). */
export function isRead(verb: number): boolean {
  return verb >= VERB.get && verb <= VERB.gats;
}
