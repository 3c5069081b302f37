import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { claimPort } from './port-claims.ts';
import { boundTheEnd } from './still-open.ts';
import { until } from './wait.ts';

/** The executable of this package, as a user calls it. */
export const TWINCACHED: string = fileURLToPath(new URL('../../bin/twincached', import.meta.url));

/** The memcached to compare with, or null where it is not installed. */
export const MEMCACHED: string | null = existsSync('/usr/bin/memcached') ? '/usr/bin/memcached' : null;

/** A program started by a test. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything that came on stderr so far. */
  stderr(): string;
  stdout(): string;
  /** Waits for the exit only: a daemon may go on holding the streams. */
  exited(): Promise<number | NodeJS.Signals>;
  /** Waits for the end, streams included: the exit code, or the name of the signal. */
  ended(): Promise<number | NodeJS.Signals>;
  /**
   * Stops it, as SIGSTOP does, until it gets SIGCONT. The signal takes effect in its own time, in which threads go on: when this returns they all stand still.
   */
  suspend(): Promise<void>;
  /** Sends a signal and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

const running = new Set<ChildProcess>();
const cleanups = new Set<() => void>();

/**
 * Has something called when the test process ends: of itself, by a signal (a runner stops a file that takes too long by SIGTERM), or
 * because the runner has been killed. Nothing helps against SIGKILL.
 */
export function atTestEnd(cleanup: () => void): void {
  cleanups.add(cleanup);
}

/** Whatever a failing test leaves behind ends with the test process. */
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const cleanup of cleanups) cleanup();
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  // The pipe to a runner that has gone breaks; as an uncaught error that would end the process without its exit events.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(1));
  const runner = process.ppid;
  setInterval(() => {
    if (process.ppid !== runner) process.exit(1);
  }, 1000).unref();
  // Programs that a test starts have its environment, and may have this module, too.
  if (process.argv[1]?.endsWith('.test.js') === true)
    boundTheEnd(() => [...running].map((child) => child.pid ?? -1));
}

/** Starts a program; its output is kept. */
export function run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(command, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('latin1');
  });
  const outcome = ([code, signal]: unknown[]): number | NodeJS.Signals => {
    running.delete(child);
    if (typeof code === 'number') return code;
    // Cast: the event's arguments are untyped; without a code the second one is the signal's name.
    return signal as NodeJS.Signals;
  };
  const exit = once(child, 'exit').then(outcome);
  const end = once(child, 'close').then(outcome);
  return {
    child,
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    exited: () => exit,
    ended: () => end,
    suspend: async () => {
      child.kill('SIGSTOP');
      const tasks = `/proc/${child.pid}/task`;
      await until(`process ${child.pid} stands still`, () =>
        readdirSync(tasks).every((task) => /\) T /.test(readFileSync(`${tasks}/${task}/stat`, 'latin1'))),
      );
    },
    kill: (signal = 'SIGTERM') => {
      child.kill(signal);
      return end;
    },
  };
}

/** Starts `twincached` with arguments. */
export function twincached(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
  return run(process.execPath, [TWINCACHED, ...args], environment);
}

/** Arguments that let memcached personalities run as root, where the tests do. */
export const AS_ROOT: readonly string[] = process.getuid?.() === 0 ? ['-u', 'root'] : [];

/**
 * Below the ports that the kernel gives to clients' connections (from 32768 up): a server that is killed and started again would
 * find its port taken by one of those.
 */
const PORT_MIN = 10_000;
const PORT_MAX = 32_000;
const PORT_TRIES_MAX = 200;

/** Ports that nothing listens on now, all different, and that no other test process will be given. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  const servers: Server[] = [];
  for (let tries = 0; ports.length < count && tries < PORT_TRIES_MAX; tries++) {
    const server = createServer();
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (ports.includes(port) || !claimPort(port)) continue;
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    ports.push(port);
    servers.push(server);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  if (ports.length < count) throw new Error(`no ${count} free ports`);
  return ports;
}
