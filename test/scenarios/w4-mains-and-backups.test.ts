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
  const proxies = new Map<string, Running>();
  const nodePids: number[] = [];
  let client: TextClient;

  /** Node 0 and 1 are the first pair (main, backup), 2 and 3 the second. */
  const startNode = async (node: number): Promise<void> => {
    const replicationPort = ports[4 + (node >> 1)];
    nodePids[node] = await commands.daemon(
      `memcached -v -d -l 127.0.0.1 -p ${ports[node]} ${USER} -P ${commands.file(`node${node}.pid`)} -x 127.0.0.1 -X ${replicationPort}`,
    );
  };
  const lines = new Map<string, string>();
  const startProxy = async (name: string, port: number, args: string): Promise<void> => {
    lines.set(name, args);
    proxies.set(name, run(commands.file('magent'), `-D ${args}`.split(' ')));
    await until(`a proxy on ${port}`, async () => {
      (await TextClient.connect(port)).close();
      return true;
    });
  };
  const inner = (pair: number): number => ports[6 + pair] ?? 0;
  const outer = (): number => ports[8] ?? 0;
  const second = (): number => ports[9] ?? 0;

  before(async () => {
    commands = await CommandFolder.make();
    ports = await freePorts(10);
    for (let node = 0; node < 4; node++) await startNode(node);
    await startProxy(
      'MA-1',
      inner(0),
      `-u root -n 51200 -l 127.1 -p ${inner(0)} -s 127.1:${ports[0]} -b 127.1:${ports[1]}`,
    );
    await startProxy(
      'MA-2',
      inner(1),
      `-u root -n 51200 -l 127.1 -p ${inner(1)} -s 127.1:${ports[2]} -b 127.1:${ports[3]}`,
    );
    await startProxy(
      'MA-USER',
      outer(),
      `-u root -n 51200 -l 127.0.0.1 -p${outer()} -s 127.1:${inner(0)} -s 127.1:${inner(1)}`,
    );
    client = await TextClient.connect(outer());
  });
  after(async () => {
    client.close();
    for (const proxy of proxies.values()) await proxy.kill();
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
    const direct = await TextClient.connect(inner(0));
    assert.match(
      (await direct.get('__twincached__.route_handles(get,u1)')) ?? '',
      /^root\r\n mirror\r\n {2}shard\r\n/,
    );
    direct.close();
    assert.ok(found[0]! > 0 && found[1]! > 0, `spread ${found}`);
  });

  /** Kills nodes one after the other under load; nothing may fail, and nothing may be lost. */
  const underLoad = async (
    what: (goesOn: () => Promise<void>) => Promise<void>,
    ...more: readonly SteadyLoad[]
  ): Promise<void> => {
    const loads = [...more, ...(more.length > 0 ? [] : [await SteadyLoad.start(outer())])];
    await what(async () => {
      const before = loads.map(({ answered }) => answered);
      await until('load goes on', () =>
        loads.every(({ answered }, index) => answered > (before[index] ?? 0) + 300 / loads.length),
      );
    });
    for (const report of await Promise.all(loads.map((load) => load.stop())))
      assert.deepEqual([report.errors, report.lost], [[], []]);
  };

  const killProxy = async (name: string): Promise<void> => {
    await proxies.get(name)?.kill('SIGKILL');
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
      // However slow this machine: requests wait for a second, and a node that hardly runs may need more to say that it is back.
      await until('its proxy asks it again', async () => {
        const direct = await TextClient.connect(inner(0));
        const state = (await direct.stats('servers')).get('server_0_state');
        direct.close();
        return state === 'up';
      });
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

  test('5: each inner proxy is killed under load: requests wait until it is back', async () => {
    // As MA-USER, but however slow this machine may be to start a program.
    const port = second();
    await startProxy(
      'second',
      port,
      `-u root -l 127.1 -p ${port} -s 127.1:${inner(0)} -s 127.1:${inner(1)} --return-wait 60000`,
    );
    const loads = [await SteadyLoad.start(port, '127.0.0.1', 'held'), SteadyLoad.dialing([port])];
    await underLoad(
      async (goesOn) => {
        for (const [pair, name] of ['MA-1', 'MA-2'].entries()) {
          await goesOn();
          await killProxy(name);
          await startProxy(name, inner(pair), lines.get(name) ?? '');
          await goesOn();
        }
      },
      ...loads,
    );
  });

  test('5: an outer proxy is killed under load: clients go on at the other one, or dial again', () =>
    underLoad(
      async (goesOn) => {
        for (const [name, port] of [
          ['MA-USER', outer()],
          ['second', second()],
        ] as const) {
          await goesOn();
          await killProxy(name);
          await goesOn();
          await startProxy(name, port, lines.get(name) ?? '');
          await goesOn();
        }
      },
      SteadyLoad.dialing([outer(), second()], 'one'),
      SteadyLoad.dialing([second(), outer()], 'other'),
    ));
});
