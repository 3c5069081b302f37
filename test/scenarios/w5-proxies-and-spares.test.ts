import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AS_ROOT, freePorts } from '../../testing/processes.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TypedFleet } from '../../testing/typed-fleet.ts';
import { until } from '../../testing/wait.ts';

const USER = AS_ROOT.join(' ');

/** The names are the walk-through's ports; those that the test uses are free ones. */
const NODES = ['12211', '12212', '12311', '12312', '12411', '12412'];
const PROXIES = ['13211', '13212', '13213', '14211', '14212'];

/** Waits until each load has got so many more answers. */
type GoesOn = (requests?: number) => Promise<void>;

/** W5 of the walk-throughs without monit: four working nodes, two spare nodes, three inner proxies, two outer ones. */
describe('W5, the proxies', () => {
  let fleet: TypedFleet;
  const ports = new Map<string, number>();
  const port = (name: string): number => ports.get(name) ?? 0;

  before(async () => {
    fleet = await TypedFleet.make();
    const free = await freePorts(NODES.length + PROXIES.length + 3);
    for (const [index, name] of [...NODES, ...PROXIES, '15001', '15002', '15003'].entries())
      ports.set(name, free[index] ?? 0);
    for (const name of NODES) {
      const replication = port(`1500${Number(name[2]) - 1}`);
      // The second of each pair is typed with -x; so is the first when it is started again, in whatever order.
      await fleet.start(
        name,
        `memcached -p ${port(name)} -X ${replication} -x 127.0.0.1 -l 127.0.0.1 -v ${USER}`,
        port(name),
      );
    }
    const proxy = (name: string, main: string, backup: string): Promise<void> =>
      fleet.start(
        name,
        `magent -D -u root -n 2048 -l 127.0.0.1 -p ${port(name)} -s 127.0.0.1:${port(main)} -b 127.0.0.1:${port(backup)}`,
        port(name),
      );
    await proxy('13211', '12211', '12212');
    await proxy('13212', '12311', '12312');
    await proxy('13213', '12411', '12412');
    await proxy('14211', '13211', '13213');
    await proxy('14212', '13212', '13213');
  });
  after(() => fleet.dispose());

  /** Runs something under the load of users of both outer proxies. Nothing may fail, and nothing may be lost. */
  const underLoad = async (what: (goesOn: GoesOn) => Promise<void>): Promise<void> =>
    withLoads(what, [
      await SteadyLoad.start(port('14211'), '127.0.0.1', 'first'),
      await SteadyLoad.start(port('14212'), '127.0.0.1', 'second'),
    ]);

  const withLoads = async (
    what: (goesOn: GoesOn) => Promise<void>,
    loads: readonly SteadyLoad[],
  ): Promise<void> => {
    await what(async (requests = 150) => {
      for (const load of loads) {
        const before = load.answered;
        await until('the load goes on', () => load.answered > before + requests);
      }
    });
    // All are stopped before any is looked at: one that went on would write what the next test's expects to be its own.
    for (const report of await Promise.all(loads.map((load) => load.stop()))) {
      assert.deepEqual([report.errors, report.lost], [[], []]);
    }
  };

  const linked = async (node: string): Promise<void> => {
    const client = await fleet.client(node);
    await until(`${node} is linked`, async () => {
      const stats = await client.stats('replication');
      return stats.get('replication_state') === 'linked';
    });
    client.close();
  };

  for (const name of NODES)
    test(`node ${name} is killed under load and comes back`, () =>
      underLoad(async (goesOn) => {
        await goesOn();
        await fleet.kill(name);
        await goesOn();
        await fleet.restart(name);
        await linked(name);
        await goesOn();
      }));

  for (const name of ['13211', '13213', '13212', '13213'])
    test(`inner proxy ${name} is killed under load and comes back`, () =>
      underLoad(async (goesOn) => {
        await goesOn();
        await fleet.kill(name);
        await goesOn();
        await fleet.restart(name);
        await goesOn();
        await goesOn();
      }));

  test('each outer proxy is killed under load: its clients dial again', () =>
    withLoads(
      async (goesOn) => {
        for (const name of ['14211', '14212']) {
          await goesOn();
          await fleet.kill(name);
          await fleet.restart(name);
          await goesOn();
        }
      },
      [
        SteadyLoad.dialing([port('14211')], 'dialing-first'),
        SteadyLoad.dialing([port('14212')], 'dialing-second'),
      ],
    ));

  for (const name of ['12211', '12412', '13211'])
    test(`${name} hangs under load, and goes on`, () =>
      underLoad(async (goesOn) => {
        await goesOn();
        fleet.stop(name);
        try {
          await goesOn(400);
        } finally {
          fleet.goOn(name);
        }
        await goesOn();
        if (NODES.includes(name)) await linked(name);
      }));

  test('both nodes of a pair dead, their proxy alive: users are served by the spare pair', () =>
    underLoad(async (goesOn) => {
      await goesOn();
      await fleet.kill('12211');
      await goesOn();
      await fleet.kill('12212');
      await goesOn();
      await goesOn();
    }));

  test('the pair is back, and the spare pair dead', async () => {
    await fleet.restart('12211');
    await fleet.restart('12212');
    await linked('12212');
    const client = await fleet.client('14211');
    await until('the pair has what it missed', async () => {
      assert.equal(await client.set('after', '1'), 'STORED');
      const direct = await fleet.client('12211');
      const value = await direct.get('after');
      direct.close();
      return value === '1';
    });
    client.close();
    await underLoad(async (goesOn) => {
      await goesOn();
      await fleet.kill('12411');
      await goesOn();
      await fleet.kill('12412');
      await goesOn();
    });
  });

  test('everything dead: an error, and not after long', async () => {
    await fleet.kill('12211');
    await fleet.kill('12212');
    const client = await fleet.client('14211');
    for (let i = 0; i < 20; i++) {
      assert.match(await client.set('k', 'v'), /^SERVER_ERROR /);
      assert.match(await client.ask('get k'), /^SERVER_ERROR /);
    }
    client.close();
  });
});
