import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { isAlive } from '../../testing/daemons.ts';
import { until } from '../../testing/wait.ts';

/**
 * The program from its command line to its end, with stand-ins for the roles. Each personality is a script named after it, as a link would be, that calls
 * `main`; what the stand-in does is said by the variable STAND_IN.
 */
const MAIN = new URL('./main.js', import.meta.url).href;
const START_ERROR = new URL('../base/start-error.js', import.meta.url).href;

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'twincached-main-')));
const started: number[] = [];
after(() => {
  for (const pid of started) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

for (const name of ['memcached', 'magent', 'twincached', 'repcached'])
  writeFileSync(
    join(directory, name),
    `(async () => {
      const { main } = await import(${JSON.stringify(MAIN)});
      const { StartError } = await import(${JSON.stringify(START_ERROR)});
      const never = new Promise(() => {});
      const start = async (options) => {
        const running = {
          port: 4711,
          addresses: [
            { transport: 'tcp', address: { family: 'ipv4', host: '127.0.0.1', port: 4711 } },
            { transport: 'udp', address: { family: 'ipv6', host: '::1', port: 4712 } },
          ],
          failed: never,
          stop: async () => {},
          reload: () => process.stdout.write('read again\\n'),
        };
        switch (process.env.STAND_IN) {
          case 'busy': throw new StartError('port 1: Address already in use', 71);
          case 'broken': throw new TypeError('an invariant');
          case 'crash': setImmediate(() => { throw new TypeError('out of the blue'); }); return never;
          case 'slow': console.log('starting'); setTimeout(() => {}, 60000); return never;
          case 'fails': return { ...running, failed: new Promise((resolve) => setImmediate(resolve, new Error('a thread died'))) };
          case 'shutdown': return { ...running, shutdown: new Promise((resolve) => setImmediate(resolve)) };
          case 'stuck': running.stop = () => { console.log('stopping'); return never; };
        }
        setTimeout(() => {}, 60000);
        setImmediate(() => console.log(JSON.stringify(options)));
        return running;
      };
      await main(process.argv, { startNode: start, startMagent: start });
    })();`,
  );

const ROOT: readonly string[] = process.getuid?.() === 0 ? ['-u', 'root'] : [];

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly complaints: string;
}

function environment(standIn: string): NodeJS.ProcessEnv {
  return { ...process.env, STAND_IN: standIn };
}

/** Runs a program that ends by itself. */
function run(name: string, words: readonly string[], standIn = 'serves'): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(directory, name), ...words], {
    encoding: 'utf8',
    cwd: directory,
    env: environment(standIn),
  });
  return { code: status, output: stdout, complaints: stderr };
}

