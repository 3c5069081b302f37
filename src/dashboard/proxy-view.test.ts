import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceOf } from '../../testing/fake-cluster.ts';
import type { ProxyServer, ProxyShard, ServiceStatus } from '../checks/cluster-status.ts';
import { incidents } from './cluster-view.ts';
import type { PageSnapshot } from './page-snapshot.ts';
import {
  poolViews,
  proxiesLeftWith,
  proxiesToTakeOutOf,
  proxiesWithout,
  serverState,
  shardViews,
} from './proxy-view.ts';

const SNAPSHOT: Omit<PageSnapshot, 'services'> = {
  version: '',
  cluster: '',
  state: 'ok',
  atMs: 0,
  uptimeSeconds: 0,
  serving: {},
  keyMoves: [],
  leftKeys: [],
  operation: null,
};

function server(name: string, requestsPerSecond: number, state = 'up'): ProxyServer {
  return {
    name,
    state,
    isTwin: true,
    requests: 10,
    requestsPerSecond,
    queue: 0,
    failures: 0,
    timeouts: 0,
    connectionErrors: 0,
    downs: 1,
    dialInMs: 0,
    isEjected: false,
    p50Micros: 1,
    p99Micros: 2,
  };
}

function shard(name: string, keyShare: number, ...names: string[]): ProxyShard {
  const servers = names.map((text) => {
    const [one = '', out] = text.split(' ');
    return { name: one, address: `h:${one}`, isOut: out === 'out' };
  });
  return { name, keyShare, servers };
}

function proxyOf(
  name: string,
  shards: readonly ProxyShard[],
  servers: readonly ProxyServer[],
): ServiceStatus {
  const proxy = {
    requestsPerSecond: 4,
    requests: 40,
    open: 0,
    failures: 0,
    p50Micros: 1,
    p99Micros: 2,
    hotKeys: [],
    ejections: null,
    carried: null,
    failuresPerSecond: null,
    servers,
  };
  return serviceOf(name, { role: 'proxy', shards, proxy });
}

test('shards have their parts of keys and requests, and servers that are out have a place', () => {
  const views = shardViews(
    proxyOf(
      'p',
      [shard('one', 0.5, 'a', 'b out'), shard('two', 0.5, 'c'), shard('spare', 0, 'd')],
      [server('h:a', 3), server('h:c', 1, 'down')],
    ),
  );
  assert.deepEqual(
    views.map(({ name, keyPercent, requestsPerSecond, requestPercent, isSpare }) => [
      name,
      keyPercent,
      requestsPerSecond,
      requestPercent,
      isSpare,
    ]),
    [
      ['one', 50, 3, 75, false],
      ['two', 50, 1, 25, false],
      ['spare', 0, 0, 0, true],
    ],
  );
  assert.deepEqual(
    views.flatMap(({ servers }) => servers.map((one) => `${one.name} ${serverState(one)}`)),
    ['a up', 'b out', 'c down', 'd unknown'],
  );
});

test('each pool has its own figures and shards; one that does not answer is told of', () => {
  const { proxy } = proxyOf('p', [], [server('h:a', 3)]);
  const of = { shards: [shard('one', 1, 'a')], stats: proxy };
  const pools = [
    { name: 'x', address: 'h:1', answers: true, ...of },
    { name: 'y', address: 'h:2', answers: false, ...of, stats: null },
    { name: 'z', address: 'h:3', answers: null, ...of, stats: null },
  ];
  const service = serviceOf('p', { role: 'proxy', pools });
  assert.deepEqual(
    poolViews(service).map(({ name, state, stats, shards }) => [
      name,
      state,
      stats?.requests ?? null,
      shards.map(({ requestsPerSecond }) => requestsPerSecond),
    ]),
    [
      ['x', 'up', 40, [3]],
      ['y', 'down', null, [0]],
      ['z', 'unknown', null, [0]],
    ],
  );
  const snapshot = { ...SNAPSHOT, services: [service] };
  assert.deepEqual(incidents(snapshot), [{ service: 'p', tone: 'bad', text: 'y does not answer at h:2' }]);
});

test('of a proxy without a plan all servers are told of together', () => {
  const [all, ...more] = shardViews(proxyOf('p', [], [server('h:a', 0), server('h:b', 0)]));
  assert.equal(more.length, 0);
  assert.deepEqual(
    [all?.name, all?.keyPercent, all?.requestPercent, all?.servers.map(({ name }) => name)],
    ['', null, null, ['h:a', 'h:b']],
  );
});

test('a node is out of some proxies, can be taken out of others, and is the last of some', () => {
  const services = [
    proxyOf('p', [shard('one', 1, 'a', 'b out')], []),
    proxyOf('q', [shard('one', 1, 'a', 'b')], []),
    proxyOf('r', [shard('two', 1, 'c')], []),
    proxyOf('s', [shard('three', 1, 'd', 'e')], []),
  ];
  assert.deepEqual(proxiesWithout('b', services), ['p']);
  assert.deepEqual(proxiesToTakeOutOf('b', services), ['q']);
  assert.deepEqual(proxiesToTakeOutOf('a', services), ['q']);
  assert.deepEqual(proxiesToTakeOutOf('c', services), []);
  assert.deepEqual(proxiesLeftWith('a', services), ['p']);
  assert.deepEqual(proxiesLeftWith('c', services), []);
  const snapshot = { ...SNAPSHOT, services };
  assert.deepEqual(incidents(snapshot), [{ service: 'b', tone: 'busy', text: 'is taken out of p' }]);
});
