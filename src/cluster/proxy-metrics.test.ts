import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceOf } from '../../testing/fake-cluster.ts';
import { PrometheusText } from '../telemetry/prometheus-text.ts';
import { addProxyMetrics } from './proxy-metrics.ts';

/** The lines of a text that are samples. */
function samplesOf(text: PrometheusText): string[] {
  return text
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

test('a proxy tells of itself and of its servers; what is not known is left out', () => {
  const text = new PrometheusText();
  const server = {
    name: '127.0.0.1:1',
    state: 'down',
    isTwin: true,
    requests: 7,
    requestsPerSecond: null,
    queue: 2,
    failures: 3,
    timeouts: 4,
    downs: 2,
    dialInMs: 0,
    isEjected: false,
    connectionErrors: 5,
    p50Micros: 1,
    p99Micros: 2,
  };
  const proxy = {
    requestsPerSecond: 1,
    requests: 10,
    open: 6,
    failures: 9,
    p50Micros: null,
    p99Micros: 1500,
    hotKeys: [],
    ejections: null,
    carried: null,
    failuresPerSecond: null,
    servers: [server, { ...server, name: '127.0.0.1:2', state: 'up' }],
  };
  const places = [
    { name: 'a', address: '127.0.0.1:1', isOut: false },
    { name: 'b', address: '127.0.0.1:2', isOut: true },
  ];
  const shards = [{ name: 'one', keyShare: 1, servers: places }];
  addProxyMetrics(text, serviceOf('p', { role: 'proxy', address: '127.0.0.1:5', proxy, shards }));
  addProxyMetrics(text, serviceOf('dead', { role: 'proxy' }));
  const samples = samplesOf(text);
  const own = 'instance="127.0.0.1:5",service="p",role="proxy"';
  for (const sample of [
    `twincached_proxy_requests_total{${own}} 10`,
    `twincached_proxy_failures_total{${own}} 9`,
    `twincached_proxy_open_requests{${own}} 6`,
    `twincached_proxy_latency_seconds{${own},quantile="0.99"} 0.0015`,
    `twincached_proxy_server_up{${own},server="127.0.0.1:1"} 0`,
    `twincached_proxy_server_up{${own},server="127.0.0.1:2"} 1`,
    `twincached_proxy_server_requests_total{${own},server="127.0.0.1:1"} 7`,
    `twincached_proxy_server_queue{${own},server="127.0.0.1:1"} 2`,
    `twincached_proxy_server_timeouts_total{${own},server="127.0.0.1:1"} 4`,
    `twincached_proxy_server_connection_errors_total{${own},server="127.0.0.1:1"} 5`,
    `twincached_proxy_server_downs_total{${own},server="127.0.0.1:1"} 2`,
    `twincached_proxy_server_taken_out{${own},server="127.0.0.1:1"} 0`,
    `twincached_proxy_server_taken_out{${own},server="127.0.0.1:2"} 1`,
  ])
    assert.ok(samples.includes(sample), `${sample} in\n${samples.join('\n')}`);
  assert.equal(samples.length, 4 + 2 * 7);

  const pools = new PrometheusText();
  const pool = { name: 'sessions', address: '127.0.0.1:5', answers: true, stats: proxy, shards };
  const silent = { name: 'pages', address: '127.0.0.1:6', answers: false, stats: null, shards };
  addProxyMetrics(pools, serviceOf('p', { role: 'proxy', proxy, shards, pools: [pool, silent] }));
  const ofPools = samplesOf(pools);
  const labels = 'service="p",role="proxy"';
  for (const sample of [
    `twincached_proxy_pool_up{instance="127.0.0.1:5",${labels},pool="sessions"} 1`,
    `twincached_proxy_pool_up{instance="127.0.0.1:6",${labels},pool="pages"} 0`,
    `twincached_proxy_requests_total{instance="127.0.0.1:5",${labels},pool="sessions"} 10`,
  ])
    assert.ok(ofPools.includes(sample), `${sample} in\n${ofPools.join('\n')}`);
  assert.equal(ofPools.length, 4 + 2 * 7 + 2);
});