/** Starts a program in the foreground and waits for its first line. */
async function foreground(
  name: string,
  words: readonly string[],
  standIn = 'serves',
): Promise<{ child: ChildProcessByStdio<null, Readable, Readable>; line: string; end: Promise<Ended> }> {
  const child = spawn(process.execPath, [join(directory, name), ...words], {
    cwd: directory,
    env: environment(standIn),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) started.push(child.pid);
  let output = '';
  let complaints = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const end = once(child, 'close').then(() => ({ code: child.exitCode, output, complaints }));
  await Promise.race([once(child.stdout, 'data'), end]);
  return { child, line: output, end };
}

async function gone(pid: number): Promise<void> {
  await until(`process ${pid} has ended`, () => !isAlive(pid));
}

function daemonPid(path: string): number {
  const pid = Number(readFileSync(path, 'utf8'));
  started.push(pid);
  return pid;
}

test('a daemon: the command returns when it serves, with the right pid file, and it ends cleanly', async () => {
  // The path of the pid file is meant from where the command was typed, though the daemon itself is in the root directory.
  assert.deepEqual(run('memcached', ['-d', '-P', 'd.pid', ...ROOT]), { code: 0, output: '', complaints: '' });
  const path = join(directory, 'd.pid');
  const pid = daemonPid(path);
  assert.ok(isAlive(pid));
  if (process.platform === 'linux') {
    assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
    for (const descriptor of [0, 1, 2])
      assert.equal(readlinkSync(`/proc/${pid}/fd/${descriptor}`), '/dev/null');
    assert.match(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /^memcached -d -P d\.pid/);
  }
  // A daemon survives the end of its terminal.
  process.kill(pid, 'SIGHUP');
  process.kill(pid, 'SIGTERM');
  await gone(pid);
  assert.equal(existsSync(path), false);
});

test('a daemon that cannot start: its line and its exit code', () => {
  for (const words of [['-d', ...ROOT], ROOT])
    assert.deepEqual(run('memcached', words, 'busy'), {
      code: 71,
      output: '',
      complaints: 'port 1: Address already in use\n',
    });
});

test('a daemon whose pid file cannot be written says so and serves', async () => {
  const { code, complaints } = run('memcached', ['-d', '-P', '/nonexistent/x.pid', ...ROOT], 'shutdown');
  assert.deepEqual(
    [code, complaints],
    [0, 'Could not open the pid file /nonexistent/x.pid.tmp for writing: No such file or directory\n'],
  );
});

test('a fault of our own shows its stack, from a daemon too', () => {
  for (const words of [['-d', ...ROOT], ROOT]) {
    const { code, complaints } = run('memcached', words, 'broken');
    assert.equal(code, 1);
    assert.match(complaints, /^memcached: internal error: TypeError: an invariant\n {4}at /);
  }
  const crash = run('memcached', ['-d', ...ROOT], 'crash');
  assert.equal(crash.code, 1);
  assert.match(crash.complaints, /^memcached: internal error: TypeError: out of the blue\n {4}at /);
});

test('magent goes into the background unless told otherwise', async () => {
  const proxy = await foreground('magent', ['-D', '-s', '127.1:5', '-p12000']);
  assert.match(proxy.line, /"listen":\[\{"host":"0\.0\.0\.0","port":12000\}\]/);
  proxy.child.kill('SIGINT');
  assert.deepEqual((await proxy.end).code, 0);

  assert.deepEqual(run('magent', ['-s', '127.1:5'], 'shutdown'), { code: 0, output: '', complaints: '' });
  assert.deepEqual(run('magent', ['-s', '127.1:5'], 'busy'), {
    code: 71,
    output: '',
    complaints: 'port 1: Address already in use\n',
  });
});

test('called as repcached, a node has its replication port open', async () => {
  const node = await foreground('repcached', ROOT);
  assert.match(node.line, /"replication":\{"peers":\[\],"port":11212/);
  node.child.kill('SIGTERM');
  const { code, complaints } = await node.end;
  assert.deepEqual([code, complaints], [0, '']);
  const verbose = await foreground('repcached', ['-v', ...ROOT]);
  verbose.child.kill('SIGINT');
  assert.equal((await verbose.end).complaints, 'got signal 2\nExiting normally\n');
});

test('as a sub-command it is the same', async () => {
  const node = await foreground('twincached', ['memcached', '-v', '-p', '5', ...ROOT]);
  assert.match(node.line, /"tcpPort":5,/);
  node.child.kill('SIGUSR1');
  const { code, complaints } = await node.end;
  assert.deepEqual([code, complaints], [0, 'Gracefully stopping\n']);
  const other = await foreground('twincached', ['memcached', '-v', '-p', '5', ...ROOT]);
  other.child.kill('SIGINT');
  const ended = await other.end;
  assert.deepEqual([ended.code, ended.complaints], [0, 'Exiting normally\n']);
});

test('in the foreground: pid file, port file, and the end when the role cannot go on', async () => {
  const portFile = join(directory, 'ports');
  const child = spawnSync(
    process.execPath,
    [join(directory, 'memcached'), '-P', join(directory, 'f.pid'), ...ROOT],
    { encoding: 'utf8', env: { ...environment('fails'), MEMCACHED_PORT_FILENAME: portFile } },
  );
  assert.deepEqual([child.status, child.stderr], [1, 'memcached: a thread died\n']);
  assert.equal(existsSync(join(directory, 'f.pid')), false);
  assert.equal(readFileSync(portFile, 'utf8'), 'TCP INET: 4711\nUDP INET6: 4712\n');
});

test("a client's shutdown ends it", () => {
  assert.deepEqual(run('memcached', ROOT, 'shutdown'), { code: 0, output: '', complaints: '' });
});

test('a signal ends a start, and a second one ends a stop that hangs', async () => {
  const slow = await foreground('memcached', ROOT, 'slow');
  slow.child.kill('SIGTERM');
  assert.equal((await slow.end).code, 0);

  const stuck = await foreground('memcached', ['-P', 'stuck.pid', ...ROOT], 'stuck');
  const pidFile = join(directory, 'stuck.pid');
  assert.ok(existsSync(pidFile));
  const stopping = once(stuck.child.stdout, 'data');
  stuck.child.kill('SIGTERM');
  await stopping;
  stuck.child.kill('SIGINT');
  assert.equal((await stuck.end).code, 1);
  assert.equal(existsSync(pidFile), false);
});

test('the command itself', () => {
  assert.match(run('twincached', []).output, /twincached memcached \.\.\./);
  assert.match(run('twincached', ['--version']).output, /^twincached \d+\.\d+\.\d+\n$/);
  assert.deepEqual(run('twincached', ['no-such-thing']), {
    code: 1,
    output: '',
    complaints: 'twincached: unknown command "no-such-thing"; "twincached --help" lists them\n',
  });
});
