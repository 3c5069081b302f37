import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AS_ROOT, freePorts, MEMCACHED } from '../../testing/processes.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TypedFleet } from '../../testing/typed-fleet.ts';
import { until } from '../../testing/wait.ts';

const USER = AS_ROOT.join(' ');
const KEYS = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6'];

/** The proxy of the walk-through over two servers that `server` makes command lines for. */
async function fleetOf(server: (port: number, replication: number) => string): Promise<TypedFleet> {
  const [main = 0, backup = 0, proxy = 0, replication = 0] = await freePorts(4);
  const fleet = await TypedFleet.make();
  await fleet.start('main', server(main, replication), main);
  await fleet.start('backup', server(backup, replication), backup);
  await fleet.start(
    'proxy',
    `magent -D -u root -n 51200 -l 127.1 -p ${proxy} -s 127.1:${main} -b 127.1:${backup}`,
    proxy,
  );
  return fleet;
}

async function readAll(fleet: TypedFleet): Promise<void> {
  const client = await fleet.client('proxy');
  for (const key of KEYS) assert.equal(await client.get(key), `value of ${key}`);
  client.close();
}

/** Main dead, main back and empty, backup dead: the client notices nothing. */
async function walk(fleet: TypedFleet, isFilled: () => Promise<boolean>): Promise<void> {
  const client = await fleet.client('proxy');
  for (const key of KEYS) assert.equal(await client.set(key, `value of ${key}`), 'STORED');
  const load = await SteadyLoad.start(fleet.port('proxy'));
  const goesOn = async (): Promise<void> => {
    const before = load.answered;
    await until('the load goes on', () => load.answered > before + 500);
  };
  await goesOn();
  await fleet.kill('main');
  await goesOn();
  await readAll(fleet);
  await fleet.restart('main');
  await goesOn();
  await readAll(fleet);
  await until('the main is filled', isFilled);
  await goesOn();
  await fleet.kill('backup');
  await goesOn();
  await readAll(fleet);
  await fleet.restart('backup');
  await goesOn();
  const report = await load.stop();
  assert.deepEqual([report.errors, report.lost], [[], []]);
  client.close();
}

describe('W3, a proxy with one main and one backup', () => {
  test('stock memcached: the backup is read while the main is cold, and fills it', {
    skip: MEMCACHED === null && 'memcached is not installed',
  }, async (t) => {
    const fleet = await fleetOf((port) => `${MEMCACHED} ${USER} -l 127.0.0.1 -p ${port}`);
    t.after(() => fleet.dispose());
    await walk(fleet, async () => {
      await readAll(fleet);
      const main = await fleet.client('main');
      const filled = await Promise.all(
        [...KEYS, ...Array.from({ length: 64 }, (_, i) => `load${i}`)].map((key) => main.get(key)),
      );
      main.close();
      return filled.every((value) => value !== null);
    });
  });

  test('twins: the main refills before it is read', async (t) => {
    const fleet = await fleetOf(
      (port, replication) => `memcached ${USER} -l 127.0.0.1 -p ${port} -x 127.0.0.1 -X ${replication}`,
    );
    t.after(() => fleet.dispose());
    await walk(fleet, async () => {
      const main = await fleet.client('main');
      const state = (await main.stats('replication')).get('replication_state');
      main.close();
      return state === 'linked';
    });
  });
});
