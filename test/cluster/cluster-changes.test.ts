/*
 * A cluster is changed while clients use it: twins and shards come and go, nodes get more memory, everything is restarted and switched over. No
 * client sees an error, and no acknowledged value is lost.
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

const directory = mkdtempSync(join(tmpdir(), 'twincached-changes-'));
after(() => rmSync(directory, { recursive: true }));
const ENVIRONMENT = { XDG_STATE_HOME: directory };
const path = join(directory, 'shop.yml');

/** Between two rounds of a client. */
const PAUSE_MS = 2;

interface Status {
  readonly state: string;
  readonly services: readonly { readonly name: string; readonly state: string; readonly pid: number }[];
  readonly serving: Readonly<Record<string, string>>;
  readonly operation: { readonly state: string; readonly by: string; readonly text: string } | null;
  readonly events: readonly { readonly text: string }[];
}

/** Runs a command to its end. */
async function command(...words: string[]): Promise<{ code: unknown; out: string; err: string }> {
  const running = twincached(words, ENVIRONMENT);
  const code = await running.ended();
  return { code, out: running.stdout(), err: running.stderr() };
}

/** One that must do what it is told. */
async function ordered(...words: string[]): Promise<string> {
  const { code, out, err } = await command(...words);
  assert.equal(code, 0, `${words.join(' ')}: ${out}${err}`);
  return out;
}

