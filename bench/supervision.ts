/* Figures of the monitors: how soon a dead or hung process answers again, what watching costs, and what idle processes need. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './measure.ts';
import {
  freePort,
  MEMCACHED,
  NUTCRACKER,
  startMagent,
  startMemcached,
  startNode,
  startNutcracker,
  TWINCACHED,
} from './servers.ts';
import { row } from './table.ts';

const MONIT: string | null =
  ['/usr/bin/monit', '/usr/local/bin/monit'].find((path) => existsSync(path)) ?? null;
const AS_ROOT = process.getuid?.() === 0 ? ['-u', 'root'] : [];

/** Different ones are killed, so that none has died lately. */
const KILLS = 10;
const HANGS = 3;
const SERVICES_WATCHED = 200;
const WATCH_SECONDS = 10;
/** What a monitor does in its first minute the engine has not compiled well. */
const WARM_SECONDS = 60;
/** Longer than this is shown as such. */
const GIVEN_UP_MS = 15_000;
const START_MS_MAX = 60_000;

/** A monitor under measurement, with what it watches. */
interface Watched {
  readonly monitor: ChildProcess;
  readonly ports: readonly number[];
  pidOf(index: number): number;
  stop(): Promise<void>;
}

/** What there is to measure, by name. */
export const SUPERVISION: Readonly<Record<string, () => Promise<void>>> = {
  'supervision-restarts': async () => {
    process.stdout.write(
      `\nA process is killed (${KILLS} times) or stopped (${HANGS} times) until it answers again, in ms\n`,
    );
    process.stdout.write(row(['', 'median', 'max', 'hung, median', 'hung, max']));
    if (MEMCACHED !== null)
      for (const [name, command] of monitors())
        await restarts(`memcached under ${name}`, () => underMonit(command));
    await restarts('our node under up', underUp);
  },
  // Each of the two takes two minutes and a half.
  'supervision-watching': () => compareWatching('with a process each', false),
  'supervision-probing': () => compareWatching('with a process and a memcached probe each', true),
  'supervision-memory': async () => {
    process.stdout.write('\nIdle, in MiB: resident, and of that not shared with other processes\n');
    await memory();
  },
};

function monitors(): [string, readonly string[]][] {
  const ours: [string, readonly string[]] = ['our monit', [process.execPath, TWINCACHED, 'monit']];
  return MONIT === null ? [ours] : [ours, ['monit', [MONIT]]];
}

async function compareWatching(what: string, isProbed: boolean): Promise<void> {
  process.stdout.write(`\n${SERVICES_WATCHED} services ${what}, looked at each second: share of one core\n`);
  if (MEMCACHED === null) return;
  for (const [name, command] of monitors())
    process.stdout.write(row([name, `${(await watching(command, isProbed)).toFixed(1)} %`]));
}

async function restarts(name: string, start: () => Promise<Watched>): Promise<void> {
  const watched = await start();
  try {
    const killed: number[] = [];
    for (let round = 0; round < KILLS; round++) killed.push(await again(watched, round, 'SIGKILL'));
    const hung: number[] = [];
    for (let round = KILLS; round < KILLS + HANGS; round++) hung.push(await again(watched, round, 'SIGSTOP'));
    const all = [median(killed), Math.max(...killed), median(hung), Math.max(...hung)];
    process.stdout.write(
      row([name, ...all.map((ms) => (ms >= GIVEN_UP_MS ? `> ${GIVEN_UP_MS}` : ms.toFixed(0)))]),
    );
  } finally {
    await watched.stop();
  }
}

/**
 * From the signal until the port answers, in milliseconds. Chance decides where in the monitor's second it falls; the second before is what `up` may
 * need to have a spare process again.
 */
async function again(watched: Watched, index: number, signal: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  await sleep(1000 + Math.random() * 1000);
  const pid = watched.pidOf(index);
  const port = watched.ports[index] ?? 0;
  process.kill(pid, signal);
  const startMs = performance.now();
  // Its socket may take connections a moment longer than it lives.
  while (performance.now() - startMs < GIVEN_UP_MS) {
    if ((await answers(port)) && watched.pidOf(index) !== pid) return performance.now() - startMs;
    await sleep(2);
  }
  return GIVEN_UP_MS;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (result: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => done(false), 250);
    socket.on('connect', () => socket.write('version\r\n'));
    socket.on('data', () => done(true));
    socket.on('error', () => done(false));
    socket.on('close', () => done(false));
  });
}

