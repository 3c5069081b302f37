import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CommandFolder } from '../../testing/daemons.ts';
import { AS_ROOT, freePorts, type Running, run } from '../../testing/processes.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const USER = AS_ROOT.join(' ');

const KEYS = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6'];

/** W4 of the walk-throughs: two pairs of twins, a proxy for each pair, a proxy over both. Step numbers are the walk-through's. */
describe('W4, mains and backups in two layers', () => {
  let commands: CommandFolder;
  let ports: number[] = [];
  const proxies: Running[] = [];
  const nodePids: number[] = [];
  let client: TextClient;

  /** Node 0 and 1 are the first pair (main, backup), 2 and 3 the second. */
  const startNode = async (node: number): Promise<void> => {
    const replicationPort = ports[4 + (node >> 1)];
    nodePids[node] = await commands.daemon(
      `memcached -v -d -l 127.0.0.1 -p ${ports[node]} ${USER} -P ${commands.file(`node${node}.pid`)} -x 127.0.0.1 -X ${replicationPort}`,
    );
  };
  const startProxy = async (args: string, port: number): Promise<void> => {
    proxies.push(run(commands.file('magent'), `-D ${args}`.split(' ')));
    await until(`a proxy on ${port}`, async () => {
      (await TextClient.connect(port)).close();
      return true;
    });
  };
  const inner = (pair: number): number => ports[6 + pair] ?? 0;
  const outer = (): number => ports[8] ?? 0;

  before(async () => {
    commands = await CommandFolder.make();
    ports = await freePorts(9);
    for (let node = 0; node < 4; node++) await startNode(node);
    await startProxy(
      `-u root -n 51200 -l 127.1 -p ${inner(0)} -s 127.1:${ports[0]} -b 127.1:${ports[1]}`,
      inner(0),
    );
    await startProxy(
      `-u root -n 51200 -l 127.1 -p ${inner(1)} -s 127.1:${ports[2]} -b 127.1:${ports[3]}`,
      inner(1),
    );
    await startProxy(
      `-u root -n 51200 -l 127.0.0.1 -p${outer()} -s 127.1:${inner(0)} -s 127.1:${inner(1)}`,
      outer(),
    );
    client = await TextClient.connect(outer());
  });
  after(async () => {
    client.close();
    for (const proxy of proxies) await proxy.kill();
    await commands.dispose();
  });

  const readAll = async (): Promise<void> => {
    for (const key of KEYS) assert.equal(await client.get(key), `value of ${key}`);
  };

  test('1: keys set through the outer proxy are readable there and spread over both pairs', async () => {
    for (const key of KEYS) assert.equal(await client.set(key, `value of ${key}`), 'STORED');
    await readAll();
    const found = [0, 0];
    for (const pair of [0, 1]) {
      const direct = await TextClient.connect(inner(pair));
      for (const key of KEYS) if ((await direct.get(key)) !== null) found[pair] = (found[pair] ?? 0) + 1;
      direct.close();
    }
    assert.equal(found[0]! + found[1]!, KEYS.length);
    assert.ok(found[0]! > 0 && found[1]! > 0, `spread ${found}`);
  });

  /** Kills nodes one after the other under load; nothing may fail, and nothing may be lost. */
  const underLoad = async (what: (goesOn: () => Promise<void>) => Promise<void>): Promise<void> => {
    const load = await SteadyLoad.start(outer());
    await what(async () => {
      const before = load.answered;
      await until('load goes on', () => load.answered > before + 700);
    });
    const report = await load.stop();
    assert.deepEqual([report.errors, report.lost], [[], []]);
  };

  const linked = async (node: number): Promise<void> => {
    const direct = await TextClient.connect(ports[node]!);
    await until(
      `node ${node} is linked`,
      async () => (await direct.stats('replication')).get('replication_state') === 'linked',
    );
    direct.close();
  };

  test('2: the main of the first pair is killed under load: reads and writes go on', async () => {
    await underLoad(async (goesOn) => {
      await goesOn();
      await commands.kill(nodePids[0]!);
      await goesOn();
    });
    await readAll();
    for (const key of KEYS) assert.equal(await client.set(`${key}new`, `new ${key}`), 'STORED');
    const backup = await TextClient.connect(ports[1]!);
    await until(
      'the backup has taken over',
      async () => (await backup.stats('replication')).get('replication_role') === 'listener',
    );
    backup.close();
  });

  test('3: the main comes back with the same command, refills, and the backup is killed: nothing is missing', async () => {
    await underLoad(async (goesOn) => {
      await startNode(0);
      await commands.kill(nodePids[1]!);
      await goesOn();
    });
    await readAll();
    for (const key of KEYS) assert.equal(await client.get(`${key}new`), `new ${key}`);
    for (const key of KEYS) assert.equal(await client.set(`${key}newer`, key), 'STORED');
    for (const key of KEYS) assert.equal(await client.get(`${key}newer`), key);
  });

  test('4: every key still lies where it lay', async () => {
    await startNode(1);
    for (const key of KEYS) {
      const places: number[] = [];
      for (const node of [0, 2]) {
        const direct = await TextClient.connect(ports[node]!);
        if ((await direct.get(key)) !== null) places.push(node);
        direct.close();
      }
      assert.equal(places.length, 1, `${key} lies on one pair`);
    }
    await readAll();
  });

  test('5: in the second pair each is killed and comes back under load', () =>
    underLoad(async (goesOn) => {
      for (const node of [2, 3]) {
        await goesOn();
        await commands.kill(nodePids[node]!);
        await goesOn();
        await startNode(node);
        await linked(node);
      }
      await goesOn();
      await readAll();
    }));
});
