import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addNodeMetrics, type NodeStatistics } from './memcached-metrics.ts';
import { PrometheusText } from './prometheus-text.ts';

function metricsOf(statistics: Partial<Record<keyof NodeStatistics, Record<string, string>>> | null): string {
  const text = new PrometheusText();
  const of = (part: keyof NodeStatistics): Map<string, string> =>
    new Map(Object.entries(statistics?.[part] ?? {}));
  const node: NodeStatistics = {
    general: of('general'),
    settings: of('settings'),
    items: of('items'),
    slabs: of('slabs'),
    replication: of('replication'),
  };
  addNodeMetrics(text, 'n:1', statistics === null ? null : node);
  return text
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .join('\n');
}

test('a server that does not answer is down, and nothing else is said of it', () => {
  assert.equal(metricsOf(null), 'memcached_up{instance="n:1"} 0');
});

test('commands are counted by their outcome; what is stored by cas is not counted as a set again', () => {
  const lines = metricsOf({
    general: {
      version: '1.6.18',
      get_hits: '7',
      get_misses: '2',
      cas_hits: '3',
      cas_misses: '1',
      cas_badval: '2',
      cmd_set: '10',
      cmd_flush: '4',
    },
  }).split('\n');
  const commands = lines.filter((line) => line.startsWith('memcached_commands_total'));
  assert.deepEqual(
    commands.map((line) => line.replace('memcached_commands_total{instance="n:1",', '{')),
    [
      '{command="get",status="hit"} 7',
      '{command="get",status="miss"} 2',
      '{command="cas",status="hit"} 3',
      '{command="cas",status="miss"} 1',
      '{command="cas",status="badval"} 2',
      '{command="flush",status="hit"} 4',
      '{command="set",status="hit"} 4',
    ],
  );
  assert.ok(lines.includes('memcached_version{instance="n:1",version="1.6.18"} 1'));
});

test('slab classes and their items are labelled with their number', () => {
  const lines = metricsOf({
    slabs: { '1:chunk_size': '96', '1:get_hits': '5', '12:chunk_size': '1184', active_slabs: '2' },
    items: { 'items:1:number': '40', 'items:1:hits_to_cold': '6', 'items:1:evicted': '1' },
  }).split('\n');
  for (const line of [
    'memcached_slab_chunk_size_bytes{instance="n:1",slab="1"} 96',
    'memcached_slab_chunk_size_bytes{instance="n:1",slab="12"} 1184',
    'memcached_slab_commands_total{instance="n:1",slab="1",command="get",status="hit"} 5',
    'memcached_slab_current_items{instance="n:1",slab="1"} 40',
    'memcached_slab_lru_hits_total{instance="n:1",slab="1",lru="cold"} 6',
    'memcached_slab_items_evicted_total{instance="n:1",slab="1"} 1',
  ])
    assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`);
});

test('the crawler is told of only where it is on', () => {
  assert.ok(metricsOf({ settings: { lru_crawler: 'yes', hot_lru_pct: '20' } }).includes('hot_percent'));
  assert.ok(!metricsOf({ settings: { lru_crawler: 'no', hot_lru_pct: '20' } }).includes('crawler'));
});

test('twins are labelled with their address; milliseconds become seconds', () => {
  const lines = metricsOf({
    replication: {
      replication_in_sync: '1',
      replication_missing_ms: '1500',
      replication_acks_refused: '2',
      replication_min_replicas_refused: '3',
      replication_checksum_errors: '4',
      replication_peer_0_address: '127.0.0.1:9',
      replication_peer_0_state: 'linked',
      replication_peer_0_lag_ms: '250',
      replication_peer_1_address: '127.0.0.1:10',
      replication_peer_1_state: 'down',
    },
  }).split('\n');
  for (const line of [
    'twincached_replication_in_sync{instance="n:1"} 1',
    'twincached_replication_missing_seconds{instance="n:1"} 1.5',
    'twincached_replication_acks_refused_total{instance="n:1"} 2',
    'twincached_replication_min_replicas_refused_total{instance="n:1"} 3',
    'twincached_replication_checksum_errors_total{instance="n:1"} 4',
    'twincached_replication_peer_up{instance="n:1",peer="127.0.0.1:9"} 1',
    'twincached_replication_peer_lag_seconds{instance="n:1",peer="127.0.0.1:9"} 0.25',
    'twincached_replication_peer_up{instance="n:1",peer="127.0.0.1:10"} 0',
  ])
    assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`);
});
