/* `twincached up` from its start to its end, as a process of its own, with stand-ins for the nodes and proxies. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../../testing/daemons.ts';
import { freePortOffset, movedLocalPlan } from '../../testing/free-port-offset.ts';
import { type Running, run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { busyPorts } from './port-check.ts';
import { status } from './status.ts';

const PROGRAM = fileURLToPath(new URL('../../testing/up-with-stand-ins.js', import.meta.url));

/** What a cluster keeps of itself is kept apart from that of whoever runs the tests. */
const state = mkdtempSync(join(tmpdir(), 'twincached-state-'));
after(() => rmSync(state, { recursive: true }));
const ENVIRONMENT = { XDG_STATE_HOME: state };

const NO_SCRIPT = existsSync('/usr/bin/script') ? false : 'script is not installed';

interface Cluster {
  readonly program: Running;
  readonly portOffset: number;
  readonly pagePort: number;
  /** The status as JSON says it, by service. */
  services(): Promise<ServicePicture[]>;
  ready(): Promise<void>;
}

interface ServicePicture {
  readonly name: string;
  readonly state: string;
  readonly pid: number | null;
  readonly restarts: number;
}

/** Starts a cluster; whatever a failing test leaves behind is killed. */
async function upWith(
  t: TestContext,
  standIn: (portOffset: number) => string,
  args: readonly string[] = [],
  offset: number | null = null,
): Promise<Cluster> {
  const portOffset = offset ?? (await freePortOffset());
  const pagePort = 2812 + portOffset;
  const program = run(process.execPath, [PROGRAM, '--port-offset', String(portOffset), ...args], {
    STAND_IN: standIn(portOffset),
    ...ENVIRONMENT,
  });
  t.after(async () => {
    program.child.kill('SIGINT');
    program.child.kill('SIGINT');
    await program.ended();
  });
  const cluster: Cluster = {
    program,
    portOffset,
    pagePort,
    services: async () => {
      const answer = await fetch(`http://127.0.0.1:${pagePort}/status.json`);
      // Cast: our own program's answer; a wrong shape fails the assertions that follow.
      return ((await answer.json()) as { services: ServicePicture[] }).services;
    },
    ready: async () => {
      await until('the welcome', () => program.stdout().includes('Your cluster runs'));
    },
  };
  return cluster;
}

async function portsAreFree(portOffset: number): Promise<void> {
  assert.deepEqual(await busyPorts(movedLocalPlan(portOffset)), []);
}

function pidsOf(services: readonly ServicePicture[]): number[] {
  return services.flatMap(({ pid }) => (pid === null ? [] : [pid]));
}

test('it starts everything, tells how to try it, replaces what dies, and stops in order on Ctrl-C', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const stopLog = join(directory, 'stops');
  const cluster = await upWith(t, () => `logs-stop=${stopLog}`);
  await cluster.ready();
  const text = cluster.program.stdout();
  assert.match(text, new RegExp(`get hello -s 127.0.0.1:${12000 + cluster.portOffset}\n`));
  assert.match(text, new RegExp(`http://127.0.0.1:${cluster.pagePort}/`));

  const before = await cluster.services();
  assert.equal(before.length, 7);
  assert.ok(before.every(({ state }) => state === 'running'));
  const victim = before.find(({ name }) => name === 'node-1a')?.pid;
  assert.ok(victim);
  assert.ok(text.includes(`kill -9 ${victim}`));
  process.kill(victim, 'SIGKILL');
  const after = await until('the victim is back', async () => {
    const services = await cluster.services();
    const node = services.find(({ name }) => name === 'node-1a');
    return node?.state === 'running' && node.pid !== victim ? services : null;
  });
  assert.match(cluster.program.stdout(), /node-1a: died of SIGKILL; restarted at once/);
  const capture: string[] = [];
  const code = await status(['--page-port', String(cluster.pagePort)], {
    out: (line) => void capture.push(line),
    err: (line) => void capture.push(line),
  });
  assert.equal(code, 0, capture.join(''));
  assert.match(capture.join(''), /^cluster local: ok\n {2}SERVICE .*\n {2}node-1a {2}running /);

  assert.equal(await cluster.program.kill('SIGINT'), 0);
  assert.equal(cluster.program.stderr(), '');
  assert.deepEqual(readdirSync(state), [], 'nothing is left on disk');
  for (const pid of pidsOf(after)) assert.ok(!isAlive(pid), `process ${pid} is an orphan`);
  const order = readFileSync(stopLog, 'utf8')
    .trim()
    .split('\n')
    .map((port) => Number(port) - cluster.portOffset);
  assert.equal(order[0], 12000);
  assert.equal(order.length, 7);
  // A node goes after its proxy; the two halves of the cluster do not wait for each other.
  for (const [proxy, nodes] of [
    [11200, [11221, 11222]],
    [11300, [11321, 11322]],
  ] as const)
    for (const node of nodes) assert.ok(order.indexOf(proxy) < order.indexOf(node), String(order));
  await portsAreFree(cluster.portOffset);
});

test('SIGTERM ends it just as cleanly, also while it starts', async (t) => {
  const cluster = await upWith(t, () => '');
  await until('it starts', () => cluster.program.stdout().includes('starting 7 processes'));
  assert.equal(await cluster.program.kill('SIGTERM'), 0);
  await portsAreFree(cluster.portOffset);
});

test('SIGHUP asks for what there is to be compared with what runs, and ends nothing', async (t) => {
  const cluster = await upWith(t, () => '');
  await cluster.ready();
  cluster.program.child.kill('SIGHUP');
  await until('nothing has changed', () => cluster.program.stdout().includes('nothing had to be done'));
  assert.ok((await cluster.services()).every(({ state }) => state === 'running'));
});

