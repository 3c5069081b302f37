import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';

function figuresOf(world: RouteWorld): Map<string, string> {
  const reply = world.ask(world.client(), 'stats pools\r\n');
  assert.match(reply, /END\r\n$/);
  return new Map(
    [...reply.matchAll(/^STAT (\S+) (.*)\r$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

test('requests are counted by command, with how long their answers took', () => {
  const world = new RouteWorld({ mains: 1, backups: 0, settings: { bufferBytesMax: 50_000 } }).start();
  const client = world.client();
  assert.equal(figuresOf(world).has('cmd_get'), false);
  world.servers[0]!.delayMs = 30;
  world.ask(client, 'get a\r\nget a b\r\nset a 0 0 1\r\nx\r\nmn\r\nunknown\r\n', 100);
  client.send('get a\r\nset b 0 0 40000\r\nxxxx');
  world.run(5);
  let figures = figuresOf(world);
  for (const [name, value] of [
    ['cmd_get', '3'],
    ['cmd_set', '1'],
    ['requests_open', '2'],
    ['request_failures', '0'],
    ['buffer_bytes_max', '50000'],
    ['uploads', '1'],
    ['uploads_given_up', '0'],
  ] as const)
    assert.equal(figures.get(name), value, name);
  for (const name of ['request_latency_p50_us', 'request_latency_max_us']) {
    const micros = Number(figures.get(name));
    assert.ok(micros >= 30_000 && micros < 34_000, `${name} ${micros}`);
  }
  world.ask(client, 'x'.repeat(60), 100);
  world.servers[0]!.kill();
  world.run(100);
  world.ask(world.client(), 'get a\r\n', 1000);
  client.pipe.close(true, 'ECONNRESET');
  world.run(10);
  world.ask(world.client(), `set c 0 0 60000\r\n${'x'.repeat(60_000)}\r\n`);
  figures = figuresOf(world);
  for (const [name, value] of [
    ['cmd_get', '4'],
    ['requests_open', '0'],
    ['request_failures', '1'],
    ['buffer_refusals', '1'],
    ['buffer_bytes', '0'],
    ['uploads', '0'],
  ] as const)
    assert.equal(figures.get(name), value, name);
});
