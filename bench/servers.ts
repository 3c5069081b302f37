import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Our executable. */
export const TWINCACHED: string = fileURLToPath(new URL('../../bin/twincached', import.meta.url));
const AS_ROOT: readonly string[] = process.getuid?.() === 0 ? ['-u', 'root'] : [];

/** The first path that exists, or null. */
function firstOf(...paths: string[]): string | null {
  return paths.find((path) => existsSync(path)) ?? null;
}

/** The originals, where they are installed. */
export const MEMCACHED: string | null = firstOf('/usr/bin/memcached', '/usr/local/bin/memcached');
export const NUTCRACKER: string | null = firstOf(
  '/usr/sbin/nutcracker',
  '/usr/bin/nutcracker',
  '/usr/local/sbin/nutcracker',
);

/** Whether programs can be held on one core, so that server and load do not fight for the same one. */
const CAN_PIN = spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** A server under measurement. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  /** Processor time used so far by the whole process, in microseconds. */
  cpuMicros(): number;
  /** Resident memory, in bytes. */
  residentBytes(): number;
  stop(): Promise<void>;
}

/**
 * Processor time of all threads of a process. From schedstat, which counts nanoseconds; the totals in stat are in ticks of 10 ms.
 */
export function cpuMicros(pid: number): number {
  let nanos = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    nanos += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]);
  }
  return nanos / 1000;
}

async function start(
  command: string,
  args: readonly string[],
  port: number,
  cores: string | null,
  clean = (): void => {},
): Promise<Server> {
  const line = CAN_PIN && cores !== null ? ['taskset', '-c', cores, command, ...args] : [command, ...args];
  const child = spawn(line[0]!, line.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('latin1')).slice(-500);
  });
  await untilOpen(port, child, () => words);
  return {
    port,
    pid: child.pid ?? 0,
    cpuMicros: () => cpuMicros(child.pid ?? 0),
    residentBytes: () => {
      const status = readFileSync(`/proc/${child.pid}/status`, 'latin1');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
    },
    stop: () =>
      new Promise((resolve) => {
        child.on('close', () => {
          clean();
          resolve();
        });
        child.kill('SIGKILL');
      }),
  };
}

async function untilOpen(port: number, child: ChildProcess, words: () => string): Promise<void> {
  const end = performance.now() + 10_000;
  while (performance.now() < end) {
    if (child.exitCode !== null) break;
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGKILL');
  throw new Error(`a server did not open port ${port}: ${words()}`);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Where servers run unless told otherwise; the load runs where it likes, which is elsewhere. */
const SERVER_CORES = '0';
const MEMORY_MB = 512;

function cacheArgs(port: number, threads: number, memoryMb: number): readonly string[] {
  const network = ['-p', String(port), '-l', '127.0.0.1', '-c', '4096'];
  return [...network, '-t', String(threads), '-m', String(memoryMb), ...AS_ROOT];
}

/**
 * A memcached of C.
 *
 * @param cores as taskset(1) has them; null: any
 */
export async function startMemcached(
  path: string,
  threads: number,
  cores: string | null = SERVER_CORES,
  memoryMb: number = MEMORY_MB,
): Promise<Server> {
  const port = await freePort();
  return start(path, cacheArgs(port, threads, memoryMb), port, cores);
}

/** A node of ours; parameters as above. */
export async function startNode(
  threads: number,
  cores: string | null = SERVER_CORES,
  memoryMb: number = MEMORY_MB,
): Promise<Server> {
  const port = await freePort();
  const args = [TWINCACHED, 'memcached', ...cacheArgs(port, threads, memoryMb)];
  return start(process.execPath, args, port, cores);
}

/** A program that takes nutcracker's command line, in front of some servers. @param command its path, and words that stand in front of all others */
export async function startNutcracker(
  [path = '', ...words]: readonly string[],
  backendPorts: readonly number[],
): Promise<Server> {
  const port = await freePort();
  const statsPort = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'twincached-bench-'));
  const file = join(folder, 'nutcracker.yml');
  writeFileSync(
    file,
    `bench:\n  listen: 127.0.0.1:${port}\n  hash: fnv1a_64\n  distribution: ketama\n  timeout: 5000\n  preconnect: true\n  servers:\n${backendPorts.map((backend) => `    - 127.0.0.1:${backend}:1\n`).join('')}`,
  );
  const args = [...words, '-c', file, '-o', join(folder, 'log'), '-s', String(statsPort), '-a', '127.0.0.1'];
  return start(path, args, port, SERVER_CORES, () => rmSync(folder, { recursive: true, force: true }));
}

/** A proxy of ours with one server behind it. @param route to the pool `bench` */
export async function startRoutes(route: string, backendPort: number): Promise<Server> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'twincached-bench-'));
  const file = join(folder, 'proxy.yaml');
  const server = `"127.0.0.1:${backendPort}"`;
  writeFileSync(
    file,
    `listen: "127.0.0.1:${port}"\npools:\n  bench:\n    servers: [${server}]\nroute: ${route}\n`,
  );
  const args = [TWINCACHED, 'proxy', '-c', file];
  return start(process.execPath, args, port, SERVER_CORES, () =>
    rmSync(folder, { recursive: true, force: true }),
  );
}

/** A proxy of ours as nutcracker. */
export const OUR_NUTCRACKER: readonly string[] = [process.execPath, TWINCACHED, 'nutcracker'];

/** A program that takes magent's command line, in front of some servers. @param command as for nutcracker */
export async function startMagent(
  [path = '', ...words]: readonly string[],
  backendPorts: readonly number[],
): Promise<Server> {
  const port = await freePort();
  const servers = backendPorts.flatMap((backend) => ['-s', `127.0.0.1:${backend}`]);
  const args = [...words, '-D', '-l', '127.0.0.1', '-p', String(port), ...servers];
  return start(path, args, port, SERVER_CORES);
}

/** A proxy of ours as magent, and the original where the variable MAGENT names one. */
export const OUR_MAGENT: readonly string[] = [process.execPath, TWINCACHED, 'magent'];
export const MAGENT: string | null = process.env['MAGENT'] ?? null;
