import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { serveTcp } from '../../testing/tcp-server.ts';
import { until } from '../../testing/wait.ts';
import { type ClusterDescription, parseClusterFile } from './cluster-file.ts';
import type { LeftBehind } from './left-behind.ts';
import { Purge } from './purge.ts';
import { listedItem, type PurgeCounts, PurgeRefused, purgePass } from './purge-pass.ts';

/** A server that has these items, by key with their cas; `changed` ones are others by the time they are to be deleted. */
interface FakeServer {
  readonly port: number;
  readonly items: Map<string, number>;
  readonly deletions: string[];
  listAnswer: string | null;
}

async function fakeServer(t: TestContext, keys: readonly string[]): Promise<FakeServer> {
  const items = new Map(keys.map((key, index) => [key, index + 1]));
  const deletions: string[] = [];
  const port = await serveTcp(t, (socket) => {
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const line of text.split('\r\n').slice(0, -1)) socket.write(answer(line), 'latin1');
    });
  });
  const made: FakeServer = { port, items, deletions, listAnswer: null };
  const answer = (line: string): string => {
    if (line.startsWith('lru_crawler'))
      return (
        made.listAnswer ??
        `${[...items].map(([key, cas]) => `key=${encodeURIComponent(key)} exp=-1 la=1 cas=${cas} fetch=no cls=1 size=60\n`).join('')}END\r\n`
      );
    const [, name = '', ...flags] = line.split(' ');
    const key = flags.includes('b') ? Buffer.from(name, 'base64').toString() : name;
    deletions.push(line);
    if (!items.has(key)) return 'NF\r\n';
    if (`C${items.get(key)}` !== flags.at(-1)) return 'EX\r\n';
    items.delete(key);
    return 'HD\r\n';
  };
  return made;
}

function counts(): PurgeCounts {
  return { looked: 0, found: 0, deleted: 0 };
}

const startsWithX = (key: Uint8Array, start: number): boolean => key[start] === 120;

test('a pass deletes what is to go, on condition that it is what was listed', async (t) => {
  const server = await fakeServer(t, ['x1', 'a', 'x 2', 'x3']);
  const place = { host: '127.0.0.1', port: server.port };
  const counted = counts();
  const isLeft = (key: Uint8Array, start: number): boolean => {
    // It is stored anew between the two.
    if (Buffer.from(key).toString() === 'x3') server.items.set('x3', 77);
    return startsWithX(key, start);
  };
  await purgePass(place, isLeft, counted, new AbortController().signal);
  assert.deepEqual(counted, { looked: 4, found: 3, deleted: 2 });
  assert.deepEqual([...server.items.keys()], ['a', 'x3']);
  assert.deepEqual(server.deletions, ['md x1 C1', 'md eCAy b C3', 'md x3 C4']);
});

test('what a server will not do is told from what may go another time', async (t) => {
  const server = await fakeServer(t, ['x']);
  const place = { host: '127.0.0.1', port: server.port };
  const pass = (signal = new AbortController().signal): Promise<void> =>
    purgePass(place, startsWithX, counts(), signal);
  server.listAnswer = 'ERROR\r\n';
  await assert.rejects(pass(), PurgeRefused);
  server.listAnswer = 'key=x exp=-1 la=1 cas=0 fetch=no \nEND\r\n';
  await assert.rejects(pass(), /it keeps no cas/);
  server.listAnswer = 'BUSY currently processing crawler request\r\n';
  await assert.rejects(pass(), (error) => !(error instanceof PurgeRefused) && /BUSY/.test(String(error)));
  server.listAnswer = '';
  const stop = new AbortController();
  const waiting = pass(stop.signal);
  stop.abort();
  await assert.rejects(waiting, /not the time/);
  assert.equal(listedItem('key= exp=1'), null);
  assert.deepEqual(listedItem('key=a%20%C3%A4 exp=-1 la=1 cas=7 fetch=yes cls=1 size=3 flags=0 '), {
    key: Buffer.from('a ä'),
    cas: '7',
  });
});

const NOW = 1_800_000_000;

function cluster(servers: readonly number[], more = ''): ClusterDescription {
  const list = servers.map((port) => `"127.0.0.1:${port}"`).join(', ');
  return parseClusterFile(
    'c.yml',
    `shards: [{ name: one, replication-port: 1, twins: [{ port: 11 }, { port: 12 }] }]\nproxies:\n  - { name: users, port: 120, hash: md5, servers: [${list}] }\n${more}`,
  );
}

function leftBy(servers: readonly number[]): LeftBehind {
  const to = servers.map((port) => ({ name: `127.0.0.1:${port}`, weight: 1 }));
  const from = { to, placement: { distribution: 'ketama', hash: 'md5' } };
  return new Map([['users', [{ from, places: to.map(({ name }) => ({ name, obstacle: null })) }]]]);
}

test('keys that have moved are deleted in their old place as soon as their move is over, and those of others are not', async (t) => {
  const keys = Array.from({ length: 40 }, (_, index) => `key${index}`);
  const [first, second] = [await fakeServer(t, keys), await fakeServer(t, [])];
  const ports = [first.port, second.port];
  let left = leftBy([first.port]);
  let seconds = NOW;
  const log: string[] = [];
  const purge = new Purge({
    nodeAt: ({ address, port }) => ({ host: address, port }),
    onSettled: (now) => {
      left = now;
    },
    log: (text) => log.push(text),
    wallSeconds: () => seconds,
  });
  t.after(() => purge.stop());
  const now = cluster(ports);
  const [pool] = now.proxies[0]!.pools;
  const move = {
    ...cluster([first.port]).proxies[0]!.pools[0]!,
    startSeconds: NOW - 90,
    endSeconds: NOW,
    tailSeconds: 1,
  };
  const moving = { ...now, proxies: [{ ...now.proxies[0]!, pools: [{ ...pool!, move }] }] };
  purge.use(moving, left);
  seconds = NOW + 1.5;
  await until('it is done', () => left.size === 0);
  assert.match(
    log.join(),
    /^what keys of users have left behind in 127\.0\.0\.1:\d+ is deleted: \d+ of \d+ items/,
  );
  const stay = [...first.items.keys()];
  assert.ok(stay.length > 5 && stay.length < 35, `${stay.length} stay`);

  // Another pool has some of them there by its own rule; then nothing is touched.
  for (const key of keys) first.items.set(key, 1);
  const shared = cluster(ports, `  - { name: odd, port: 121, servers: ["127.0.0.1:${first.port}"] }\n`);
  left = leftBy(ports);
  purge.use(shared, left);
  await until('the other one is done', () => left.get('users')?.[0]?.places.length === 1);
  assert.equal(first.items.size, keys.length);

  // What fails is told, and what will never go is kept as such.
  first.listAnswer = 'BUSY\r\n';
  left = leftBy([first.port]);
  purge.use(now, left);
  await until('it has failed', () => purge.lines.some((line) => line.includes('it says "BUSY"')));
  assert.equal(left.get('users')?.[0]?.places[0]?.obstacle, null);
  first.listAnswer = 'ERROR\r\n';
  purge.use(now, left);
  await until(
    'it is refused',
    () => left.get('users')?.[0]?.places[0]?.obstacle?.includes('ERROR') === true,
    60_000,
  );
});
