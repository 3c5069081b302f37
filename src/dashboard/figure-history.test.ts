import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf, serviceOf } from '../../testing/fake-cluster.ts';
import { FigureHistory, HISTORY_SERIES_MAX, HISTORY_SPANS, type HistoryPoint } from './figure-history.ts';
import { CLUSTER_SERIES, historyPoints } from './history-points.ts';

const { hour, day } = HISTORY_SPANS;

function points(entries: Record<string, HistoryPoint>): Map<string, HistoryPoint> {
  return new Map(Object.entries(entries));
}

test('an hour is kept, and what is older makes room', () => {
  const history = new FigureHistory();
  for (let step = 1; step <= hour.points + 3; step++)
    history.add(step * hour.stepMs, points({ a: { gets: step, hitPercent: null } }));
  const part = history.read('a', 'hour', 0);
  assert.equal(part.atMs.length, hour.points);
  assert.equal(part.atMs[0], 4 * hour.stepMs);
  assert.equal(part.figures.gets.at(-1), hour.points + 3);
  assert.equal(part.figures.hitPercent.at(-1), null);
  assert.equal(part.figures.sets.at(-1), null);
  assert.deepEqual(history.read('a', 'hour', (hour.points + 1) * hour.stepMs).figures.gets, [722, 723]);
  assert.deepEqual(history.read('b', 'hour', 0).atMs, []);
});

test('a point of the day is the mean of what was known', () => {
  const history = new FigureHistory();
  const steps = day.stepMs / hour.stepMs;
  for (let step = 0; step <= 2 * steps; step++)
    history.add(step * hour.stepMs, points({ a: { gets: step, bytes: step % 2 === 0 ? 8 : null } }));
  const part = history.read('a', 'day', 0);
  assert.deepEqual(part.atMs, [day.stepMs, 2 * day.stepMs]);
  assert.deepEqual(part.figures.gets, [steps / 2, (steps + 1 + 2 * steps) / 2]);
  assert.deepEqual(part.figures.bytes, [8, 8]);
  assert.deepEqual(part.figures.sets, [null, null]);
});

test('a service that comes has nothing before, one that goes leaves nothing, and there is a bound', () => {
  const history = new FigureHistory();
  history.add(1, points({ a: { gets: 1 } }));
  history.add(2, points({ a: { gets: 2 }, b: { gets: 5 } }));
  assert.deepEqual(history.read('b', 'hour', 0).figures.gets, [null, 5]);
  history.add(3, points({ b: { gets: 6 } }));
  assert.deepEqual(history.read('a', 'hour', 0).figures.gets, []);
  const many: Map<string, HistoryPoint> = new Map();
  for (let i = 0; i <= HISTORY_SERIES_MAX; i++) many.set(`s${i}`, { gets: i });
  history.add(4, many);
  assert.equal(history.names.length, HISTORY_SERIES_MAX);
  assert.deepEqual(history.read(`s${HISTORY_SERIES_MAX}`, 'hour', 0).atMs, []);
});

test('the cluster is the sum of its nodes, with the lag of the last one and the latency of the entrance', () => {
  const stats = {
    version: '',
    currItems: 1,
    totalItems: 1,
    bytes: 100,
    limitMaxbytes: 1000,
    maxConnections: 1024,
    currConnections: 3,
    getHits: 1,
    getMisses: 1,
    evictions: 0,
    getsPerSecond: 10,
    setsPerSecond: 5,
    hitsPerSecond: 8,
    evictionsPerSecond: 0,
    requestsPerSecond: 15,
    replication: { replication_peer_0_lag_ms: '7', replication_peer_1_lag_ms: '12' },
  };
  const proxy = {
    requestsPerSecond: 30,
    requests: 1,
    open: 0,
    failures: 0,
    p50Micros: 100,
    hotKeys: [],
    ejections: null,
    carried: null,
    failuresPerSecond: null,
    servers: [],
  };
  const status = clusterOf([
    serviceOf('a', { stats }),
    serviceOf('b', { stats: { ...stats, hitsPerSecond: 2, replication: {} } }),
    serviceOf('c', { state: 'backing-off', process: null }),
    serviceOf('inner', { role: 'proxy', sendsTo: ['a', 'b'], proxy: { ...proxy, p99Micros: 9000 } }),
    serviceOf('outer', { role: 'proxy', sendsTo: ['inner'], proxy: { ...proxy, p99Micros: 1500 } }),
  ]);
  const all = historyPoints(status);
  assert.deepEqual(all.get(CLUSTER_SERIES), {
    requests: 30,
    gets: 20,
    sets: 10,
    hitPercent: 50,
    evictions: 0,
    bytes: 200,
    connections: 6,
    lagMs: 12,
    p99Ms: 1.5,
    cpuPercent: 6,
    residentBytes: 4 * 50 * 1024 * 1024,
  });
  assert.equal(all.get('a')?.hitPercent, 80);
  assert.deepEqual([all.get('a')?.lagMs, all.get('b')?.lagMs], [12, null]);
  assert.deepEqual(all.get('c'), { cpuPercent: null, residentBytes: null });
  assert.deepEqual([all.get('inner')?.requests, all.get('inner')?.p99Ms], [30, 9]);
});
