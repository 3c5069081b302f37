import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { freePorts, MEMCACHED } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { type Server, startNode, startProxy, TRANSPORTS } from '../../testing/servers.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const MIB = 1024 * 1024;
/** The largest value that an item of 1 MiB has room for, less some for the key. */
const LARGE = 1_048_000;
const SEED = 20_261_121;

/**
 * What clients must never be able to do to others: every case runs beside a client that reads and writes the whole time, and
 * that client sees neither an error nor a wrong value.
 */
for (const transport of TRANSPORTS)
  for (const role of ['node', 'proxy'] as const)
    describe(`bad input: ${role} on the ${transport} transport`, () => {
      let node: Server;
      let proxy: Server | null = null;
      let server: Server;
      let load: SteadyLoad;
      const connect = (): Promise<RawSocket> => RawSocket.connect(server.port);

      before(async () => {
        node = await startNode(['-m', '16', '-t', '2'], transport);
        if (role === 'proxy') {
          const [port = 0] = await freePorts(1);
          proxy = await startProxy(port, ['-s', `127.1:${node.port}`], transport);
        }
        server = proxy ?? node;
        load = await SteadyLoad.start(server.port);
      });
      after(async () => {
        const report = await load.stop();
        if (proxy !== null) assert.equal(await proxy.process.kill(), 0, proxy.process.stderr());
        assert.equal(await node.process.kill(), 0, node.process.stderr());
        assert.deepEqual(report.errors, []);
        assert.deepEqual(report.lost, []);
        assert.ok(report.reads > 100, 'the load ran');
      });

      /** Another client is served, and the load goes on. */
      const isWell = async (): Promise<void> => {
        const client = await TextClient.connect(server.port);
        assert.equal(await client.set('well', 'yes'), 'STORED');
        assert.equal(await client.get('well'), 'yes');
        client.close();
        const answered = load.answered;
        await until('the load goes on', () => load.answered > answered + 10);
      };

      test('bare LF ends a command, not a value', async () => {
        const client = await connect();
        await client.send('set lf 0 0 2\nok\r\nget lf\n');
        const expected = 'STORED\r\nVALUE lf 0 2\r\nok\r\nEND\r\n';
        assert.equal(await client.read(expected.length), expected);
        await client.send('set lf 0 0 2\nno\nget lf\n');
        const bad = `${expected}CLIENT_ERROR bad data chunk\r\n`;
        // The byte behind the LF went with the block, so what follows is another word.
        assert.equal(await client.read(bad.length + 7), `${bad}ERROR\r\n`);
        client.vanish();
      });

      test('an HTTP request is closed without an answer', async () => {
        const client = await connect();
        await client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
        assert.equal(await client.readToEnd(), '');
      });

      for (const bytes of [3000, 100_000])
        test(`a line of ${bytes} bytes without its end is closed without an answer`, async () => {
          const client = await connect();
          await client.send('x'.repeat(bytes));
          assert.equal(await client.readToEnd(), '');
        });

      test('a get line of 100 000 bytes is answered', async () => {
        const client = await connect();
        const keys = Array.from({ length: 10_000 }, (_, i) => `miss${i}`.padEnd(9, 'x')).join(' ');
        await client.send(`get ${keys}\r\n`);
        assert.equal(await client.read(5), 'END\r\n');
        client.vanish();
      });

      test('junk bytes at random', async () => {
        const random = seededRandom(SEED);
        for (let round = 0; round < 60; round++) {
          const client = await connect();
          const junk = new Uint8Array(1 + random.below(5000));
          for (let i = 0; i < junk.length; i++) junk[i] = random.below(256);
          // Half of them are lines, and some begin like commands.
          if (round % 2 === 0) for (let i = 0; i < junk.length; i += 1 + random.below(60)) junk[i] = 10;
          if (round % 4 === 0) await client.send('set ');
          await client.send(junk);
          client.vanish(round % 3 !== 0);
        }
        await isWell();
      });

      test('a client that sends byte by byte is served', async () => {
        const client = await connect();
        for (const byte of 'set slow 5 0 4\r\nlori\r\nget slow\r\n') await client.send(byte);
        const expected = 'STORED\r\nVALUE slow 5 4\r\nlori\r\nEND\r\n';
        assert.equal(await client.read(expected.length), expected);
        client.vanish();
      });

      test('half requests of clients that vanish', async () => {
        const halves = [
          'g',
          'get',
          'get k',
          'set k 0 0',
          'set k 0 0 5\r\n',
          'set k 0 0 5\r\nab',
          'gets a b c',
        ];
        for (let round = 0; round < 10; round++)
          for (const half of halves) {
            const client = await connect();
            await client.send(half);
            client.vanish(round % 2 === 0);
          }
        await isWell();
        const client = await TextClient.connect(server.port);
        assert.equal(await client.get('k'), null);
        client.close();
      });

      test('clients that vanish in the midst of a value of 1 MiB leave no memory taken', async () => {
        const direct = await TextClient.connect(node.port);
        const used = async (): Promise<number> => {
          let chunks = 0;
          for (const [name, value] of await direct.stats('slabs'))
            if (name.endsWith(':used_chunks')) chunks += Number(value);
          return chunks;
        };
        // All keys of the load are there, so that nothing else grows.
        await until('the load has been round', () => load.answered > 300);
        const before = await used();
        const itemsBefore = Number((await direct.stats()).get('curr_items'));
        const head = `set vanished 0 0 ${LARGE}\r\n`;
        for (let round = 0; round < 40; round++) {
          // Several at once, so that many values are unfinished at a time; more than fit at all.
          const clients = await Promise.all(Array.from({ length: 8 }, connect));
          await Promise.all(
            clients.map((client, i) =>
              client.send(head + 'v'.repeat((((i * 137 + round * 11) % 1000) * MIB) / 1024)),
            ),
          );
          for (const client of clients) client.vanish(round % 2 === 0);
        }
        await until('the chunks are free again', async () => {
          const now = await used();
          if (now > before + 2) throw new Error(`${now} chunks are used, ${before} were before`);
          return true;
        });
        assert.ok(Number((await direct.stats()).get('curr_items')) <= itemsBefore + 1);
        assert.equal(await direct.get('vanished'), null);
        // Values of that size go in and come out.
        const client = await TextClient.connect(server.port);
        const value = 'w'.repeat(LARGE);
        for (let i = 0; i < 20; i++) {
          assert.equal(await client.set(`large${i}`, value), 'STORED');
          assert.equal((await client.get(`large${i}`)) === value, true);
        }
        client.close();
        direct.close();
      });
    });

