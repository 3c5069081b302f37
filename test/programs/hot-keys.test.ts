import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { freePorts, type Running, twincached } from '../../testing/processes.ts';
import { type Server, startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** On a busy machine a second is soon over. */
const PATIENT = 'defaults: { request-timeout: 20s, connect-timeout: 20s }';

/** Writes of each writer. */
const WRITES = 150;

interface Written {
  readonly value: string;
  readonly begun: number;
  ended: number;
}

/** Everybody's reads and writes of one key, in the order in which this process has seen them begin and end. */
class Course {
  readonly writes: Written[] = [];
  reads = 0;
  #moment = 0;

  async write(client: TextClient, value: string): Promise<void> {
    const write = { value, begun: this.#moment++, ended: Number.POSITIVE_INFINITY };
    this.writes.push(write);
    assert.equal(await client.set('shared', value), 'STORED');
    write.ended = this.#moment++;
  }

  /** Fails if the value had been overwritten, for everybody to see, before it was asked for. */
  async read(client: TextClient): Promise<void> {
    const begun = this.#moment++;
    const value = await client.get('shared');
    this.reads++;
    const shown = this.writes.find((write) => write.value === value);
    assert.ok(shown !== undefined, `${value} was written`);
    const newer = this.writes.find((write) => write.begun > shown.ended && write.ended < begun);
    assert.equal(newer, undefined, `${value} was read after ${newer?.value} had been written over it`);
  }
}

for (const transport of TRANSPORTS)
  describe(`hot keys on the ${transport} transport`, () => {
    let node: Server;
    let proxy: Running | null = null;
    const clients: TextClient[] = [];
    before(async () => {
      node = await startNode(['-m', '16']);
    });
    afterEach(async () => {
      for (const client of clients.splice(0)) client.close();
      if (proxy !== null && proxy.child.exitCode === null) await proxy.kill('SIGKILL');
      proxy = null;
    });
    after(async () => {
      await node.process.kill();
    });

    const start = (words: readonly string[]): Running => {
      const running = twincached(words, { TWINCACHED_TRANSPORT: transport });
      proxy = running;
      return running;
    };

    const connected = async (running: Running, port: number): Promise<TextClient> => {
      const client = await until('an open port', async () => {
        if (running.child.exitCode !== null) throw new Error(running.stderr());
        return TextClient.connect(port);
      });
      clients.push(client);
      return client;
    };

    /** Clients of both threads, one after the other; the portable transport has one. */
    const ofBothThreads = async (running: Running, port: number): Promise<[TextClient, TextClient]> => {
      const one = await connected(running, port);
      const threadOf = async (client: TextClient): Promise<string> =>
        (await client.get('__twincached__.thread')) ?? '';
      const thread = await threadOf(one);
      return until('a client of the other thread', async () => {
        const other = await connected(running, port);
        return transport === 'reactor' && (await threadOf(other)) === thread ? null : [one, other];
      });
    };

    test('two writers on two threads: nobody reads what was overwritten before', async () => {
      const [port = 0] = await freePorts(1);
      const path = join(folder, `${transport}.yaml`);
      // What is stale would be stale for long enough to be seen.
      const route =
        '{ type: near-cache, ttl: 10s, hot-gets: 0, route: { type: coalesce, hot-gets: 0, route: a } }';
      writeFileSync(
        path,
        `listen: 127.0.0.1:${port}\nthreads: 2\n${PATIENT}\npools:\n  a: { servers: ["127.0.0.1:${node.port}"], connections: 2 }\nroute: ${route}\n`,
      );
      const running = start(['proxy', '-c', path]);
      const writers = await ofBothThreads(running, port);
      const readers = [...(await ofBothThreads(running, port)), ...(await ofBothThreads(running, port))];
      const course = new Course();
      await course.write(writers[0], 'first');
      let open = writers.length;
      const write = async (client: TextClient, name: string): Promise<void> => {
        for (let i = 0; i < WRITES; i++) {
          await course.write(client, `${name}${i}`);
          for (let count = 0; count < 3; count++) await course.read(client);
        }
        open--;
      };
      const read = async (client: TextClient): Promise<void> => {
        while (open > 0) await course.read(client);
      };
      await Promise.all([
        ...writers.map((client, index) => write(client, 'xy'[index]!)),
        ...readers.map(read),
      ]);
      const stats = await writers[0].stats();
      const count = (name: string): number => Number(stats.get(name));
      assert.ok(course.reads > 6 * WRITES);
      assert.ok(count('near_cache_fills') > 0, 'something was kept');
      assert.ok(count('near_cache_hits') > 0, 'and given out');
      assert.ok(count('near_cache_invalidations') > 0, 'until it was overwritten');
      assert.equal(count('coalesce_waiting'), 0);
    });

    test('magent keeps values by option, and tells of it', async () => {
      const [port = 0] = await freePorts(1);
      const words = ['-D', '-l', '127.0.0.1', '-p', `${port}`, '-s', `127.0.0.1:${node.port}`, '-t', '2'];
      const running = start(['magent', ...words, '--near-cache', '10000', '--coalesce']);
      const [one, other] = await ofBothThreads(running, port);
      assert.equal(await one.set('m', 'x'), 'STORED');
      for (const client of [one, other])
        for (let i = 0; i < 30; i++) assert.equal(await client.get('m'), 'x');
      for (const client of [one, other]) {
        const stats = await client.stats('pools');
        assert.equal(
          stats.get('near_cache_items'),
          transport === 'reactor' ? '2' : '1',
          'one of each thread',
        );
        assert.ok(Number(stats.get('near_cache_hits')) >= 20);
        assert.ok(stats.has('coalesce_joined'));
      }
      assert.equal(await other.set('m', 'y'), 'STORED');
      assert.equal(await one.get('m'), 'y');
    });

    test('nutcracker keeps values by option, and tells of it', async () => {
      const [port = 0, statsPort = 0] = await freePorts(2);
      const path = join(folder, `${transport}-nutcracker.yml`);
      writeFileSync(
        path,
        `p:\n  listen: 127.0.0.1:${port}\n  servers:\n   - 127.0.0.1:${node.port}:1\n  timeout: 20000\n`,
      );
      const stats = ['-s', `${statsPort}`, '-a', '127.0.0.1', '-i', '1'];
      const running = start(['nutcracker', '-c', path, ...stats, '--near-cache=10000']);
      const client = await connected(running, port);
      // A pool of nutcracker's dials for a second, whatever its timeout is.
      await until('the server is reached', async () => (await client.set('n', 'x')) === 'STORED');
      for (let i = 0; i < 30; i++) assert.equal(await client.get('n'), 'x');
      // That port opens by itself.
      const statistics = await until('statistics', () => told(statsPort));
      assert.match(statistics, /"p": \{.*"near_cache_hits":\d\d, "near_cache_fills":1,/);
    });
  });

/** What a port says before it closes. */
function told(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      text += piece;
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}