/** memcached, started by a monitor with monit's control file, as daemons with pid files. */
async function underMonit(command: readonly string[]): Promise<Watched> {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-bench-'));
  const ports: number[] = [];
  for (let index = 0; index < KILLS + HANGS; index++) ports.push(await freePort());
  const entries = ports.map((port, index) => {
    const words = [
      MEMCACHED,
      '-d',
      '-P',
      join(folder, `${index}`),
      '-p',
      `${port}`,
      '-l',
      '127.0.0.1',
      '-U',
      '0',
      ...AS_ROOT,
    ];
    return `check process m${index} with pidfile "${folder}/${index}" start program = "${words.join(' ')}"
  if failed host 127.0.0.1 port ${port} protocol memcache with timeout 1 seconds then restart\n`;
  });
  const monitor = startMonitor(command, folder, entries.join(''));
  const pidOf = (index: number): number => pidIn(join(folder, `${index}`));
  await until('all processes', async () => (await Promise.all(ports.map(answers))).every(Boolean));
  // A monit that has just started something looks away for a while.
  await sleep(5000);
  return {
    monitor,
    ports,
    pidOf,
    stop: async () => {
      await end(monitor);
      for (let index = 0; index < ports.length; index++) kill(pidOf(index));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Our nodes, as children of `twincached up`. */
async function underUp(): Promise<Watched> {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-bench-'));
  const ports: number[] = [];
  const shards: string[] = [];
  for (let index = 0; index < KILLS + HANGS; index++) {
    ports.push(await freePort());
    shards.push(
      `  - { name: s${index}, replication-port: ${await freePort()}, memory: 16M, twins: [{ port: ${ports[index]} }] }\n`,
    );
  }
  const page = await freePort();
  const file = join(folder, 'c.yml');
  writeFileSync(file, `name: bench\nshards:\n${shards.join('')}proxies: []\npage: { port: ${page} }\n`);
  const monitor = spawn(process.execPath, [TWINCACHED, 'up', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, XDG_STATE_HOME: folder },
  });
  await until('all nodes', async () => (await Promise.all(ports.map(answers))).every(Boolean));
  const pidOf = (index: number): number => childOn(monitor.pid ?? 0, ports[index] ?? 0);
  return {
    monitor,
    ports,
    pidOf,
    stop: async () => {
      await end(monitor);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The child of a monitor that serves a port. */
function childOn(parent: number, port: number): number {
  for (const child of readText(`/proc/${parent}/task/${parent}/children`).split(' '))
    if (readText(`/proc/${child}/cmdline`).replaceAll('\0', ' ').includes(` -p ${port} `))
      return Number(child);
  return 0;
}

/** @returns percent of one core that a monitor uses while it watches many services */
async function watching(command: readonly string[], isProbed: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-bench-'));
  const server = await startMemcached(MEMCACHED ?? '', 1, null);
  // A process each: one for all would be read once for all.
  const watched = Array.from({ length: SERVICES_WATCHED }, () => spawn('/bin/sleep', ['1000']));
  for (const [index, { pid }] of watched.entries()) writeFileSync(join(folder, `${index}`), `${pid}\n`);
  const probe = `  if failed host 127.0.0.1 port ${server.port} protocol memcache then alert\n`;
  const entries = Array.from(
    { length: SERVICES_WATCHED },
    (_, index) => `check process s${index} with pidfile "${folder}/${index}"
  if cpu > 95% for 60 cycles then alert
  if totalmem > 90% then alert
${isProbed ? probe : ''}`,
  );
  const monitor = startMonitor(command, folder, entries.join(''));
  await sleep(WARM_SECONDS * 1000);
  const before = cpuMicros(monitor.pid ?? 0);
  const startMs = performance.now();
  await sleep(WATCH_SECONDS * 1000);
  const percent = (cpuMicros(monitor.pid ?? 0) - before) / (performance.now() - startMs) / 10;
  await end(monitor);
  await server.stop();
  for (const child of watched) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  return percent;
}

function startMonitor(
  [path = '', ...words]: readonly string[],
  folder: string,
  entries: string,
): ChildProcess {
  const file = join(folder, 'monitrc');
  writeFileSync(
    file,
    `set daemon 1\nset idfile ${folder}/id\nset statefile ${folder}/state\nset pidfile ${folder}/monit.pid\n${entries}`,
  );
  chmodSync(file, 0o600);
  return spawn(path, [...words, '-c', file, '-I'], { stdio: ['ignore', 'ignore', 'ignore'] });
}

async function memory(): Promise<void> {
  const show = (name: string, pid: number): void => {
    const rollup = readText(`/proc/${pid}/smaps_rollup`);
    const mib = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0) / 1024;
    const own = mib('Private_Clean') + mib('Private_Dirty');
    process.stdout.write(row([name, mib('Rss').toFixed(1), own.toFixed(1)]));
  };
  const idle = async (
    name: string,
    start: () => Promise<{ readonly pid: number; stop(): Promise<void> }>,
  ): Promise<void> => {
    const server = await start();
    await sleep(3000);
    show(name, server.pid);
    await server.stop();
  };
  await idle('our node, -t 1', () => startNode(1, null));
  await idle('our node, -t 4', () => startNode(4, null));
  const { memcached, nutcracker } = { memcached: MEMCACHED, nutcracker: NUTCRACKER };
  if (memcached !== null) await idle('memcached, -t 4', () => startMemcached(memcached, 4, null));
  const backend = [await freePort()];
  await idle('our magent', () => startMagent([process.execPath, TWINCACHED, 'magent', ...AS_ROOT], backend));
  await idle('our nutcracker', () => startNutcracker([process.execPath, TWINCACHED, 'nutcracker'], backend));
  if (nutcracker !== null) await idle('nutcracker', () => startNutcracker([nutcracker], backend));
  for (const [name, command] of monitors())
    await idle(name, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'twincached-bench-'));
      const monitor = startMonitor(command, folder, 'check system here\n');
      return {
        pid: monitor.pid ?? 0,
        stop: async () => {
          await end(monitor);
          rmSync(folder, { recursive: true, force: true });
        },
      };
    });
  const watched = await underUp();
  await sleep(3000);
  show(`up, ${KILLS + HANGS} nodes`, watched.monitor.pid ?? 0);
  await watched.stop();
}

/** From schedstat, which counts nanoseconds. */
function cpuMicros(pid: number): number {
  let nanos = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    nanos += Number(readText(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0]);
  return nanos / 1000;
}

function pidIn(path: string): number {
  return Number.parseInt(readText(path), 10) || 0;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  if (pid <= 1 || !readText(`/proc/${pid}/cmdline`).includes('memcached')) return;
  process.kill(pid, 'SIGKILL');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await ended;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + START_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`timed out: ${what}`);
    await sleep(50);
  }
}
