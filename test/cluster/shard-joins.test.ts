/*
 * A shard joins a cluster under load, and a node is killed while keys move to it. No client sees an error; nothing that was stored and not deleted is
 * missed, by whichever proxy, and nothing that was overwritten or deleted is read.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePorts, twincached } from '../../testing/processes.ts';
import { runningCluster } from '../../testing/running-cluster.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-joins-'));
after(() => rmSync(directory, { recursive: true }));
const ENVIRONMENT = { XDG_STATE_HOME: directory };
const path = join(directory, 'shop.yml');

/** Between two rounds of a client. */
const PAUSE_MS = 2;
const KEYS: readonly string[] = Array.from({ length: 200 }, (_, index) => `key${index}`);

async function command(...words: string[]): Promise<{ code: unknown; out: string; err: string }> {
  const running = twincached(words, ENVIRONMENT);
  const code = await running.ended();
  return { code, out: running.stdout(), err: running.stderr() };
}

test('keys move to a shard that joins, and none is missed', async (t) => {
  const ports = await freePorts(9);
  const [a = 0, b = 0, c = 0, d = 0, r1 = 0, r2 = 0, first = 0, second = 0, page = 0] = ports;
  const fileOf = (...shards: string[]): string => `name: shop
defaults: { memory: 32M }
limits: { proxies: { request-timeout: 20s, connect-timeout: 20s } }
reshard: { for: 10m, prepare: 1s }
shards:
${shards.map((shard) => `  - ${shard}\n`).join('')}proxies:
  - { name: first, port: ${first} }
  - { name: second, port: ${second} }
page: { port: ${page} }
`;
  const one = `{ name: one, replication-port: ${r1}, twins: [{ port: ${a} }, { port: ${b} }] }`;
  const two = `{ name: two, replication-port: ${r2}, twins: [{ port: ${c} }, { port: ${d} }] }`;
  writeFileSync(path, fileOf(one));
  await runningCluster(t, path, ENVIRONMENT);
  const pidOf = async (wanted: string): Promise<number> => {
    // Cast: our own program's answer; a wrong shape fails the assertions that follow.
    const { services } = (await (await fetch(`http://127.0.0.1:${page}/status.json`)).json()) as {
      services: readonly { readonly name: string; readonly pid: number }[];
    };
    return services.find(({ name }) => name === wanted)?.pid ?? 0;
  };

  const [client, other] = await Promise.all([TextClient.connect(first), TextClient.connect(second)]);
  t.after(() => {
    client.close();
    other.close();
  });
  for (const key of KEYS) assert.equal(await client.ask(`set ${key} 5 0 4\r\nkept`), 'STORED\r\n');
  assert.equal(await client.ask('set number 0 0 1\r\n0'), 'STORED\r\n');

  const loads = [
    await SteadyLoad.start(first, '127.0.0.1', 'one', PAUSE_MS),
    await SteadyLoad.start(second, '127.0.0.1', 'other', PAUSE_MS),
  ];
  let checks = 0;
  let number = 0;
  let isOver = false;
  let isKilling = false;
  const missed: string[] = [];
  /** Reads what nobody writes, and counts, by either proxy in turn. */
  const checker = (async () => {
    while (!isOver) {
      const by = checks % 2 === 0 ? client : other;
      const key = KEYS[checks % KEYS.length] ?? '';
      const got = await by.ask(`${checks % 3 === 0 ? 'gets' : 'get'} ${key}`);
      if (!/^VALUE \S+ 5 4( \d+)?\r\nkept\r\nEND\r\n$/.test(got)) missed.push(got);
      number++;
      const counted = await by.ask('incr number 1');
      // What was on its way when its server was killed is not done again, or it might count twice.
      if (isKilling && counted.startsWith('SERVER_ERROR BACKEND SERVER RESET')) {
        const value = Number(await by.get('number'));
        if (value === number || value === number - 1) number = value;
        else missed.push(`${number} became ${value}`);
      } else if (counted !== `${number}\r\n`) missed.push(`${number} became ${counted}`);
      checks++;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  })();
  const goesOn = async (): Promise<void> => {
    const before = checks;
    await until('the checks go on', () => checks > before + KEYS.length, 60_000);
  };
  await goesOn();

  writeFileSync(path, fileOf(one, two));
  const joined = await command('reload', path);
  assert.equal(joined.code, 0, joined.err);
  assert.match(
    joined.out,
    /keys of first that lie elsewhere from now on are carried over from one as they are asked for, for 10 min\n[\s\S]*keys of second move from one to one, two, from \S+ to \S+\ndone: /,
  );
  const inTwo = await TextClient.connect(c);
  t.after(() => inTwo.close());
  const itemsInTwo = async (): Promise<number> => Number((await inTwo.stats()).get('curr_items'));
  await until('keys move', async () => (await itemsInTwo()) > 10, 60_000);
  const victim = await pidOf('one-a');
  isKilling = true;
  await loads[0]!.killing(() => loads[1]!.killing(async () => process.kill(victim, 'SIGKILL')));
  await until('it is started anew', async () => ![0, victim].includes(await pidOf('one-a')), 60_000);
  await goesOn();
  assert.match((await command('status', path)).out, /\nkeys of first move from one to one, two, until /);

  // Nothing that is deleted comes back, by whichever proxy.
  isOver = true;
  await checker;
  assert.deepEqual(missed, []);
  const half = KEYS.filter((_, index) => index % 2 === 0);
  for (const key of half) assert.equal(await other.ask(`delete ${key}`), 'DELETED\r\n', key);
  const left = await client.ask(`get ${KEYS.join(' ')}`);
  assert.deepEqual(
    [...left.matchAll(/VALUE (\S+) /g)].map(([, key]) => key),
    KEYS.filter((key) => !half.includes(key)),
  );
  for (const load of loads) {
    const report = await load.stop();
    assert.deepEqual([report.errors, report.lost], [[], []]);
  }
  const carried = await Promise.all(
    [client, other].map(async (by) => Number((await by.stats()).get('reshard_carried'))),
  );
  assert.ok(carried[0]! + carried[1]! > 20, `${carried.join(' and ')} keys were carried over`);

  await until('the page tells it', async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${page}/metrics`)).text();
    return /^twincached_proxy_keys_carried_total\{[^}]*"first"[^}]*\} [1-9]/m.test(metrics);
  });

  // While keys are on their way they are not sent elsewhere, unless they may be lost.
  writeFileSync(path, fileOf(two));
  const refused = await command('reload', path);
  assert.equal(refused.code, 1);
  assert.match(
    refused.err,
    /keys of first are on their way since the last change of its shards, until \S+; change/,
  );
  writeFileSync(path, fileOf(one, two).replace('{ for: 10m, prepare: 1s }', 'false'));
  assert.match((await command('reload', path)).out, /first has its routes\nsecond has its routes\n/);
  assert.doesNotMatch((await command('status', path)).out, /keys of/);

  // A shard that is gone from the file is asked until its keys have moved, and then stopped: the next monitor knows that, too.
  writeFileSync(path, fileOf(two));
  const leaves = await command('reload', path);
  assert.match(
    leaves.out,
    /\none goes on until its keys have moved, and is stopped then\n[\s\S]*keys of first move from one, two to two, /,
  );
  assert.equal(await client.ask(`get ${KEYS.join(' ')}`), left);
  assert.match((await command('status', path)).out, /\n {2}one-a +running /);
  assert.equal((await command('down', path)).code, 0);
  const kept = join(directory, 'twincached', 'shop', 'moves.json');
  const end = Math.round(Date.now() / 1000) - 113;
  const isOverSoon = readFileSync(kept, 'utf8')
    .replace(/("endSeconds": )\d+/g, `$1${end}`)
    .replace(/("startSeconds": )\d+/g, `$1${end - 600}`);
  writeFileSync(kept, isOverSoon);
  const again = twincached(['up', path], ENVIRONMENT);
  t.after(async () => {
    again.child.kill('SIGINT');
    again.child.kill('SIGINT');
    await again.ended();
  });
  await until('the welcome', () => again.stdout().includes('Your cluster runs'), 60_000);
  assert.match(again.stdout(), /one-a/);
  await until(
    'the shard is stopped',
    async () => (await pidOf('one-a')) === 0 && (await pidOf('one-b')) === 0,
    60_000,
  );
  assert.ok((await pidOf('two-a')) > 0);
});
