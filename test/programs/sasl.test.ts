import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OPCODE } from '../../src/protocol/binary/opcodes.ts';
import { binaryPacket } from '../../testing/binary-client.ts';
import { type BinaryReply, parseReplies } from '../../testing/binary-transcripts.ts';
import { AS_ROOT, twincached } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { until } from '../../testing/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
after(() => rmSync(folder, { recursive: true }));

const NOOP = binaryPacket(OPCODE.noop);
const login = (user: string, password: string): string =>
  binaryPacket(OPCODE.saslAuth, { key: 'PLAIN', value: `\0${user}\0${password}` });

/** Sends some requests. @returns the replies, when there are as many, or the connection is closed */
async function converse(port: number, requests: readonly string[]): Promise<readonly BinaryReply[]> {
  const socket = await RawSocket.connect(port);
  await socket.send(requests.join(''));
  const replies = await until('the replies', () => {
    const found = parseReplies(socket.received).replies;
    return (found.length >= requests.length || socket.isClosed) && found;
  });
  socket.vanish(false);
  return replies;
}

/** `stats settings`, up to the empty reply that ends them. */
async function settingsOf(port: number): Promise<ReadonlyMap<string, string>> {
  const socket = await RawSocket.connect(port);
  await socket.send(login('app', 'secret') + binaryPacket(OPCODE.stat, { key: 'settings' }) + NOOP);
  const replies = await until('all settings', () => {
    const found = parseReplies(socket.received).replies;
    return found.at(-1)?.opcode === OPCODE.noop && found;
  });
  socket.vanish(false);
  return new Map(replies.map(({ key, value }) => [key, value]));
}

for (const transport of TRANSPORTS)
  test(`logging in, on ${transport}`, async () => {
    const file = join(folder, transport);
    writeFileSync(file, 'app:secret\n');
    const node = await startNode(['-S', '-t', '2'], transport, { MEMCACHED_SASL_PWDB: file });
    try {
      const ask = async (...requests: string[]): Promise<string[]> =>
        (await converse(node.port, requests)).map(({ value }) => value);
      assert.deepEqual(await ask(NOOP), ['Auth failure.']);
      assert.deepEqual(await ask(login('app', 'secret'), NOOP), ['Authenticated', '']);
      assert.deepEqual(await ask(login('app', 'Secret'), NOOP), ['Auth failure.', 'Auth failure.']);
      assert.deepEqual(await ask('version\r\n'), []);
      const settings = await settingsOf(node.port);
      assert.equal(settings.get('auth_enabled_sasl'), 'yes');
      assert.equal(settings.get('binding_protocol'), 'binary');
      // Users come and go while the node runs.
      writeFileSync(file, 'another:password\n');
      assert.deepEqual(await ask(login('app', 'secret')), ['Auth failure.']);
      assert.deepEqual(await ask(login('another', 'password')), ['Authenticated']);
    } finally {
      await node.process.kill();
    }
  });

test('without a password file a node with -S does not start, and says so in one line', async () => {
  const missing = join(folder, 'missing');
  const cases = [
    [
      { MEMCACHED_SASL_PWDB: missing },
      `cannot read the SASL password file ${missing}: No such file or directory`,
    ],
    [{ MEMCACHED_SASL_PWDB: '' }, 'the environment variable MEMCACHED_SASL_PWDB must name a file'],
  ] as const;
  for (const [environment, message] of cases) {
    const program = twincached(['memcached', ...AS_ROOT, '-l', '127.0.0.1', '-p', '-1', '-S'], environment);
    assert.equal(await program.ended(), 1);
    assert.ok(program.stderr().includes(message), program.stderr());
    assert.equal(program.stderr().trim().split('\n').length, 1);
  }
});
