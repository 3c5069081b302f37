/*
 * Keys move away and come back. What they had left behind in their old place is deleted when the move is over, by the monitor, in nodes and in the installed
 * memcached, and so nothing is read that is older than what was stored in the other place.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AS_ROOT, freePorts, MEMCACHED, run, twincached } from '../../testing/processes.ts';
import { runningCluster } from '../../testing/running-cluster.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-back-'));
after(() => rmSync(directory, { recursive: true }));
const ENVIRONMENT = { XDG_STATE_HOME: directory };
const path = join(directory, 'shop.yml');

const KEYS: readonly string[] = Array.from({ length: 60 }, (_, index) => `key${index}`);
/** Binary clients may have such keys, and so may `mg` with its flag b. */
const ODD_KEY = Buffer.from('a key with blanks').toString('base64');

interface Status {
  readonly keyMoves: readonly {
    readonly pool: string;
    readonly phase: string;
    readonly to: readonly string[];
  }[];
  readonly services: readonly {
    readonly name: string;
    readonly proxy: { readonly carried: number } | null;
  }[];
}

async function command(...words: string[]): Promise<{ code: unknown; out: string; err: string }> {
  const running = twincached(words, ENVIRONMENT);
  const code = await running.ended();
  return { code, out: running.stdout(), err: running.stderr() };
}

test('what keys have left behind is deleted before they can come back', async (t) => {
  const ports = await freePorts(10);
  const [a = 0, b = 0, c = 0, r1 = 0, r2 = 0, users = 0, old = 0, page = 0, oldA = 0, oldB = 0] = ports;
  const fileOf = (shards: string, servers: readonly number[]): string => `name: shop
defaults: { memory: 32M }
reshard: { for: 10m, prepare: 1s }
shards:
  - { name: one, replication-port: ${r1}, twins: [{ port: ${a} }, { port: ${b} }] }
  - { name: two, replication-port: ${r2}, twins: [{ port: ${c} }] }
proxies:
  - { name: users, port: ${users}, to: ${shards} }
  - { name: old, port: ${old}, hash: md5, servers: [${servers.map((port) => `"127.0.0.1:${port}"`).join(', ')}] }
page: { port: ${page} }
`;
  const start = (port: number): ReturnType<typeof run> => {
    const words = [...AS_ROOT, '-p', `${port}`, '-U', '0', '-l', '127.0.0.1'];
    return MEMCACHED !== null ? run(MEMCACHED, words) : twincached(['memcached', ...words]);
  };
  const servers = [oldA, oldB].map(start);
  t.after(() => Promise.all(servers.map((server) => server.kill('SIGKILL'))));
  for (const port of [oldA, oldB]) (await until('a server', () => TextClient.connect(port))).close();
  writeFileSync(path, fileOf('[one]', [oldA]));
  const first = await runningCluster(t, path, ENVIRONMENT);
  const clients = await Promise.all([users, old].map((port) => TextClient.connect(port)));
  const places = await Promise.all([a, b, oldA].map((port) => TextClient.connect(port)));
  t.after(() => {
    for (const one of [...clients, ...places]) one.close();
  });
  for (const client of clients) {
    for (const key of KEYS) assert.equal(await client.ask(`set ${key} 0 0 5\r\nfirst`), 'STORED\r\n');
    assert.match(await client.ask(`ms ${ODD_KEY} 5 b\r\nfirst`), /^HD/);
  }

  writeFileSync(path, fileOf('[one, two]', [oldA, oldB]));
  const joined = await command('reload', path);
  assert.equal(joined.code, 0, joined.err);
  assert.match(joined.out, /\nwhat keys of users leave behind in one is deleted when they have moved\n/);
  const status = async (): Promise<Status> =>
    // Cast: our own program's answer; a wrong shape fails what follows.
    (await (await fetch(`http://127.0.0.1:${page}/status.json`)).json()) as Status;
  await until('they move', async () => (await status()).keyMoves.every(({ phase }) => phase === 'moving'));
  // The monitor dies, and the next one finds that the time is over.
  first.child.kill('SIGKILL');
  await first.ended();
  const kept = join(directory, 'twincached', 'shop', 'moves.json');
  const end = Math.round(Date.now() / 1000) - 70;
  writeFileSync(
    kept,
    readFileSync(kept, 'utf8')
      .replace(/("endSeconds": )\d+/g, `$1${end}`)
      .replace(/("startSeconds": )\d+/g, `$1${end - 600}`),
  );
  const second = await runningCluster(t, path, ENVIRONMENT);
  await until(
    'both are looked through',
    () =>
      second.stdout().match(/what keys of (users|old) have left behind in \S+ is deleted: /g)?.length === 2,
    60_000,
  );
  const left = await Promise.all(
    places.map(
      async (place) => [...(await place.ask(`get ${KEYS.join(' ')}`)).matchAll(/VALUE (\S+) /g)].length,
    ),
  );
  for (const count of left)
    assert.ok(count > 10 && count < 50, `${left.join(', ')} of ${KEYS.length} keys stay`);
  assert.equal(left[0], left[1], 'twins have the same');
  assert.equal(readFileSync(join(directory, 'twincached', 'shop', 'left-behind.json'), 'utf8'), '{}\n');

  for (const client of clients)
    for (const key of KEYS) assert.equal(await client.ask(`set ${key} 0 0 6\r\nsecond`), 'STORED\r\n');
  writeFileSync(path, fileOf('[one]', [oldA]));
  const back = await command('reload', path);
  assert.equal(back.code, 0, back.err);
  assert.doesNotMatch(back.out, /older/);
  await until('they have begun to come back', async () => {
    for (const client of clients) for (const key of KEYS) assert.equal(await client.get(key), 'second', key);
    const got = await places[0]!.ask(`get ${KEYS.join(' ')}`);
    return [...got.matchAll(/VALUE (\S+) /g)].length === KEYS.length;
  });
  await until('the page tells it', async () => {
    const { keyMoves, services } = await status();
    const move = keyMoves.find(({ pool }) => pool === 'users');
    const figures = services.find(({ name }) => name === 'users')?.proxy;
    return move?.phase === 'moving' && move.to.join() === 'one' && (figures?.carried ?? 0) > 0;
  });
});
