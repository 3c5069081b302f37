import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CommandFolder, isAlive } from '../../testing/daemons.ts';
import { LibraryClient, LibraryLoad } from '../../testing/library-client.ts';
import { AS_ROOT, freePorts, type Running, run } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const USER = AS_ROOT.join(' ');

describe('W1 from a client library: a replicated pair', () => {
  let commands: CommandFolder;
  let port = 0;
  let replicationPort = 0;
  const pids: number[] = [];
  const line = (own: string, other: string): string =>
    `memcached -d -m 100 -l ${own} -p ${port} ${USER} -c 1024 ${other} -X ${replicationPort} -P ${commands.file(own)}`;

  before(async () => {
    commands = await CommandFolder.make();
    [port = 0, replicationPort = 0] = await freePorts(2);
    pids[0] = await commands.daemon(line('127.0.0.1', ''));
    pids[1] = await commands.daemon(line('127.0.0.2', '-x 127.0.0.1'));
  });
  after(() => commands.dispose());

  test('written on one side, read on the other; kinds of values', async () => {
    const first = new LibraryClient(port, '127.0.0.1');
    const second = new LibraryClient(port, '127.0.0.2');
    await first.library.set('dd', 'ddd');
    await second.arrives('dd', 'ddd');
    await second.library.set('ee', 'eee');
    await first.arrives('ee', 'eee');
    await first.library.set('number', 42);
    await first.library.set('object', { list: [1, 'zwei', null] });
    const binary = Buffer.from([0, 13, 10, 255, 128]);
    await first.library.set('binary', binary);
    // Each may have gone over another connection and another thread, so each is waited for.
    await second.arrives('number', 42);
    await until('all is there', async () => (await second.get('object')) && (await second.get('binary')));
    assert.deepEqual(await second.get('object'), { list: [1, 'zwei', null] });
    assert.deepEqual(await second.get('binary'), binary);
    first.close();
    second.close();
  });

  test('killed in turn, while an application goes on with each; what was acknowledged is never wrong', async () => {
    const clients = [new LibraryClient(port, '127.0.0.1'), new LibraryClient(port, '127.0.0.2')] as const;
    for (const killed of [0, 1] as const) {
      const survivor = clients[killed === 0 ? 1 : 0];
      const load = new LibraryLoad(survivor, false);
      await until('the load runs', () => load.answered > 300);
      await commands.kill(pids[killed]!);
      const atKill = load.answered;
      await until('the survivor serves on', () => load.answered > atKill + 300);
      await survivor.library.set(`meanwhile${killed}`, 'm');
      pids[killed] = await commands.daemon(
        killed === 0 ? line('127.0.0.1', '-x 127.0.0.2') : line('127.0.0.2', '-x 127.0.0.1'),
      );
      // Its port opened only when it had caught up.
      assert.equal(await clients[killed].get(`meanwhile${killed}`), 'm');
      assert.equal(await clients[killed].get('dd'), 'ddd');
      await load.stop();
      assert.deepEqual([load.errors, load.wrong], [[], []]);
    }
    for (const client of clients) client.close();
  });

  test('an application whose own node is killed finds everything again when it is back', async () => {
    const client = new LibraryClient(port, '127.0.0.1');
    const load = new LibraryLoad(client, true);
    await until('the load runs', () => load.answered > 300);
    await load.killing(() => commands.kill(pids[0]!));
    pids[0] = await commands.daemon(line('127.0.0.1', '-x 127.0.0.2'));
    const atReturn = load.answered;
    await until('the load runs again', () => load.answered > atReturn + 300);
    await load.stop();
    assert.deepEqual([load.errors, load.wrong], [[], []]);
    client.close();
  });
});