test('when its terminal goes, it ends', { skip: NO_SCRIPT }, async (t) => {
  const portOffset = await freePortOffset();
  const words = [process.execPath, PROGRAM, '--port-offset', String(portOffset)];
  // script(1) gives it a terminal, which goes with script itself.
  const terminal = run('script', ['-qec', `exec ${words.join(' ')}`, '/dev/null'], ENVIRONMENT);
  t.after(() => terminal.kill('SIGKILL'));
  await until('the welcome', () => terminal.stdout().includes('Your cluster runs'));
  const answer = await fetch(`http://127.0.0.1:${2812 + portOffset}/status.json`);
  // Cast: our own program's answer; a wrong shape fails the assertions that follow.
  const pids = pidsOf(((await answer.json()) as { services: ServicePicture[] }).services);
  assert.equal(pids.length, 7);
  terminal.child.kill('SIGKILL');
  await until('everything has ended', () => !pids.some(isAlive));
  await until('the ports are free', async () => {
    await portsAreFree(portOffset);
    return true;
  });
});

test('a second Ctrl-C kills at once what does not want to end', async (t) => {
  const cluster = await upWith(t, () => 'ignores-term');
  await cluster.ready();
  const pids = pidsOf(await cluster.services());
  cluster.program.child.kill('SIGINT');
  await until('it stops', () => cluster.program.stdout().includes('Stopping'));
  assert.equal(await cluster.program.kill('SIGINT'), 0);
  for (const pid of pids) assert.ok(!isAlive(pid));
});

test('a child that dislikes its options ends the start in one line, and nothing is left', async (t) => {
  const cluster = await upWith(t, (portOffset) => `bad-option only=${11322 + portOffset}`);
  assert.equal(await cluster.program.ended(), 1);
  assert.equal(
    cluster.program.stderr(),
    "twincached up: node-2b: exited with code 64: stand-in: invalid option -- 'z'\n",
  );
  await portsAreFree(cluster.portOffset);
});

test('busy ports are named, and nothing is started', async (t) => {
  const cluster = await upWith(t, () => '');
  await cluster.ready();
  const second = run(process.execPath, [PROGRAM, '--port-offset', String(cluster.portOffset)]);
  assert.equal(await second.ended(), 1);
  const lines = second.stderr().trimEnd().split('\n');
  // Seven services and the page; the stand-ins open no replication ports.
  assert.equal(lines.length, 8);
  for (const line of lines) assert.match(line, /^twincached up: port \d+, wanted by .* is in use/);
  assert.equal(second.stdout(), '');
  assert.ok((await cluster.services()).every(({ state, restarts }) => state === 'running' && restarts === 0));
});

test('what a killed monitor has left is taken over by the next one, and nothing of it is left in the end', async (t) => {
  const first = await upWith(t, () => '');
  await first.ready();
  const before = pidsOf(await first.services());
  first.program.child.kill('SIGKILL');
  await first.program.ended();
  t.after(() => {
    for (const pid of before) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  assert.ok(before.every(isAlive));
  const second = await upWith(t, () => '', [], first.portOffset);
  await second.ready();
  assert.deepEqual(pidsOf(await second.services()), before);
  assert.match(second.program.stdout(), /proxy-1 runs already, process \d+: taken over/);
  assert.equal(await second.program.kill('SIGINT'), 0);
  assert.ok(!before.some(isAlive));
  const own = ['run', 'monitor'].map((what) => new RegExp(`^${what}-offset-${first.portOffset}\\b`));
  const left = existsSync(join(state, 'twincached/local'))
    ? readdirSync(join(state, 'twincached/local'))
    : [];
  assert.ok(!left.some((name) => own.some((pattern) => pattern.test(name))), left.join());
});

test('wrong words on the command line are one line', async () => {
  for (const [args, line] of [
    [['--foo'], "unknown option '--foo'"],
    [['cluster.yml'], 'cluster.yml: cannot be read: no such file or directory'],
    [['a.yml', 'b.yml'], "unexpected argument 'b.yml'"],
    [['--host', 'a'], "option '--host' needs a cluster file"],
    [['--node-memory', '0'], "option '--node-memory' takes a whole number from 1 to 1000000, not '0'"],
    [['--port-offset', '53536'], "option '--port-offset' takes a whole number from 0 to 53535, not '53536'"],
  ] as const) {
    const program = run(process.execPath, [PROGRAM, ...args]);
    assert.equal(await program.ended(), 1);
    assert.equal(program.stderr(), `twincached up: ${line}\n`);
  }
});

test('verbose shows what the processes write, with their names', async (t) => {
  const cluster = await upWith(t, () => '', ['-v']);
  await cluster.ready();
  const line = `node-1b: listening on ${11222 + cluster.portOffset}\n`;
  await until('the line of the child', () => cluster.program.stdout().includes(line));
});

test('status says when nobody is there, or somebody else', async (t) => {
  const said: string[] = [];
  const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) };
  const server = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  t.after(() => server.close());
  assert.equal(await status(['--page-port', String(address.port)], io), 1);
  assert.equal(
    said.pop(),
    `twincached status: what answers at 127.0.0.1:${address.port} is not a twincached monitor\n`,
  );
  assert.equal(await status(['--page-port', '1'], io), 1);
  assert.equal(said.pop(), 'twincached status: no monitor runs at 127.0.0.1:1\n');
});