test('one client more than -c allows is told so; there is room again when others leave', async (t) => {
  for (const transport of TRANSPORTS)
    await t.test(transport, async () => {
      const node = await startNode(['-c', '10', '-t', '2'], transport);
      const admin = await TextClient.connect(node.port);
      assert.equal(await admin.get('a'), null);
      const clients = await Promise.all(Array.from({ length: 9 }, () => RawSocket.connect(node.port)));
      for (const client of clients) await client.send('version\r\n');
      for (const client of clients) await client.read(10);
      for (let i = 0; i < 3; i++) {
        const surplus = await RawSocket.connect(node.port);
        // It may have sent something before it was told.
        if (i === 1) await surplus.send('get a\r\nget b\r\n');
        assert.equal(await surplus.readToEnd(), 'ERROR Too many open connections\r\n');
      }
      const stats = await admin.stats();
      assert.equal(stats.get('rejected_connections'), '3');
      assert.equal(stats.get('curr_connections'), MEMCACHED === null ? stats.get('curr_connections') : '10');
      clients.pop()?.vanish();
      const welcome = await until('a place is free', async () => {
        const client = await TextClient.connect(node.port);
        if ((await client.ask('version')).startsWith('VERSION')) return client;
        client.close();
        return null;
      });
      assert.equal(await welcome.set('a', 'b'), 'STORED');
      welcome.close();
      for (const client of clients) client.vanish();
      admin.close();
      assert.equal(await node.process.kill(), 0);
    });
});
