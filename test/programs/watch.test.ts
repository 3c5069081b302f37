import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RawSocket } from '../../testing/raw-socket.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

async function watch(port: number, streams: string): Promise<RawSocket> {
  const socket = await RawSocket.connect(port);
  await socket.send(`watch ${streams}\r\n`);
  await socket.read(4);
  assert.ok(socket.received.startsWith('OK\r\n'), socket.received);
  return socket;
}

/** The lines that a watcher has got, without their times and numbers, and with `N` for descriptors and ports. */
function lines(socket: RawSocket): string[] {
  return socket.received
    .slice(4)
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      assert.match(line, /^ts=\d+\.\d+ gid=\d+ type=/);
      return line.replace(/^ts=\S+ gid=\S+ /, '').replace(/(cfd|rport)=\d+/g, '$1=N');
    });
}

async function expectLines(socket: RawSocket, expected: readonly string[]): Promise<void> {
  await until(`${expected.length} lines`, () => lines(socket).length >= expected.length);
  assert.deepEqual(lines(socket), expected);
}

for (const transport of TRANSPORTS) {
  describe(`watch, ${transport}`, () => {
    test('every stream tells what happens on all threads', { timeout: 120_000 }, async (t) => {
      const node = await startNode(['-t', '4', '-m', '8'], transport);
      t.after(() => node.process.kill('SIGKILL'));
      const { port } = node;
      const fetchers = await watch(port, '');
      const mutations = await watch(port, 'mutations');
      const evictions = await watch(port, 'evictions');
      const deletions = await watch(port, 'deletions');
      const system = await watch(port, 'sysevents');
      const both = await watch(port, 'fetchers mutations');
      const silent = await watch(port, 'rawcmds proxyreqs proxyevents proxyuser');
      // One client after the other, because the lines of different threads have no order.
      const client = await TextClient.connect(port);
      assert.equal(await client.set('a', 'abc', 100), 'STORED');
      await client.ask('get a b');
      await client.ask('add a 0 0 1\r\nx');
      await client.ask('replace b 0 0 1\r\nx');
      await client.ask('cas a 0 0 1 7\r\nx');
      await client.ask('append a 0 0 2\r\nde');
      await client.ask('incr a 1');
      await client.ask('touch a 0');
      await client.ask('gat 0 a');
      await client.ask('delete a');
      await client.ask('delete a');
      await client.ask('set k%:/\x01 0 0 0\r\n');
      await client.ask(`set big 0 0 20000\r\n${'x'.repeat(20_000)}`);
      await client.ask(`set huge 0 0 2000000\r\n${'x'.repeat(2_000_000)}`);
      const got = (key: string, status: string, slabClass: number, bytes: number): string =>
        `type=item_get key=${key} status=${status} clsid=${slabClass} cfd=N size=${bytes}`;
      const put = (
        key: string,
        status: string,
        command: string,
        ttl: number,
        clsid: number,
        bytes: number,
      ): string =>
        `type=item_store key=${key} status=${status} cmd=${command} ttl=${ttl} clsid=${clsid} cfd=N size=${bytes}`;
      const gets = [
        got('a', 'not_found', 0, 0),
        got('a', 'found', 1, 3),
        got('b', 'not_found', 0, 0),
        got('a', 'found', 1, 3),
        got('b', 'not_found', 0, 0),
        got('a', 'found', 1, 3),
        got('a', 'found', 1, 3),
        got('a', 'found', 1, 5),
        got('a', 'found', 1, 5),
        got('a', 'found', 1, 5),
        got('a', 'found', 1, 5),
        got('a', 'not_found', 0, 0),
        got('k%25%3A%2F%01', 'not_found', 0, 0),
        got('big', 'not_found', 0, 0),
        got('huge', 'not_found', 0, 0),
      ];
      await expectLines(fetchers, gets);
      const stores = mutations;
      await until('nine stores', () => lines(stores).length >= 8);
      const bigClass = /key=big .* clsid=(\d+)/.exec(mutations.received)?.[1];
      await expectLines(mutations, [
        put('a', 'stored', 'set', 100, 1, 3),
        put('a', 'not_stored', 'add', 0, 1, 1),
        put('b', 'not_stored', 'replace', 0, 1, 1),
        put('a', 'exists', 'cas', 0, 1, 1),
        put('a', 'stored', 'append', 0, 1, 5),
        put('k%25%3A%2F%01', 'stored', 'set', 0, 1, 0),
        put('big', 'stored', 'set', 0, Number(bigClass), 20_000),
        put('huge', 'too_large', 'set', 0, 0, 2_000_000),
      ]);
      await client.ask('ms m 2\r\nab');
      await client.ask('md m');
      await expectLines(deletions, [
        'type=deleted key=a cmd=delete clsid=1 size=5',
        'type=deleted key=m cmd=md clsid=1 size=2',
      ]);
      await until('both kinds', () => lines(both).length >= gets.length + 8 + 3);
      assert.equal(lines(both)[0], got('a', 'not_found', 0, 0));
      assert.equal(lines(both)[1], put('a', 'stored', 'set', 100, 1, 3));

      for (let i = 0; i < 12; i++) await client.set(`page${i}`, 'x'.repeat(900_000), i % 2 === 0 ? 0 : 1000);
      await until('evictions', () => lines(evictions).length > 0);
      assert.match(
        lines(evictions)[0] ?? '',
        /^type=eviction key=\w+ fetch=(yes|no) ttl=(-1|\d+) la=\d+ clsid=\d+ size=\d+$/,
      );
      assert.equal(await client.ask('lru_crawler crawl all'), 'OK\r\n');
      await until('the crawler has passed', () =>
        lines(system).some((line) => line.startsWith('type=lru_crawler ')),
      );
      assert.equal(silent.received, 'OK\r\n');

      const stats = await client.stats();
      assert.equal(stats.get('log_watchers'), '7');
      assert.ok(Number(stats.get('log_worker_written')) > 30);
      assert.ok(Number(stats.get('log_watcher_sent')) > Number(stats.get('log_worker_written')));
      assert.deepEqual([stats.get('log_worker_dropped'), stats.get('log_watcher_skipped')], ['0', '0']);
      for (const one of [fetchers, mutations, evictions, deletions, system, both, silent]) one.finish();
      await until('they have gone', async () => (await client.stats()).get('log_watchers') === '0');
      client.close();
      assert.equal(await node.process.kill(), 0);
    });

    test('connections are told of when they come and go', async (t) => {
      const node = await startNode(['-t', '2'], transport);
      t.after(() => node.process.kill('SIGKILL'));
      const watcher = await watch(node.port, 'connevents');
      const client = await TextClient.connect(node.port);
      await client.ask('version');
      const come = 'type=conn_new rip=127.0.0.1 rport=N transport=tcp cfd=N';
      await expectLines(watcher, [come]);
      client.close();
      await expectLines(watcher, [
        come,
        'type=conn_close rip=127.0.0.1 rport=N transport=tcp reason=normal cfd=N',
      ]);
      watcher.vanish();
      assert.equal(await node.process.kill(), 0);
    });

    test('twenty may watch, and their places become free', async (t) => {
      const node = await startNode(['-t', '3'], transport);
      t.after(() => node.process.kill('SIGKILL'));
      const watchers: RawSocket[] = [];
      for (let i = 0; i < 20; i++) watchers.push(await watch(node.port, 'fetchers'));
      const client = await TextClient.connect(node.port);
      assert.equal(await client.ask('watch'), 'WATCHER_TOO_MANY log watcher limit reached\r\n');
      assert.equal(await client.ask('version'), 'VERSION 1.6.45\r\n');
      for (const watcher of watchers) watcher.vanish();
      await until('they have gone', async () => (await client.stats()).get('log_watchers') === '0');
      (await watch(node.port, 'fetchers')).vanish();
      client.close();
      assert.equal(await node.process.kill(), 0);
    });

    test('a watcher that does not read costs others nothing but its lines', {
      timeout: 120_000,
    }, async (t) => {
      const node = await startNode(['-t', '2', '-o', 'watcher_logbuf_size=16'], transport);
      t.after(() => node.process.kill('SIGKILL'));
      const watcher = await watch(node.port, 'fetchers');
      watcher.stopReading();
      const client = await TextClient.connect(node.port);
      await until(
        'lines are skipped',
        async () => {
          for (let i = 0; i < 20; i++) await client.ask(`get${` ${'k'.repeat(240)}`.repeat(20)}`);
          return Number((await client.stats()).get('log_watcher_skipped')) > 0;
        },
        50_000,
      );
      watcher.readOn();
      await until('it is told', () => /\nskipped=\d+\n/.test(watcher.received));
      watcher.vanish();
      client.close();
      assert.equal(await node.process.kill(), 0);
    });
  });
}
