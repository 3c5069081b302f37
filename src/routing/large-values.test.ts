import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld, type WorldClient } from '../../testing/route-world.ts';

const MIB: number = 1024 * 1024;

const cut = (text: string): string[] => text.match(/[\s\S]{1,60000}/g) ?? [];

function filler(bytes: number): string {
  return 'abcdefgh'.repeat(bytes / 8);
}

/** Sends a line and its value as they would come from a network. */
function sendInPieces(world: RouteWorld, client: WorldClient, text: string): void {
  for (const piece of cut(text)) client.send(piece);
  world.run();
}

test('a large value on its way to a server is waited for while its bytes move, and so are the requests behind it', () => {
  const value = filler(3 * MIB);
  const world = new RouteWorld({ mains: 1, backups: 0, settings: { requestTimeoutMs: 400 } });
  const [server] = world.servers;
  server!.link = { bytesPerMs: 3000, kernelBytes: 300_000, tellsTheWay: true };
  world.start();
  const client = world.client();
  const other = world.client();
  sendInPieces(world, client, `set large 0 0 ${value.length}\r\n${value}\r\nget small\r\n`);
  other.send('set small 0 0 1\r\nx\r\n');
  world.run(1000);
  assert.equal(client.take() + other.take(), '', 'it needs a bit more than a second');
  world.run(200);
  assert.equal(client.take(), 'STORED\r\nEND\r\n');
  assert.equal(other.take(), 'STORED\r\n');
  assert.equal(server!.values.get('large')?.value.length, value.length);
  assert.equal(world.dials.length, 1, 'the connection is the same');
  world.nothingLeft();
});

test('where the transport does not tell what has come to the server, a large value has its time', () => {
  const value = filler(4 * MIB);
  const world = new RouteWorld({ mains: 1, backups: 0, settings: { requestTimeoutMs: 1000 } });
  // All of it is with the kernel at once.
  world.servers[0]!.link = { bytesPerMs: 1200, kernelBytes: 5 * MIB, tellsTheWay: false };
  world.start();
  const client = world.client();
  sendInPieces(world, client, `set large 0 0 ${value.length}\r\n${value}\r\n`);
  world.run(4000);
  assert.equal(client.take(), 'STORED\r\n');
  world.nothingLeft();
});

test('a large value whose bytes have stopped moving is given up', () => {
  const value = filler(2 * MIB);
  const world = new RouteWorld({ mains: 1, backups: 1, settings: { requestTimeoutMs: 1000 } });
  for (const server of world.servers) server.replicating = true;
  const [main, backup] = world.servers;
  main!.link = { bytesPerMs: 1000, kernelBytes: 100_000, tellsTheWay: true };
  world.start();
  const client = world.client();
  backup!.values.set('k', { value: '-', flags: '0', cas: 1 });
  sendInPieces(world, client, `append k 0 0 ${value.length}\r\n${value}\r\n`);
  world.run(1500);
  // The network is cut.
  main!.slowDown(0);
  world.run(900);
  assert.equal(client.take(), '');
  world.run(400);
  // It is known that the main has got a part of it at most, so that the twin may be asked.
  assert.equal(client.take(), 'STORED\r\n');
  assert.equal(main!.seen.length, 0);
  world.nothingLeft();
});

test('requests wait in the queue while the server does not take what is before them, and go elsewhere unharmed', () => {
  const value = filler(2 * MIB);
  const world = new RouteWorld({ mains: 1, backups: 1, settings: { requestTimeoutMs: 1000 } });
  for (const server of world.servers) server.replicating = true;
  const [main, backup] = world.servers;
  main!.link = { bytesPerMs: 1000, kernelBytes: 100_000, tellsTheWay: true };
  world.start();
  const client = world.client();
  backup!.values.set('n', { value: '5', flags: '0', cas: 1 });
  sendInPieces(world, client, `set large 0 0 ${value.length}\r\n${value}\r\nincr n 1\r\n`);
  world.run(500);
  assert.deepEqual(main!.seen, [], 'the value is on its way');
  // Nothing of the incr was written, so that it may be done elsewhere.
  main!.kill();
  world.run(1000);
  assert.equal(client.take(), 'STORED\r\n6\r\n');
  world.nothingLeft();
});

test('a value that is refused before it has come whole is sent to its end, and its connection goes on', () => {
  const value = filler(3 * MIB);
  const world = new RouteWorld({ mains: 1, backups: 0 });
  const [server] = world.servers;
  server!.valueBytesMax = MIB;
  server!.link = { bytesPerMs: 10_000, kernelBytes: 100_000, tellsTheWay: true };
  world.start();
  const client = world.client();
  sendInPieces(world, client, `set large 0 0 ${value.length}\r\n${value}\r\nset a 0 0 1\r\nb\r\n`);
  world.run(50);
  assert.equal(client.take(), 'SERVER_ERROR object too large for cache\r\n', 'it is told at once');
  world.run(1000);
  assert.equal(client.take(), 'STORED\r\n');
  assert.equal(world.dials.length, 1);
  world.nothingLeft();
});

