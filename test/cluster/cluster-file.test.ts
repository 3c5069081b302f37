/*
 * Cluster files with their real nodes and proxies: `twincached up FILE` on one host, and one part of a file on each of three.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePorts, type Running, twincached } from '../../testing/processes.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TcpRelay } from '../../testing/tcp-relay.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-cluster-'));
after(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function up(...words: string[]): Running {
  return twincached(['up', ...words], { XDG_STATE_HOME: directory });
}

async function stop(running: Running): Promise<void> {
  if (running.child.exitCode !== null) return;
  running.child.kill('SIGINT');
  assert.equal(await running.ended(), 0);
}

/** Kills a monitor and, with it, what it runs: as when a host dies. */
async function cutOff(running: Running): Promise<void> {
  running.child.kill('SIGINT');
  running.child.kill('SIGINT');
  await running.ended();
}

interface Service {
  readonly name: string;
  readonly state: string;
  readonly pid: number;
}

async function services(pagePort: number): Promise<Service[]> {
  const answer = await fetch(`http://127.0.0.1:${pagePort}/status.json`);
  // Cast: our own program's answer; a wrong shape fails the assertions that follow.
  return ((await answer.json()) as { services: Service[] }).services;
}

test('a file of two pairs, one of them with a spare: any node is killed under load, and nothing is lost', async (t) => {
  const [a, b, c, d, e, f, r1, r2, r3, entry = 0, page = 0] = await freePorts(11);
  const cluster = up(
    file(
      'two.yml',
      `name: two
defaults: { memory: 32M }
limits: { proxies: { request-timeout: 20s, connect-timeout: 20s } }
shards:
  - { name: one, replication-port: ${r1}, twins: [{ port: ${a} }, { port: ${b} }] }
  - { name: two, replication-port: ${r2}, twins: [{ port: ${c} }, { port: ${d} }] }
  - { name: spare, replication-port: ${r3}, twins: [{ port: ${e} }, { port: ${f} }] }
proxies:
  - { name: users, port: ${entry}, spare: spare }
page: { port: ${page} }
`,
    ),
  );
  t.after(() => stop(cluster));
  await until(`the welcome: ${cluster.stderr()}`, () => cluster.stdout().includes('Your cluster runs'));
  assert.ok(cluster.stdout().includes(`get hello -s 127.0.0.1:${entry}\n`));
  const load = await SteadyLoad.start(entry);
  const goesOn = async (): Promise<void> => {
    const before = load.answered;
    await until('the load goes on', () => load.answered > before + 300);
  };
  for (const name of ['one-a', 'two-b', 'spare-a']) {
    await goesOn();
    const victim = (await services(page)).find((service) => service.name === name);
    assert.ok(victim !== undefined);
    process.kill(victim.pid, 'SIGKILL');
    await goesOn();
    await until(`${name} is back`, async () =>
      (await services(page)).some(
        (now) => now.name === name && now.state === 'running' && now.pid !== victim.pid,
      ),
    );
  }
  await goesOn();
  const report = await load.stop();
  assert.deepEqual([report.errors, report.lost], [[], []]);
});

