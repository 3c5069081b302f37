import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { freePorts } from '../../testing/processes.ts';
import { residentBytes, startNode, startProxy } from '../../testing/servers.ts';
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

const EXPECTED = 'VALUE a 0 1\r\nx\r\nEND\r\n';

/** Many clients of one server, each of which asks when it is told to. */
class Clients {
  readonly sockets: Socket[] = [];
  failures = 0;
  answers = 0;
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** One request of a client, and its whole answer. */
  ask(socket: Socket): void {
    let text = '';
    const onData = (piece: Buffer): void => {
      text += piece.toString('latin1');
      if (text.length < EXPECTED.length) return;
      socket.off('data', onData);
      if (text === EXPECTED) this.answers++;
      else this.failures++;
    };
    socket.on('data', onData);
    socket.write('get a\r\n');
  }

  /** Connects them all; each asks once. So many at a time as the backlog holds. */
  async connect(): Promise<void> {
    while (this.sockets.length < CLIENTS) {
      const batch = Array.from({ length: 500 }, () => connect(this.#port, '127.0.0.1'));
      for (const socket of batch) {
        socket.on('error', () => this.failures++);
        this.sockets.push(socket);
        this.ask(socket);
      }
      await this.answered(this.sockets.length);
    }
  }

  async answered(count: number): Promise<void> {
    await until('all are answered', () => this.answers + this.failures >= count);
    assert.deepEqual([this.answers, this.failures], [count, 0]);
  }

  /** All of them again, at once. */
  async askAll(): Promise<void> {
    const before = this.answers;
    for (const socket of this.sockets) this.ask(socket);
    await this.answered(before + CLIENTS);
  }

  leave(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

test('10 000 clients at once: all are answered', { skip }, async (t) => {
  // The node raises its own limit as far as it may.
  const node = await startNode(['-c', `${CLIENTS + 100}`, '-t', '4', '-b', '4096']);
  t.after(() => node.process.kill('SIGKILL'));
  const admin = await TextClient.connect(node.port);
  assert.equal(await admin.set('a', 'x'), 'STORED');
  const before = residentBytes(node.process.pid);
  const clients = new Clients(node.port);
  await clients.connect();
  const stats = await admin.stats();
  assert.equal(stats.get('curr_connections'), `${CLIENTS + 1}`);
  assert.equal(stats.get('rejected_connections'), '0');
  const perConnection = (residentBytes(node.process.pid) - before) / CLIENTS;
  t.diagnostic(`${(perConnection / 1024).toFixed(2)} KiB of resident memory per idle connection`);
  assert.ok(perConnection < 16 * 1024, `${perConnection} bytes per connection`);
  await clients.askAll();
  clients.leave();
  await until('all have left', async () => (await admin.stats()).get('curr_connections') === '1');
  admin.close();
  assert.equal(await node.process.kill(), 0);
});

test('10 000 clients of a proxy at once: all are answered, over one connection to the server and thread', {
  skip,
}, async (t) => {
  const node = await startNode([]);
  t.after(() => node.process.kill('SIGKILL'));
  const [port = 0] = await freePorts(1);
  const proxy = await startProxy(port, ['-s', `127.0.0.1:${node.port}`, '-n', `${CLIENTS + 100}`, '-t', '2']);
  t.after(() => proxy.process.kill('SIGKILL'));
  const admin = await TextClient.connect(node.port);
  assert.equal(await admin.set('a', 'x'), 'STORED');
  const before = residentBytes(proxy.process.pid);
  const clients = new Clients(port);
  await clients.connect();
  const perConnection = (residentBytes(proxy.process.pid) - before) / CLIENTS;
  t.diagnostic(`${(perConnection / 1024).toFixed(2)} KiB of resident memory per idle connection`);
  assert.ok(perConnection < 16 * 1024, `${perConnection} bytes per connection`);
  await clients.askAll();
  assert.equal((await admin.stats()).get('curr_connections'), '3');
  clients.leave();
  // Their places are free again.
  const late = new Clients(port);
  await late.connect();
  late.leave();
  admin.close();
  assert.equal(await proxy.process.kill(), 0);
});
