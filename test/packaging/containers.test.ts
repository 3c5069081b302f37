/*
 * The files for containers, as far as they can be tried without an engine: what they name exists, the commands are ones of the program, the
 * addresses agree, and the program runs and ends as process 1.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { freePorts, run, TWINCACHED, twincached } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FOLDER = join(ROOT, 'packaging/docker');
const COMPOSE = join(FOLDER, 'compose.yaml');
/** Where the cluster file is in a container, as the Dockerfile says. */
const MOUNTED = '/etc/twincached/cluster.yml';

interface Instruction {
  readonly name: string;
  readonly words: string;
}

/** The instructions of the Dockerfile, continued lines joined. */
function instructions(): Instruction[] {
  return readFileSync(join(FOLDER, 'Dockerfile'), 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, name = '', words = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
      assert.notEqual(name, '', line);
      return { name, words };
    });
}

/** The words of the last instruction of a name, written as a JSON array; last of all instructions it is what an engine heeds. */
function commandOf(name: string): string[] {
  const found = instructions().filter((one) => one.name === name);
  const text = found.at(-1)?.words.replace(/^.*? ?(?=\[)/, '') ?? '';
  return z.array(z.string()).parse(JSON.parse(text));
}

const host = z.object({
  build: z.object({ context: z.string(), dockerfile: z.string() }),
  volumes: z.array(z.string()),
  command: z.array(z.string()),
  ports: z.array(z.string()),
  networks: z.object({ twins: z.object({ ipv4_address: z.string() }) }),
});

function hosts(): [string, z.infer<typeof host>][] {
  const file = z
    .object({ services: z.record(z.string(), host) })
    .parse(parse(readFileSync(COMPOSE, 'utf8'), { merge: true }));
  return Object.entries(file.services);
}

/** Living ones, and ended ones that nobody has waited for. */
function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').trim().split(' '))
    .filter((word) => word !== '')
    .map(Number)
    .sort((a, b) => a - b);
}

test('what the Dockerfile copies is there, and is not kept from the engine', () => {
  const ignored = readFileSync(join(FOLDER, 'Dockerfile.dockerignore'), 'utf8').trim().split('\n');
  assert.equal(ignored[0], '**');
  const copied = instructions().filter(({ name }) => name === 'COPY');
  assert.ok(copied.length > 8);
  for (const { words } of copied) {
    const fromBuild = words.startsWith('--from=build ');
    const sources = words.replace('--from=build ', '').split(' ').slice(0, -1);
    for (const source of sources) {
      const path = fromBuild ? source.replace(/^\/src\//, '') : source;
      assert.ok(existsSync(join(ROOT, path)), `${path} is not there`);
      if (!fromBuild) assert.ok(ignored.includes(`!${path}`), `${path} is kept from the engine`);
    }
  }
});

test('what the compiler reads is copied', () => {
  const { include } = z
    .object({ include: z.array(z.string()) })
    .parse(JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')));
  const copied = instructions().flatMap(({ name, words }) => (name === 'COPY' ? words.split(' ') : []));
  for (const folder of include) assert.ok(copied.includes(folder), `${folder} is not copied`);
});

test('a container runs the program, not as root, and asks it for its health', async () => {
  const names = instructions().map(({ name }) => name);
  const user = instructions().find(({ name }) => name === 'USER')?.words;
  assert.equal(user, 'twincached');
  assert.ok(names.indexOf('USER') < names.indexOf('ENTRYPOINT'));
  assert.deepEqual(commandOf('ENTRYPOINT'), ['twincached']);
  assert.deepEqual(commandOf('CMD'), ['up', MOUNTED]);
  const [program, ...words] = commandOf('HEALTHCHECK');
  assert.equal(program, 'twincached');
  const asked = twincached([...words, '--help']);
  assert.equal(await asked.ended(), 0, asked.stderr());
});

test('the compose file and the cluster file describe the same two hosts', async () => {
  const found = hosts();
  assert.deepEqual(
    found.map(([name]) => name),
    ['a', 'b'],
  );
  for (const [name, { build, volumes, command, ports, networks }] of found) {
    assert.ok(existsSync(join(resolve(FOLDER, build.context), build.dockerfile)));
    const [source = '', target] = volumes[0]?.split(':') ?? [];
    assert.equal(target, MOUNTED);
    const [verb, file, ...rest] = command;
    assert.deepEqual([verb, file, rest], ['up', MOUNTED, ['--host', name]]);
    const check = twincached(['check', join(dirname(COMPOSE), source), ...rest]);
    assert.equal(await check.ended(), 0, check.stderr());
    const address = networks.twins.ipv4_address;
    const heads = check
      .stdout()
      .split('\n')
      .filter((line) => / at \d/.test(line));
    assert.equal(heads.length, 2, check.stdout());
    for (const line of heads) assert.ok(line.includes(` at ${address}:`), line);
    const published = ports[0]?.split(':').at(-1);
    assert.ok(
      heads.some((line) => line.startsWith('users-') && line.includes(`:${published},`)),
      check.stdout(),
    );
  }
});

test('as process 1 it serves, answers for its health, clears orphans away, and ends on SIGTERM with all that it started', {
  skip:
    spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0
      ? false
      : 'no namespace of processes can be had here',
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-container-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [a, b, replication, proxy, page] = await freePorts(5);
  const file = join(directory, 'cluster.yml');
  writeFileSync(
    file,
    `shards: [{ name: pair, memory: 16M, replication-port: ${replication}, twins: [{ port: ${a} }, { port: ${b} }] }]
proxies: [{ name: users, port: ${proxy} }]
page: { port: ${page} }
`,
  );
  const space = run(
    'unshare',
    ['--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL', TWINCACHED, 'up', file],
    { XDG_STATE_HOME: directory },
  );
  t.after(() => void space.child.kill('SIGKILL'));
  await until('it runs', () => space.stdout().includes('Your cluster runs'));
  const [program = 0] = childrenOf(space.child.pid ?? 0);
  assert.match(readFileSync(`/proc/${program}/status`, 'latin1'), /^NSpid:\t\d+\t1$/m);
  const health = twincached([...commandOf('HEALTHCHECK').slice(1), '--page-port', String(page)]);
  assert.equal(await health.ended(), 0, health.stderr());
  const own = await until('three services run, and a spare waits', () => {
    const pids = childrenOf(program);
    return pids.length === 4 ? pids : null;
  });
  // When the shell has ended, what it has left in the background is a child of process 1.
  const left = spawnSync('nsenter', ['-t', String(program), '-p', 'sh', '-c', '(sleep 0.1 &)']);
  assert.equal(left.status, 0, String(left.stderr));
  await until('the orphan is gone', () => childrenOf(program).join() === own.join());
  process.kill(program, 'SIGTERM');
  assert.equal(await space.ended(), 0, space.stderr());
  assert.match(space.stdout(), /Everything is stopped\.\n$/);
});
