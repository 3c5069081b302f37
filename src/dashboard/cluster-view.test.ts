import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf, proxyServerOf, serviceOf } from '../../testing/fake-cluster.ts';
import type { NodeStats, ProxyServer, ServiceStatus } from '../checks/cluster-status.ts';
import {
  entryProxies,
  flowLayers,
  flows,
  hitPercent,
  incidents,
  linkWord,
  nodeGroups,
  roleWord,
  totals,
  twinLinks,
} from './cluster-view.ts';
import type { PageSnapshot } from './page-snapshot.ts';

function statsOf(replication: Record<string, string>, different: Partial<NodeStats> = {}): NodeStats {
  return {
    version: '',
    currItems: 0,
    totalItems: 0,
    bytes: 10,
    limitMaxbytes: 100,
    maxConnections: 1024,
    currConnections: 2,
    getHits: 3,
    getMisses: 1,
    evictions: 0,
    getsPerSecond: 0,
    setsPerSecond: 0,
    hitsPerSecond: 0,
    evictionsPerSecond: 0,
    requestsPerSecond: 5,
    replication,
    ...different,
  };
}

/** A node of a pair, linked, with the slot of its twin in what it says. */
function twin(
  name: string,
  slot: number,
  peer: Record<string, string> = {},
  different: Partial<ServiceStatus> = {},
): ServiceStatus {
  const lines: Record<string, string> = {
    replication_in_sync: '1',
    replication_node_slot: `${slot}`,
    replication_state: 'linked',
  };
  for (const [what, value] of Object.entries({
    state: 'linked',
    node_slot: `${1 - slot}`,
    lag_ms: '0',
    sync_percent: '100',
    ...peer,
  }))
    lines[`replication_peer_0_${what}`] = value;
  return serviceOf(name, { group: 'pair', stats: statsOf(lines), ...different });
}

function snapshotOf(services: readonly ServiceStatus[], serving: Record<string, string> = {}): PageSnapshot {
  const { events: _, output: __, ...status } = clusterOf(services);
  return { version: '1', ...status, serving };
}

test('a link is to the twin of that slot, whatever its address', () => {
  const lines = {
    replication_node_slot: '0',
    replication_peer_0_state: 'linked',
    replication_peer_0_address: '127.0.0.1:40000',
    replication_peer_0_node_slot: '2',
    replication_peer_0_lag_ms: '12',
    replication_peer_3_state: 'connecting',
    replication_peer_3_address: '127.0.0.9:7',
  };
  const a = serviceOf('a', { group: 'g', stats: statsOf(lines) });
  const b = serviceOf('b', { group: 'g', stats: statsOf({ replication_node_slot: '1' }) });
  const c = serviceOf('c', { group: 'g', stats: statsOf({ replication_node_slot: '2' }) });
  const links = twinLinks(a, [a, b, c]);
  assert.deepEqual(
    links.map(({ twin: name, state, lagMs, syncPercent }) => [name, state, lagMs, syncPercent]),
    [
      ['c', 'linked', 12, 100],
      ['127.0.0.9:7', 'connecting', null, 100],
    ],
  );
  assert.deepEqual(twinLinks(serviceOf('x'), [a]), []);
});

test('how two twins stand to each other', () => {
  const word = (a: ServiceStatus, b: ServiceStatus): string => {
    const { text, tone } = linkWord(a, b, [a, b]);
    return `${text} (${tone})`;
  };
  assert.equal(word(twin('a', 0), twin('b', 1)), 'in sync (good)');
  assert.equal(word(twin('a', 0, { lag_ms: '49' }), twin('b', 1)), 'in sync (good)');
  assert.equal(word(twin('a', 0, { lag_ms: '50' }), twin('b', 1)), '50 ms behind (busy)');
  assert.equal(word(twin('a', 0), twin('b', 1, { lag_ms: '1500' })), '1.5 s behind (busy)');
  assert.equal(word(twin('a', 0, { sync_percent: '43.7' }), twin('b', 1)), 'syncing 43 % (busy)');
  assert.equal(word(twin('a', 0), twin('b', 1, {}, { state: 'failing' })), 'no link (idle)');
  assert.equal(
    word(twin('a', 0, { state: 'dialling' }), twin('b', 1, { state: 'dialling' })),
    'no link (bad)',
  );
  const plain = (name: string): ServiceStatus => serviceOf(name, { group: 'pair', stats: statsOf({}) });
  assert.equal(word(plain('a'), plain('b')), 'no twins (idle)');
});