test('one file on three hosts, of which one is cut off and comes back', async (t) => {
  const [port, replication, entry = 0, ...pages] = await freePorts(6);
  const path = file(
    'three.yml',
    `name: three
defaults: { memory: 32M }
hosts: { a: 127.0.1.1, b: 127.0.2.1, c: 127.0.3.1 }
shards:
  - name: all
    replication-port: ${replication}
    twins: [{ host: a, port: ${port} }, { host: b, port: ${port} }, { host: c, port: ${port} }]
proxies:
  - { name: proxy-a, host: a, port: ${entry} }
  - { name: proxy-b, host: b, port: ${entry} }
  - { name: proxy-c, host: c, port: ${entry} }
`,
  );
  const hosts = ['a', 'b', 'c'];
  const start = (index: number): Running =>
    up(path, '--host', hosts[index]!, '--page-port', `${pages[index]}`);
  const running = hosts.map((_, index) => start(index));
  t.after(() => Promise.all(running.map(stop)));
  const runs = (index: number): Promise<boolean> =>
    until(`host ${hosts[index]} runs: ${running[index]!.stderr()}`, () =>
      running[index]!.stdout().includes('Your cluster runs'),
    );
  for (const index of [0, 1, 2]) await runs(index);
  const client = async (index: number): Promise<TextClient> =>
    TextClient.connect(entry, `127.0.${index + 1}.1`);
  const first = await client(0);
  const last = await client(2);
  assert.equal(await first.set('k', 'of all'), 'STORED');
  await until('it is seen on the other host', async () => (await last.get('k')) === 'of all');

  await cutOff(running[1]!);
  assert.equal(await first.set('meanwhile', '1'), 'STORED');
  assert.equal(await last.set('also', '2'), 'STORED');
  // On a host that is left a node is stopped: the one on the third host stands in for it.
  const statusOf = async (): Promise<string> => {
    const shown = twincached(['status', path, '--host', 'a'], { XDG_STATE_HOME: directory });
    await shown.ended();
    return shown.stdout();
  };
  const record: unknown = JSON.parse(
    readFileSync(join(directory, 'twincached/three/monitor-a.json'), 'utf8'),
  );
  assert.ok(typeof record === 'object' && record !== null && 'key' in record);
  const act = (action: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${pages[0]}/all-a`, {
      method: 'POST',
      redirect: 'manual',
      headers: { authorization: `Bearer ${record.key}` },
      body: new URLSearchParams({ action, operator: 'test' }),
    });
  assert.equal((await act('stop')).status, 303);
  const degraded =
    /^cluster three: degraded\n[\s\S]*\n {2}all-a +stopped [\s\S]*\n {2}all-b +no answer +127\.0\.2\.1:\d+\n {2}all-c +elsewhere /;
  await until('degraded', async () => degraded.test(await statusOf()));
  assert.equal((await act('start')).status, 303);
  await until('all that is here runs', async () =>
    /^cluster three: degraded\n[\s\S]*\n {2}all-a +running /.test(await statusOf()),
  );
  running[1] = start(1);
  await runs(1);
  await until('all is well', async () => (await statusOf()).startsWith('cluster three: ok\n'));
  const told = (await (await fetch(`http://127.0.0.1:${pages[1]}/status.json`)).text()).match(
    /the monitor starts, process \d+/g,
  );
  assert.equal(new Set(told).size, 2, 'the events are those of the monitor before, too');
  const back = await TextClient.connect(port ?? 0, '127.0.2.1');
  for (const [key, value] of [
    ['k', 'of all'],
    ['meanwhile', '1'],
    ['also', '2'],
  ] as const)
    await until(`${key} is on the host that was away`, async () => (await back.get(key)) === value);
  // Two monitors that know nothing of each other are told to restart their nodes at once: one node is away at a time.
  const restarts = ['b', 'c'].map((host) =>
    twincached(['restart', '--rolling', 'all', '--cluster', path, '--host', host], {
      XDG_STATE_HOME: directory,
    }),
  );
  let isOver = false;
  const over = Promise.all(
    restarts.map(async (restart) => assert.equal(await restart.ended(), 0, restart.stderr())),
  ).finally(() => {
    isOver = true;
  });
  const answers = async (index: number): Promise<boolean> =>
    TextClient.connect(port ?? 0, `127.0.${index + 1}.1`).then(
      (one) => {
        one.close();
        return true;
      },
      () => false,
    );
  await until('both have been restarted', async () => {
    const [b, c] = await Promise.all([answers(1), answers(2)]);
    assert.ok(b || c, 'one of the two serves at any time');
    return isOver;
  });
  await over;
  for (const one of [first, last, back]) one.close();
});

