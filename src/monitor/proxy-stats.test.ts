import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyReadings } from './proxy-stats.ts';

const lines = (entries: Record<string, string>): Map<string, string> => new Map(Object.entries(entries));

test('each thread is compared with itself, and the whole is their sum', () => {
  const readings = new ProxyReadings();
  assert.equal(readings.stats === null, true);
  readings.read(lines({ thread: '0', cmd_get: '100', cmd_set: '10', requests_open: '2' }), 1000);
  assert.equal(readings.stats?.requestsPerSecond, null);
  readings.read(lines({ thread: '1', cmd_get: '1000', request_failures: '3' }), 2000);
  assert.equal(readings.stats?.requestsPerSecond, null, 'another thread is no second reading');
  readings.read(lines({ thread: '0', cmd_get: '120', cmd_set: '10', requests_open: '2' }), 3000);
  readings.read(lines({ thread: '1', cmd_get: '1100', request_failures: '3' }), 4000);
  const { stats } = readings;
  assert.equal(stats?.requestsPerSecond, 10 + 50);
  assert.deepEqual([stats?.requests, stats?.open, stats?.failures], [1230, 2, 3]);
  readings.clear();
  assert.equal(readings.stats, null);
});

test('percentiles are those of the last seconds, not of all time', () => {
  const readings = new ProxyReadings();
  readings.read(lines({ request_latency_buckets_us: '103:1000' }), 1000);
  assert.equal(readings.stats?.p99Micros, null, 'one reading has no last seconds');
  readings.read(lines({ request_latency_buckets_us: '103:1090,4095:10' }), 2000);
  assert.deepEqual([readings.stats?.p50Micros, readings.stats?.p99Micros], [103, 4095]);
  for (let second = 3; second < 13; second++)
    readings.read(lines({ request_latency_buckets_us: `103:${1090 + second},4095:10` }), second * 1000);
  assert.equal(readings.stats?.p99Micros, 103);
});

test('servers are read until there is no further one; one that has another name begins anew', () => {
  const readings = new ProxyReadings();
  const server = (name: string, requests: number): Record<string, string> => ({
    server_0_name: name,
    server_0_state: 'up',
    server_0_twins: '1',
    server_0_requests: `${requests}`,
    server_0_latency_p99_us: '90',
    server_2_name: 'is not read',
  });
  readings.read(lines(server('a:1', 5)), 0);
  readings.read(lines(server('a:1', 25)), 2000);
  const [first, ...more] = readings.stats?.servers ?? [];
  assert.equal(more.length, 0);
  assert.deepEqual(
    [first?.name, first?.state, first?.isTwin, first?.requestsPerSecond, first?.p99Micros],
    ['a:1', 'up', true, 10, 90],
  );
  readings.read(lines(server('b:1', 30)), 3000);
  assert.equal(readings.stats?.servers[0]?.requestsPerSecond, null);
});

test('what threads have counted of a server is added up', () => {
  const readings = new ProxyReadings();
  for (const thread of ['0', '1'])
    readings.read(
      lines({
        thread,
        server_0_name: 'a:1',
        server_0_requests: '10',
        server_0_failures: '2',
        server_0_timeouts: '3',
        server_0_queue: '1',
        server_0_downs: '1',
      }),
      1000,
    );
  const [server] = readings.stats?.servers ?? [];
  assert.deepEqual(
    [server?.requests, server?.failures, server?.timeouts, server?.queue, server?.downs],
    [20, 4, 6, 2, 1],
  );
});

test('several connections to a server are one server', () => {
  const readings = new ProxyReadings();
  readings.read(
    lines({
      server_0_name: 'a:1',
      server_0_state: 'down',
      server_0_requests: '10',
      server_1_name: 'a:1',
      server_1_state: 'up',
      server_1_requests: '7',
      server_2_name: 'b:1',
      server_2_state: 'down',
    }),
    1000,
  );
  assert.deepEqual(
    readings.stats?.servers.map(({ name, state, requests }) => [name, state, requests]),
    [
      ['a:1', 'up', 17],
      ['b:1', 'down', 0],
    ],
  );
});

