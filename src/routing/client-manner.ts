import { FAILURE, type Failure, failureLine } from './failure.ts';

/**
 * How a pool speaks to its clients: what the program that it stands in for does where such programs differ. Data, so that a session asks and does
 * not branch on names.
 */
export interface ClientManner {
  /** The answer to `version`; null: one of the servers is asked. */
  readonly version: Uint8Array | null;
  /** What is unknown, malformed or not for proxies ends the connection, without a word, behind what is owed; else it gets memcached's answers. */
  readonly closesOnError: boolean;
  /** `stats`, `mn` and the binary no-op are answered. */
  readonly answersProbes: boolean;
  /** A get of a key that begins as ADMIN_PREFIXES do is answered by the proxy itself. */
  readonly answersAdminKeys: boolean;
  /** A get of several keys of which one cannot be asked for has the error as its whole answer, and the connection ends; else the error comes behind the values so far. */
  readonly failsWhole: boolean;
  /** `flush_all`: goes to all servers of the pool, is refused, or is as good as unknown. */
  readonly flush: 'everywhere' | 'refused' | 'unknown';
  /** The line for a failure, with its CR LF. */
  readonly failureLine: (failure: Failure) => Uint8Array;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export const MAGENT_MANNER: ClientManner = {
  version: ascii('VERSION memcached agent v0.5\r\n'),
  closesOnError: false,
  answersProbes: true,
  answersAdminKeys: true,
  failsWhole: false,
  flush: 'unknown',
  failureLine,
};

/** twemproxy's words are those of strerror(3) for what happened to the connection; the last two are ours, in its style. */
const NUTCRACKER_LINES: Record<Failure, Uint8Array> = {
  [FAILURE.none]: ascii('SERVER_ERROR Invalid argument\r\n'),
  [FAILURE.connect]: ascii('SERVER_ERROR Connection refused\r\n'),
  [FAILURE.reset]: ascii('SERVER_ERROR Connection reset by peer\r\n'),
  [FAILURE.timeout]: ascii('SERVER_ERROR Connection timed out\r\n'),
  [FAILURE.garbled]: ascii('SERVER_ERROR Invalid argument\r\n'),
  [FAILURE.reported]: ascii('SERVER_ERROR Connection refused\r\n'),
  [FAILURE.busy]: ascii('SERVER_ERROR Resource temporarily unavailable\r\n'),
  [FAILURE.memory]: ascii('SERVER_ERROR Cannot allocate memory\r\n'),
  [FAILURE.refused]: ascii('SERVER_ERROR Operation not permitted\r\n'),
};

export const NUTCRACKER_MANNER: ClientManner = {
  version: null,
  closesOnError: true,
  answersProbes: false,
  answersAdminKeys: false,
  failsWhole: true,
  flush: 'unknown',
  failureLine: (failure) => NUTCRACKER_LINES[failure],
};