test('a host is cut off the network and comes back under load: nothing fails, and nothing is lost', async (t) => {
  const [port = 0, replication = 0, entry = 0, ...pages] = await freePorts(6);
  const hosts = ['a', 'b', 'c'] as const;
  const own = (index: number): string => `127.0.${index + 1}.1`;
  // The way to host b, and from it, leads through relays: each host has a file with the addresses that it sees.
  const relays: TcpRelay[] = [];
  t.after(() => {
    for (const relay of relays) relay.close();
  });
  const addressSeen = async (from: number, to: number): Promise<string> => {
    if (from === to || (from !== 1 && to !== 1)) return own(to);
    const host = `127.0.${(from + 1) * 10 + to}.1`;
    for (const each of [port, replication])
      relays.push(await TcpRelay.to(each, own(to), { host, port: each }));
    return host;
  };
  const paths: string[] = [];
  for (const [from, host] of hosts.entries()) {
    const seen = await Promise.all(hosts.map((_, to) => addressSeen(from, to)));
    paths.push(
      file(
        `cut-${host}.yml`,
        `name: cut-${host}
defaults: { memory: 32M }
hosts: { a: ${seen[0]}, b: ${seen[1]}, c: ${seen[2]} }
shards:
  - name: all
    replication-port: ${replication}
    twins: [{ host: a, port: ${port} }, { host: b, port: ${port} }, { host: c, port: ${port} }]
proxies: [{ name: users, host: a, port: ${entry} }]
`,
      ),
    );
  }
  const running = hosts.map((host, index) =>
    up(paths[index]!, '--host', host, '--page-port', `${pages[index]}`),
  );
  t.after(() => Promise.all(running.map(stop)));
  for (const one of running)
    await until(`it runs: ${one.stderr()}`, () => one.stdout().includes('Your cluster runs'));
  // What is going to be cut off is what is asked first.
  const order = twincached(['switchover', 'all', '--to', 'all-b', '--cluster', paths[0]!], {
    XDG_STATE_HOME: directory,
  });
  assert.equal(await order.ended(), 0, order.stderr());
  const load = await SteadyLoad.start(entry, own(0), 'cut', 2);
  const goesOn = async (): Promise<void> => {
    const before = load.answered;
    await until('the load goes on', () => load.answered > before + 300);
  };
  await goesOn();
  const isMissed = async (): Promise<boolean> =>
    (await (await fetch(`http://127.0.0.1:${pages[0]}/status.json`)).text()).includes('"answers": false');
  assert.equal(await isMissed(), false);
  for (const relay of relays) relay.hold('forth', 'back');
  await until('it is missed', isMissed);
  await goesOn();
  for (const relay of relays) relay.heal();
  await until('it is there again', async () => !(await isMissed()));
  const [here, there] = [await TextClient.connect(port, own(0)), await TextClient.connect(port, own(1))];
  await until('it is in sync', async () => {
    const lines = await there.stats('replication');
    return lines.get('replication_in_sync') === '1' && lines.get('replication_peers') === '2';
  });
  await goesOn();
  const { errors, lost, writes } = await load.stop();
  assert.deepEqual([errors, lost], [[], []]);
  for (let key = 0; key < 64; key++)
    await until(
      `cut${key} is the same on both`,
      async () => (await here.get(`cut${key}`)) === (await there.get(`cut${key}`)),
    );
  assert.ok(writes > 100);
  here.close();
  there.close();
});

test('a file with a mistake starts nothing, and says where it is', async () => {
  const path = file('bad.yml', 'shards: []\nproxies: []\n');
  const failed = up(path);
  assert.equal(await failed.ended(), 1);
  assert.equal(
    failed.stderr(),
    `twincached up: ${path}:1:9: shards: [] is out of bounds; write a list with at least 1 entries\n`,
  );
  for (const [words, message] of [
    [['--host', 'a'], "option '--host' needs a cluster file"],
    [[path, 'more'], "unexpected argument 'more'"],
    [
      [path, '--port-offset', '1'],
      "option '--port-offset' is for the cluster without a file; the file says it",
    ],
  ] as const) {
    const refused = up(...words);
    assert.equal(await refused.ended(), 1);
    assert.equal(refused.stderr(), `twincached up: ${message}\n`);
  }
});
