/** The client libraries of npm, each with all it can do; `memcache-client` is tried behind a proxy and on a pair in test/scenarios/. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { MemcacheClient } from 'memcache-client';
import Memcached from 'memcached';
import memjs from 'memjs';
import { CacheNode } from 'twincached';
import { checkSpread } from '../../testing/key-spread.ts';
import { LibraryClient } from '../../testing/library-client.ts';
import { freePorts } from '../../testing/processes.ts';
import { TRANSPORTS } from '../../testing/servers.ts';
import { until } from '../../testing/wait.ts';

const LONG = 'compressible '.repeat(60_000);
const BYTES: Buffer = Buffer.from([0, 13, 10, 255, 128]);

for (const transport of TRANSPORTS) {
  describe(`npm clients (${transport})`, () => {
    const nodes: CacheNode[] = [];
    let ports: number[] = [];
    before(async () => {
      ports = await freePorts(2);
      for (const port of ports) {
        const node = new CacheNode({ port, threads: 2, transport });
        await node.start();
        nodes.push(node);
      }
    });
    after(async () => {
      for (const node of nodes) await node.stop();
    });

    /** Ends the first node and starts it again, empty, on the same port. */
    async function restart(): Promise<void> {
      await nodes[0]?.stop();
      await nodes[0]?.start();
    }

    test('memjs: binary', async () => {
      const client = memjs.Client.create(`127.0.0.1:${ports[0]}`, {
        failoverTime: 0.01,
        timeout: 20,
        logger: { log: () => {} },
      });
      const value = async (key: string): Promise<string | null> =>
        (await client.get(key)).value?.toString() ?? null;

      assert.deepEqual(await client.flush(), { [`127.0.0.1:${ports[0]}`]: true });
      assert.equal(await value('missing'), null);
      assert.equal(await client.set('bytes', BYTES, {}), true);
      assert.deepEqual((await client.get('bytes')).value, BYTES);
      assert.equal(await client.set('long', LONG, {}), true);
      assert.equal((await value('long')) === LONG, true);
      await Promise.all(Array.from({ length: 200 }, (_, i) => client.set(`many${i}`, `value ${i}`, {})));
      const many = await Promise.all(Array.from({ length: 200 }, (_, i) => value(`many${i}`)));
      assert.deepEqual(
        many,
        many.map((_, i) => `value ${i}`),
      );

      assert.equal(await client.add('a', '1', {}), true);
      assert.equal(await client.add('a', '2', {}), false);
      assert.equal(await client.replace('missing', 'x', {}), false);
      assert.equal(await client.replace('a', 'middle', {}), true);
      assert.equal(await client.append('a', '>'), true);
      // Its prepend sends the opcode of append, whatever the server is.
      assert.equal(await client.prepend('a', '<'), true);
      assert.equal(await value('a'), 'middle><');
      await assert.rejects(client.append('missing', 'x'), /not stored/);

      assert.deepEqual(await client.increment('number', 5, { initial: 10 }), { success: true, value: 10 });
      assert.deepEqual(await client.increment('number', 5, {}), { success: true, value: 15 });
      assert.deepEqual(await client.decrement('number', 100, {}), { success: true, value: 0 });
      assert.equal(await client.touch('a', 1000), true);
      assert.equal(await client.touch('missing', 1000), false);
      assert.equal(await client.delete('a'), true);
      assert.equal(await client.delete('a'), false);

      const stats = await new Promise<Record<string, string> | null>((resolve, reject) =>
        client.stats((error, _server, lines) => (error === null ? resolve(lines) : reject(error))),
      );
      assert.equal(stats?.['pid'], String(process.pid));
      // Long enough for any machine; then the same for a short time.
      await client.set('brief', 'x', { expires: 1000 });
      assert.equal(await value('brief'), 'x');
      await client.set('brief', 'x', { expires: 1 });
      await until('it expires', async () => (await value('brief')) === null);

      await restart();
      await until('it comes back', () => client.set('k', 'again', {}));
      assert.equal(await value('k'), 'again');
      client.close();
    });

    test('memjs: SASL', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
      const saslPasswordFile = join(folder, 'passwords');
      writeFileSync(saslPasswordFile, 'alice:wonder:land\n', { mode: 0o600 });
      const node = new CacheNode({ transport, saslPasswordFile });
      await node.start();
      const login = (password: string): memjs.Client =>
        memjs.Client.create(node.address, {
          username: 'alice',
          password,
          retries: 1,
          logger: { log: () => {} },
        });
      const client = login('wonder:land');
      assert.equal(await client.set('k', 'v', {}), true);
      assert.equal(String((await client.get('k')).value), 'v');
      const wrong = login('no');
      await assert.rejects(wrong.set('k', 'w', {}));
      assert.equal(String((await client.get('k')).value), 'v');
      client.close();
      wrong.close();
      await node.stop();
      rmSync(folder, { recursive: true });
    });

    test('memcached: text', async () => {
      const client = new Memcached(`127.0.0.1:${ports[0]}`, {
        retries: 0,
        retry: 1,
        reconnect: 1,
        timeout: 20_000,
      });
      const set = promisify(client.set.bind(client));
      const get = promisify(client.get.bind(client));
      const add = promisify(client.add.bind(client));
      const replace = promisify(client.replace.bind(client));
      const append = promisify(client.append.bind(client));
      const prepend = promisify(client.prepend.bind(client));
      const incr = promisify(client.incr.bind(client));
      const decr = promisify(client.decr.bind(client));
      const gets = promisify(client.gets.bind(client));
      const cas = promisify(client.cas.bind(client));
      const touch = promisify(client.touch.bind(client));
      const del = promisify(client.del.bind(client));
      const getMulti = promisify(client.getMulti.bind(client));

      assert.deepEqual(await promisify(client.flush.bind(client))(), [true]);
      assert.equal(await get('missing'), undefined);
      const kinds: readonly [string, unknown][] = [
        ['string', 'käse'],
        ['number', 42],
        ['true', true],
        ['object', { list: [1, 'zwei', null] }],
        ['buffer', BYTES],
        ['long', LONG],
      ];
      for (const [key, value] of kinds) {
        assert.equal(await set(key, value, 0), true, key);
        assert.deepEqual(await get(key), value);
      }
      const keys = Array.from({ length: 200 }, (_, i) => `many${i}`);
      await Promise.all(keys.map((key) => set(key, `value of ${key}`, 0)));
      const found: Record<string, unknown> = await getMulti([...keys, 'missing']);
      assert.deepEqual(Object.keys(found).sort(), [...keys].sort());
      for (const key of keys) assert.equal(found[key], `value of ${key}`);

      assert.equal(await add('a', '1', 0), true);
      await assert.rejects(add('a', '2', 0), /not stored/);
      await assert.rejects(replace('missing', 'x', 0), /not stored/);
      assert.equal(await replace('a', 'middle', 0), true);
      assert.equal(await append('a', '>'), true);
      assert.equal(await prepend('a', '<'), true);
      const { a, cas: token }: { a?: unknown; cas?: string } = await gets('a');
      assert.equal(a, '<middle>');
      assert.equal(await cas('a', 'swapped', token ?? '', 0), true);
      assert.equal(await cas('a', 'late', token ?? '', 0), false);
      assert.equal(await get('a'), 'swapped');

      await set('count', 10, 0);
      assert.equal(await incr('count', 5), 15);
      assert.equal(await decr('count', 100), 0);
      assert.equal(await incr('missing', 1), false);
      await touch('a', 1000);
      assert.equal(await del('a'), true);
      assert.equal(await del('a'), false);

      const [version] = await promisify(client.version.bind(client))();
      assert.match(version?.version ?? '', /^\d+\.\d+\.\d+/);
      const [stats] = await promisify(client.stats.bind(client))();
      assert.equal(stats?.['pid'], process.pid);
      const [settings] = await promisify(client.settings.bind(client))();
      assert.equal(settings?.['cas_enabled'], 'yes');
      assert.ok((await promisify(client.slabs.bind(client))()).length > 0);
      assert.ok((await promisify(client.items.bind(client))()).length > 0);

      await set('brief', 'x', 1000);
      assert.equal(await get('brief'), 'x');
      await set('brief', 'x', 1);
      await until('it expires', async () => (await get('brief')) === undefined);

      const two = new Memcached(ports.map((port) => `127.0.0.1:${port}`));
      const setOnTwo = promisify(two.set.bind(two));
      for (let i = 0; i < 100; i++) await setOnTwo(`spread${i}`, `value ${i}`, 0);
      await checkSpread(ports, 'spread', 100);
      two.end();

      await restart();
      await until('it comes back', () => set('k', 'again', 0));
      assert.equal(await get('k'), 'again');
      client.end();
    });

    test('memcache-client: text', async () => {
      const client = new LibraryClient(ports[0] ?? 0);
      const { library } = client;
      for (const [key, value] of [
        ['string', 'käse'],
        ['number', 42],
        ['object', { list: [1, 'zwei', null] }],
        ['buffer', BYTES],
      ] as const) {
        await library.set(key, value);
        assert.deepEqual(await client.get(key), value);
      }
      const compressing = new MemcacheClient({
        server: `127.0.0.1:${ports[0]}`,
        compressor: {
          compressSync: (payload) => gzipSync(String(payload?.input)),
          decompressSync: ({ input }) => gunzipSync(Buffer.isBuffer(input) ? input : String(input)),
        },
      });
      await compressing.set('compressed', LONG, { compress: true });
      const packed = await compressing.get<{ tokens: string[]; value: Buffer }>('compressed');
      assert.equal(String(packed.value) === LONG, true);
      compressing.shutdown();
      await library.set('a', 'middle');
      await library.append('a', '>');
      await library.prepend('a', '<');
      const found = await library.gets<{ tokens: string[]; value: unknown; casUniq: string }>('a');
      assert.equal(found.value, '<middle>');
      await library.cas('a', 'swapped', { casUniq: found.casUniq });
      await assert.rejects(library.cas('a', 'late', { casUniq: found.casUniq }), /EXISTS/);
      await library.set('count', '10');
      assert.equal(await library.incr('count', 5), '15');
      assert.equal(await library.decr('count', 100), '0');
      await library.set('quiet', 'q', { noreply: true });
      await client.arrives('quiet', 'q');
      await library.set('brief', 'x', { lifetime: 1000 });
      assert.equal(await client.get('brief'), 'x');
      await library.set('brief', 'x', { lifetime: 1 });
      await until('it expires', async () => (await client.get('brief')) === undefined);

      await restart();
      await until('it comes back', async () => (await library.set('k', 'again')).length > 0);
      await client.arrives('k', 'again');
      client.close();
    });
  });
}
