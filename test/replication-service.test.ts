import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { SocketAddress } from '../src/net/loop.ts';
import { ReplicationHost } from '../testing/replication/replication-host.ts';

async function freeAddress(): Promise<SocketAddress> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  server.close();
  await once(server, 'close');
  return { family: 'ipv4', host: '127.0.0.1', port: address.port };
}

const large = 'x'.repeat(900_000);

test('two nodes on two ports pair, and what any thread changes reaches the twin', async () => {
  const [first, second] = [await freeAddress(), await freeAddress()];
  const a = new ReplicationHost([first], [], 2);
  const hosts = [a];
  try {
    await a.report('ready');
    for (let i = 0; i < 500; i++) a.send('set', `before${i}`, `value${i}`, i % 2);
    a.send('set', 'large', large);
    await a.answers('get', 'before499', (value) => value === 'value499');
    const b = new ReplicationHost([second], [first], 2);
    hosts.push(b);
    await b.report('ready');
    b.send('get', 'large');
    assert.equal(await b.report('value'), large, 'everything is there when clients may come');
    await b.answers('get', 'before17', (value) => value === 'value17');
    a.send('set', 'from thread 1', 'a', 1);
    await b.answers('get', 'from thread 1', (value) => value === 'a');
    b.send('set', 'back', 'b', 1);
    await a.answers('get', 'back', (value) => value === 'b');
    await a.answers('statistics', '', (text) => text.includes('replication_state linked'));
    await b.answers('statistics', '', (text) => text.includes('replication_role dialer'));
    b.send('set', 'last', large);
    b.send('stop');
    await b.report('stopped');
    a.reports.delete('value');
    a.send('get', 'last');
    assert.equal(await a.report('value'), large, 'what was queued had arrived when the other was through');
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
  }
});

test('two nodes on one port: the survivor takes the port over and fills the one that comes back', async () => {
  const address = await freeAddress();
  const hosts = new Set<ReplicationHost>();
  const start = (): ReplicationHost => {
    const host = new ReplicationHost([address], [address]);
    hosts.add(host);
    return host;
  };
  try {
    const a = start();
    const b = start();
    await Promise.all([a.report('ready'), b.report('ready')]);
    await a.answers('statistics', '', (text) => text.includes('replication_state linked'));
    a.send('set', 'k', 'v');
    await b.answers('get', 'k', (value) => value === 'v');
    await a.stop();
    hosts.delete(a);
    await b.answers('statistics', '', (text) => text.includes('replication_listening 1'));
    const c = start();
    await c.report('ready');
    await c.answers('get', 'k', (value) => value === 'v');
    await b.answers('statistics', '', (text) => text.includes('replication_state linked'));
  } finally {
    await Promise.all([...hosts].map((host) => host.stop()));
  }
});

test('a busy replication port is refused in one line by a node that dials nobody', async () => {
  const address = await freeAddress();
  assert.ok(address.family !== 'unix');
  const a = new ReplicationHost([address], []);
  const hosts = [a];
  try {
    await a.report('ready');
    const b = new ReplicationHost([address], []);
    hosts.push(b);
    const message = await b.report('refused');
    assert.equal(
      message,
      `replication: failed to listen on 127.0.0.1:${address.port}: Address already in use`,
    );
    assert.equal(b.reports.has('ready'), false);
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
  }
});