test('what runs is changed under load', async (t) => {
  const ports = await freePorts(11);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, r1 = 0, r2 = 0, first = 0, second = 0, page = 0] = ports;
  const fileOf = (shards: readonly string[], memory: string): string => `name: shop
defaults: { memory: ${memory} }
shards:
${shards.map((shard) => `  - ${shard}\n`).join('')}proxies:
  - { name: first, port: ${first} }
  - { name: second, port: ${second} }
page: { port: ${page}, users: [{ name: ops, role: admin, password-file: password }] }
`;
  const shard = (name: string, replication: number, twins: number[], more = ''): string =>
    `{ name: ${name}, replication-port: ${replication}, twins: [${twins.map((port) => `{ port: ${port} }`).join(', ')}]${more} }`;
  const write = (text: string): void => writeFileSync(path, text);
  const one = shard('one', r1, [a, b]);

  writeFileSync(join(directory, 'password'), 'secret\n', { mode: 0o600 });
  write(fileOf([shard('one', r1, [a])], '32M'));
  const up = await runningCluster(t, path, ENVIRONMENT);
  const headers = { authorization: `Basic ${Buffer.from('ops:secret').toString('base64')}` };
  const status = async (): Promise<Status> =>
    // Cast: our own program's answer; a wrong shape fails the assertions that follow.
    (await (await fetch(`http://127.0.0.1:${page}/status.json`, { headers })).json()) as Status;
  const pids = async (): Promise<Readonly<Record<string, number>>> =>
    Object.fromEntries((await status()).services.map(({ name, pid }) => [name, pid]));

  let load = await SteadyLoad.start(first, '127.0.0.1', 'begun', PAUSE_MS);
  t.after(() => load.stop());
  const goesOn = async (): Promise<void> => {
    const before = load.answered;
    await until('the load goes on', () => load.answered > before + 150);
  };
  const nothingLost = async (when: string): Promise<void> => {
    await goesOn();
    const report = await load.stop();
    assert.deepEqual([report.errors, report.lost], [[], []], when);
    load = await SteadyLoad.start(first, '127.0.0.1', when.replaceAll(' ', '-'), PAUSE_MS);
  };
  await goesOn();

  // A twin joins: nobody else is touched, and the dry run has said so.
  const alone = await pids();
  write(fileOf([one], '32M'));
  const plan = await ordered('reload', path, '--dry-run');
  assert.match(
    plan,
    /^start one-b at 127\.0\.0\.1:\d+, twin 2 of one\nfirst takes over .*\nsecond takes over .*\n1 process untouched\n$/,
  );
  assert.deepEqual(await pids(), alone, 'a dry run does nothing');
  assert.match(
    await ordered('reload', path),
    /one-b serves, in sync\nfirst has its routes\nsecond has its routes\ndone: /,
  );
  const { 'one-b': joined, ...others } = await pids();
  assert.deepEqual(others, alone);
  assert.ok(joined !== undefined && joined > 0);
  await nothingLost('a twin joined');

  // The proxies ask the other twin first.
  assert.match(await ordered('switchover', 'one', '--cluster', 'shop'), /done: one-b is asked first/);
  assert.equal((await status()).serving['one'], 'one-b');
  await nothingLost('switched over');
  const direct = await TextClient.connect(b);
  const before = Number((await direct.stats()).get('cmd_set'));
  await goesOn();
  assert.ok(Number((await direct.stats()).get('cmd_set')) > before, 'it is the other one that is written');
  direct.close();

  // Proxies ask it no more, and nobody takes the other one away meanwhile; its writes come to it all the same.
  assert.match(await ordered('take-out', 'one-b', '--cluster', 'shop'), /first does not ask one-b\n/);
  assert.match(
    await ordered('status', '--page-port', String(page)),
    /\n {2}one-b +running .*taken out of first, second/,
  );
  await nothingLost('taken out');
  const aside = await TextClient.connect(b);
  const asked = Number((await aside.stats()).get('cmd_get'));
  await goesOn();
  assert.equal(Number((await aside.stats()).get('cmd_get')), asked, 'it is read no more');
  aside.close();
  const lonely = await command('restart', '--rolling', 'one-a');
  assert.match(lonely.err, /failed: first asks nobody else for the keys of one; put one-b back first\n$/);
  const nobodyLeft = await command('take-out', 'one-a', '--proxy', 'first');
  assert.match(
    nobodyLeft.err,
    /: first would have nobody to ask for the keys of one; put one-b back first\n$/,
  );
  assert.match(await ordered('put-back', 'one-b'), /first asks one-b again\nsecond asks one-b again\ndone: /);
  await nothingLost('put back');

  // More memory: one twin after the other.
  write(fileOf([one], '48M'));
  const memory = await ordered('reload');
  assert.match(memory, /restart one-a: -m 32 becomes 48\nrestart one-b: -m 32 becomes 48\n/);
  // The one that is asked first comes last, and is asked first again.
  assert.match(
    memory,
    /one-a is restarted, in sync[\s\S]*one-b is restarted, in sync[\s\S]*proxies ask one-b first\ndone: /,
  );
  const larger = await pids();
  const changed = Object.keys(larger).filter((name) => larger[name] !== { ...alone, 'one-b': joined }[name]);
  assert.deepEqual(changed, ['one-a', 'one-b'], 'proxies are not touched');
  await nothingLost('more memory');

  // An option that no node knows: one twin is tried, and runs as before.
  write(fileOf([shard('one', r1, [a, b], ', options: ["--nonsense"]')], '48M'));
  const refused = await command('reload', path);
  assert.equal(refused.code, 1);
  assert.match(
    refused.err,
    /^twincached: reload failed: one-a does not start: .*nonsense.*; it runs as it did before/,
  );
  assert.equal((await pids())['one-b'], larger['one-b'], 'its twin is not touched');
  write(fileOf([one], '48M'));
  assert.match(await ordered('reload'), /4 processes untouched\ndone: nothing had to be done/);
  await nothingLost('an option that is unknown');

  // Everything is restarted; of the proxies the one that clients do not use, and then the other one.
  const rolled = await ordered('restart', '--rolling', 'one', 'second', '--page-port', String(page));
  assert.match(
    rolled,
    /one-a is restarted, in sync[\s\S]*one-b is restarted, in sync[\s\S]*second is restarted\ndone: 3 services restarted/,
  );
  await nothingLost('restarted');
  await load.stop();
  load = await SteadyLoad.start(second, '127.0.0.1', 'other', PAUSE_MS);
  await ordered('restart', '--rolling', 'first');
  await nothingLost('the other proxy is restarted');

  // A mistake is told with its place, and changes nothing.
  const running = await pids();
  write(fileOf([one], 'lots'));
  const wrong = await command('reload', path);
  assert.deepEqual([wrong.code, wrong.out], [1, '']);
  assert.equal(
    wrong.err,
    `twincached reload: ${path}:2:21: defaults.memory: "lots" is no size; write a number with M or G, such as 64M\n`,
  );

  // A shard joins by SIGHUP: nothing fails.
  write(fileOf([one, shard('two', r2, [c, d, e].slice(0, 2))], '48M'));
  up.child.kill('SIGHUP');
  await until('the new shard serves', async () => {
    const { operation, services } = await status();
    return operation?.by === 'SIGHUP' && operation.state === 'done' && services.length === 6;
  });
  await goesOn();
  const grown = await pids();
  for (const [name, pid] of Object.entries(running)) assert.equal(grown[name], pid, `${name} is not touched`);
  const behindTwo = await TextClient.connect(c);
  await until(
    'keys lie on the new shard',
    async () => Number((await behindTwo.stats()).get('curr_items')) > 0,
  );
  behindTwo.close();

  // It goes again, and with it one of the twins that were there; its keys are given up.
  write(`${fileOf([shard('one', r1, [b])], '48M')}reshard: false\n`);
  const gone = await ordered('reload', path);
  assert.match(gone, /one-b becomes one-a; its process goes on/);
  const left = await pids();
  assert.deepEqual(Object.keys(left).sort(), ['first', 'one-a', 'second']);
  assert.equal(left['one-a'], grown['one-b'], 'the twin that stays has the name of the one in front');
  await goesOn();
  assert.deepEqual((await load.stop()).errors, []);

  const lone = await command('restart', '--rolling', 'one');
  assert.deepEqual(
    [lone.code, lone.err.split(':')[2]],
    [1, ' no twin has the items, a restart would lose them; --force restarts all the same\n'],
  );
  const { events } = await status();
  assert.ok(
    events.some(({ text }) => /^reload requested by [\w.@-]+'s command from 127\.0\.0\.1$/.test(text)),
  );

  assert.match(await ordered('down', path), /cluster shop is down\n$/);
  assert.equal(await up.ended(), 0);
  assert.equal(up.stderr(), '');
  for (const pid of Object.values(left)) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  const nobody = await command('down', path);
  assert.deepEqual([nobody.code, nobody.err], [1, `twincached down: no cluster ${path} runs here\n`]);
  assert.throws(() => readFileSync(join(directory, 'twincached/shop/monitor.json')), { code: 'ENOENT' });
});
