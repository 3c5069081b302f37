import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import {
  type LocalHarness,
  startHarness,
  startRemoteHarness,
  TestClient,
} from '../../testing/transport-harness.ts';
import { until } from '../../testing/wait.ts';
import { loadLibc } from './libc.ts';

/** Threads that end with the test, however it ends. */
function start(t: TestContext, transport: 'reactor' | 'portable', count = 1): LocalHarness {
  const harness = startHarness(transport, count);
  t.after(() => {
    TestClient.closeAll();
    return harness.threads.stop();
  });
  return harness;
}

const skip = loadLibc() === null ? 'needs epoll' : false;

test('connections are spread over the threads in turn; others stay', { skip }, async (t) => {
  const harness = start(t, 'reactor', 4);
  const { address } = await harness.listen('echo', { spread: true });
  const near = await harness.listen('echo');
  const clients = Array.from({ length: 12 }, () => new TestClient(address));
  clients.push(new TestClient(near.address));
  for (const client of clients) assert.equal(await client.exchange('ping', 4), 'ping');
  const counts = await Promise.all([0, 1, 2, 3].map(async (i) => (await harness.state(i)).connections));
  assert.deepEqual(counts, [4, 3, 3, 3]);
  await harness.threads.stop();
  assert.deepEqual(harness.failures, []);
});

test('threads start when something is handed or sent to them, each with the one behind it', {
  skip,
}, async (t) => {
  const harness = startHarness('reactor', 6, () => {}, 0, true);
  t.after(() => {
    TestClient.closeAll();
    return harness.threads.stop();
  });
  const threadsOfProcess = (): number => readdirSync('/proc/self/task').length;
  const { address } = await harness.listen('echo', { spread: true });
  const atFirst = threadsOfProcess();
  const first = new TestClient(address);
  assert.equal(await first.exchange('ping', 4), 'ping');
  assert.equal(threadsOfProcess(), atFirst, 'the first thread serves alone');
  const second = new TestClient(address);
  assert.equal(await second.exchange('ping', 4), 'ping');
  await until('two more run', () => threadsOfProcess() >= atFirst + 2);
  const more = Array.from({ length: 10 }, () => new TestClient(address));
  for (const client of more) assert.equal(await client.exchange('ping', 4), 'ping');
  const counts = await Promise.all([0, 1, 2, 3, 4, 5].map(async (i) => (await harness.state(i)).connections));
  assert.deepEqual(counts, [2, 2, 2, 2, 2, 2]);
  assert.deepEqual(harness.failures, []);
});

test('threads that nobody needed end with the others', { skip }, async () => {
  const harness = startHarness('reactor', 4, () => {}, 0, true);
  await harness.listen('echo', { spread: true });
  await harness.threads.stop();
  assert.deepEqual(harness.failures, []);
});

test('who was handed to a thread that does not start any more is closed', { skip }, async (t) => {
  t.after(() => TestClient.closeAll());
  const harness = startHarness('reactor', 8, () => {}, 0, true);
  const { address } = await harness.listen('echo', { spread: true });
  const clients = Array.from({ length: 8 }, () => new TestClient(address));
  assert.equal(await clients[0]?.exchange('ping', 4), 'ping');
  await harness.threads.stop();
  for (const client of clients) await client.readAll();
  assert.deepEqual(harness.failures, []);
});

test('threads wake each other, asleep or not', { skip }, async (t) => {
  const harness = start(t, 'reactor', 4);
  assert.equal(harness.threads.count, 4);
  for (let i = 0; i < 200; i++) {
    assert.deepEqual(await harness.ask({ kind: 'chain' }), { kind: 'done' });
  }
});

test('node:net has one thread', async (t) => {
  const harness = start(t, 'portable', 4);
  assert.equal(harness.threads.count, 1);
  assert.equal(harness.threads.transport, 'portable');
  const { address } = await harness.listen('echo', { spread: true });
  const client = new TestClient(address);
  assert.equal(await client.exchange('ping', 4), 'ping');
});

test('a thread that hangs is ended all the same', { skip }, async (t) => {
  const harness = start(t, 'reactor', 2);
  await harness.ask({ kind: 'hang' }, 1);
  await harness.threads.stop(100);
});

test('dialling an address that does not answer gives up in time', { skip }, async (t) => {
  const harness = start(t, 'reactor', 1);
  // The kernel drops the requests for connections that do not fit the queue of a listener that does not accept.
  const { address, listener } = await harness.listen('echo', { backlog: 1 });
  await harness.ask({ kind: 'pauseListener', listener });
  const filling = Array.from({ length: 2 }, () => new TestClient(address));
  await until('the queue to be full', () => filling.every((client) => !client.socket.connecting));
  for (const transport of ['reactor', 'portable'] as const) {
    const dialler = start(t, transport);
    const answer = await dialler.ask({ kind: 'dial', address, count: 3, text: 'x', timeoutMs: 50 });
    assert.deepEqual(answer, {
      kind: 'dialled',
      answered: 0,
      errors: ['ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT'],
    });
    await until('the connections to be gone', async () => (await dialler.state()).connections === 0);
    await dialler.threads.stop();
  }
});

test('stopping closes the connections', { skip }, async (t) => {
  const harness = start(t, 'reactor', 2);
  const { address } = await harness.listen('echo', { spread: true });
  const clients = [new TestClient(address), new TestClient(address)];
  for (const client of clients) await client.exchange('ping', 4);
  await harness.threads.stop();
  for (const client of clients) assert.equal((await client.readAll()).length, 0);
  const refused = new TestClient(address);
  await refused.readAll();
  assert.equal(refused.errorCode, 'ECONNREFUSED');
});

test('an exit does not wait for threads that sleep', { skip }, () => {
  const harness = new URL('../../testing/transport-harness.js', import.meta.url).href;
  const program = `
    import { startHarness } from ${JSON.stringify(harness)};
    const started = startHarness('reactor', 3);
    await started.listen('echo', { spread: true });
    process.exit(7);`;
  const { status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  assert.deepEqual([status, signal], [7, null]);
});

test('without descriptors accepting pauses; it goes on when there are some again', { skip }, async (t) => {
  const remote = startRemoteHarness('reactor', 80);
  t.after(() => {
    TestClient.closeAll();
    remote.child.kill();
  });
  const { address } = await remote.listen('echo');
  const clients = Array.from({ length: 100 }, () => new TestClient(address));
  for (const client of clients) client.write('ping');
  const full = await until('the limit', async () => {
    const state = await remote.state();
    return state.statistics.acceptPauses >= 3 ? state : null;
  });
  assert.ok(full.connections > 10 && full.connections < 80);
  // It waits between its attempts: it does not turn in circles.
  const turns = full.statistics.turns;
  const later = await until('more attempts', async () => {
    const state = await remote.state();
    return state.statistics.acceptPauses >= 6 ? state : null;
  });
  assert.ok(later.statistics.turns - turns < 300, `${later.statistics.turns - turns} turns`);
  const served = clients.filter((client) => client.bytesReceived === 4);
  for (const client of served) client.close();
  const waiting = clients.filter((client) => !served.includes(client));
  for (const client of waiting.slice(0, 20)) assert.equal((await client.read(4)).toString(), 'ping');
  await remote.stop();
});
