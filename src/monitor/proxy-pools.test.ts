import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { VirtualTime } from '../../testing/replication/virtual-time.ts';
import { serveTcp } from '../../testing/tcp-server.ts';
import { until } from '../../testing/wait.ts';
import { ProxyPools } from './proxy-pools.ts';
import type { PoolDefinition } from './service-definition.ts';

/** Says of itself what a pool with seventy gets would. */
function answer(socket: Socket): void {
  socket.once('data', () =>
    socket.write('VERSION 1\r\nEND\r\nSTAT cmd_get 70\r\nEND\r\nSTAT server_0_name a:1\r\nEND\r\n'),
  );
}

const pool = (name: string, port: number): PoolDefinition => ({ name, host: '127.0.0.1', port, shards: [] });
const OWN = new Map([['cmd_get', '5']]);

test('each pool is asked at its own address; one that does not answer says so, and what stays where it is is kept', async (t) => {
  const port = await serveTcp(t, answer);
  const pools = new ProxyPools([pool('first', 1), pool('second', port), pool('none', 1)], new VirtualTime());
  const shown = (isRunning = true): unknown =>
    pools.statuses(isRunning).map(({ name, answers, stats }) => [name, answers, stats?.requests ?? null]);
  const second = ['second', true, 70];
  pools.read(OWN, 10_000);
  assert.deepEqual(shown(), [
    ['first', true, 5],
    ['second', null, null],
    ['none', null, null],
  ]);
  await until('all have been asked', () => pools.statuses(true).every(({ answers }) => answers !== null));
  assert.deepEqual(shown(), [['first', true, 5], second, ['none', false, null]]);
  assert.deepEqual([pools.stats?.requests, pools.stats?.servers.map(({ name }) => name)], [75, ['a:1']]);
  assert.deepEqual(shown(false), [
    ['first', null, null],
    ['second', null, null],
    ['none', null, null],
  ]);
  pools.use([pool('other name', 1), pool('come', 2), pool('second', port)]);
  assert.deepEqual(shown(), [['other name', true, 5], ['come', null, null], second]);
  pools.clear();
  assert.equal(pools.stats, null);
});

test('a proxy with one address has no pools', () => {
  const pools = new ProxyPools([], new VirtualTime());
  pools.read(OWN, 1000);
  assert.deepEqual([pools.stats?.requests, pools.statuses(true)], [5, []]);
});
