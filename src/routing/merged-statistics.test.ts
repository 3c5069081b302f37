import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from './latency-histogram.ts';
import { mergedStatistics } from './merged-statistics.ts';

const stats = (...lines: string[]): string => `${lines.map((line) => `STAT ${line}\r\n`).join('')}END\r\n`;

test('what threads have counted is added up; what they have in common is told once', () => {
  const one = stats(
    'config_age 3',
    'cmd_get 5',
    'cmd_set 1',
    'requests_open 0',
    'near_cache_hits 7',
    'pools_failing_open 1',
  );
  const other = stats(
    'config_age 4',
    'cmd_get 2',
    'cmd_delete 3',
    'requests_open 1',
    'near_cache_hits 7',
    'pools_failing_open 0',
  );
  assert.equal(
    mergedStatistics([one, other]),
    stats(
      'config_age 3',
      'cmd_get 7',
      'cmd_delete 3',
      'cmd_set 1',
      'requests_open 1',
      'near_cache_hits 7',
      'pools_failing_open 1',
    ),
  );
  assert.equal(mergedStatistics([one]), one);
  assert.equal(mergedStatistics([stats()]), 'END\r\n');
});

test('of a server its worst state is told, and latencies are those of all requests', () => {
  const lines = (state: string, micros: readonly number[], requests: number): string => {
    const histogram = new LatencyHistogram();
    for (const one of micros) histogram.count(one);
    return stats(
      'server_0_name 127.0.0.1:11211',
      `server_0_state ${state}`,
      `server_0_requests ${requests}`,
      `server_0_flaps ${requests}`,
      `server_0_latency_p50_us ${histogram.percentileMicros(0.5)}`,
      `server_0_latency_max_us ${histogram.percentileMicros(1)}`,
      `server_0_latency_buckets_us ${histogram.text || '-'}`,
      `request_latency_p99_us ${histogram.percentileMicros(0.99)}`,
      `request_latency_buckets_us ${histogram.text || '-'}`,
    );
  };
  const all = new LatencyHistogram();
  const quick = [3, 4, 4];
  const slow = [50_000, 60_000, 70_000, 80_000];
  for (const one of [...quick, ...slow]) all.count(one);
  for (const [states, told] of [
    [['up', 'down', 'up'], 'down'],
    [['up', 'idle', 'connecting'], 'connecting'],
    [['up', 'up', 'up'], 'up'],
  ] as const)
    assert.equal(
      mergedStatistics([lines(states[0], slow, 4), lines(states[1], [], 0), lines(states[2], quick, 3)]),
      stats(
        'server_0_name 127.0.0.1:11211',
        `server_0_state ${told}`,
        'server_0_requests 7',
        'server_0_flaps 4',
        `server_0_latency_p50_us ${all.percentileMicros(0.5)}`,
        `server_0_latency_max_us ${all.percentileMicros(1)}`,
        `request_latency_p99_us ${all.percentileMicros(0.99)}`,
        `request_latency_buckets_us ${all.text}`,
      ),
    );
  assert.match(mergedStatistics([lines('up', [], 0), lines('up', [], 0)]), /latency_buckets_us -\r\n/);
});

test("magent's lines have the idle connections of all threads", () => {
  const matrix = (first: number, second: number): string =>
    `memcached agent v0.5\r\nmatrix 1 -> 127.1:11211, pool size ${first}\r\nmatrix 2 -> 127.1:11212, pool size ${second}\r\nEND\r\n`;
  assert.equal(mergedStatistics([matrix(1, 0), matrix(1, 1)]), matrix(2, 1));
  const lacking = matrix(2, 1).replace('END', 'STAT threads_missing 3\r\nEND');
  assert.equal(mergedStatistics([matrix(1, 0), matrix(1, 1)], 3), lacking);
});
