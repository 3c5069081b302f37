import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { ChangeStorm } from '../../testing/change-storm.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { ReplicatedPair } from '../../testing/replicated-pair.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6));
const random = seededRandom(SEED);

/** Numbers for people, not for asserts. */
function percentile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const KEYS: readonly string[] = Array.from({ length: 200 }, (_, i) => `storm${i}`);

test('one twin is stopped for four seconds under load: the other goes on; they agree afterwards', async (t) => {
  t.diagnostic(`SEED=${SEED}`);
  const pair = await ReplicatedPair.make(['-m', '32', '-t', '2']);
  t.after(() => pair.dispose());
  pair.launch(0);
  pair.launch(1);
  const first = await pair.client(0);
  const second = await pair.client(1);
  await pair.linked(first);
  const load = await SteadyLoad.start(pair.ports[0], pair.hosts[0]);
  const storm = new ChangeStorm(pair, 0, KEYS, random);
  const late = new ChangeStorm(pair, 1, KEYS, random);
  await until('the load runs', () => load.answered > 500);
  const stopped = pair.nodes[1];
  assert.ok(stopped !== null);
  stopped.child.kill('SIGSTOP');
  const end = performance.now() + 4000;
  let before = load.answered;
  while (performance.now() < end) {
    await until('the other goes on', () => load.answered > before + 100);
    before = load.answered;
  }
  stopped.child.kill('SIGCONT');
  await until('the load goes on', () => load.answered > before + 500);
  const lateBefore = late.answered;
  await until('the stopped one serves', () => late.answered > lateBefore + 100);
  await storm.stop();
  await late.stop();
  const report = await load.stop();
  // flush_all of the storm takes values away; it gives no wrong ones.
  assert.deepEqual(report.errors, [], `SEED=${SEED}`);
  await pair.linked(first);
  await pair.agree(first, second, KEYS);
  first.close();
  second.close();
});

test('a node that is stopped as soon as it has answered a write has sent it to its twin', async (t) => {
  const pair = await ReplicatedPair.make(['-m', '32']);
  t.after(() => pair.dispose());
  pair.launch(0);
  pair.launch(1);
  const first = await pair.client(0);
  const second = await pair.client(1);
  await pair.linked(first);
  const { child } = pair.nodes[0] ?? assert.fail('the node runs');
  for (let i = 0; i < 100; i++) {
    await first.set('last-words', String(i));
    child.kill('SIGSTOP');
    await until(`no. ${i} is on the twin`, async () => (await second.get('last-words')) === String(i));
    child.kill('SIGCONT');
  }
  first.close();
  second.close();
});

test('what a node answers while it is told to end has been sent to its twin', async (t) => {
  const pair = await ReplicatedPair.make(['-m', '32', '-t', '2']);
  t.after(() => pair.dispose());
  pair.launch(1);
  const second = await pair.client(1);
  for (let round = 0; round < 2; round++) {
    pair.launch(0);
    const first = await pair.client(0);
    await pair.linked(first);
    first.close();
    // Each writes on until its connection ends, and knows the last write that was answered.
    const answered = new Map<string, number>();
    const writers = Array.from({ length: 8 }, async (_, index) => {
      const client = await TextClient.connect(pair.ports[0], pair.hosts[0]);
      const key = `writer${round}-${index}`;
      for (let i = 1; ; i++) {
        const reply = await client.set(key, String(i)).catch(() => null);
        if (reply !== 'STORED') break;
        answered.set(key, i);
      }
      client.close();
    });
    await until(
      'all write',
      () => answered.size === writers.length && [...answered.values()].every((i) => i > 50),
    );
    assert.equal(await pair.nodes[0]?.kill('SIGTERM'), 0);
    await Promise.all(writers);
    for (const [key, last] of answered) {
      const value = await until(`${key} is there`, () => second.get(key));
      assert.ok(
        Number(value) >= last,
        `round ${round}: ${key} is ${value} on the twin, ${last} was answered`,
      );
    }
  }
  second.close();
});