test('what waits for a server that takes it slowly is kept once, not once more in its connection', () => {
  const value = filler(MIB);
  const world = new RouteWorld({ mains: 1, backups: 0 });
  world.servers[0]!.link = { bytesPerMs: 10_000, kernelBytes: 100_000, tellsTheWay: true };
  world.start();
  const clients = Array.from({ length: 12 }, () => world.client());
  for (const [number, client] of clients.entries())
    sendInPieces(world, client, `set v${number} 0 0 ${value.length}\r\n${value}\r\n`);
  const [destination] = world.router.destinations;
  assert.ok(destination!.queuedBytes > 10 * MIB, 'they wait');
  assert.ok(
    world.servers[0]!.unsentBytes < 3 * MIB,
    `${world.servers[0]!.unsentBytes} bytes are on their way`,
  );
  world.run(2000);
  for (const client of clients) assert.equal(client.take(), 'STORED\r\n');
  world.nothingLeft();
});

test('a client that reads slowly gets a large value whole, and others their answers meanwhile', () => {
  const value = filler(4 * MIB);
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    cut,
    settings: { requestTimeoutMs: 400, clientStallMs: 300, clientBacklogBytesMax: 300_000 },
  }).start();
  const { figures, budget } = world.router.requests;
  const slow = world.client();
  const other = world.client();
  sendInPieces(world, slow, `set large 0 0 ${value.length}\r\n${value}\r\n`);
  world.run();
  assert.equal(slow.take(), 'STORED\r\n');
  slow.pipe.bytesPerMs = 1000;
  slow.pipe.kernelBytes = 100_000;
  slow.send('get large\r\n');
  world.run(1000);
  assert.equal(figures.clientGrants, 0, 'nobody waits for it, so that nothing is kept for it');
  assert.ok(figures.clientStalls > 0);
  assert.equal(world.ask(other, 'get none\r\n', 100), 'END\r\n');
  assert.ok(figures.clientGrants > 0);
  assert.ok(budget.used >= MIB, 'what is kept for it counts');
  world.run(4000);
  assert.equal(slow.take(), `VALUE large 0 ${value.length}\r\n${value}\r\nEND\r\n`);
  assert.equal(figures.clientsDropped, 0);
  world.nothingLeft();
});

test('a client that sends large values faster than its server takes them is read from more slowly', () => {
  const value = filler(MIB);
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    settings: { pipelineBytesMax: 2 * MIB, queueBytesMax: 3.5 * MIB, bufferBytesMax: 5 * MIB },
  });
  world.servers[0]!.link = { bytesPerMs: 10_000, kernelBytes: 100_000, tellsTheWay: true };
  world.start();
  const client = world.client();
  const text = Array.from({ length: 8 }, (_, i) => `set v${i} 0 0 ${value.length}\r\n${value}\r\n`).join('');
  client.send(text);
  world.run();
  assert.equal(client.pipe.paused, true);
  world.run(3000);
  assert.equal(client.take(), 'STORED\r\n'.repeat(8));
  world.nothingLeft();
});

test('answers that are whole wait for a client that does not read, and count as what is buffered', () => {
  const value = filler(MIB);
  const world = new RouteWorld({
    mains: 2,
    backups: 0,
    cut,
    settings: { clientBacklogBytesMax: 300_000 },
  }).start();
  const { budget } = world.router.requests;
  const client = world.client();
  sendInPieces(world, client, `set a 0 0 ${value.length}\r\n${value}\r\nset b 0 0 1\r\n1\r\n`);
  world.run();
  client.take();
  const slowest = world.servers.find(({ values }) => values.has('b'));
  slowest!.delayMs = 100;
  client.pipe.bytesPerMs = 1000;
  client.send('get b\r\nget a\r\nget a\r\nget a\r\nget b\r\n');
  world.run(99);
  assert.ok(budget.used >= 3 * MIB, 'the answers for "a" wait for their turn');
  world.run(10);
  assert.ok(budget.used >= MIB, 'and do not all go at once');
  world.run(4000);
  const block = `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n`;
  const short = 'VALUE b 0 1\r\n1\r\nEND\r\n';
  assert.equal(client.take(), `${short}${block}${block}${block}${short}`);
  world.nothingLeft();
});

test('the END behind a large value reaches the client once, wherever the answer is cut', () => {
  const value = filler(40_000);
  const small = 'VALUE s 0 1\r\nx\r\n';
  const large = `VALUE l 0 ${value.length}\r\n${value}\r\n`;
  // What comes in pieces is larger than what is waited for: the first piece is always a part of the value.
  for (const [line, answer] of [
    ['get l\r\n', `${large}END\r\n`],
    ['get s l\r\n', `${small}${large}END\r\n`],
    ['get l s\r\n', `${large}${small}END\r\n`],
    ['get l\r\nget s\r\nget l none\r\n', `${large}END\r\n${small}END\r\n${large}END\r\n`],
  ] as const)
    for (let back = 0; back < 30; back++) {
      const cutAt = (text: string): string[] => {
        if (text.length < value.length) return [text];
        const last = text.length - back;
        return [text.slice(0, 20_000), text.slice(20_000, last), text.slice(last)].filter(
          (part) => part !== '',
        );
      };
      const world = new RouteWorld({ mains: 1, backups: 0, cut: cutAt });
      world.servers[0]!.values.set('l', { value, flags: '0', cas: 1 });
      world.servers[0]!.values.set('s', { value: 'x', flags: '0', cas: 2 });
      world.start();
      const client = world.client();
      assert.ok(world.ask(client, line) === answer, `${line} cut ${back} from the end`);
      world.nothingLeft();
    }
});
