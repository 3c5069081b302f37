import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { seededRandom } from '../../src/base/random.ts';
import { isAlive } from '../../testing/daemons.ts';
import { NUTCRACKER_FILES } from '../../testing/nutcracker-files.ts';
import { AS_ROOT, freePorts, MEMCACHED, type Running, run, twincached } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const NUTCRACKER = existsSync('/usr/sbin/nutcracker') ? '/usr/sbin/nutcracker' : null;
const SKIP = NUTCRACKER === null || MEMCACHED === null ? 'nutcracker or memcached is not installed' : false;
const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6));

/** How long nothing comes before a conversation counts as over. Both programs get the same. */
const QUIET_MS = 150;
/** The same where the two are not alike: on a busy machine an answer may come later than that. */
const PATIENT_QUIET_MS = 3000;

interface Heard {
  readonly text: string;
  readonly isClosed: boolean;
}

/** Sends a text and hears what comes until the connection is closed or nothing more has come for a while. */
function hear(port: number, text: string, quietMs = QUIET_MS): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    let timer = setTimeout(() => {}, 0);
    const done = (isClosed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: heard, isClosed });
    };
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => done(false), quietMs);
    };
    socket.setEncoding('latin1');
    socket.on('connect', () => {
      socket.write(text, 'latin1');
      wait();
    });
    socket.on('data', (piece: string) => {
      heard += piece;
      wait();
    });
    socket.on('error', (error) =>
      heard === '' && error.message.includes('ECONNREFUSED') ? reject(error) : done(true),
    );
    socket.on('close', () => done(true));
  });
}

/**
 * Asserts that both were told the same. Where it is not, it is asked once more, and with patience.
 *
 * @param ask both, in the same way each time
 * @returns what both were told
 */
async function heardAlike(
  ask: (quietMs: number) => Promise<readonly [Heard, Heard]>,
  text: string,
): Promise<Heard> {
  const [hasty, hastyOther] = await ask(QUIET_MS);
  if (isDeepStrictEqual(hasty, hastyOther)) return hasty;
  const [one, other] = await ask(PATIENT_QUIET_MS);
  assert.deepEqual(one, other, JSON.stringify(text));
  return one;
}

/** Ours and theirs over the same servers, with the same pools on other ports. */
class Both {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'twincached-nutcracker-'));
  readonly servers: Running[] = [];
  serverPorts: number[] = [];
  /** Of the statistics of those that were started last. */
  statisticsPorts: readonly [number, number] = [0, 0];
  #proxies: Running[] = [];

  async startServers(count: number): Promise<void> {
    this.serverPorts = await freePorts(count);
    for (const port of this.serverPorts) this.servers.push(await this.startServer(port));
  }

  async startServer(port: number): Promise<Running> {
    const server = run(MEMCACHED ?? '', [...AS_ROOT, '-l', '127.0.0.1', '-p', `${port}`, '-t', '1']);
    await opens(port);
    return server;
  }

  /** @param pools each by its directives without `listen`. @returns the ports of each pool, ours and theirs */
  async start(pools: readonly string[]): Promise<readonly (readonly [number, number])[]> {
    const free = await freePorts(pools.length * 2 + 2);
    const places = pools.map((_, index) => [free[index * 2]!, free[index * 2 + 1]!] as const);
    this.statisticsPorts = [free.at(-1)!, free.at(-2)!];
    for (const side of [0, 1] as const) {
      const file = join(this.directory, `${side}-${free[0]}.yml`);
      const text = pools.map(
        (pool, index) => `pool${index}:\n  listen: 127.0.0.1:${places[index]![side]}\n${pool}`,
      );
      writeFileSync(file, text.join(''));
      const words = ['-c', file, '-s', `${this.statisticsPorts[side]}`, '-a', '127.0.0.1', '-i', '50'];
      this.#proxies.push(
        side === 0
          ? twincached(['nutcracker', ...words])
          : run(NUTCRACKER ?? '', [...words, '-o', '/dev/null']),
      );
    }
    for (const pair of places) for (const port of pair) await opens(port);
    return places;
  }

  /** Both meet the same: nothing. */
  async flush(): Promise<void> {
    for (const port of this.serverPorts) {
      const client = await TextClient.connect(port);
      await client.ask('flush_all');
      client.close();
    }
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#proxies, ...this.servers].map((program) => program.kill('SIGKILL')));
    rmSync(this.directory, { recursive: true });
  }
}

/** What stands in an object and in those within it, by name. */
function flat(value: unknown, name: string): [string, string | number][] {
  if (typeof value === 'string' || typeof value === 'number') return [[name, value]];
  return Object.entries(value ?? {}).flatMap(([key, inner]) =>
    flat(inner, name === '' ? key : `${name} ${key}`),
  );
}