describe('W4 from a client library: through the outer proxy', () => {
  let commands: CommandFolder;
  let ports: number[] = [];
  let client: LibraryClient;
  const proxies: Running[] = [];
  const pids: number[] = [];

  const startNode = async (node: number): Promise<void> => {
    pids[node] = await commands.daemon(
      `memcached -v -d -l 127.0.0.1 -p ${ports[node]} ${USER} -P ${commands.file(`node${node}`)} -x 127.0.0.1 -X ${ports[4 + (node >> 1)]}`,
    );
  };
  const startProxy = async (port: number, servers: string): Promise<void> => {
    proxies.push(
      run(commands.file('magent'), `-D -u root -n 51200 -l 127.1 -p ${port} ${servers}`.split(' ')),
    );
    await until(`a proxy on ${port}`, async () => {
      (await TextClient.connect(port)).close();
      return true;
    });
  };

  before(async () => {
    commands = await CommandFolder.make();
    ports = await freePorts(9);
    for (let node = 0; node < 4; node++) await startNode(node);
    await startProxy(ports[6]!, `-s 127.1:${ports[0]} -b 127.1:${ports[1]}`);
    await startProxy(ports[7]!, `-s 127.1:${ports[2]} -b 127.1:${ports[3]}`);
    await startProxy(ports[8]!, `-s 127.1:${ports[6]} -s 127.1:${ports[7]}`);
    client = new LibraryClient(ports[8]!);
  });
  after(async () => {
    client.close();
    for (const proxy of proxies) await proxy.kill();
    for (const pid of pids) if (isAlive(pid)) await commands.kill(pid);
    await commands.dispose();
  });

  test('every command of the library', async () => {
    const { library } = client;
    const keys = Array.from({ length: 40 }, (_, i) => `multi${i}`);
    await Promise.all(keys.map((key) => library.set(key, `value of ${key}`)));
    const found = await library.get<Record<string, { tokens: string[]; value: string }>>([
      ...keys,
      'missing',
    ]);
    assert.deepEqual(Object.keys(found).sort(), [...keys].sort());
    for (const key of keys) assert.equal(found[key]?.value, `value of ${key}`);

    assert.deepEqual(await library.add('added', 'a'), ['STORED']);
    await assert.rejects(library.add('added', 'b'), /NOT_STORED/);
    await assert.rejects(library.replace('nothing', 'b'), /NOT_STORED/);
    await library.replace('added', 'middle');
    await library.append('added', '>');
    await library.prepend('added', '<');
    assert.equal(await client.get('added'), '<middle>');

    await library.set('count', '10');
    assert.equal(await library.incr('count', 5), '15');
    assert.equal(await library.decr('count', 7), '8');

    const withCas = await library.gets<{ tokens: string[]; value: unknown; casUniq: string }>('added');
    await library.cas('added', 'swapped', { casUniq: withCas.casUniq });
    await assert.rejects(library.cas('added', 'again', { casUniq: withCas.casUniq }), /EXISTS/);
    assert.equal(await client.get('added'), 'swapped');

    assert.deepEqual(await library.touch('added', 1000), ['TOUCHED']);
    await assert.rejects(library.touch('nothing', 1000), /NOT_FOUND/);
    await library.set('brief', 'x', { lifetime: 1000 });
    await library.touch('brief', '-1');
    assert.equal(await client.get('brief'), undefined);

    assert.deepEqual(await library.delete('added'), ['DELETED']);
    await assert.rejects(library.delete('added'), /NOT_FOUND/);
    assert.equal(await client.get('added'), undefined);

    const long = 'long '.repeat(200_000);
    await library.set('long', long);
    assert.equal((await client.get('long')) === long, true);
    assert.match((await library.version()).join(' '), /^VERSION /);
  });

  test('each node is killed and started again while an application goes on: no error, nothing wrong', async () => {
    const load = new LibraryLoad(client, false);
    await until('the load runs', () => load.answered > 300);
    for (const node of [0, 1, 2, 3]) {
      await load.killing(() => commands.kill(pids[node]!));
      const atKill = load.answered;
      await until('the load goes on', () => load.answered > atKill + 200);
      await startNode(node);
      const atStart = load.answered;
      await until('the load goes on', () => load.answered > atStart + 200);
    }
    await load.stop();
    assert.deepEqual([load.errors, load.wrong], [[], []]);
    for (let i = 0; i < 40; i++) assert.equal(await client.get(`multi${i}`), `value of multi${i}`);
  });
});
