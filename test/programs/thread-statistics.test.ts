import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadLibc } from '../../src/net/libc.ts';
import { OPCODE } from '../../src/protocol/binary/opcodes.ts';
import { BinaryClient, binaryPacket } from '../../testing/binary-client.ts';
import { freePorts, type Running, twincached } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { type Server, startNode } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

describe('statistics of a proxy with several threads', {
  skip: loadLibc() === null ? 'one thread where there is no epoll' : false,
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  let node: Server;
  let proxy: Running;
  let port = 0;
  /** By thread. */
  const clients: Map<string, TextClient> = new Map();
  before(async () => {
    node = await startNode(['-m', '16']);
    [port = 0] = await freePorts(1);
    const path = join(folder, 'proxy.yaml');
    // On a busy machine a second is soon over.
    writeFileSync(
      path,
      `listen: 127.0.0.1:${port}\nthreads: 3\ndefaults: { request-timeout: 20s, connect-timeout: 20s }\npools:\n  a: { servers: ["127.0.0.1:${node.port}"] }\nroute: a\n`,
    );
    proxy = twincached(['proxy', '-c', path], { TWINCACHED_TRANSPORT: 'reactor' });
    await until('clients of all threads', async () => {
      const client = await TextClient.connect(port);
      const thread = (await client.get('__twincached__.thread')) ?? '';
      if (clients.has(thread)) client.close();
      else clients.set(thread, client);
      return clients.size === 3;
    });
  });
  after(async () => {
    for (const client of clients.values()) client.close();
    await proxy?.kill('SIGKILL');
    await node?.process.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  test('stats tells what all threads have counted, and on demand what one has', async () => {
    let gets = 0;
    let sets = 0;
    for (const [thread, client] of clients) {
      const count = 3 + Number(thread);
      for (let i = 0; i < count; i++) {
        assert.equal(await client.set(`k${i}`, 'x'), 'STORED');
        assert.equal(await client.get(`k${i}`), 'x');
        assert.equal(await client.get('none'), null);
      }
      gets += 2 * count;
      sets += count;
    }
    for (const [thread, client] of clients) {
      const pools = await client.stats('pools');
      assert.equal(pools.get('cmd_get'), `${gets}`);
      assert.equal(pools.get('cmd_set'), `${sets}`);
      const counted = [...(pools.get('request_latency_buckets_us') ?? '').matchAll(/:(\d+)/g)];
      assert.equal(
        counted.reduce((sum, [, count]) => sum + Number(count), 0),
        gets + sets,
      );
      const servers = await client.stats('servers');
      assert.equal(servers.get('server_0_requests'), `${gets + sets}`);
      assert.equal(servers.get('server_0_get_hits'), `${sets}`);
      assert.equal(servers.get('server_0_get_misses'), `${sets}`);
      assert.equal(servers.get('server_0_state'), 'up');
      assert.equal(servers.has('server_0_latency_buckets_us'), false);
      const own = 3 + Number(thread);
      assert.equal((await client.stats('pools thread')).get('cmd_set'), `${own}`);
      assert.equal((await client.stats('servers thread')).get('server_0_requests'), `${3 * own}`);
      const all = await client.stats();
      assert.equal(all.get('cmd_set'), `${sets}`);
      assert.equal(all.get('server_0_requests'), `${gets + sets}`);
      assert.equal(all.get('config_loads'), '1');
      assert.equal((await client.stats('thread')).get('cmd_set'), `${own}`);
    }
  });

  test('the answer keeps its place among others, in text and binary, and a client that has gone is no loss', async () => {
    const raw = await RawSocket.connect(port);
    const [client] = clients.values();
    assert.equal(await client?.set('place', 'x'), 'STORED');
    for (let i = 0; i < 20; i++) {
      const gone = await RawSocket.connect(port);
      await gone.send('get place\r\nstats servers\r\nget place\r\n');
      gone.vanish(i % 2 === 0);
    }
    await raw.send('stats pools\r\nget place\r\nstats servers\r\nstats agent\r\nversion\r\n');
    const text = await until('the last answer', () => /VERSION .*\r\n$/.test(raw.received) && raw.received);
    assert.match(
      text,
      /^(STAT .*\r\n)+END\r\nVALUE place 0 1\r\nx\r\nEND\r\n(STAT server_0_.*\r\n)+END\r\nSTAT agent_answer_ms_max \d+\r\nEND\r\nVERSION .*\r\n$/,
    );
    raw.vanish(false);
    const binary = await BinaryClient.connect(port);
    const replies = await binary.ask(
      binaryPacket(OPCODE.stat, { key: 'servers', opaque: 1 }),
      binaryPacket(OPCODE.get, { key: 'place', opaque: 2 }),
      binaryPacket(OPCODE.stat, { key: 'pools', opaque: 3 }),
    );
    binary.close();
    const order = replies.map(({ opaque }) => opaque);
    assert.deepEqual(order, [...order].sort());
    assert.deepEqual([...new Set(order)], [1, 2, 3]);
    assert.equal(replies.find(({ key }) => key === 'server_0_name')?.value, `127.0.0.1:${node.port}`);
    assert.ok(replies.some(({ key, opaque }) => key === 'cmd_get' && opaque === 3));
  });
});
