import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { freePorts } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { ReplicatedPair } from '../../testing/replicated-pair.ts';
import { type Server, startNode } from '../../testing/servers.ts';
import { TcpRelay } from '../../testing/tcp-relay.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const KEYS = Array.from({ length: 60 }, (_, i) => `k${i}`);
/** Hold numbers. */
const COUNTERS = Array.from({ length: 10 }, (_, i) => `counter${i}`);
const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6));
/** Links are found dead after seconds; on a busy machine that takes its time. */
const FOUND_OUT_MS = 40_000;

interface Side {
  readonly server: Server;
  readonly client: TextClient;
}

async function side(t: TestContext, options: readonly string[]): Promise<Side> {
  const server = await startNode(['-m', '32', '-t', '2', ...options]);
  t.after(() => server.process.kill('SIGKILL'));
  const client = await TextClient.connect(server.port);
  t.after(() => client.close());
  return { server, client };
}

async function figure({ client }: Side, name: string): Promise<string> {
  return (await client.stats('replication')).get(`replication_${name}`) ?? '';
}

/** Other threads than the one with the links tell what that one has told them a moment ago. */
async function figureAbove(one: Side, name: string, least: number): Promise<void> {
  await until(`${name} is above ${least}`, async () => Number(await figure(one, name)) > least, FOUND_OUT_MS);
}

/**
 * Waits until these nodes have given their links up. Who listens may be dialled again by then through a network that lets nothing pass, and after half a second without a word
 * takes that for a repcached.
 */
async function foundOut(...sides: readonly Side[]): Promise<void> {
  for (const one of sides)
    await until(
      'it is found out',
      async () =>
        (await figure(one, 'peers')) === '0' || (await figure(one, 'peer_0_protocol')) === 'repcached',
      FOUND_OUT_MS,
    );
}

/** Which of two nodes was first is known to the millisecond of their clocks. */
async function laterOn(): Promise<void> {
  const nowMs = Date.now();
  await until('the clock goes on', () => Date.now() > nowMs + 2);
}

async function linked(...sides: readonly Side[]): Promise<void> {
  for (const one of sides) {
    await until(
      'linked',
      async () =>
        (await figure(one, 'state')) === 'linked' && (await figure(one, 'peers')) === `${sides.length - 1}`,
      60_000,
    );
  }
}

/** Waits until all have the same of all keys, cas ids included. */
async function agree(
  sides: readonly Side[],
  keys: readonly string[] = [...KEYS, ...COUNTERS],
): Promise<void> {
  await until(
    'all have the same',
    async () => {
      const [first, ...others] = await Promise.all(
        sides.map(async ({ client }) => [...(await ReplicatedPair.entries(client, keys))].sort()),
      );
      for (const other of others) assert.deepEqual(other, first);
      return true;
    },
    60_000,
  );
}

/** All items of a node by `lru_crawler metadump`, in the order of their keys; without what reading them changes (`la`, `fetch`) and where they lie (`cls`). */
async function dumpOf({ server }: Side): Promise<string[]> {
  const socket = await RawSocket.connect(server.port);
  try {
    await socket.send('lru_crawler metadump all\r\n');
    await until('the end of the list', () => socket.received.endsWith('END\r\n'));
    const lines = socket.received.split('\n').filter((line) => line.startsWith('key='));
    return lines.map((line) => line.trim().replace(/ (la|fetch|cls)=\S+/g, '')).sort();
  } finally {
    socket.vanish(false);
  }
}

/** Two nodes whose only link passes through a relay. */
async function overRelay(
  t: TestContext,
  options: readonly string[] = [],
): Promise<{ readonly near: Side; readonly far: Side; readonly relay: TcpRelay }> {
  const [port = 0, nearPort = 0] = await freePorts(2);
  const far = await side(t, ['-X', `${port}`, ...options]);
  const relay = await TcpRelay.to(port);
  t.after(() => relay.close());
  const near = await side(t, ['-x', `127.0.0.1:${relay.port}`, '-X', `${nearPort}`, ...options]);
  await linked(near, far);
  for (const key of KEYS) await near.client.set(key, 'before');
  for (const key of COUNTERS) await near.client.set(key, '100');
  await agree([near, far]);
  return { near, far, relay };
}

