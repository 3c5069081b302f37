import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { residentBytes, startNode } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const CLIENTS = 10_000;

/** Descriptors that this process may have. */
function descriptorsMax(): number {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' });
  return stdout.trim() === 'unlimited' ? Number.POSITIVE_INFINITY : Number(stdout);
}

const skip =
  descriptorsMax() < CLIENTS + 500 ? `needs ${CLIENTS + 500} descriptors, has ${descriptorsMax()}` : false;

test('10 000 clients at once: all are answered', { skip }, async (t) => {
  // The node raises its own limit as far as it may.
  const node = await startNode(['-c', `${CLIENTS + 100}`, '-t', '4', '-b', '4096']);
  t.after(() => node.process.kill('SIGKILL'));
  const admin = await TextClient.connect(node.port);
  assert.equal(await admin.set('a', 'x'), 'STORED');
  const before = residentBytes(node.process.pid);
  const expected = 'VALUE a 0 1\r\nx\r\nEND\r\n';
  const sockets: Socket[] = [];
  let failures = 0;
  let answers = 0;
  /** One request of a client, and its whole answer. */
  const ask = (socket: Socket): void => {
    let text = '';
    const onData = (piece: Buffer): void => {
      text += piece.toString('latin1');
      if (text.length < expected.length) return;
      socket.off('data', onData);
      if (text === expected) answers++;
      else failures++;
    };
    socket.on('data', onData);
    socket.write('get a\r\n');
  };
  while (sockets.length < CLIENTS) {
    // So many at a time as the backlog holds.
    const batch = Array.from({ length: 500 }, () => connect(node.port, '127.0.0.1'));
    for (const socket of batch) {
      socket.on('error', () => failures++);
      sockets.push(socket);
      ask(socket);
    }
    await until('the batch is answered', () => answers + failures >= sockets.length, 30_000);
  }
  assert.deepEqual([answers, failures], [CLIENTS, 0]);
  const stats = await admin.stats();
  assert.equal(stats.get('curr_connections'), `${CLIENTS + 1}`);
  assert.equal(stats.get('rejected_connections'), '0');
  const perConnection = (residentBytes(node.process.pid) - before) / CLIENTS;
  t.diagnostic(`${(perConnection / 1024).toFixed(2)} KiB of resident memory per idle connection`);
  assert.ok(perConnection < 16 * 1024, `${perConnection} bytes per connection`);
  // And all of them again, at once.
  for (const socket of sockets) ask(socket);
  await until('all are answered again', () => answers + failures >= 2 * CLIENTS, 30_000);
  assert.deepEqual([answers, failures], [2 * CLIENTS, 0]);
  for (const socket of sockets) socket.destroy();
  await until('all have left', async () => (await admin.stats()).get('curr_connections') === '1', 30_000);
  admin.close();
  assert.equal(await node.process.kill(), 0);
});
