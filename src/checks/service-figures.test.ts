import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyServerOf, proxyStatsOf } from '../../testing/fake-cluster.ts';
import type { NodeStats } from './cluster-status.ts';
import { type FigureSource, serviceFigures } from './service-figures.ts';

const NOTHING: FigureSource = { probeMs: null, process: null, stats: null, proxy: null };

const NODE: NodeStats = {
  version: '1',
  currItems: 3,
  totalItems: 9,
  bytes: 25,
  limitMaxbytes: 100,
  currConnections: 10,
  maxConnections: 40,
  getHits: 0,
  getMisses: 0,
  evictions: 0,
  getsPerSecond: 8,
  setsPerSecond: 1,
  hitsPerSecond: 2,
  evictionsPerSecond: 5,
  requestsPerSecond: 9,
  replication: {
    replication_in_sync: '0',
    replication_peers: '2',
    replication_peer_0_lag_ms: '15',
    replication_peer_1_lag_ms: '40',
  },
};

const PROXY = proxyStatsOf({
  requestsPerSecond: 7,
  requests: 100,
  open: 4,
  failures: 10,
  p50Micros: 100,
  p99Micros: 2500,
});

test('what a process uses is known without an answer, the rest is not', () => {
  const usage = { cpuPercent: 12, residentBytes: 1024, threads: 5 };
  const figures = serviceFigures({ ...NOTHING, process: usage });
  assert.deepEqual(Object.keys(figures), ['memory', 'cpu', 'threads']);
  assert.equal(figures.memory?.absolute, 1024);
  assert.equal(figures.cpu?.percent, 12);
  assert.deepEqual(serviceFigures(NOTHING), {});
});

test('a node: shares of what it may use, and the twin that is furthest behind', () => {
  const figures = serviceFigures({ ...NOTHING, probeMs: 3, stats: NODE });
  assert.equal(figures['response-time']?.absolute, 3);
  assert.equal(figures.connections?.percent, 25);
  assert.equal(figures.bytes?.percent, 25);
  assert.equal(figures['hit-ratio']?.percent, 25);
  assert.equal(figures.evictions?.operationsPerSecond, 5);
  assert.equal(figures.lag?.absolute, 40);
  assert.equal(figures.twins?.absolute, 2);
  assert.equal(figures['in-sync']?.absolute, 0);
  const quiet = { ...NODE, getsPerSecond: 0, hitsPerSecond: 0, maxConnections: 0, replication: {} };
  const other = serviceFigures({ ...NOTHING, stats: quiet });
  assert.equal(other['hit-ratio']?.percent, 100);
  assert.equal(other.connections?.percent, null);
  assert.equal(other.lag, undefined);
  const first = { ...NODE, getsPerSecond: null, hitsPerSecond: null };
  assert.equal(serviceFigures({ ...NOTHING, stats: first })['hit-ratio']?.percent, null);
});

test('a proxy: errors per second, which are not known at first', () => {
  const errors = (failuresPerSecond: number | null): number | null | undefined =>
    serviceFigures({ ...NOTHING, proxy: { ...PROXY, failuresPerSecond } }).errors?.operationsPerSecond;
  assert.deepEqual([null, 0, 15].map(errors), [null, 0, 15]);
  assert.equal(serviceFigures({ ...NOTHING, proxy: PROXY }).latency?.absolute, 2.5);
  const servers = ['up', 'down', 'refused', 'probing'].map((state) => proxyServerOf({ state }));
  assert.equal(serviceFigures({ ...NOTHING, proxy: { ...PROXY, servers } })['servers-down']?.absolute, 2);
  assert.equal(serviceFigures({ ...NOTHING, proxy: { ...PROXY, p99Micros: null } }).latency?.absolute, 0);
});