test('roles follow whom the proxies ask first, and who is there', () => {
  const roles = (a: ServiceStatus, b: ServiceStatus, serving: string): string[] => {
    const [group] = nodeGroups(snapshotOf([a, b], { pair: serving }));
    return group === undefined ? [] : group.members.map((member) => roleWord(member, group));
  };
  assert.deepEqual(roles(twin('a', 0), twin('b', 1), 'a'), ['primary', 'replica']);
  assert.deepEqual(roles(twin('a', 0), twin('b', 1), 'b'), ['replica', 'primary']);
  assert.deepEqual(roles(twin('a', 0, {}, { state: 'failing' }), twin('b', 1), 'a'), ['away', 'stands in']);
  const behind = twin('b', 1, {}, { stats: statsOf({ replication_in_sync: '0' }) });
  assert.deepEqual(roles(twin('a', 0), behind, 'a'), ['primary', 'catching up']);
  const [alone] = nodeGroups(snapshotOf([twin('a', 0)]));
  assert.equal(alone && roleWord(twin('a', 0), alone), 'alone');
});

function server(name: string, requestsPerSecond: number, state = 'up'): ProxyServer {
  return proxyServerOf({ name, requestsPerSecond, state });
}

function proxyOf(name: string, sendsTo: string[], servers: ProxyServer[]): ServiceStatus {
  const proxy = {
    requestsPerSecond: 1,
    requests: 1,
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
  return serviceOf(name, { role: 'proxy', sendsTo, proxy });
}

test('what flows is what the proxies say of addresses, IPv6 in brackets or not', () => {
  const services = [
    serviceOf('a', { address: '10.0.0.1:1' }),
    serviceOf('b', { address: '::1:2' }),
    serviceOf('c', { address: '10.0.0.3:3' }),
    proxyOf('inner', ['a', 'b', 'c', 'gone'], [server('10.0.0.1:1', 7), server('[::1]:2', 3, 'down')]),
    proxyOf('outer', ['inner'], []),
  ];
  assert.deepEqual(
    flows(services).map(({ from, to, requestsPerSecond, state }) => [from, to, requestsPerSecond, state]),
    [
      ['inner', 'a', 7, 'up'],
      ['inner', 'b', 3, 'down'],
      ['inner', 'c', 0, 'unknown'],
      ['outer', 'inner', 0, 'unknown'],
    ],
  );
  assert.deepEqual(
    entryProxies(services).map(({ name }) => name),
    ['outer'],
  );
  assert.deepEqual(
    flowLayers(services).map((layer) => layer.map(({ name }) => name)),
    [['outer'], ['inner'], ['a', 'b', 'c']],
  );
  const circle = [serviceOf('x', { sendsTo: ['y'] }), serviceOf('y', { sendsTo: ['x'] })];
  assert.equal(flowLayers(circle).flat().length, 2, 'a circle ends, too');
});

test('totals are sums; hits are of the last second, or of all time when there were no gets', () => {
  const busy = statsOf({}, { getsPerSecond: 10, hitsPerSecond: 9 });
  const quiet = statsOf({});
  assert.equal(hitPercent([quiet]), 75);
  assert.equal(hitPercent([quiet, busy]), 90);
  assert.equal(hitPercent([statsOf({}, { getHits: 0, getMisses: 0 })]), null);
  const now = totals([
    twin('a', 0, { lag_ms: '7' }),
    twin('b', 1, {}, { state: 'stopped', stats: null }),
    proxyOf('p', ['a'], []),
  ]);
  assert.deepEqual([now.nodesUp, now.nodes, now.proxiesUp, now.proxies], [1, 2, 1, 1]);
  assert.deepEqual([now.requestsPerSecond, now.bytes, now.limitBytes, now.lagMs], [5, 10, 100, 7]);
  const none = totals([]);
  assert.deepEqual([none.requestsPerSecond, none.hitPercent, none.lagMs], [null, null, null]);
});

test('what needs attention comes first, the worst at the top', () => {
  const texts = (services: readonly ServiceStatus[]): string[] =>
    incidents(snapshotOf(services)).map(({ service, tone, text }) => `${service} ${tone}: ${text}`);
  assert.deepEqual(texts([twin('a', 0), twin('b', 1), proxyOf('p', ['a'], [])]), []);
  const address = '127.0.0.1:11211';
  assert.deepEqual(
    texts([
      twin('a', 0, { lag_ms: '900' }),
      twin('b', 1, {}, { monitored: false, findings: ['not in-sync'] }),
      serviceOf('lone', { state: 'gave-up', reason: 'a bad option' }),
      { ...proxyOf('p', ['a'], [server(address, 0, 'down')]), address: '127.0.0.1:5' },
      { ...proxyOf('q', ['a'], [server(address, 0, 'refused')]), address: '127.0.0.1:6' },
    ]),
    [
      'lone bad: given up: a bad option',
      'lone bad: no node of it runs: its keys are not served',
      'b busy: is not monitored',
      'b busy: not in-sync',
      'pair busy: a and b: 900 ms behind',
      'p busy: does not reach a',
      'q busy: is not let in by a',
    ],
  );
});
