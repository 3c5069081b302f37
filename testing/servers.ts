import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLibc } from '../src/net/libc.ts';
import { AS_ROOT, type Running, twincached } from './processes.ts';
import { TextClient } from './text-client.ts';
import { until } from './wait.ts';

/** The transports that this machine has. */
export const TRANSPORTS: readonly ('reactor' | 'portable')[] =
  loadLibc() === null ? ['portable'] : ['reactor', 'portable'];

/** A node or proxy in the foreground, started through the executable. */
export interface Server {
  readonly process: Running;
  readonly port: number;
}

/**
 * Starts `twincached memcached` on 127.0.0.1 and any free port, and waits until it is open.
 *
 * @throws Error with what it said, when it ended instead
 */
export async function startNode(
  options: readonly string[],
  transport: 'reactor' | 'portable' | 'auto' = 'auto',
  environment: NodeJS.ProcessEnv = {},
): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  const portFile = join(folder, 'port');
  const running = twincached(['memcached', ...AS_ROOT, '-l', '127.0.0.1', '-p', '-1', ...options], {
    ...environment,
    TWINCACHED_TRANSPORT: transport,
    MEMCACHED_PORT_FILENAME: portFile,
  });
  try {
    const port = await openPort(running, () =>
      Number(/TCP INET: (\d+)/.exec(readFileSync(portFile, 'latin1'))?.[1]),
    );
    return { process: running, port };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts `twincached magent` on 127.0.0.1 and a port, over servers that are open, and waits until it is open and has reached the one of some key. */
export async function startProxy(
  port: number,
  options: readonly string[],
  transport: 'reactor' | 'portable' | 'auto' = 'auto',
): Promise<Server> {
  const running = twincached(['magent', '-D', '-l', '127.0.0.1', '-p', `${port}`, ...options], {
    TWINCACHED_TRANSPORT: transport,
  });
  await openPort(running, async () => {
    const client = await TextClient.connect(port);
    // On a busy machine a server may need more than the half second in which it must answer a dial.
    const reply = await client.ask('get reached').finally(() => client.close());
    return reply === 'END\r\n' ? port : 0;
  });
  return { process: running, port };
}

async function openPort(running: Running, look: () => number | Promise<number>): Promise<number> {
  const port = await until('an open port', async () =>
    running.child.exitCode === null ? (await look()) || null : 'ended',
  );
  if (port === 'ended') throw new Error(`exit ${running.child.exitCode}: ${running.stderr()}`);
  return port;
}

/** Bytes of memory that a process has in RAM. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1]) * 1024;
}
