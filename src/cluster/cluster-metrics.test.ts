import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf, serviceOf } from '../../testing/fake-cluster.ts';
import type { NodeStatistics } from '../telemetry/memcached-metrics.ts';
import { clusterMetrics, METRICS_LENGTH_MAX, SCRAPES_AT_A_TIME, shared } from './cluster-metrics.ts';

const NONE: ReadonlyMap<string, string> = new Map();
const NODES = clusterOf(
  Array.from({ length: 100 }, (_, index) => serviceOf(`node-${index}`, { address: `10.0.0.1:${index}` })),
);

function statistics(version: string): NodeStatistics {
  return {
    general: new Map([['version', version]]),
    settings: NONE,
    items: NONE,
    slabs: NONE,
    replication: NONE,
  };
}

test('nodes are asked some at a time, each once', async () => {
  const asked: string[] = [];
  let underWay = 0;
  let most = 0;
  const text = await clusterMetrics(NODES, async (address) => {
    asked.push(address);
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise(setImmediate);
    underWay -= 1;
    return statistics('1');
  });
  assert.equal(most, SCRAPES_AT_A_TIME);
  assert.equal(new Set(asked).size, 100);
  assert.equal(asked.length, 100);
  assert.match(text, /^memcached_up\{instance="10\.0\.0\.1:99"\} 1$/m);
  assert.match(text, /^twincached_nodes_not_scraped 0$/m);
});

test('when there is enough, or it takes too long, no further node is asked, and that is told', async () => {
  const long = await clusterMetrics(NODES, async () => statistics('x'.repeat(METRICS_LENGTH_MAX)));
  const left = Number(/^twincached_nodes_not_scraped (\d+)$/m.exec(long)?.[1]);
  assert.ok(left >= 100 - 2 * SCRAPES_AT_A_TIME && left < 100, `${left}`);
  let nowMs = 0;
  const late = await clusterMetrics(
    NODES,
    async () => {
      nowMs += 1000;
      return null;
    },
    () => nowMs,
  );
  assert.match(late, /^memcached_up\{instance="10\.0\.0\.1:0"\} 0$/m);
  assert.doesNotMatch(late, /10\.0\.0\.1:99"\}/);
  assert.match(late, /^twincached_nodes_not_scraped [5-9]\d$/m);
});

test('the memory of the monitor and of its spare is told where it is known', async () => {
  const own = { monitorBytes: 70_000_000, spareBytes: 69_000_000 };
  const told = await clusterMetrics(NODES, async () => null, undefined, own);
  assert.match(told, /^twincached_monitor_resident_memory_bytes 70000000$/m);
  assert.match(told, /^twincached_spare_resident_memory_bytes 69000000$/m);
  const alone = await clusterMetrics(NODES, async () => null, undefined, { ...own, spareBytes: null });
  assert.doesNotMatch(alone, /twincached_spare/);
});

test('what proxies count of hot keys has a metric each', async () => {
  const names = [
    'near_cache_hits',
    'near_cache_bytes',
    'coalesce_joined',
    'coalesce_waiting',
    'coalesce_else',
  ];
  const proxy = {
    requestsPerSecond: null,
    requests: 0,
    open: 0,
    failures: 0,
    p50Micros: null,
    p99Micros: null,
    ejections: null,
    carried: null,
    failuresPerSecond: null,
    hotKeys: names.map((name, index) => [name, 10 + index] as const),
    servers: [],
  };
  const cluster = clusterOf([serviceOf('front', { role: 'proxy', address: '10.0.0.1:1', proxy })]);
  const told = (await clusterMetrics(cluster, async () => null))
    .split('\n')
    .filter((line) => /twincached_proxy_(near_cache|coalesce)_/.test(line));
  const labels = '{instance="10.0.0.1:1",service="front",role="proxy"}';
  for (const line of [
    '# TYPE twincached_proxy_near_cache_hits_total counter',
    `twincached_proxy_near_cache_hits_total${labels} 10`,
    '# TYPE twincached_proxy_near_cache_bytes gauge',
    `twincached_proxy_near_cache_bytes${labels} 11`,
    `twincached_proxy_coalesce_joined_total${labels} 12`,
    `twincached_proxy_coalesce_waiting${labels} 13`,
  ])
    assert.ok(told.includes(line), `${line} in ${told.join('\n')}`);
  assert.equal(told.length, 12, 'what is not known is left out');
});

test('who asks while somebody else does gets the same answer', async () => {
  let count = 0;
  const ask = shared(async () => {
    count += 1;
    await new Promise(setImmediate);
    return `${count}`;
  });
  assert.deepEqual(await Promise.all([ask(), ask(), ask()]), ['1', '1', '1']);
  assert.equal(await ask(), '2');
});