/** Both sides change what they like, the same keys too. */
async function changeBoth(near: Side, far: Side): Promise<void> {
  for (const [index, key] of KEYS.entries()) {
    const [one, other] = index % 2 === 0 ? [near, far] : [far, near];
    await one.client.set(key, `first of ${index}`);
    if (index % 3 === 0) await other.client.set(key, `later of ${index}`);
    if (index % 5 === 0) assert.equal(await one.client.ask(`delete ${key}`), 'DELETED\r\n');
    else if (index % 11 === 0) await one.client.ask(`touch ${key} 5000`);
  }
  for (const [index, key] of COUNTERS.entries()) {
    assert.match(await near.client.ask(`incr ${key} ${index}`), /^\d\d\d?\r\n$/);
    if (index % 2 === 0) assert.match(await far.client.ask(`decr ${key} 1`), /^\d\d\d?\r\n$/);
  }
}

for (const [name, disturb] of [
  ['is cut', (relay: TcpRelay) => relay.cut()],
  ['lets nothing pass', (relay: TcpRelay) => relay.hold('forth', 'back')],
  ['lets nothing pass one way', (relay: TcpRelay) => relay.hold('forth')],
  ['lets nothing pass the other way', (relay: TcpRelay) => relay.hold('back')],
] as const)
  test(`the network ${name}: both go on, find it out, and are equal when it is over`, async (t) => {
    const { near, far, relay } = await overRelay(t);
    const lost = Number(await figure(near, 'links_lost'));
    disturb(relay);
    await changeBoth(near, far);
    // Whoever hears nothing any more gives the link up by itself; then the other end sees it closed, or hears nothing either.
    await foundOut(near, far);
    const full = Number(await figure(near, 'full_syncs'));
    await changeBoth(far, near);
    relay.heal();
    await linked(near, far);
    await agree([near, far]);
    await figureAbove(near, 'links_lost', lost);
    // What one side deleted and the other left alone is gone on both, though the other had it all the time. (Where both changed a key within
    // a millisecond, either may be the later.)
    for (const [index, key] of KEYS.entries()) {
      if (index % 5 === 0 && index % 3 !== 0) assert.equal(await near.client.get(key), null, key);
    }
    // What was deleted last is gone on both, though the other side had it all the time.
    await far.client.ask('delete k1');
    await until('a delete', async () => (await near.client.get('k1')) === null);
    await figureAbove(near, 'partial_syncs', 0);
    assert.equal(Number(await figure(near, 'full_syncs')), full, 'only what changed was sent');
  });

test('after a cut the two list the same items, with their sizes, expiry times and cas ids', async (t) => {
  const { near, far, relay } = await overRelay(t);
  relay.cut();
  await foundOut(near, far);
  await changeBoth(near, far);
  for (const [one, name] of [
    [near, 'near'],
    [far, 'far'],
  ] as const)
    for (let i = 0; i < 50; i++) {
      await one.client.ask(`set ${name}${i} ${i} ${i % 3 === 0 ? 3000 + i : 0} ${i}\r\n${'v'.repeat(i)}`);
      if (i % 7 === 0) await one.client.ask(`gat 4000 ${name}${i}`);
      if (i % 9 === 0) await one.client.ask(`append ${name}${i} 0 0 3\r\nend`);
      if (i % 10 === 0) await one.client.ask(`ms ${name}${i} 2 E${1_000_000 + i}\r\nmm`);
    }
  relay.heal();
  await linked(near, far);
  await until('the lists are equal', async () => {
    const [here, there] = await Promise.all([dumpOf(near), dumpOf(far)]);
    assert.deepEqual(here, there);
    assert.match(here[0] ?? '', /^key=\S+ exp=-?\d+ cas=\d+ size=\d+ flags=\d+$/);
    const known = here.filter((line) => /^key=(near|far)/.test(line));
    assert.equal(known.length, 100);
    assert.equal(known.filter((line) => line.includes(' cas=10000')).length, 10);
    return true;
  });
});

