import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../../testing/daemons.ts';
import { AS_ROOT, freePorts, twincached } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SCRIPT = join(ROOT, 'packaging/init.d/twincached');
const PROGRAM = join(ROOT, 'bin/twincached');

/** A host's /etc/default and /run, in a folder of its own. */
class Host {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'twincached-service-'));
  readonly pidFile: string = join(this.folder, 'run/twincached.pid');
  readonly defaults: string = join(this.folder, 'default');

  constructor(t: TestContext, args: string) {
    writeFileSync(this.defaults, `DAEMON=${PROGRAM}\nDAEMON_ARGS="${args} -P ${this.pidFile} -d"\n`);
    t.after(() => {
      this.service('stop');
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  service(action: string): { readonly status: number | null; readonly said: string } {
    const { status, stdout, stderr } = spawnSync(SCRIPT, [action], {
      env: { ...process.env, TWINCACHED_DEFAULTS: this.defaults },
      encoding: 'utf8',
    });
    return { status, said: `${stdout}${stderr}`.trim() };
  }

  get pid(): number {
    return Number(readFileSync(this.pidFile, 'latin1').trim());
  }
}

test('a pair as services: start, status, restart and stop, and the twin keeps everything', async (t) => {
  const [port = 0, replication = 0] = await freePorts(2);
  const [first, second] = ['127.0.0.1', '127.0.0.2'].map((address, index, all) => {
    const twin = all[1 - index];
    const root = AS_ROOT.join(' ');
    return new Host(t, `-m 16 -p ${port} -l ${address} ${root} -x ${twin} -X ${replication}`);
  });
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual(first.service('status'), { status: 3, said: 'twincached is not running' });
  const started = first.service('start');
  assert.equal(started.said, `twincached is started (process ${first.pid})`);
  assert.equal(first.service('status').said, `twincached is running (process ${first.pid})`);
  assert.match(first.service('start').said, /^twincached is running already/);
  assert.equal(second.service('start').status, 0);
  // The script has returned, so the port is open.
  const client = await TextClient.connect(port);
  assert.equal(await client.set('kept', 'x'), 'STORED');
  const pid = first.pid;
  assert.equal(first.service('restart').status, 0);
  assert.notEqual(first.pid, pid);
  assert.ok(!isAlive(pid));
  const again = await TextClient.connect(port);
  assert.equal(await again.get('kept'), 'x', 'the twin has given it back before the start was over');
  assert.equal(await again.set('last', 'words'), 'STORED');
  assert.deepEqual(first.service('stop'), { status: 0, said: 'twincached is stopped' });
  assert.ok(!existsSync(first.pidFile));
  const twin = await TextClient.connect(port, '127.0.0.2');
  assert.equal(await twin.get('last'), 'words', 'what was queued has been sent');
  for (const one of [client, again, twin]) one.close();
  process.kill(second.pid, 'SIGKILL');
  await until('it is dead', () => second.service('status').status !== 0);
  assert.equal(second.service('start').status, 0);
});

test('what is wrong with a service is said in one line', async (t) => {
  const [port = 0] = await freePorts(1);
  const host = new Host(t, `-m 16 -p ${port} -l 127.0.0.1 ${AS_ROOT.join(' ')} --nonsense`);
  const start = host.service('start');
  assert.equal(start.status, 1);
  assert.match(start.said, /nonsense/);
  writeFileSync(host.defaults, `DAEMON=${PROGRAM}\nDAEMON_ARGS="-d"\n`);
  assert.match(host.service('start').said, /names no pid file/);
  assert.equal(host.service('start').status, 6);
  writeFileSync(host.defaults, `DAEMON=/nowhere/twincached\n`);
  assert.equal(host.service('start').status, 5);
  assert.equal(host.service('dance').status, 5);
});

test('the unit of systemd starts the node in the foreground, whatever the options say for the init script', async (t) => {
  const [port = 0] = await freePorts(1);
  const unit = readFileSync(join(ROOT, 'packaging/systemd/twincached.service'), 'utf8');
  const line = /^ExecStart=\/bin\/sh -c '(.*)'$/m.exec(unit)?.[1] ?? '';
  // As systemd does: $$ is a dollar sign, $DAEMON_ARGS is left to the shell, which has it in its environment.
  const script = line.replaceAll('$$', '$');
  const pidFile = join(tmpdir(), `twincached-unit-${process.pid}.pid`);
  const child = spawn('/bin/sh', ['-c', script], {
    env: {
      ...process.env,
      PATH: `${join(ROOT, 'bin')}:${process.env['PATH'] ?? ''}`,
      DAEMON_ARGS: `-m 16 -p ${port} -l 127.0.0.1 ${AS_ROOT.join(' ')} -d -P ${pidFile} -X 0`,
    },
    stdio: 'ignore',
  });
  t.after(() => child.kill('SIGKILL'));
  const client = await until('an open port', () => TextClient.connect(port));
  assert.equal(Number((await client.stats()).get('pid')), child.pid);
  assert.ok(!existsSync(pidFile));
  client.close();
  child.kill('SIGTERM');
  await until('its end', () => child.exitCode === 0);
});

test('the units are as systemd wants them', {
  skip: spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'systemd-analyze is not installed',
}, () => {
  for (const name of ['twincached.service', 'twincached@.service', 'twincached-cluster.service']) {
    const { stderr, stdout } = spawnSync(
      'systemd-analyze',
      ['verify', join(ROOT, 'packaging/systemd', name)],
      { encoding: 'utf8' },
    );
    assert.doesNotMatch(`${stdout}${stderr}`, /Unknown|Failed to parse|Invalid/);
  }
});

test('the unit of a cluster checks the file, and its commands are ones of the program', async () => {
  const unit = readFileSync(join(ROOT, 'packaging/systemd/twincached-cluster.service'), 'utf8');
  const words = (key: string): readonly string[] =>
    new RegExp(`^${key}=/usr/bin/env twincached (.*)$`, 'm').exec(unit)?.[1]?.split(' ') ?? [];
  assert.deepEqual(words('ExecStart'), ['up', '/etc/twincached/cluster.yml', '$ARGS']);
  const [verb = '', file, args] = words('ExecStartPre');
  assert.deepEqual([file, args], ['/etc/twincached/cluster.yml', '$ARGS']);
  const defaults = readFileSync(join(ROOT, 'packaging/default/twincached-cluster'), 'utf8');
  const example = /^#ARGS="(.*)"$/m.exec(defaults)?.[1]?.split(' ') ?? [];
  const check = twincached([verb, join(ROOT, 'examples/three-hosts.yml'), ...example]);
  assert.equal(await check.ended(), 0, check.stderr());
  assert.match(check.stdout(), /^all-a at /m);
  assert.doesNotMatch(check.stdout(), /^all-b at /m);
});

test('a log that logrotate moves away goes on in a new file', async (t) => {
  const [port = 0, stats = 0] = await freePorts(2);
  const folder = mkdtempSync(join(tmpdir(), 'twincached-logrotate-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const rotation = readFileSync(join(ROOT, 'packaging/logrotate/twincached'), 'utf8');
  const script = (/postrotate\n([\s\S]*?)endscript/.exec(rotation)?.[1] ?? '').replaceAll(
    '/run/twincached',
    folder,
  );
  assert.ok(script.includes(folder));
  const [configuration, log, pidFile] = ['nutcracker.yml', 'nutcracker.log', 'nutcracker.pid'].map((name) =>
    join(folder, name),
  );
  assert.ok(configuration !== undefined && log !== undefined && pidFile !== undefined);
  writeFileSync(configuration, `pool:\n  listen: 127.0.0.1:${port}\n  servers:\n    - 127.0.0.1:1:1\n`);
  const proxy = twincached([
    'nutcracker',
    '-c',
    configuration,
    '-o',
    log,
    '-p',
    pidFile,
    '-s',
    String(stats),
  ]);
  t.after(() => void proxy.child.kill('SIGKILL'));
  // Its pid file comes last, when it listens and heeds signals.
  await until('its pid file', () => existsSync(pidFile) && readFileSync(pidFile, 'latin1') !== '');
  assert.ok(existsSync(log));
  renameSync(log, `${log}.1`);
  const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  await until('the new log', () => existsSync(log));
  assert.equal(await proxy.kill('SIGTERM'), 0);
});
