import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RawSocket } from '../../testing/raw-socket.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const ITEMS = 100_000;

for (const transport of TRANSPORTS) {
  describe(`administrators' commands, ${transport}`, () => {
    test('a dump of 100 000 items is whole, while others are served', { timeout: 120_000 }, async (t) => {
      const node = await startNode(['-t', '2'], transport);
      t.after(() => node.process.kill('SIGKILL'));
      const socket = await RawSocket.connect(node.port);
      for (let at = 0; at < ITEMS; at += 1000) {
        let batch = '';
        for (let i = at; i < at + 1000; i++) batch += `set key${i} 0 0 5 noreply\r\nvalue\r\n`;
        await socket.send(batch);
      }
      await socket.send('mn\r\n');
      await socket.read(4);
      const load = await SteadyLoad.start(node.port);
      await until('the load runs', () => load.answered > 100);

      const dump = await RawSocket.connect(node.port);
      dump.stopReading();
      await dump.send('lru_crawler metadump all\r\nversion\r\n');
      const client = await TextClient.connect(node.port);
      // It holds what it has not been able to send, and keeps nobody else from being served meanwhile.
      await until(
        'the dump is under way',
        async () => (await client.stats()).get('lru_crawler_running') === '1',
      );
      assert.equal(
        await client.ask('lru_crawler mgdump all'),
        'BUSY currently processing crawler request\r\n',
      );
      const answered = load.answered;
      await until('the load goes on', () => load.answered > answered + 200);
      dump.readOn();
      await until('the end of the dump', () => dump.received.endsWith('END\r\nVERSION 1.6.45\r\n'), 100_000);
      assert.match(
        dump.received,
        /^OK\r\nkey=\S+ exp=-1 la=\d+ cas=\d+ fetch=(yes|no) cls=\d+ size=\d+ flags=0 \n/,
      );
      const keys = new Set(dump.received.match(/key=key\d+ /g));
      assert.equal(keys.size, ITEMS);
      const report = await load.stop();
      assert.deepEqual([report.errors, report.lost], [[], []]);

      const half = await RawSocket.connect(node.port);
      half.stopReading();
      await half.send('lru_crawler mgdump hash\r\n');
      await until('the second dump is under way', async () =>
        (await client.ask('lru_crawler crawl all')).startsWith('BUSY'),
      );
      half.vanish();
      await until('it has gone', async () => (await client.ask('lru_crawler crawl all')) === 'OK\r\n');
      client.close();
      dump.vanish();
      socket.vanish();
      assert.equal(await node.process.kill(), 0);
    });

    test('stats conns tells of the connections of all threads, and what they are doing', async (t) => {
      const node = await startNode(['-t', '4'], transport);
      t.after(() => node.process.kill('SIGKILL'));
      const idle = await Promise.all(Array.from({ length: 9 }, () => RawSocket.connect(node.port)));
      const [short, long, refused, watcher] = idle;
      assert.ok(short && long && refused && watcher);
      await short.send('set a 0 0 10\r\nabc');
      await long.send('set a 0 0 20000\r\nabc');
      await refused.send('set a 0 0 2000000\r\nabc');
      await watcher.send('watch\r\n');
      await watcher.read(4);
      await refused.read(10);
      const client = await TextClient.connect(node.port);
      const lines = await until('all have been heard', async () => {
        const found = await client.stats('conns');
        const states = [...found.entries()].filter(([name]) => name.endsWith(':state'));
        const nread = states.filter(([, state]) => state === 'conn_nread');
        return states.length === 11 && nread.length === 2 ? found : null;
      });
      const of = (name: string): string[] =>
        [...lines.entries()].filter(([key]) => key.endsWith(`:${name}`)).map(([, value]) => value);
      assert.deepEqual(of('state').sort(), [
        'conn_listening',
        'conn_nread',
        'conn_nread',
        'conn_parse_cmd',
        ...Array.from({ length: 5 }, () => 'conn_read'),
        'conn_swallow',
        'conn_watch',
      ]);
      const here = `tcp:127.0.0.1:${node.port}`;
      assert.deepEqual(
        of('listen_addr'),
        Array.from({ length: 10 }, () => here),
      );
      assert.equal(of('addr').filter((address) => address === here).length, 1);
      assert.equal(new Set(of('addr')).size, 11);
      for (const seconds of of('secs_since_last_cmd')) assert.match(seconds, /^\d$/);
      for (const socket of idle) socket.vanish();
      client.close();
      assert.equal(await node.process.kill(), 0);
    });

    test('what one client sets is in force for all', async (t) => {
      const node = await startNode(['-t', '4', '-D', '/'], transport);
      t.after(() => node.process.kill('SIGKILL'));
      const clients = await Promise.all(Array.from({ length: 8 }, () => TextClient.connect(node.port)));
      const [first, , third, last] = clients;
      assert.ok(first && third && last);
      assert.equal((await last.stats('settings')).get('detail_enabled'), 'yes');
      for (const client of clients) {
        await client.ask('get a/1 b/1 c');
        await client.set('a/2', 'x');
        await client.ask('delete a/3');
      }
      assert.deepEqual((await dumpOf(third)).sort(), [
        'PREFIX a get 8 hit 0 set 8 del 8',
        'PREFIX b get 8 hit 0 set 0 del 0',
      ]);
      assert.equal(await first.ask('stats reset'), 'RESET\r\n');
      assert.equal(await first.ask('stats detail off'), 'OK\r\n');
      for (const client of clients) await client.ask('get a/1');
      assert.deepEqual(await dumpOf(last), []);
      for (const [request, field, value] of [
        ['lru_crawler sleep 77', 'lru_crawler_sleep', '77'],
        ['lru_crawler tocrawl 78', 'lru_crawler_tocrawl', '78'],
        ['lru tune 11 22 0.3 1.5', 'hot_lru_pct', '11'],
        ['lru mode flat', 'lru_segmented', 'no'],
        ['lru temp_ttl 33', 'temporary_ttl', '33'],
        ['slabs automove 2', 'slab_automove', '2'],
        ['slabs automove ratio 0.25', 'slab_automove_ratio', '0.25'],
        ['slabs automove window 44', 'slab_automove_window', '44'],
        ['cache_memlimit 32', 'maxbytes', String(32 * 1024 * 1024)],
        ['lru_crawler disable', 'lru_crawler', 'no'],
      ] as const) {
        assert.equal(await first.ask(request), 'OK\r\n', request);
        assert.equal((await third.stats('settings')).get(field), value, request);
      }
      const oldest = async (): Promise<number> => Number((await third.stats('settings')).get('oldest'));
      assert.equal(await oldest(), 0);
      assert.equal(await first.ask('flush_all'), 'OK\r\n');
      const flushed = await oldest();
      // memcached's clock begins a minute before its start.
      assert.ok(flushed >= 58 && flushed <= 60 + Number((await third.stats()).get('uptime')), `${flushed}`);
      assert.equal(await first.ask('flush_all 1000'), 'OK\r\n');
      assert.ok((await oldest()) >= flushed + 1000);
      for (const client of clients) client.close();
      assert.equal(await node.process.kill(), 0);
    });

    for (const [options, count] of [
      [['-o', 'no_lru_crawler,no_lru_maintainer'], 84],
      [[], 93],
      [['-o', 'no_slab_reassign,idle_timeout=60'], 85],
      [['-o', 'no_maxconns_fast,no_lru_crawler,no_lru_maintainer'], 83],
    ] as const) {
      test(`stats has ${count} fields with ${options.join(' ') || 'no options'}`, async (t) => {
        const node = await startNode(options, transport);
        t.after(() => node.process.kill('SIGKILL'));
        const client = await TextClient.connect(node.port);
        assert.equal((await client.stats()).size, count);
        client.close();
        assert.equal(await node.process.kill(), 0);
      });
    }
  });
}

async function dumpOf(client: TextClient): Promise<string[]> {
  const reply = await client.ask('stats detail dump');
  return reply.split('\r\n').filter((line) => line.startsWith('PREFIX'));
}