test('flush_all 0 ends what is there, on the twin as well, and nothing that comes later', async (t) => {
  const { near, far } = await overRelay(t);
  assert.equal(await near.client.ask('flush_all 0'), 'OK\r\n');
  assert.equal(await near.client.get('k0'), null);
  await until('on the twin', async () => (await far.client.get('k0')) === null);
  for (const [one, other, key] of [
    [near, far, 'l0'],
    [far, near, 'l1'],
  ] as const) {
    assert.equal(await one.client.set(key, 'later'), 'STORED');
    await until('the other has it', async () => (await other.client.get(key)) === 'later');
  }
  await agree([near, far], [...KEYS, ...COUNTERS, 'l0', 'l1']);
  for (const key of [...KEYS, ...COUNTERS])
    assert.equal(await far.client.get(key), null, `${key} was stored before`);
  for (const key of ['l0', 'l1']) assert.equal(await far.client.get(key), 'later');
});

test('behind a network that let nothing pass neither side says to who comes anew that it is in sync before it has what the other was told', async (t) => {
  const { near, far, relay } = await overRelay(t);
  relay.hold('forth', 'back');
  await foundOut(near, far);
  assert.equal(await far.client.set('k', 'of far'), 'STORED');
  assert.equal(await near.client.set('l', 'of near'), 'STORED');
  for (const [one, key] of [
    [near, 'k'],
    [far, 'l'],
  ] as const) {
    const fresh = await TextClient.connect(one.server.port);
    // Another thread than the one with the links hears of it within a tenth of a second.
    await until(
      'it is not in sync',
      async () => (await fresh.stats('replication')).get('replication_in_sync') === '0',
    );
    assert.equal(await fresh.get(key), null);
    // It has been here for long, and no twin has come: there is none.
    await until(
      'it is alone',
      async () => (await fresh.stats('replication')).get('replication_in_sync') === '1',
      FOUND_OUT_MS,
    );
    fresh.close();
  }
  const asked = [
    [near, 'k'],
    [far, 'l'],
  ] as const;
  const all = asked.map(async ([one, key]) => {
    for (let isInSync = false; !isInSync; ) {
      const fresh = await TextClient.connect(one.server.port);
      isInSync = (await fresh.stats('replication')).get('replication_in_sync') === '1';
      const value = await fresh.get(key);
      fresh.close();
      assert.ok(!isInSync || value !== null, `in sync without ${key}`);
    }
  });
  relay.heal();
  await Promise.all(all);
  await linked(near, far);
  await agree([near, far]);
});

test('a cas id from before a cut: the stale one never succeeds, the valid one does', async (t) => {
  const { near, far, relay } = await overRelay(t);
  const idOf = async (client: TextClient, key: string): Promise<string> =>
    /^VALUE \S+ \d+ \d+ (\d+)/.exec(await client.ask(`gets ${key}`))?.[1] ?? '';
  const [valid, stale] = [await idOf(near.client, 'k2'), await idOf(near.client, 'k3')];
  await near.client.set('k3', 'newer');
  await until('newer', async () => (await far.client.get('k3')) === 'newer');
  relay.cut();
  await near.server.process.kill('SIGKILL');
  assert.equal(await far.client.ask(`cas k3 0 0 1 ${stale}\r\nx`), 'EXISTS\r\n');
  assert.equal(await far.client.ask(`cas k2 0 0 1 ${valid}\r\nx`), 'STORED\r\n');
});

test('flush_all during a cut: what was stored before it is gone everywhere, what came after it stays', async (t) => {
  const { near, far, relay } = await overRelay(t);
  relay.cut();
  await foundOut(near);
  await far.client.set('k5', 'before the flush');
  await laterOn();
  await near.client.ask('flush_all');
  await near.client.set('k6', 'after the flush');
  await laterOn();
  await far.client.set('k7', 'after the flush');
  relay.heal();
  await linked(near, far);
  await agree([near, far]);
  assert.equal(await far.client.get('k0'), null);
  assert.equal(await far.client.get('k5'), null);
  assert.equal(await far.client.get('k6'), 'after the flush');
  assert.equal(await near.client.get('k7'), 'after the flush');
});

