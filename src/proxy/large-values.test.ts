import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { freePorts } from '../../testing/processes.ts';
import { type Server, startNode, startProxy, TRANSPORTS } from '../../testing/servers.ts';
import { TcpRelay } from '../../testing/tcp-relay.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const MIB: number = 1024 * 1024;

const begun: Server[] = [];
const relays: TcpRelay[] = [];
after(async () => {
  for (const relay of relays) relay.close();
  await Promise.all(begun.map(({ process }) => process.kill('SIGKILL')));
});

function filler(bytes: number, letter: string): string {
  return letter.repeat(bytes);
}

async function nodePort(): Promise<number> {
  const node = await startNode(['-m', '256', '-I', '16m']);
  begun.push(node);
  return node.port;
}

async function proxyPort(serverPort: number, transport: 'reactor' | 'portable'): Promise<number> {
  const [port] = await freePorts(1);
  begun.push(await startProxy(port!, ['-s', `127.0.0.1:${serverPort}`], transport));
  const client = await TextClient.connect(port!);
  // On a busy machine the first dial may be too late.
  await until('the server', async () => (await client.set('small', '1')) === 'STORED');
  client.close();
  return port!;
}

async function figure(client: TextClient, name: string): Promise<number> {
  const text = await client.ask('stats pools');
  return Number(new RegExp(`STAT ${name} (\\d+)`).exec(text)?.[1]);
}

for (const transport of TRANSPORTS) {
  test(`${transport}: values of 1 and of 8 MiB, pipelined and mixed with small ones, in order`, async () => {
    const port = await proxyPort(await nodePort(), transport);
    const client = await TextClient.connect(port);
    const sizes = [MIB - 100, 10, 8 * MIB, 100_000, MIB, 70_000];
    const values = sizes.map((size, i) => filler(size, String.fromCharCode(97 + i)));
    const stored = await Promise.all(values.map((value, i) => client.set(`k${i}`, value)));
    assert.deepEqual(
      stored,
      values.map(() => 'STORED'),
    );
    const got = await Promise.all(values.map((_, i) => client.get(`k${i}`)));
    for (const [i, value] of values.entries()) assert.ok(got[i] === value, `the value of k${i}`);
    const some = values.flatMap((value, i) => (value.length > MIB ? [] : [i]));
    const all = await client.ask(`get ${some.map((i) => `k${i}`).join(' ')}`);
    const blocks = some.map((i) => `VALUE k${i} 0 ${values[i]!.length}\r\n${values[i]!}\r\n`);
    assert.ok(all === `${blocks.join('')}END\r\n`, 'all in one get');
    assert.equal(await figure(client, 'buffer_bytes'), 0);
    client.close();
  });

  test(`${transport}: a value that needs several times the timeout on its way is stored and read`, async () => {
    const relay = await TcpRelay.to(await nodePort());
    relays.push(relay);
    const port = await proxyPort(relay.port, transport);
    const client = await TextClient.connect(port);
    const other = await TextClient.connect(port);
    relay.bytesPerMs = 2000;
    const value = filler(5 * MIB, 'v');
    const stored = client.set('large', value);
    const behind = other.get('small');
    assert.equal(await stored, 'STORED');
    assert.equal(await behind, '1');
    const got = client.get('large');
    const behindAgain = other.get('small');
    assert.ok((await got) === value);
    assert.equal(await behindAgain, '1');
    client.close();
    other.close();
  });

  test(`${transport}: clients that do not read what they have asked for hold up nobody else`, async () => {
    const port = await proxyPort(await nodePort(), transport);
    const client = await TextClient.connect(port);
    assert.equal(await client.set('large', filler(15 * MIB, 'v')), 'STORED');
    const deaf = connect(port, '127.0.0.1');
    await once(deaf, 'connect');
    deaf.pause();
    deaf.write('get large\r\nget large\r\n');
    // Its answers stand before the others' on the connection to the server.
    await until('a stall', async () => (await figure(client, 'client_stalls')) > 0);
    for (let i = 0; i < 20; i++) assert.equal(await client.get('none'), null);
    assert.equal(await figure(client, 'clients_dropped'), 0);
    assert.ok((await figure(client, 'client_grants')) > 0);
    let bytes = 0;
    deaf.on('data', (piece) => {
      bytes += piece.length;
    });
    deaf.resume();
    const whole = 2 * (`VALUE large 0 ${15 * MIB}\r\n\r\nEND\r\n`.length + 15 * MIB);
    await until('all of it', () => bytes === whole);
    await until('the buffers', async () => (await figure(client, 'buffer_bytes')) === 0);
    deaf.destroy();
    client.close();
  });
}
