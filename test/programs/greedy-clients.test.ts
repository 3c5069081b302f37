import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { residentBytes, startNode, startProxy, TRANSPORTS } from '../../testing/servers.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const MIB = 1024 * 1024;
const LARGE = 1_048_000;
const CLIENTS = 4;

/** Clients that ask for 2000 MiB each, in two ways, and read nothing. */
async function greedyClients(port: number): Promise<RawSocket[]> {
  const greedy = await Promise.all(Array.from({ length: CLIENTS }, () => RawSocket.connect(port)));
  for (const one of greedy) {
    one.stopReading();
    one.push('get big\r\n'.repeat(1000));
    one.push(`get${' big'.repeat(1000)}\r\n`);
  }
  return greedy;
}

for (const transport of TRANSPORTS) {
  test(`${transport}: a node does not fill its memory for clients that do not read, nor keep others waiting`, async (t) => {
    const node = await startNode(['-m', '16', '-t', '2'], transport);
    t.after(() => node.process.kill('SIGKILL'));
    const load = await SteadyLoad.start(node.port);
    const client = await TextClient.connect(node.port);
    assert.equal(await client.set('big', 'b'.repeat(LARGE)), 'STORED');
    await until('the load runs', () => load.answered > 300);
    const before = residentBytes(node.process.pid);
    const greedy = await greedyClients(node.port);
    const answered = load.answered;
    await until('the load goes on', () => load.answered > answered + 500);
    const grown = residentBytes(node.process.pid) - before;
    t.diagnostic(`${transport}: resident memory grew by ${(grown / MIB).toFixed(1)} MiB`);
    assert.ok(grown < 150 * MIB, `resident memory grew by ${(grown / MIB).toFixed(0)} MiB`);
    // One that reads after all gets all that it asked for.
    const patient = greedy[0];
    assert.ok(patient);
    patient.readOn();
    await until('much of it has come', () => patient.bytesReceived > 100 * LARGE || patient.isClosed, 60_000);
    assert.equal(patient.isClosed, false);
    for (const one of greedy) one.vanish();
    const report = await load.stop();
    assert.deepEqual([report.errors, report.lost], [[], []]);
    client.close();
    assert.equal(await node.process.kill(), 0);
  });

  test(`${transport}: a proxy does not fill its memory for clients that do not read, and gets rid of them`, async (t) => {
    const [port = 0] = await freePorts(1);
    const node = await startNode(['-m', '16', '-t', '2'], transport);
    const proxy = await startProxy(port, ['-s', `127.1:${node.port}`], transport);
    t.after(() => Promise.all([proxy.process.kill('SIGKILL'), node.process.kill('SIGKILL')]));
    const client = await TextClient.connect(port);
    assert.equal(await client.set('big', 'b'.repeat(LARGE)), 'STORED');
    assert.equal(await client.set('small', 's'), 'STORED');
    const before = residentBytes(proxy.process.pid);
    const greedy = await greedyClients(port);
    let most = 0;
    // All clients share the connection to a server, so they may wait; until those that do not read are dropped.
    await until(
      'others are served again',
      async () => {
        most = Math.max(most, residentBytes(proxy.process.pid) - before);
        return (await client.get('small')) === 's';
      },
      60_000,
    );
    t.diagnostic(`${transport}: resident memory grew by ${(most / MIB).toFixed(1)} MiB`);
    assert.ok(most < 400 * MIB, `resident memory grew by ${(most / MIB).toFixed(0)} MiB`);
    for (const one of greedy) one.vanish();
    await until('writes work again', async () => (await client.set('small', 't')) === 'STORED', 60_000);
    client.close();
    assert.equal(await proxy.process.kill(), 0);
    assert.equal(await node.process.kill(), 0);
  });
}