/** One of the changes that twins must agree about, orders to flush now and later among them. */
function someChange(random: Random): string {
  const key =
    random.below(4) === 0 ? `counter${random.below(COUNTERS.length)}` : `k${random.below(KEYS.length)}`;
  const number = `${random.below(100_000)}`;
  switch (random.below(8)) {
    case 0:
      return `incr ${key} ${number}`;
    case 1:
      return `touch ${key} ${1000 + random.below(1000)}`;
    case 2:
      return `gat ${2000 + random.below(1000)} ${key}`;
    case 3:
      return `delete ${key}`;
    case 4:
      return random.below(40) > 0 ? `append ${key} 0 0 1\r\n7` : `flush_all ${random.below(4)}`;
    default:
      return `set ${key} 0 0 ${number.length}\r\n${number}`;
  }
}

test('clients of four threads on either side change, touch and flush at the same time, before, during and after a cut: all is equal', async (t) => {
  t.diagnostic(`SEED=${SEED}`);
  const random = seededRandom(SEED);
  const { near, far, relay } = await overRelay(t, ['-t', '4']);
  let answered = 0;
  let stopping = false;
  const all = [near, far, near, far, near, far].map(async ({ server }) => {
    const client = await TextClient.connect(server.port);
    while (!stopping) {
      const replies = await Promise.all(Array.from({ length: 5 }, () => client.ask(someChange(random))));
      answered += replies.length;
    }
    client.close();
  });
  const goOn = (): Promise<true> => {
    const before = answered;
    return until('they go on', () => answered > before + 1500);
  };
  for (const disturb of [() => relay.cut(), () => relay.hold('forth')]) {
    await goOn();
    disturb();
    await foundOut(near, far);
    await goOn();
    relay.heal();
    await linked(near, far);
  }
  await goOn();
  stopping = true;
  await Promise.all(all);
  await until('the lists are equal', async () => {
    const [here, there] = await Promise.all([dumpOf(near), dumpOf(far)]);
    assert.deepEqual(here, there, `SEED=${SEED}`);
    return true;
  });
  // The last order to flush later may have struck meanwhile.
  for (const [one, other, key] of [
    [near, far, 'l0'],
    [far, near, 'l1'],
  ] as const)
    await until('what is stored behind all that stays', async () => {
      await one.client.set(key, 'later');
      return (await other.client.get(key)) === 'later' && (await one.client.get(key)) === 'later';
    });
  await agree([near, far], [...KEYS, ...COUNTERS]);
});

test('more changes during a cut than are kept end in a full copy', async (t) => {
  const { near, far, relay } = await overRelay(t, ['--replication-backlog', '64k']);
  relay.cut();
  await foundOut(near);
  const many = Array.from({ length: 6000 }, (_, i) => `many${i}`);
  for (let at = 0; at < many.length; at += 1000)
    await Promise.all(many.slice(at, at + 1000).map((key) => near.client.set(key, 'v')));
  const full = Number(await figure(near, 'full_syncs'));
  relay.heal();
  await linked(near, far);
  await agree([near, far], [...KEYS, ...many]);
  await figureAbove(near, 'full_syncs', full);
});

test('a twin that hangs is given up, more is written than is kept for it, and it is taken back', async (t) => {
  const { near, far } = await overRelay(t, ['--replication-backlog', '64k']);
  const full = Number(await figure(near, 'full_syncs'));
  far.server.process.child.kill('SIGSTOP');
  for (let i = 0; i < 6000; i += 1000)
    await Promise.all(
      Array.from({ length: 1000 }, (_, j) => near.client.set(`hung${i + j}`, 'v'.repeat(100))),
    );
  await foundOut(near);
  far.server.process.child.kill('SIGCONT');
  await linked(near, far);
  await agree(
    [near, far],
    Array.from({ length: 6000 }, (_, i) => `hung${i}`),
  );
  // More was written than is kept.
  await figureAbove(near, 'full_syncs', full);
});

