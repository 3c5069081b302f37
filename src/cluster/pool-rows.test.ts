import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf, serviceOf } from '../../testing/fake-cluster.ts';
import type { ProxyServer, ProxyShard, ProxyStats } from '../checks/cluster-status.ts';
import { pictureText, readPicture } from './status.ts';

function server(name: string, state: string, downs: number): ProxyServer {
  return {
    name,
    state,
    isTwin: true,
    requests: 0,
    requestsPerSecond: null,
    queue: 0,
    failures: 0,
    timeouts: 0,
    connectionErrors: 0,
    downs,
    dialInMs: 0,
    isEjected: false,
    p50Micros: 0,
    p99Micros: 0,
  };
}

function statsOf(requestsPerSecond: number | null, ...servers: ProxyServer[]): ProxyStats {
  const [requests, failures] = [120, 7];
  return {
    requestsPerSecond,
    requests,
    open: 0,
    failures,
    p50Micros: null,
    p99Micros: null,
    hotKeys: [],
    ejections: null,
    carried: null,
    failuresPerSecond: null,
    servers,
  };
}

const SHARDS: readonly ProxyShard[] = [
  { name: 'one', keyShare: 1, servers: [{ name: 'one-a', address: '10.0.0.1:1', isOut: false }] },
];

test('status tells of every pool of every proxy that runs: rate, requests, errors, and its servers', () => {
  const cluster = clusterOf([
    serviceOf('node', { address: '10.0.0.2:1' }),
    serviceOf('users', {
      role: 'proxy',
      pools: [
        {
          name: 'sessions',
          address: '10.0.0.9:1',
          answers: true,
          stats: {
            ...statsOf(2.5, server('10.0.0.1:1', 'up', 1), {
              ...server('10.0.0.7:1', 'down', 3),
              isEjected: true,
            }),
            ejections: 5,
          },
          shards: SHARDS,
        },
        { name: 'pages', address: '10.0.0.9:2', answers: false, stats: null, shards: [] },
        { name: 'new', address: '10.0.0.9:3', answers: null, stats: null, shards: [] },
      ],
    }),
    serviceOf('plain', {
      role: 'proxy',
      address: '10.0.0.9:4',
      proxy: statsOf(null, server('10.0.0.2:1', 'up', 0)),
    }),
    serviceOf('dead', { role: 'proxy', state: 'stopped' }),
  ]);
  const picture = readPicture(JSON.stringify(cluster));
  assert.ok(picture !== null);
  assert.deepEqual(picture.pools, [
    ['users/sessions', 'up', '10.0.0.9:1', '2.5', '120', '7', '4', '5', 'one-a up, 10.0.0.7:1 ejected'],
    ['users/pages', 'no answer', '10.0.0.9:2'],
    ['users/new', 'unknown', '10.0.0.9:3'],
    ['plain', 'up', '10.0.0.9:4', '', '120', '7', '0', '', 'node up'],
  ]);
  assert.match(
    pictureText(picture),
    /^ {2}POOL +STATE +ADDRESS +REQ\/S +REQUESTS +ERRORS +DOWNS +EJECTED +SERVERS\n/m,
  );
});

test('a cluster without proxies has no table of pools', () => {
  const picture = readPicture(JSON.stringify(clusterOf([serviceOf('node')])));
  assert.ok(picture !== null);
  assert.doesNotMatch(pictureText(picture), /POOL/);
});
