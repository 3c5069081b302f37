import type { HotKeys } from '../routing/hot-keys.ts';
import type { RoutingSettings } from '../routing/settings.ts';
import type { RouteTree } from '../routing/tree-plan.ts';
import type { ServerTls } from './server-tls.ts';

/** One server of a list. */
export interface ProxyServer {
  /** A numeric address in full (`127.0.0.1`, `::1`), a host name, or the path of a unix socket, with a slash in front. */
  readonly host: string;
  /** 0 for a unix socket. */
  readonly port: number;
  /** The address as typed (`127.1:11221`): what `stats` shows and what magent's ketama hashes. */
  readonly text: string;
  /** What twemproxy's distributions hash instead. */
  readonly name?: string;
  readonly weight?: number;
  /** What is shown to it, and who may vouch for it; not given: it is spoken to in the clear. Needs the portable transport. */
  readonly tls?: ServerTls;
  /** Where it says that it wants a login, that of the first user of this file, in full; not given: none. Read for each connection on which it is asked for. */
  readonly loginFile?: string;
}

/** Times in milliseconds that bound every request; see docs/reference/magent.md. */
export interface ProxyTimeouts {
  /** From a request handed to a server to its reply. */
  readonly requestTimeoutMs: number;
  /** From dialling a server to its answered probe. */
  readonly connectTimeoutMs: number;
  /** So long after a server was lost requests that have nobody else wait for it to come back; not given: not at all. */
  readonly returnWaitMs?: number;
}

/** Mains and backups, as magent has them. */
export interface MagentRouting {
  readonly kind: 'magent';
  /** How many of the pool's servers are mains (`-s`); the others are backups (`-b`). At least one. */
  readonly mains: number;
  /** `-k`; `ketama-8bit` is what that is in magent 0.5 and 0.6. */
  readonly distribution: 'modulo' | 'ketama' | 'ketama-8bit';
  /** `--near-cache`, `--coalesce`; not given: neither. */
  readonly hotKeys?: HotKeys | null;
}

/** A pool of twemproxy's. The names are its directives'. */
export interface NutcrackerRouting {
  readonly kind: 'nutcracker';
  readonly hash: string;
  /** Two characters; null: none. */
  readonly hashTag: string | null;
  readonly distribution: string;
  /** Connections to each server, per thread. */
  readonly serverConnections: number;
  /** Null: dead servers keep their keys (`auto_eject_hosts: false`). */
  readonly ejection: {
    readonly failureLimit: number;
    readonly retryMs: number;
    /** Ours: a server is ejected at its first failure, its request goes to another one, and it is put back when it answers. */
    readonly probes: boolean;
  } | null;
  /** `--near-cache`, `--coalesce`; not given: neither. */
  readonly hotKeys?: HotKeys | null;
  /** Ours: the last servers of the list are twins, each of the one at this position of the others. Not given: there are none. */
  readonly twinOf?: readonly number[];
}

/** A route tree over the pool's servers; several entries of one server are connections to it. */
export interface TreeRouting {
  readonly kind: 'tree';
  /** `flush_all` is allowed, and goes to all servers that the tree knows. */
  readonly allowsFlush: boolean;
  readonly tree: RouteTree;
  /** Where they differ from the defaults: times and bounds of groups of servers, … */
  readonly settings: readonly Partial<RoutingSettings>[];
  /** … and by server, which of them are its. */
  readonly settingsOf: readonly number[];
}

/** Clients' addresses, servers, and the way from the ones to the others. */
export interface ProxyPool {
  readonly name: string;
  /** Addresses for TCP; empty: none. A null host is every interface; port 0 is any free port. */
  readonly listen: readonly { readonly host: string | null; readonly port: number }[];
  /** Also listen on this unix socket; null: no. */
  readonly unixPath: string | null;
  /** Its access mode; null: as the umask says. */
  readonly unixMode: number | null;
  readonly backlog: number;
  /** In order: the order may decide where keys lie. */
  readonly servers: readonly ProxyServer[];
  readonly routing: MagentRouting | NutcrackerRouting | TreeRouting;
  readonly timeouts: ProxyTimeouts;
}

/** Everything a proxy is started with. Plain data: structured-clonable, and made by hand as well as from a command line. */
export interface ProxyOptions {
  /** At least one. */
  readonly pools: readonly ProxyPool[];
  /** `-n`: clients of all pools at once; one more is refused. */
  readonly connectionsMax: number;
  readonly threads: number;
  /** 0 quiet, 1 tells on stderr when servers come and go. */
  readonly verbosity: number;
  /** How bytes are moved (see net/data-threads.ts). */
  readonly transport: 'auto' | 'reactor' | 'portable';
}

/** The longest that requests may be told to wait for a lost server. */
export const RETURN_WAIT_MS_MAX = 60_000;

/** A pool of magent's when nothing is said; servers must be given. */
export const POOL_DEFAULT: ProxyPool = {
  name: 'agent',
  listen: [{ host: '0.0.0.0', port: 11211 }],
  unixPath: null,
  unixMode: 0o644,
  backlog: 1024,
  servers: [],
  routing: { kind: 'magent', mains: 0, distribution: 'modulo' },
  timeouts: { requestTimeoutMs: 1000, connectTimeoutMs: 500, returnWaitMs: 1000 },
};

/** What a proxy is when nothing is said: magent's defaults; pools must be given. */
export const PROXY_OPTIONS_DEFAULT: ProxyOptions = {
  pools: [],
  connectionsMax: 4096,
  threads: 1,
  verbosity: 0,
  transport: 'auto',
};
