import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts } from '../../testing/processes.ts';
import { ReplicatedPair } from '../../testing/replicated-pair.ts';
import { type Server, startNode } from '../../testing/servers.ts';
import { TcpRelay } from '../../testing/tcp-relay.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const AHEAD_S = 600;
const DAYS_AHEAD_S = 3 * 86_400;
const OPTIONS = ['-m', '32', '-t', '2'] as const;
/** Where a node's time may be moved. */
const DEBUG = { MEMCACHED_DEBUG: '1' };

const figure = async (client: TextClient, name: string): Promise<number> =>
  Number((await client.stats('replication')).get(`replication_${name}`));

/** Seconds that a key has left; null: it is not there. */
async function left(client: TextClient, key: string): Promise<number | null> {
  const found = /^HD t(-?\d+)/.exec(await client.ask(`mg ${key} t`));
  return found === null ? null : Number(found[1]);
}

async function arrives(client: TextClient, key: string, value: string | null): Promise<void> {
  await until(`${key} is ${value}`, async () => (await client.get(key)) === value);
}

test('hosts whose clocks are ten minutes apart: nothing is lost, each key ends as it was written last, expiry is in seconds of either', async (t) => {
  const [port = 0, aheadPort = 0] = await freePorts(2);
  const start = async (options: readonly string[]): Promise<Server> => {
    const server = await startNode([...OPTIONS, ...options], 'auto', DEBUG);
    t.after(() => server.process.kill('SIGKILL'));
    return server;
  };
  const right = await TextClient.connect((await start(['-X', `${port}`])).port);
  const relay = await TcpRelay.to(port);
  t.after(() => relay.close());
  const ahead = await TextClient.connect(
    (await start(['-x', `127.0.0.1:${relay.port}`, '-X', `${aheadPort}`])).port,
  );
  t.after(() => {
    for (const client of [right, ahead]) client.close();
  });
  for (const client of [right, ahead])
    await until('linked', async () => (await figure(client, 'peers')) === 1);
  assert.equal(await ahead.ask(`debugtime ${AHEAD_S}`), 'OK\r\n');
  // It is shown, on both sides.
  for (const [client, sign] of [
    [right, 1],
    [ahead, -1],
  ] as const)
    await until('it is seen', async () => {
      const ms = sign * (await figure(client, 'peer_0_clock_offset_ms'));
      return ms > (AHEAD_S - 5) * 1000 && ms < (AHEAD_S + 5) * 1000;
    });
  // The later one wins, though its clock is behind.
  assert.equal(await ahead.set('k', 'of the one ahead'), 'STORED');
  await arrives(right, 'k', 'of the one ahead');
  assert.equal(await right.set('k', 'of the other'), 'STORED');
  await arrives(ahead, 'k', 'of the other');
  assert.equal(await right.ask('delete k'), 'DELETED\r\n');
  await arrives(ahead, 'k', null);
  assert.equal(await right.ask('add k 0 0 1\r\n1'), 'STORED\r\n');
  assert.equal(await right.ask('incr k 4'), '5\r\n');
  await arrives(ahead, 'k', '5');
  // It is counted, and bounded by what it is.
  await until('it is counted', async () => (await figure(right, 'versions_ahead')) > 0);
  const aheadUs = await figure(right, 'clock_ahead_us');
  assert.ok(aheadUs > (AHEAD_S - 120) * 1e6 && aheadUs < (AHEAD_S + 120) * 1e6, `${aheadUs}`);
  // What is to live for five minutes does so on both.
  for (const [one, other, key] of [
    [right, ahead, 'e'],
    [ahead, right, 'f'],
  ] as const) {
    assert.equal(await one.ask(`set ${key} 0 300 1\r\nx`), 'STORED\r\n');
    const seconds = await until('it is there', () => left(other, key));
    assert.ok(seconds > 200 && seconds <= 303, `${key} lives for ${seconds} s`);
    assert.equal(await one.ask(`touch ${key} 150`), 'TOUCHED\r\n');
    await until('it is touched', async () => ((await left(other, key)) ?? 0) <= 153);
    assert.ok(((await left(other, key)) ?? 0) > 60);
  }
  // Both write the same keys while they are apart.
  relay.cut();
  await until('apart', async () => (await figure(right, 'peers')) + (await figure(ahead, 'peers')) === 0);
  const keys = Array.from({ length: 40 }, (_, i) => `cut${i}`);
  for (const [i, key] of keys.entries()) {
    const [first, second] = i % 2 === 0 ? [right, ahead] : [ahead, right];
    await first.set(key, 'first');
    if (i % 3 === 0) await second.set(key, 'second');
    if (i % 5 === 0) await second.ask(`delete ${key}`);
  }
  for (const [first, second, key] of [
    [right, ahead, 'e'],
    [ahead, right, 'f'],
  ] as const) {
    assert.equal(await first.ask(`touch ${key} 5000`), 'TOUCHED\r\n');
    assert.equal(await second.ask(`touch ${key} 9000`), 'TOUCHED\r\n');
  }
  relay.heal();
  const pairOf = await until('they agree', async () => {
    const [one, other] = [
      await ReplicatedPair.entries(right, keys),
      await ReplicatedPair.entries(ahead, keys),
    ];
    assert.deepEqual([...one].sort(), [...other].sort());
    return one.size > 20 ? one : null;
  });
  assert.ok(pairOf.size > 20);
  // Also about the touches: one of the two counts, the same on both.
  for (const key of ['e', 'f'])
    await until(`${key} ends at the same time`, async () => {
      const [one = 0, other = 0] = [(await left(right, key)) ?? 0, (await left(ahead, key)) ?? 0];
      return one > 4000 && Math.abs(one - other) < 10;
    });
  // A flush of the one that is behind ends what the other has written; what comes behind it stays.
  assert.equal(await ahead.set('g', 'x'), 'STORED');
  await arrives(right, 'g', 'x');
  assert.equal(await right.ask('flush_all'), 'OK\r\n');
  await arrives(ahead, 'g', null);
  assert.equal(await ahead.get('k'), null);
  for (const [one, other, key] of [
    [right, ahead, 'h'],
    [ahead, right, 'i'],
  ] as const) {
    assert.equal(await one.set(key, 'after it'), 'STORED');
    await arrives(other, key, 'after it');
  }
});

