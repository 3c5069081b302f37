import { ConnectedClients } from '../src/engine/connected-clients.ts';
import { createSharedLog } from '../src/engine/log-memory.ts';
import { LookAhead } from '../src/engine/look-ahead.ts';
import type { NodeContext } from '../src/engine/node-context.ts';
import { NodeLog } from '../src/engine/node-log.ts';
import { PrefixStatistics } from '../src/engine/prefix-statistics.ts';
import { RequestTrace } from '../src/engine/request-trace.ts';
import { SharedFigures } from '../src/node/shared-figures.ts';
import { SharedWalkClaim } from '../src/node/walk-claim.ts';
import { Cache, type CacheOptions, createSharedCache, type SharedCache } from '../src/store/cache.ts';

const MIB = 1024 * 1024;

/** The options of a small cache for tests: memcached's defaults, 64 MiB, one thread. */
export const CACHE_OPTIONS: CacheOptions = {
  memoryBytesMax: 64 * MIB,
  itemBytesMax: MIB,
  growthFactor: 1.25,
  chunkBytesMin: 48,
  slabChunkBytesMax: MIB / 2,
  evict: true,
  threads: 1,
  ioBytesPerThread: 0,
  hashSeed: [1, 2],
  nodeSlot: 0,
  tombstonesMax: 0,
  tombstoneSeconds: 60,
  feedBytes: 0,
};

/** A node's context around a new cache, without process and peers: what sessions need in a test. */
export function memoryNodeContext(
  options: Partial<CacheOptions> = {},
  shared: SharedCache = createSharedCache({ ...CACHE_OPTIONS, ...options }),
): NodeContext {
  const cache = new Cache(shared, 0);
  cache.tick(Date.now());
  const clients = new ConnectedClients();
  const prefixes = new PrefixStatistics(':');
  return {
    cache,
    settings: {
      requestsPerTurnMax: 20,
      flushAllowed: true,
      shutdownAllowed: false,
      casShown: true,
      waitBytesMax: 8192,
      protocol: 'auto',
      dumpAllowed: true,
      watchAllowed: true,
      watcherBytesMax: 256 * 1024,
      sizesTracked: false,
    },
    reports: {
      general: () => ({
        pid: 1,
        uptimeSeconds: 0,
        nowSeconds: cache.nowSeconds,
        userMicros: 0,
        systemMicros: 0,
        connectionsMax: 1024,
        connections: 1,
        connectionsTotal: 1,
        connectionsRejected: 0,
        bytesRead: 0,
        bytesWritten: 0,
        threads: 1,
        accepting: true,
        rejectsSurplus: true,
        kicksIdle: false,
        acceptPauses: 0,
        listenDisabledMicros: 0,
        outputBytesWaiting: 0,
        outputOverflows: 0,
        receiveBytes: 0,
        tls: null,
      }),
      settings: () => [],
      replicates: false,
      replication: () => null,
      replicationQueueFree: () => 0,
    },
    control: {
      setVerbosity: () => {},
      shutdown: () => {},
      resetStatistics: () => prefixes.clear(),
      setDetail: (isOn) => {
        prefixes.isOn = isOn;
      },
      reassignPage: (source, target) => cache.upkeep.reassignPage(source, target),
      clock: null,
      setMemoryLimit: (bytes) => cache.upkeep.setMemoryLimit(bytes),
    },
    tunables: cache.upkeep.settings,
    claim: new SharedWalkClaim(new SharedFigures(SharedFigures.allocate(1)), () => cache.nowSeconds),
    threads: {
      later: (callback) => callback(),
      gather: (what, answered) =>
        answered(what === 'prefixes' ? prefixes.rows() : clients.rows(cache.nowSeconds)),
    },
    clients,
    prefixes,
    lookAhead: new LookAhead(cache),
    trace: new RequestTrace(() => {}),
    othersWait: () => false,
    log: new NodeLog(createSharedLog(1, 64 * 1024), cache, {
      index: 0,
      clock: { monotonicMs: () => 0, wallMs: () => cache.nowSeconds * 1000 },
      schedule: () => {},
      wake: () => {},
    }),
    sasl: null,
    logins: null,
    fence: null,
    acks: null,
  };
}
