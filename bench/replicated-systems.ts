/** Pairs of servers that keep a copy of each other: ours, repcached where it is to be had, and Redis for scale. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PipeClient } from './pipe-client.ts';
import { cpuMicros, freePort } from './servers.ts';

const TWINCACHED = fileURLToPath(new URL('../../bin/twincached', import.meta.url));
const AS_ROOT: readonly string[] = process.getuid?.() === 0 ? ['-u', 'root'] : [];
const MEMORY_MB = '512';

/** One server of a pair. */
export interface Member {
  readonly port: number;
  /** Processor time used so far by the whole process, in microseconds. */
  cpuMicros(): number;
  kill(): Promise<void>;
}

/** How a system is started and spoken to. */
export interface ReplicatedSystem {
  readonly name: string;
  /** The second takes no writes, so it cannot take over. */
  readonly isReadOnlyCopy: boolean;
  /** @param isSecond the one that dials */
  start(ports: PairPorts, isSecond: boolean): Promise<Member>;
  set(key: string, value: string): string;
  /** The reply to a set. */
  readonly stored: string;
  get(key: string): string;
  /** The end of the reply to a get that finds the value, and of one that finds nothing. */
  found(value: string): string;
  readonly missed: string;
  /** A question whose reply tells how many items there are. */
  readonly count: string;
  readonly countPattern: RegExp;
}

export interface PairPorts {
  readonly first: number;
  readonly second: number;
  readonly replication: number;
}

export async function pairPorts(): Promise<PairPorts> {
  return { first: await freePort(), second: await freePort(), replication: await freePort() };
}

const MEMCACHED_WORDS = {
  isReadOnlyCopy: false,
  set: (key: string, value: string) => `set ${key} 0 0 ${value.length}\r\n${value}\r\n`,
  stored: 'STORED\r\n',
  get: (key: string) => `get ${key}\r\n`,
  found: (value: string) => `${value}\r\nEND\r\n`,
  missed: 'END\r\n',
  count: 'stats\r\n',
  countPattern: /STAT curr_items (\d+)\r\n[\s\S]*END\r\n$/,
} as const;

/** What ends the servers that are running. */
const running = new Set<() => Promise<void>>();

/** Ends what a measurement that failed has left. */
export async function endMembers(): Promise<void> {
  await Promise.all(Array.from(running, (kill) => kill()));
}

async function run(
  command: string,
  args: readonly string[],
  port: number,
  ping: string,
  clean = (): void => {},
): Promise<Member> {
  const child: ChildProcess = spawn(command, args, { stdio: 'ignore' });
  const kill = (): Promise<void> => {
    running.delete(kill);
    child.kill('SIGKILL');
    return closed;
  };
  const closed = new Promise<void>((resolve) => {
    child.on('close', () => {
      clean();
      resolve();
    });
  });
  running.add(kill);
  const end = performance.now() + 20_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
    if (performance.now() > end) throw new Error(`${command} did not open port ${port}`);
    try {
      const client = await PipeClient.connect(port);
      await client.ask(ping, '\r\n');
      client.close();
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  return { port, cpuMicros: () => cpuMicros(child.pid ?? 0), kill };
}

function memcachedPair(name: string, command: string, before: readonly string[]): ReplicatedSystem {
  return {
    ...MEMCACHED_WORDS,
    name,
    start: (ports, isSecond) => {
      const port = isSecond ? ports.second : ports.first;
      const args = [
        '-l',
        '127.0.0.1',
        '-p',
        String(port),
        '-m',
        MEMORY_MB,
        '-t',
        '1',
        '-c',
        '1024',
        ...AS_ROOT,
      ];
      const twin = isSecond ? ['-x', '127.0.0.1'] : [];
      return run(
        command,
        [...before, ...args, ...twin, '-X', String(ports.replication)],
        port,
        'version\r\n',
      );
    },
  };
}

export const OURS: ReplicatedSystem = memcachedPair('ours', process.execPath, [TWINCACHED, 'memcached']);

const REDIS_SERVER = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'].find((path) =>
  existsSync(path),
);

const REDIS: ReplicatedSystem | null =
  REDIS_SERVER === undefined
    ? null
    : {
        name: 'redis',
        isReadOnlyCopy: true,
        start: (ports, isSecond) => {
          const port = isSecond ? ports.second : ports.first;
          const folder = mkdtempSync(join(tmpdir(), 'twincached-bench-'));
          const network = ['--port', String(port), '--bind', '127.0.0.1'];
          // A copy is loaded into memory as it comes; nothing is kept on disk.
          const files = [
            '--dir',
            folder,
            '--save',
            '',
            '--appendonly',
            'no',
            '--repl-diskless-load',
            'swapdb',
          ];
          const args = [...network, ...files];
          const copy = isSecond ? ['--replicaof', '127.0.0.1', String(ports.first)] : [];
          const atOnce = ['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0'];
          const clean = (): void => rmSync(folder, { recursive: true, force: true });
          return run(REDIS_SERVER, [...args, ...copy, ...atOnce], port, 'PING\r\n', clean);
        },
        set: (key, value) =>
          `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`,
        stored: '+OK\r\n',
        get: (key) => `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`,
        found: (value) => `${value}\r\n`,
        missed: '$-1\r\n',
        count: 'DBSIZE\r\n',
        countPattern: /:(\d+)\r\n$/,
      };

/** The variable that names a repcached. */
export const REPCACHED_VARIABLE = 'REPCACHED';

/** The names of those that are not here, and how they could be. */
export function missingSystems(): readonly string[] {
  return [
    ...(REDIS === null ? ['redis-server (Debian has it in its package of that name)'] : []),
    ...(process.env[REPCACHED_VARIABLE] === undefined
      ? [`repcached (${REPCACHED_VARIABLE} names none)`]
      : []),
  ];
}

/** All that are here, ours first. */
export function replicatedSystems(): readonly ReplicatedSystem[] {
  const path = process.env[REPCACHED_VARIABLE];
  const repcached = path === undefined ? null : memcachedPair('repcached', path, []);
  return [OURS, REDIS, repcached].filter((system) => system !== null);
}
