/** The client libraries of PHP, Python, Perl and Ruby, each with all it can do, against nodes of ours and against memcached itself. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CacheNode, type CacheNodeOptions } from 'twincached';
import { isInstalled, runClientScript, type ScriptClient } from '../../testing/client-script.ts';
import { checkSpread } from '../../testing/key-spread.ts';
import { AS_ROOT, freePorts, MEMCACHED, type Running, run } from '../../testing/processes.ts';
import { TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

interface TestedClient extends ScriptClient {
  readonly protocols: readonly string[];
  /** Options of the interpreter for a protocol, where the client takes it from there. */
  readonly options?: (protocol: string) => readonly string[];
}

/** The python that Debian's modules belong to; another may stand before it on the path. */
const PYTHON = ['/usr/bin/python3'];

const CLIENTS: readonly TestedClient[] = [
  {
    name: 'PHP memcached',
    interpreter: ['php'],
    probe: ['-r', 'exit(extension_loaded("memcached") ? 0 : 1);'],
    script: 'php-memcached.php',
    protocols: ['text', 'binary', 'sasl'],
  },
  {
    name: 'PHP memcache',
    interpreter: ['php'],
    probe: ['-r', 'exit(extension_loaded("memcache") ? 0 : 1);'],
    script: 'php-memcache.php',
    protocols: ['text', 'binary'],
    options: (protocol) => ['-d', `memcache.protocol=${protocol === 'text' ? 'ascii' : protocol}`],
  },
  {
    name: 'Python pymemcache',
    interpreter: PYTHON,
    probe: ['-c', 'import pymemcache'],
    script: 'pymemcache_client.py',
    protocols: ['text'],
  },
  {
    name: 'Python pylibmc',
    interpreter: PYTHON,
    probe: ['-c', 'import pylibmc'],
    script: 'pylibmc_client.py',
    protocols: ['text', 'binary', 'sasl'],
  },
  {
    name: 'Perl Cache::Memcached',
    interpreter: ['/usr/bin/perl'],
    probe: ['-MCache::Memcached', '-e', '1'],
    script: 'cache-memcached.pl',
    protocols: ['text'],
  },
  {
    name: 'Perl Cache::Memcached::Fast',
    interpreter: ['/usr/bin/perl'],
    probe: ['-MCache::Memcached::Fast', '-e', '1'],
    script: 'cache-memcached-fast.pl',
    protocols: ['text'],
  },
  {
    name: 'Perl Memcached::libmemcached',
    interpreter: ['/usr/bin/perl'],
    probe: ['-MMemcached::libmemcached', '-e', '1'],
    script: 'memcached-libmemcached.pl',
    protocols: ['text', 'binary'],
  },
  {
    name: 'Ruby dalli',
    interpreter: ['ruby'],
    probe: ['-e', 'require "dalli"'],
    script: 'dalli_client.rb',
    protocols: ['binary', 'sasl'],
  },
];

/** A server on a port of its own that can be ended and started again there. */
interface Server {
  start(): Promise<void>;
  stop(): Promise<void>;
}

function ours(port: number, options: CacheNodeOptions): Server {
  return new CacheNode({ port, threads: 2, ...options });
}

function original(port: number): Server {
  let process: Running | null = null;
  return {
    start: async () => {
      process = run(MEMCACHED ?? '', [...AS_ROOT, '-l', '127.0.0.1', '-p', `${port}`]);
      await until('memcached listens', async () => {
        (await TextClient.connect(port)).close();
        return true;
      });
    },
    stop: async () => {
      await process?.kill('SIGKILL');
    },
  };
}

/** libmemcached now and then ends its process by an assertion of its own when a server restarts, memcached's or ours. */
const CRASH_OF_LIBMEMCACHED = /ended with SIGABRT.*libmemcached.*Assertion/s;
const TRIES_MAX = 8;

async function useAll(client: TestedClient, protocol: string, make: (port: number) => Server): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await useOnce(client, protocol, make);
    } catch (error) {
      if (tries === TRIES_MAX || !(error instanceof Error) || !CRASH_OF_LIBMEMCACHED.test(error.message))
        throw error;
    }
  }
}

async function useOnce(
  client: TestedClient,
  protocol: string,
  make: (port: number) => Server,
): Promise<void> {
  const ports = await freePorts(2);
  const servers = ports.map(make);
  for (const server of servers) await server.start();
  try {
    const { failed, passed } = await runClientScript(
      client,
      client.options?.(protocol) ?? [],
      [protocol, ...ports.map(String)],
      async ([verb, ...words]) => {
        if (verb === 'spread') await checkSpread(ports, words[0] ?? '', Number(words[1]));
        else if (verb === 'restart') {
          const server = servers[ports.indexOf(Number(words[0]))];
          await server?.stop();
          await server?.start();
        } else assert.fail(`the script asks for ${verb}`);
      },
    );
    assert.deepEqual(failed, []);
    assert.ok(passed > (protocol === 'sasl' ? 1 : 15), `only ${passed} checks`);
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function useWithPassword(client: TestedClient, options: CacheNodeOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  const saslPasswordFile = join(folder, 'passwords');
  writeFileSync(saslPasswordFile, 'alice:wonder:land\n', { mode: 0o600 });
  try {
    await useAll(client, 'sasl', (port) => ours(port, { ...options, saslPasswordFile }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const client of CLIENTS) {
  describe(client.name, { concurrency: 3 }, () => {
    const skip = isInstalled(client) ? false : `${client.name} is not installed`;
    for (const protocol of client.protocols) {
      for (const transport of TRANSPORTS) {
        test(`${client.name}, ${protocol}, ${transport}`, { skip }, () =>
          protocol === 'sasl'
            ? useWithPassword(client, { transport })
            : useAll(client, protocol, (port) => ours(port, { transport })),
        );
      }
      if (protocol === 'sasl') continue;
      const noOriginal = MEMCACHED === null ? 'memcached is not installed' : false;
      test(`${client.name}, ${protocol}, against memcached itself`, { skip: skip || noOriginal }, () =>
        useAll(client, protocol, original),
      );
    }
  });
}
