import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { AS_ROOT, freePorts, MEMCACHED, type Running, run, twincached } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-auth-'));
after(() => rmSync(directory, { recursive: true }));

/** Writes a password file. @returns its path */
function passwords(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

/** All that comes for `sent` until `complete` is satisfied or the server closes. */
function exchange(port: number, sent: string, complete: (reply: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let reply = '';
    socket.setEncoding('latin1');
    socket.on('error', reject);
    socket.on('data', (text: string) => {
      reply += text;
      if (complete(reply)) socket.destroy();
    });
    socket.on('close', () => resolve(reply));
    socket.write(sent, 'latin1');
  });
}

const login = (user: string, password: string): string => {
  const token = `${user} ${password}`;
  return `set any 0 0 ${token.length}\r\n${token}\r\n`;
};

const lines = (count: number) => (reply: string) => reply.split('\r\n').length > count;

async function answering(server: Running, port: number): Promise<void> {
  await until('the server', async () => {
    assert.equal(server.child.exitCode, null, server.stderr());
    return (await exchange(port, 'get abc\r\n', lines(1))).startsWith('CLIENT_ERROR');
  });
}

const programs = [
  ['ours', (args: readonly string[]) => twincached(['memcached', ...args]), false],
  [
    'the installed memcached',
    (args: readonly string[]) => run(MEMCACHED ?? '', args),
    MEMCACHED === null ? 'memcached is not installed' : false,
  ],
] as const;

const UNAUTHENTICATED = 'CLIENT_ERROR unauthenticated\r\n';
const FAILURE = 'CLIENT_ERROR authentication failure\r\n';

/** What both answer alike: steps of a connection, each sent when the one before is answered, because the original may answer one login or line only. */
const CONVERSATIONS: readonly (readonly (readonly [string, string])[])[] = [
  [[`${login('ann', 'secret')}get abc\r\n`, 'STORED\r\nEND\r\n']],
  [
    ['get abc\r\n', UNAUTHENTICATED],
    ['set x 0 0 y\r\n', UNAUTHENTICATED],
    ['add k 0 0 9\r\n', UNAUTHENTICATED],
  ],
  [
    [login('ann', 'wrong'), FAILURE],
    [login('bob', 'x:y'), 'STORED\r\n'],
    ['get abc\r\n', 'END\r\n'],
  ],
  [
    ['set k 0 0 4\r\nann!\r\n', 'CLIENT_ERROR bad authentication token format\r\n'],
    ['set k 0 0 10 noreply\r\nann secret\r\n', 'STORED\r\n'],
    ['get abc\r\n', 'END\r\n'],
  ],
  [['set k 0 0 10\r\nann secretXX', 'CLIENT_ERROR bad command line termination\r\n']],
];

/** Plays a conversation. */
async function converse(port: number, steps: readonly (readonly [string, string])[]): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (more: string) => {
    text += more;
  });
  for (const [sent, reply] of steps) {
    text = '';
    socket.write(sent, 'latin1');
    await until('the reply', () => text.length >= reply.length);
    assert.equal(text, reply);
  }
  socket.destroy();
}

for (const [name, start, skip] of programs) {
  describe(`a password file, ${name}`, { skip }, () => {
    test('clients log in, and the file is read again on SIGHUP', async () => {
      const file = passwords(`${name}.txt`, 'ann:secret\nbob:x:y\n');
      const [port = 0] = await freePorts(1);
      const server = start(['-l', '127.0.0.1', '-p', String(port), '-Y', file, ...AS_ROOT]);
      await answering(server, port);

      for (const steps of CONVERSATIONS) await converse(port, steps);

      const stats = await exchange(
        port,
        `${login('ann', 'secret')}stats\r\nstats settings\r\n`,
        (reply) => reply.split('END\r\n').length > 2,
      );
      assert.match(stats, /STAT auth_cmds 5\r\n/);
      assert.match(stats, /STAT auth_errors 1\r\n/);
      assert.match(stats, /STAT binding_protocol ascii\r\n/);
      assert.ok(stats.includes(`STAT auth_enabled_ascii ${file}\r\n`));

      passwords(`${name}.txt`, 'ann:other\n');
      server.child.kill('SIGHUP');
      await until('the new password', async () => {
        const reply = await exchange(port, `${login('ann', 'other')}`, lines(1));
        return reply === 'STORED\r\n';
      });
      assert.equal(await exchange(port, login('ann', 'secret'), lines(1)), FAILURE);

      if (name === 'ours') {
        passwords(`${name}.txt`, 'ann:third\nbroken\n');
        server.child.kill('SIGHUP');
        await until('a complaint', () => server.stderr().includes('malformed entry'));
        assert.equal(await exchange(port, login('ann', 'other'), lines(1)), 'STORED\r\n');
      }
      server.child.kill();
      await server.ended();
    });

    test('what cannot be is refused at the start', async () => {
      const good = passwords('good.txt', 'ann:secret\n');
      const broken = passwords('broken.txt', 'ann:secret\nbroken\n');
      const binary = 'ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.';
      for (const [args, message, code] of [
        [
          ['-Y', join(directory, 'none')],
          /^Could not open authfile \[.*\/none\] for reading, error No such file/,
          1,
        ],
        [['-Y', broken], /^Authfile \[.*\/broken.txt\] has a malformed entry. Should be 'user:password'/, 1],
        [
          ['-Y', good, '-U', '11311'],
          'Cannot use UDP with ascii authentication enabled (-U 0 to disable)',
          64,
        ],
        [['-Y', good, '-B', 'binary'], binary, 64],
      ] as const) {
        const server = start([...args, '-l', '127.0.0.1', '-p', '11311', ...AS_ROOT]);
        assert.equal(await server.ended(), code, args.join(' '));
        const said = server.stderr().trim();
        if (typeof message === 'string') assert.equal(said, message);
        else assert.match(said, message);
        if (name === 'ours') assert.equal(said.split('\n').length, 1);
      }
    });
  });
}