test('counts of hot keys are of all threads, so the newest are told', () => {
  const readings = new ProxyReadings();
  readings.read(lines({ thread: '0', near_cache_hits: '7', coalesce_sent: '1' }), 1000);
  readings.read(lines({ thread: '1', near_cache_hits: '9', coalesce_sent: '2' }), 2000);
  assert.deepEqual(readings.stats?.hotKeys, [
    ['near_cache_hits', 9],
    ['coalesce_sent', 2],
  ]);
});

test('a server that is ejected says so; of the times the thread that has seen most is told', () => {
  const readings = new ProxyReadings();
  readings.read(lines({ thread: '0', shard_ejections: '3', server_0_name: 'a:1', server_0_ejected: '1' }), 1);
  readings.read(lines({ thread: '1', shard_ejections: '2', server_0_name: 'a:1', server_0_ejected: '0' }), 2);
  assert.deepEqual([readings.stats?.ejections, readings.stats?.servers[0]?.isEjected], [3, true]);
  assert.deepEqual([readings.stats?.carried, readings.stats?.notCarried], [null, undefined]);
  readings.read(lines({ thread: '0', reshard_carried: '3', reshard_not_carried: '1' }), 3);
  readings.read(lines({ thread: '1', reshard_carried: '4', reshard_old_unreached: '2' }), 4);
  const { carried, notCarried, oldUnreached } = readings.stats ?? {};
  assert.deepEqual([carried, notCarried, oldUnreached], [7, 1, 2]);
});

test('of several pools the whole is told, and a server is as the pool has it that does not reach it', () => {
  const [one, other, silent] = [new ProxyReadings(), new ProxyReadings(), new ProxyReadings()];
  assert.equal(ProxyReadings.together([one, other]), null);
  const server = (state: string): Record<string, string> => ({
    server_0_name: 'a:1',
    server_0_state: state,
    server_0_requests: '4',
    server_0_downs: '1',
  });
  for (const [second, counted] of [
    [1, 10],
    [2, 20],
  ] as const) {
    const latency = { request_latency_buckets_us: `100:${counted}` };
    const own = { cmd_get: `${counted}`, near_cache_hits: '1', ...latency };
    one.read(lines({ ...own, ...server('up'), request_failures: '1' }), second * 1000);
    other.read(
      lines({ ...own, ...server('down'), server_1_name: 'b:1', server_1_state: 'up', requests_open: '3' }),
      second * 1000,
    );
  }
  const together = ProxyReadings.together([one, silent, other]);
  assert.deepEqual(
    [together?.requests, together?.requestsPerSecond, together?.failures, together?.open],
    [40, 20, 1, 3],
  );
  assert.deepEqual([together?.p50Micros, together?.hotKeys], [100, [['near_cache_hits', 2]]]);
  assert.deepEqual(
    together?.servers.map(({ name, state, requests }) => [name, state, requests]),
    [
      ['a:1', 'down', 8],
      ['b:1', 'up', 0],
    ],
  );
});

test('errors per second are those of threads and pools that have been read twice: what one has counted before is no burst', () => {
  const [one, other] = [new ProxyReadings(), new ProxyReadings()];
  const read = (readings: ProxyReadings, thread: string, failures: number, second: number): void =>
    readings.read(lines({ thread, request_failures: `${failures}` }), second * 1000);
  const rate = (): number | null | undefined => ProxyReadings.together([one, other])?.failuresPerSecond;
  read(one, '0', 1000, 1);
  assert.equal(rate(), null);
  read(one, '1', 5000, 2);
  read(one, '0', 1004, 3);
  assert.equal(rate(), 2);
  read(other, '0', 9000, 3);
  assert.deepEqual([rate(), one.stats?.failuresPerSecond], [2, 2]);
  read(other, '0', 9003, 4);
  assert.equal(rate(), 5);
  other.fellSilent();
  assert.deepEqual([rate(), ProxyReadings.together([one, other])?.failures], [2, 15_007]);
});

test('what makes no sense is 0', () => {
  const readings = new ProxyReadings();
  readings.read(lines({ cmd_get: 'x', request_latency_buckets_us: 'x:1,2', server_0_name: 'a' }), 0);
  const { stats } = readings;
  assert.deepEqual([stats?.requests, stats?.servers[0]?.requests, stats?.p50Micros], [0, 0, null]);
});
