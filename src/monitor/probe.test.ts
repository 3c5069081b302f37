import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { serveTcp } from '../../testing/tcp-server.ts';
import { probe, REPLY_LENGTH_MAX } from './probe.ts';

async function outcome(port: number, stats = false, timeoutMs = 5000): Promise<string> {
  const result = await probe({ host: '127.0.0.1', port, stats }, timeoutMs, 'node');
  return result.ok ? `ok ${result.stats?.size ?? 'none'}` : result.reason;
}

test('a version is an answer, also in pieces, and so is an error of the protocol', async (t) => {
  const version = await serveTcp(t, (socket) => socket.write('VERSION 1.6\r\n'));
  assert.equal(await outcome(version), 'ok none');
  const pieces = await serveTcp(t, (socket) => {
    socket.write('VERS');
    socket.once('data', () => socket.write('ION 1\r\n'));
  });
  assert.equal(await outcome(pieces), 'ok none');
  const error = await serveTcp(t, (socket) => socket.write('SERVER_ERROR all servers are dead\r\n'));
  assert.equal(await outcome(error), 'ok none');
});

test('what is silent, closed, foreign or not there fails with its reason', async (t) => {
  const silent = await serveTcp(t, () => {});
  assert.equal(await outcome(silent, false, 50), 'no answer');
  const closing = await serveTcp(t, (socket) => socket.end());
  assert.equal(await outcome(closing), 'connection closed');
  const foreign = await serveTcp(t, (socket) => socket.write('220 mail ready\r\n'));
  assert.equal(await outcome(foreign), 'not a memcached reply');
  const endless = await serveTcp(t, (socket) => socket.write('x'.repeat(70_000)));
  assert.equal(await outcome(endless), 'an endless reply');
  const lines = await serveTcp(t, (socket) =>
    socket.write(`VERSION 1\r\n${'STAT a b\r\n'.repeat(REPLY_LENGTH_MAX / 10)}`),
  );
  assert.equal(await outcome(lines, true), 'ok 1');
  assert.equal(await outcome(1), 'ECONNREFUSED');
});

test('statistics come with the answer; without their end the process still counts as alive', async (t) => {
  const whole = await serveTcp(t, (socket) =>
    socket.write(
      'VERSION 1\r\nSTAT pid 7\r\nSTAT version 1.6 x\r\nEND\r\nSTAT replication_state linked\r\nEND\r\n',
    ),
  );
  assert.equal(await outcome(whole, true), 'ok 3');
  const half = await serveTcp(t, (socket) => socket.write('VERSION 1\r\nSTAT pid 7\r\n'));
  assert.equal(await outcome(half, true, 50), 'ok 1');
  const plain = await serveTcp(t, (socket) => socket.write('VERSION 1\r\nSTAT pid 7\r\nEND\r\nERROR\r\n'));
  assert.equal(await outcome(plain, true), 'ok 1');
  const refused = await serveTcp(t, (socket) => socket.write('VERSION 1\r\nERROR\r\nERROR\r\n'));
  assert.equal(await outcome(refused, true), 'ok none');
});

test('statistics are read by name, in whatever pieces they come; values may hold blanks', async (t) => {
  const reply =
    'VERSION 1\r\nVALUE __twincached__.thread 0 1\r\n3\r\nEND\r\nSTAT a 1\r\nEND\r\nSTAT b x y\r\nEND\r\n';
  for (const pieces of [[reply], [...reply]]) {
    const port = await serveTcp(t, (socket) => {
      for (const piece of pieces) socket.write(piece);
    });
    const result = await probe({ host: '127.0.0.1', port, stats: true }, 30_000, 'proxy');
    assert.ok(result.ok);
    assert.deepEqual(Object.fromEntries(result.stats ?? []), { thread: '3', a: '1', b: 'x y' });
  }
});

test('a proxy may have a thousand servers', async (t) => {
  const line = (index: number): string => `STAT server_${index}_name ${'x'.repeat(600)}\r\n`;
  const servers = Array.from({ length: 1000 }, (_, index) => line(index)).join('');
  const port = await serveTcp(t, (socket) =>
    socket.write(`VERSION 1\r\nEND\r\nSTAT a 1\r\nEND\r\n${servers}END\r\n`),
  );
  const result = await probe({ host: '127.0.0.1', port, stats: true }, 30_000, 'proxy');
  assert.equal(result.ok ? result.stats?.size : null, 1001);
});

test('who answers, and lets nobody in, is alive', async (t) => {
  const refusing = await serveTcp(t, (socket) => socket.write('CLIENT_ERROR authentication failure\r\n'));
  const folder = mkdtempSync(join(tmpdir(), 'twincached-probe-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const authFile = join(folder, 'users');
  writeFileSync(authFile, 'monitor:changed\n');
  const at = (port: number): ReturnType<typeof probe> =>
    probe({ host: '127.0.0.1', port, stats: true, access: { tls: null, authFile } }, 30_000, 'node');
  const result = await at(refusing);
  assert.ok(result.ok && result.latencyMs > 0 && result.stats === null);
  assert.equal(result.refusal, 'cannot log in: CLIENT_ERROR authentication failure');
  assert.deepEqual(await at(1), { ok: false, reason: 'ECONNREFUSED' });
  const foreign = await serveTcp(t, (socket) => socket.write('220 mail\r\n'));
  assert.deepEqual(await at(foreign), { ok: false, reason: 'cannot log in: 220 mail' });
});