test('of three nodes one is killed for good: what it told one of the others only reaches the third', async (t) => {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  const second = await side(t, ['-X', `${b}`]);
  const third = await side(t, ['-x', `127.0.0.1:${b}`, '-X', `${c}`]);
  const relay = await TcpRelay.to(c);
  t.after(() => relay.close());
  const first = await side(t, ['-x', `127.0.0.1:${b},127.0.0.1:${relay.port}`, '-X', `${a}`]);
  await linked(first, second, third);
  for (const key of KEYS) await first.client.set(key, 'by all');
  await agree([first, second, third]);
  // The way from the first to the third holds everything back, and then the first dies with it.
  relay.hold('forth');
  for (const key of KEYS) await first.client.set(key, 'by one');
  await first.client.ask('delete k9');
  await until('the second has it', async () => (await second.client.get('k9')) === null);
  assert.equal(await third.client.get('k9'), 'by all');
  await first.server.process.kill('SIGKILL');
  relay.close();
  await until('the third has it', async () => (await third.client.get('k9')) === null, FOUND_OUT_MS);
  await agree([second, third]);
  assert.equal(await third.client.get('k10'), 'by one');
  await until('it was asked for', async () => Number(await figure(second, 'repairs')) > 0);
});

test('of three nodes one hangs while both others write: it is in sync when it has what each of them wrote', async (t) => {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  const first = await side(t, ['-X', `${a}`]);
  const second = await side(t, ['-x', `127.0.0.1:${a}`, '-X', `${b}`]);
  const relay = await TcpRelay.to(b);
  t.after(() => relay.close());
  const third = await side(t, ['-x', `127.0.0.1:${a},127.0.0.1:${relay.port}`, '-X', `${c}`]);
  const sides = [first, second, third];
  await linked(...sides);
  for (const key of KEYS) await first.client.set(key, 'before');
  await agree(sides, KEYS);
  third.server.process.child.kill('SIGSTOP');
  for (const one of [first, second])
    await until('it is given up', async () => (await figure(one, 'peers')) === '1', FOUND_OUT_MS);
  // The way to the second stays closed for longer than the first needs to tell all that it has.
  relay.cut();
  await second.client.set('k1', 'of second');
  await first.client.set('k0', 'of first');
  third.server.process.child.kill('SIGCONT');
  const askAnew = async (key: string): Promise<readonly [boolean, string | null]> => {
    const fresh = await TextClient.connect(third.server.port);
    const isInSync = (await fresh.stats('replication')).get('replication_in_sync') === '1';
    const value = await fresh.get(key);
    fresh.close();
    return [isInSync, value];
  };
  for (let value: string | null = null; value !== 'of first'; ) {
    const [isInSync, found] = await askAnew('k0');
    assert.ok(!isInSync, 'in sync without the second');
    value = found;
  }
  for (let i = 0; i < 20; i++) assert.ok(!(await askAnew('k0'))[0], 'in sync without the second');
  relay.heal();
  for (let isInSync = false; !isInSync; ) {
    const [says, value] = await askAnew('k1');
    if (says) assert.equal(value, 'of second');
    isInSync = says;
  }
  await linked(...sides);
  await agree(sides, KEYS);
});

test('a twin with little memory evicts for itself alone', async (t) => {
  const [port = 0] = await freePorts(1);
  const small = await side(t, ['-m', '2', '-X', `${port}`]);
  const large = await side(t, ['-x', `127.0.0.1:${port}`, '-X', '0']);
  await linked(small, large);
  const keys = Array.from({ length: 8000 }, (_, i) => `item${i}`);
  const value = 'v'.repeat(1000);
  for (let at = 0; at < keys.length; at += 500)
    await Promise.all(keys.slice(at, at + 500).map((key) => large.client.set(key, value)));
  await until('it evicts', async () => Number((await small.client.stats()).get('evictions')) > 1000);
  await until('all is sent', async () => (await figure(large, 'peer_0_lag_changes')) === '0');
  assert.equal((await ReplicatedPair.entries(large.client, keys)).size, keys.length);
  assert.equal((await large.client.stats()).get('evictions'), '0');
});
