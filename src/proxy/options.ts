/** One server of a list. */
export interface ProxyServer {
  /** A numeric address in full (`127.0.0.1`, `::1`), or a host name, which is looked up when the proxy starts. */
  readonly host: string;
  readonly port: number;
  /** The address as typed (`127.1:11221`): what `stats` shows and what ketama hashes. */
  readonly text: string;
}

/** Times in milliseconds that bound every request; see docs/reference/magent.md. */
export interface ProxyTimeouts {
  /** From a request handed to a server to its reply. */
  readonly requestTimeoutMs: number;
  /** From dialling a server to its answered probe. */
  readonly connectTimeoutMs: number;
}

/** Everything a proxy is started with. Plain data: structured-clonable, and made by hand as well as from a command line. */
export interface ProxyOptions {
  /** Addresses for TCP; empty: none. A null host is every interface; port 0 is any free port. */
  readonly listen: readonly { readonly host: string | null; readonly port: number }[];
  /** Also listen on this unix socket; null: no. */
  readonly unixPath: string | null;
  readonly unixMode: number;
  readonly backlog: number;
  /** `-s`, in order: the order decides where keys lie. At least one. */
  readonly mains: readonly ProxyServer[];
  /** `-b`, in order. */
  readonly backups: readonly ProxyServer[];
  /** `-k`. */
  readonly distribution: 'modulo' | 'ketama';
  /** `-n`: clients at once; one more is refused. */
  readonly connectionsMax: number;
  readonly threads: number;
  /** 0 quiet, 1 tells on stderr when servers come and go. */
  readonly verbosity: number;
  readonly timeouts: ProxyTimeouts;
  /** How bytes are moved (see net/data-threads.ts). */
  readonly transport: 'auto' | 'reactor' | 'portable';
}

/** What a proxy is when nothing is said: magent's defaults; `mains` must be given. */
export const PROXY_OPTIONS_DEFAULT: ProxyOptions = {
  listen: [{ host: '0.0.0.0', port: 11211 }],
  unixPath: null,
  unixMode: 0o644,
  backlog: 1024,
  mains: [],
  backups: [],
  distribution: 'modulo',
  connectionsMax: 4096,
  threads: 1,
  verbosity: 0,
  timeouts: { requestTimeoutMs: 1000, connectTimeoutMs: 500 },
  transport: 'auto',
};
