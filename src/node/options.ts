/** One address to listen on, as written: `127.0.0.1`, `[::1]:11211`, `localhost`, `*`. Names are resolved when the node starts. */
export interface NodeListenAddress {
  /** Numeric address or host name; null: every interface. */
  readonly host: string | null;
  /** Null: the port of `-p` (or of `-U`, for UDP). 0: any free port. */
  readonly port: number | null;
  /** Of a node with TLS: nothing (`notls:`), TLS (`btls:`), or TLS with a client's certificate (`mtls:`) here. Left out: as `-o ssl_verify_mode` says. */
  readonly tls?: 'none' | 'basic' | 'mutual';
}

/** `-Z` with its words of `-o`. */
export interface TlsOptions {
  /** Certificate and those that vouch for it, PEM. */
  readonly chainFile: string;
  /** Null: the key is in `chainFile`. */
  readonly keyFile: string | null;
  readonly keyFormat: 'pem' | 'der';
  /** 0: clients need no certificate; 1: one that is shown is checked; 2: one is needed; 3: as 2. */
  readonly verifyMode: 0 | 1 | 2 | 3;
  /** The authorities that clients' certificates are checked against, PEM. */
  readonly authoritiesFile: string | null;
  /** OpenSSL's list of ciphers; null: its default. */
  readonly ciphers: string | null;
  readonly writeBufferBytes: number;
  readonly sessionCache: boolean;
  /** Accepted and shown only. */
  readonly kernelTls: boolean;
  readonly versionMin: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
}

/** memcached's defaults; the certificate has none. */
export const TLS_OPTIONS_DEFAULT: TlsOptions = {
  chainFile: '',
  keyFile: null,
  keyFormat: 'pem',
  verifyMode: 0,
  authoritiesFile: null,
  ciphers: null,
  writeBufferBytes: 16 * 1024,
  sessionCache: false,
  kernelTls: false,
  versionMin: 'TLSv1.2',
};

/** How a node's twins are found and what is kept for them. */
export interface ReplicationOptions {
  /** `-x`, repeatable: hosts of the twins, as written; `host` or `host:port`, an IPv6 address with a port in brackets. */
  readonly peers: readonly string[];
  /** `-X N`: the replication port here and, where a peer names none, there. Null: the node was not asked to replicate. 0: any free port. */
  readonly port: number | null;
  /** `-q`: most changes that wait for a peer before it needs a fresh copy. */
  readonly queueMax: number;
  /** What twins must know of each other: 16 bytes at least. Null: whoever reaches the port is a twin, unless `secretFile` or `tls` says otherwise. */
  readonly secret: string | null;
  /** `--replication-secret-file`: the file whose first line is the secret. Read again on `reload`. */
  readonly secretFile: string | null;
  /** `--replication-tls-...`: links are encrypted, and both sides show certificates. Null: they are plain. */
  readonly tls: ReplicationTlsOptions | null;
  /** `--replication-compress`: frames whose body has so many bytes are compressed where that saves some. Null: none is. */
  readonly compressBytesMin: number | null;
  /** `--replication-backlog`: bytes of changes that are kept for a twin that is away, all data threads together. Null: 4 MiB for each thread. */
  readonly backlogBytes: number | null;
  /** False with `--no-legacy-twins`: a C repcached is no twin. */
  readonly takesLegacy: boolean;
  /** `--acks`: a write is answered when so many twins have it, 0 to 7. */
  readonly acks: number;
  /** `--ack-timeout`: how long it waits for that. */
  readonly ackTimeoutMs: number;
  /** `--ack-refuse`: a write that is not acknowledged in time is refused; else it is answered all the same. */
  readonly ackRefuses: boolean;
  /** `--min-replicas`: with fewer twins that have everything, writes are refused. */
  readonly replicasMin: number;
}

/** As many as a node can have: versions have room for eight nodes. */
export const TWINS_MAX = 7;

/** The certificates of the links between twins, PEM. Read again on `reload`. */
export interface ReplicationTlsOptions {
  /** This node's certificate and those that vouch for it. */
  readonly chainFile: string;
  readonly keyFile: string;
  /** Who vouches for twins: whoever has a certificate of this authority is one. */
  readonly authoritiesFile: string;
}

/** memcached's extended options (`-o`) as `stats settings` shows them. Many are accepted and shown only; see docs/reference/options.md. */
export interface ExtendedOptions {
  readonly connectionsMaxFast: boolean;
  /** 0: grows from the default. */
  readonly hashPowerInitial: number;
  readonly hashExpand: boolean;
  readonly hashAlgorithm: 'jenkins' | 'murmur3' | 'xxh3';
  readonly slabReassign: boolean;
  readonly slabAutomove: 0 | 1 | 2;
  readonly slabAutomoveRatio: number;
  readonly slabAutomoveWindow: number;
  /** `slab_sizes=a-b-c`; null: classes by `-f`. */
  readonly slabSizes: readonly number[] | null;
  readonly slabChunkBytesMax: number;
  readonly lruCrawler: boolean;
  readonly lruCrawlerSleepMicroseconds: number;
  readonly lruCrawlerToCrawl: number;
  readonly lruMaintainer: boolean;
  readonly lruSegmented: boolean;
  readonly hotLruPercent: number;
  readonly warmLruPercent: number;
  readonly hotMaxFactor: number;
  readonly warmMaxFactor: number;
  /** Null: no such queue. */
  readonly temporaryTtlSeconds: number | null;
  readonly tailRepairSeconds: number;
  /** 0: idle connections stay. */
  readonly idleTimeoutSeconds: number;
  readonly watcherBufferBytes: number;
  readonly workerBufferBytes: number;
  /** 0: no limit. */
  readonly readBufferBytesMax: number;
  readonly trackSizes: boolean;
  readonly inlineAsciiResponse: boolean;
}