async function opens(port: number): Promise<void> {
  await until(`port ${port}`, async () => {
    (await TextClient.connect(port)).close();
    return true;
  });
}

test('a file is good where nutcracker -t says so, save for those of which another is known', {
  skip: SKIP,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-nutcracker-'));
  try {
    for (const [index, { text, refusal, differs }] of NUTCRACKER_FILES.entries()) {
      const file = join(directory, `${index}.yml`);
      writeFileSync(file, text);
      const said = async (program: Running): Promise<readonly [unknown, string]> => [
        await program.ended(),
        program.stderr().split('\n').at(-2) ?? '',
      ];
      const ours = await said(twincached(['nutcracker', '-t', '-c', file]));
      const theirs = await said(run(NUTCRACKER ?? '', ['-t', '-c', file]));
      assert.equal(ours[0], refusal === null ? 0 : 1);
      if (differs === undefined) assert.deepEqual(ours, theirs, text);
      else assert.notEqual(ours[0], theirs[0], `${text} is no difference any more`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a file whose listen address is unknown is refused by -t, as there', { skip: SKIP }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-nutcracker-'));
  try {
    const file = join(directory, 'unknown.yml');
    for (const [host, code] of [
      ['256.0.0.1', 1],
      ['127.0.0.1', 0],
    ] as const) {
      writeFileSync(file, `alpha:\n  listen: ${host}:22121\n  servers:\n   - 127.0.0.1:11211:1\n`);
      const [ours, theirs] = [
        twincached(['nutcracker', '-t', '-c', file]),
        run(NUTCRACKER ?? '', ['-t', '-c', file]),
      ];
      assert.deepEqual([await ours.ended(), await theirs.ended()], [code, code]);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a unix socket without a mode has what the umask leaves; that of a daemon is open to all', {
  skip: SKIP,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-nutcracker-'));
  const [statsPort = 0] = await freePorts(1);
  try {
    for (const [program, side] of [
      [(words: readonly string[]) => twincached(['nutcracker', ...words]), 'ours'],
      [(words: readonly string[]) => run(NUTCRACKER ?? '', words), 'theirs'],
    ] as const)
      for (const isDaemon of [true, false]) {
        const base = join(directory, `${side}-${isDaemon}`);
        const [file, socket, pidFile] = [`${base}.yml`, `${base}.sock`, `${base}.pid`] as const;
        writeFileSync(file, `alpha:\n  listen: ${socket}\n  servers:\n   - 127.0.0.1:11211:1\n`);
        const words = ['-c', file, '-s', `${statsPort}`, '-a', '127.0.0.1', '-o', '/dev/null'];
        const started = program([...words, '-p', pidFile, ...(isDaemon ? ['-d'] : [])]);
        await until('the socket', () => existsSync(socket) && (!isDaemon || existsSync(pidFile)));
        const wanted = isDaemon ? 0o777 : 0o777 & ~process.umask();
        try {
          await until(`${side}: ${wanted.toString(8)}`, () => (statSync(socket).mode & 0o777) === wanted);
        } finally {
          if (isDaemon) {
            const pid = Number(readFileSync(pidFile, 'latin1'));
            process.kill(pid, 'SIGKILL');
            await until('its end', () => !isAlive(pid));
          } else await started.kill('SIGKILL');
        }
      }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('-V, -D and refused options, word for word', { skip: SKIP }, async () => {
  for (const [words, lines] of [
    [['-V'], 3],
    [['-D'], 30],
    [['-h'], 10],
    [['-z'], 6],
    [['-s'], 6],
    [['-s', '99999'], 6],
    [['-m', '1'], 6],
    [['-m', '0'], 6],
    [['-v', 'x'], 6],
    [['-c'], 6],
    [['-a'], 6],
    [['-p'], 6],
  ] as const) {
    const [ours, theirs] = [twincached(['nutcracker', ...words]), run(NUTCRACKER ?? '', words)];
    assert.equal(await ours.ended(), await theirs.ended(), words.join(' '));
    const first = (program: Running): string[] =>
      program.stderr().replaceAll('\r', '').split('\n').slice(0, lines);
    assert.deepEqual(first(ours), first(theirs), words.join(' '));
    assert.equal(ours.stdout(), theirs.stdout());
  }
});

describe('as nutcracker, beside nutcracker', { skip: SKIP }, () => {
  const both = new Both();
  before(() => both.startServers(4));
  after(() => both.dispose());

  const serversOf = (weights = false): string =>
    `  servers:\n${both.serverPorts.map((port, index) => `   - 127.0.0.1:${port}:${weights ? index + 1 : 1}\n`).join('')}`;

  test('every hash and distribution places every key where nutcracker places it', async (t) => {
    t.diagnostic(`SEED=${SEED}`);
    const random = seededRandom(SEED);
    const hashes =
      'one_at_a_time md5 crc16 crc32 crc32a fnv1_64 fnv1a_64 fnv1_32 fnv1a_32 hsieh murmur jenkins'.split(
        ' ',
      );
    const named = `  servers:\n${both.serverPorts.map((port, index) => `   - 127.0.0.1:${port}:${index + 1} server${'x'.repeat(3 - index)}\n`).join('')}`;
    const pools = hashes.flatMap((hash) => [
      `  hash: ${hash}\n  distribution: ketama\n${serversOf(true)}`,
      `  hash: ${hash}\n  distribution: modula\n  hash_tag: "{}"\n${named}`,
    ]);
    const places = await both.start(pools);
    const clients = await Promise.all(both.serverPorts.map((port) => TextClient.connect(port)));
    for (const [ours, theirs] of places) {
      const [one, other] = [await TextClient.connect(ours), await TextClient.connect(theirs)];
      for (let i = 0; i < 40; i++) {
        const length = 1 + random.below(30);
        let key = '';
        while (key.length < length) key += String.fromCharCode(33 + random.below(94));
        if (i % 3 === 0) key = `a{${key.slice(0, 5)}}${key}`;
        assert.equal(await one.set(key, 'ours'), 'STORED');
        const where = await Promise.all(clients.map(async (client) => (await client.get(key)) !== null));
        assert.equal(where.filter((has) => has).length, 1, `SEED=${SEED} ${key}`);
        assert.equal(await other.get(key), 'ours', `SEED=${SEED} ${key}`);
        await one.ask(`delete ${key}`);
      }
      one.close();
      other.close();
    }
    for (const client of clients) client.close();
  });

  test('conversations are alike, to the end of the connection', async () => {
    const [[ours = 0, theirs = 0] = []] = await both.start([`  hash: fnv1a_64\n${serversOf()}`]);
    const long = 'k'.repeat(251);
    for (const text of [
      'set name 0 0 3\r\ntom\r\nget name\r\n',
      'set name 0 0 3 noreply\r\ntim\r\nget name\r\n',
      '  get name\r\n',
      'add name 0 0 1\r\nx\r\nreplace name 1 0 1\r\ny\r\nappend name 0 0 1\r\nz\r\nprepend name 0 0 1\r\nx\r\nget name\r\n',
      'set n 0 0 1\r\n1\r\nincr n 5\r\ndecr n 2\r\nincr none 1\r\nincr name 1\r\n',
      'touch n 100\r\ntouch none 5\r\ntouch n -1\r\n',
      'delete name\r\ndelete name\r\ndelete name noreply\r\nversion\r\n',
      'cas name 0 0 1 1\r\nx\r\n',
      'get a b c\r\n',
      'set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\nset c 0 0 1\r\n3\r\nget a b c\r\ngets none\r\n',
      'quit\r\n',
      'get a\r\nquit\r\n',
      // What ends the connection.
      'stats\r\n',
      'flush_all\r\n',
      'verbosity 1\r\n',
      'gat 10 a\r\n',
      'gats 10 a\r\n',
      'mg a v\r\n',
      'mn\r\n',
      'GET a\r\n',
      'nonsense\r\n',
      '\r\n',
      'delete a 0\r\n',
      'set a 0 -1 1\r\nx\r\n',
      'set a 0 0 1\r\nxyz\r\n',
      'set a x 0 1\r\nx\r\n',
      'set a 0 0\r\n',
      'set a 0 0 1 more\r\nx\r\n',
      `get ${long}\r\n`,
      `set ${long} 0 0 1\r\nx\r\n`,
      'quit now\r\n',
      'incr a\r\n',
      'incr a x\r\n',
      'get\r\n',
      'touch a\r\n',
      'version now\r\n',
    ]) {
      const alone = async (port: number, quietMs: number): Promise<Heard> => {
        await both.flush();
        return hear(port, text, quietMs);
      };
      await heardAlike(async (quietMs) => [await alone(ours, quietMs), await alone(theirs, quietMs)], text);
    }
  });

  test('the statistics have the same names in the same order, and the same figures of what was asked', async () => {
    const servers = both.serverPorts.map(
      (port, index) => `   - 127.0.0.1:${port}:1${index % 2 === 0 ? ` name${index}` : ''}\n`,
    );
    const pool = `  hash: fnv1a_64\n  distribution: modula\n  servers:\n${servers.join('')}`;
    const [[ours = 0, theirs = 0] = []] = await both.start([pool, pool]);
    for (const port of [ours, theirs])
      for (const text of ['set a 0 0 1\r\nx', 'get a', 'gets a', 'incr nope 1', 'delete a']) {
        const client = await TextClient.connect(port);
        await client.ask(text);
        client.close();
      }
    const told = async (port: number): Promise<[string, string | number][]> => {
      // Statistics are as old as their interval: until the last request has come.
      const text = await until('the requests are counted', async () => {
        const { text: now, isClosed } = await hear(port, '', PATIENT_QUIET_MS);
        const counts = [...now.matchAll(/"requests": ?(\d+)/g)];
        return isClosed && counts.reduce((sum, [, count]) => sum + Number(count), 0) >= 5 ? now : null;
      });
      return flat(JSON.parse(text), '').filter(
        ([name]) =>
          !/^(version|uptime|timestamp|(total|curr)_connections)|client_|server_connections/.test(name),
      );
    };
    const [one, other] = [await told(both.statisticsPorts[0]), await told(both.statisticsPorts[1])];
    assert.deepEqual(one, other);
    // Readers that do not parse it find the same bytes between the numbers.
    const shape = async (port: number): Promise<string> => (await hear(port, '')).text.replace(/\d+/g, '0');
    assert.equal(await shape(both.statisticsPorts[0]), await shape(both.statisticsPorts[1]));
  });

  test('a dead server: the same errors, and those of a get of several keys end the connection', async () => {
    const [dead = 0] = await freePorts(1);
    const pools = await both.start([
      `  timeout: 400\n  servers:\n   - 127.0.0.9:${dead}:1\n   - 127.0.0.1:${both.serverPorts[0]}:1\n`,
    ]);
    const [[ours = 0, theirs = 0] = []] = pools;
    // Neighbours in the alphabet are neighbours on the ring.
    const keys = Array.from({ length: 16 }, (_, i) => `${i * 7919}${'abcdefgh'.slice(i % 8)}`);
    let refused = 0;
    // Each waits for silence, so all keys at once.
    await Promise.all(
      keys.map(async (key) => {
        for (const text of [
          `get ${key}\r\n`,
          `set ${key} 0 0 1\r\nx\r\n`,
          `incr ${key} 1\r\n`,
          `set ${key} 0 0 1 noreply\r\nx\r\n`,
        ]) {
          const one = await heardAlike(
            (quietMs) => Promise.all([hear(ours, text, quietMs), hear(theirs, text, quietMs)]),
            text,
          );
          if (one.text === 'SERVER_ERROR Connection refused\r\n') refused++;
        }
      }),
    );
    assert.ok(refused > 0, 'some keys are on the dead server');
    const several = `get ${keys.join(' ')}\r\n`;
    const one = await heardAlike(
      async (quietMs) => [await hear(ours, several, quietMs), await hear(theirs, several, quietMs)],
      several,
    );
    assert.deepEqual(one, { text: 'SERVER_ERROR Connection refused\r\n', isClosed: true });
  });

  test('a server that is killed is ejected after no more errors than nutcracker gives, and its keys go to the same servers', async () => {
    const [first = 0, second = 0, third = 0] = await freePorts(3);
    const servers = [
      await both.startServer(first),
      await both.startServer(second),
      await both.startServer(third),
    ];
    both.servers.push(...servers);
    const pool = `  distribution: ketama\n  hash: fnv1a_64\n  auto_eject_hosts: true\n  server_failure_limit: 3\n  server_retry_timeout: 60000\n  servers:\n${[first, second, third].map((port) => `   - 127.0.0.1:${port}:1\n`).join('')}`;
    const [[ours = 0, theirs = 0] = []] = await both.start([pool]);
    const [one, other] = [await TextClient.connect(ours), await TextClient.connect(theirs)];
    const direct = await TextClient.connect(first);
    const keys: string[] = [];
    for (let i = 0; keys.length < 20; i++) {
      assert.equal(await one.set(`e${i}`, '1'), 'STORED');
      if ((await direct.get(`e${i}`)) !== null) keys.push(`e${i}`);
    }
    direct.close();
    await other.get(keys[0]!);
    await servers[0]!.kill('SIGKILL');
    const errors = async (client: TextClient): Promise<number> => {
      let count = 0;
      for (let tries = 0; tries < 30; tries++) {
        const reply = await client.set(keys[0]!, 'moved');
        if (reply === 'STORED') return count;
        assert.match(reply, /^SERVER_ERROR /);
        count++;
      }
      return count;
    };
    const [oneErrors, otherErrors] = [await errors(one), await errors(other)];
    assert.ok(oneErrors <= otherErrors, `${oneErrors} errors of ours, ${otherErrors} of nutcracker`);
    for (const key of keys) {
      assert.equal(await one.set(key, 'moved'), 'STORED');
      assert.equal(await other.get(key), 'moved', key);
    }
    one.close();
    other.close();
  });
});