test('a clock that is days ahead is not followed: it is counted, and whoever writes later still wins', async (t) => {
  const [port = 0, otherPort = 0] = await freePorts(2);
  const start = async (options: readonly string[]): Promise<TextClient> => {
    const server = await startNode([...OPTIONS, ...options], 'auto', DEBUG);
    t.after(() => server.process.kill('SIGKILL'));
    const client = await TextClient.connect(server.port);
    t.after(() => client.close());
    return client;
  };
  const right = await start(['-X', `${port}`]);
  const ahead = await start(['-x', `127.0.0.1:${port}`, '-X', `${otherPort}`]);
  for (const client of [right, ahead])
    await until('linked', async () => (await figure(client, 'peers')) === 1);
  assert.equal(await ahead.ask(`debugtime ${DAYS_AHEAD_S}`), 'OK\r\n');
  assert.equal(await ahead.set('k', 'of the one ahead'), 'STORED');
  await arrives(right, 'k', 'of the one ahead');
  await until('it is counted', async () => (await figure(right, 'versions_refused')) > 0);
  assert.ok((await figure(right, 'clock_ahead_us')) < 86_400e6);
  assert.equal(await right.set('k', 'of the other'), 'STORED');
  await arrives(ahead, 'k', 'of the other');
  assert.equal(await right.ask('delete k'), 'DELETED\r\n');
  await arrives(ahead, 'k', null);
});