test('strangers at the replication port harm nobody', async (t) => {
  t.diagnostic(`SEED=${SEED}`);
  const pair = await ReplicatedPair.make(['--no-legacy-twins', '-m', '32', '-t', '2', '-v']);
  t.after(() => pair.dispose());
  pair.launch(0);
  pair.launch(1);
  const first = await pair.client(0);
  const second = await pair.client(1);
  await pair.linked(first);
  const load = await SteadyLoad.start(pair.ports[0], pair.hosts[0]);
  await until('the load runs', () => load.answered > 300);
  const shouts = [
    'get x\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    '',
    'set a 0 0 1\r\nx\r\n',
    '\0'.repeat(100),
    'x'.repeat(100_000),
  ];
  for (let round = 0; round < 40; round++) {
    const stranger = await RawSocket.connect(pair.replicationPort, pair.hosts[round % 2]);
    if (round < shouts.length * 2) await stranger.send(shouts[round >> 1] ?? '');
    else {
      const junk = new Uint8Array(1 + random.below(3000));
      for (let i = 0; i < junk.length; i++) junk[i] = random.below(256);
      await stranger.send(junk);
    }
    if (round % 3 === 0) stranger.vanish();
    else stranger.finish();
  }
  // It is open where -l says, and nowhere else.
  await assert.rejects(RawSocket.connect(pair.replicationPort, '127.0.0.3'), /ECONNREFUSED/);
  // Some stay and say nothing.
  const silent = await Promise.all(
    Array.from({ length: 20 }, () => RawSocket.connect(pair.replicationPort, pair.hosts[0])),
  );
  assert.equal(await first.set('after', '1'), 'STORED');
  await until('after arrives', async () => (await second.get('after')) === '1');
  const answered = load.answered;
  await until('the load goes on', () => load.answered > answered + 300);
  const report = await load.stop();
  assert.deepEqual([report.errors, report.lost], [[], []], `SEED=${SEED}`);
  await pair.linked(first);
  assert.deepEqual(pair.lostLinks(0), []);
  assert.ok(Number((await first.stats('replication')).get('replication_strangers')) > 0);
  for (const one of silent) one.vanish();
  first.close();
  second.close();
});

test('a full sync of 100 000 items, while the sender serves; then how soon writes are seen', async (t) => {
  const pair = await ReplicatedPair.make(['-m', '128', '-t', '2']);
  t.after(() => pair.dispose());
  pair.launch(0);
  const first = await pair.client(0);
  const items = 100_000;
  const value = 'x'.repeat(94);
  for (let at = 0; at < items; at += 2000) {
    const batch = Array.from({ length: 2000 }, (_, i) => {
      const number = `${at + i}`.padStart(6, '0');
      return first.set(`sync${number}`, value + number);
    });
    for (const reply of await Promise.all(batch)) assert.equal(reply, 'STORED');
  }
  const large = 'L'.repeat(1_040_000);
  assert.equal(await first.set('large', large), 'STORED');

  const latencies: number[] = [];
  let syncing = true;
  const asking = (async () => {
    while (syncing) {
      const start = performance.now();
      assert.equal((await first.get('sync000007'))?.endsWith('000007'), true);
      latencies.push(performance.now() - start);
    }
  })();
  const started = performance.now();
  pair.launch(1);
  const second = await pair.client(1);
  const openMs = performance.now() - started;
  syncing = false;
  await asking;
  // The port opened when all was there.
  assert.equal((await second.stats()).get('curr_items'), `${items + 1}`);
  for (let i = 0; i < items; i += 997) {
    const number = `${i}`.padStart(6, '0');
    assert.equal(await second.get(`sync${number}`), value + number);
  }
  assert.equal((await second.get('large')) === large, true);
  t.diagnostic(
    `${items} items of 100 bytes: ${openMs.toFixed(0)} ms from start to open port; the sender answered within ${percentile(latencies, 0.5).toFixed(2)} ms (median), ${Math.max(...latencies).toFixed(1)} ms (longest)`,
  );

  await pair.linked(first);
  const visible: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const text = `${i}`;
    await first.set('seen', text);
    const acknowledged = performance.now();
    for (let tries = 0; (await second.get('seen')) !== text; tries++)
      assert.ok(tries < 100_000, 'it is seen');
    visible.push(performance.now() - acknowledged);
  }
  t.diagnostic(
    `a write is read on the twin ${(percentile(visible, 0.5) * 1000).toFixed(0)} µs after its reply (median; p99 ${(percentile(visible, 0.99) * 1000).toFixed(0)} µs), the read's own round trip included`,
  );
  first.close();
  second.close();
});