/** Everything a node is started with. Plain data: structured-clonable, and made by hand as well as from a command line. */
export interface NodeOptions {
  /** Addresses for TCP and UDP; empty: every interface. */
  readonly listen: readonly NodeListenAddress[];
  /** Null: no TCP. 0: any free port. */
  readonly tcpPort: number | null;
  /** Null: no UDP. 0: any free port. */
  readonly udpPort: number | null;
  /** When given, the node listens here and on no network address. */
  readonly unixPath: string | null;
  /** Access mode of the unix socket. */
  readonly unixMode: number;
  readonly backlog: number;
  readonly memoryBytesMax: number;
  /** `-k`: what is in the cache stays in memory. */
  readonly memoryLocked: boolean;
  /** `-L`: the system is asked for large pages. */
  readonly largePages: boolean;
  readonly itemBytesMax: number;
  readonly growthFactor: number;
  readonly chunkBytesMin: number;
  /** False: errors instead of evictions. */
  readonly evict: boolean;
  readonly connectionsMax: number;
  readonly threads: number;
  /** 0 quiet, 1 errors and events, 2 client commands, 3 state changes. */
  readonly verbosity: number;
  readonly requestsPerEventMax: number;
  readonly casEnabled: boolean;
  readonly flushEnabled: boolean;
  readonly dumpEnabled: boolean;
  readonly watchEnabled: boolean;
  readonly shutdownEnabled: boolean;
  readonly protocol: 'auto' | 'ascii' | 'binary';
  /** `-S`: the file of those who may log in; it is read again when it has changed. Null: there is no login. Goes with the protocol `binary` only. */
  readonly saslPasswordFile: string | null;
  /** `-Y`: lines `user:password` of those who may log in with text, which every client must. Null: there is no login. Read again on `reload`. */
  readonly authFile: string | null;
  /** `-Z`. Null: no TLS. */
  readonly tls: TlsOptions | null;
  /** Clients may move the node's clock (`debugtime`): for test suites. */
  readonly debugCommands: boolean;
  /** Between a key's prefix and the rest, for `stats detail`. */
  readonly prefixDelimiter: string;
  /** `stats detail` counts from the start. */
  readonly detailEnabled: boolean;
  readonly replication: ReplicationOptions;
  readonly extended: ExtendedOptions;
}

/** repcached's replication port when `-x` is given without `-X`. */
export const REPLICATION_PORT_DEFAULT = 11212;

/** What a node is when nothing is said: memcached's defaults. */
export const NODE_OPTIONS_DEFAULT: NodeOptions = {
  listen: [],
  tcpPort: 11211,
  udpPort: null,
  unixPath: null,
  unixMode: 0o700,
  backlog: 1024,
  memoryBytesMax: 64 * 1024 * 1024,
  memoryLocked: false,
  largePages: false,
  itemBytesMax: 1024 * 1024,
  growthFactor: 1.25,
  chunkBytesMin: 48,
  evict: true,
  connectionsMax: 1024,
  threads: 4,
  verbosity: 0,
  requestsPerEventMax: 20,
  casEnabled: true,
  flushEnabled: true,
  dumpEnabled: true,
  watchEnabled: true,
  shutdownEnabled: false,
  protocol: 'auto',
  saslPasswordFile: null,
  authFile: null,
  tls: null,
  debugCommands: false,
  prefixDelimiter: ':',
  detailEnabled: false,
  replication: {
    peers: [],
    port: null,
    queueMax: 8192,
    secret: null,
    secretFile: null,
    tls: null,
    compressBytesMin: null,
    backlogBytes: null,
    takesLegacy: true,
    acks: 0,
    ackTimeoutMs: 1000,
    ackRefuses: false,
    replicasMin: 0,
  },
  extended: {
    connectionsMaxFast: true,
    hashPowerInitial: 0,
    hashExpand: true,
    hashAlgorithm: 'murmur3',
    slabReassign: true,
    slabAutomove: 1,
    slabAutomoveRatio: 0.8,
    slabAutomoveWindow: 10,
    slabSizes: null,
    slabChunkBytesMax: 512 * 1024,
    lruCrawler: true,
    lruCrawlerSleepMicroseconds: 100,
    lruCrawlerToCrawl: 0,
    lruMaintainer: true,
    lruSegmented: true,
    hotLruPercent: 20,
    warmLruPercent: 40,
    hotMaxFactor: 0.2,
    warmMaxFactor: 2,
    temporaryTtlSeconds: null,
    tailRepairSeconds: 0,
    idleTimeoutSeconds: 0,
    watcherBufferBytes: 256 * 1024,
    workerBufferBytes: 64 * 1024,
    readBufferBytesMax: 0,
    trackSizes: false,
    inlineAsciiResponse: false,
  },
};
