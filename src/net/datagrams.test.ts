/** What both transports promise about datagrams, as seen by clients over the loopback. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  type LocalHarness,
  listenForDatagrams,
  startHarness,
  TestClient,
} from '../../testing/transport-harness.ts';
import { until } from '../../testing/wait.ts';
import { loadLibc } from './libc.ts';
import type { SocketAddress } from './loop.ts';

/** A client that keeps what it gets, as text. */
class Client {
  readonly socket: Socket;
  readonly received: string[] = [];
  readonly #address: SocketAddress & { readonly family: 'ipv4' | 'ipv6' };

  constructor(address: SocketAddress) {
    assert.ok(address.family !== 'unix');
    this.#address = address;
    this.socket = createSocket({
      type: address.family === 'ipv6' ? 'udp6' : 'udp4',
      recvBufferSize: 4 << 20,
    });
    this.socket.on('message', (bytes) => this.received.push(bytes.toString('latin1')));
    this.socket.on('error', () => {});
  }

  send(text: string): void {
    this.socket.send(text, this.#address.port, this.#address.host);
  }

  /** Waits for so many datagrams and takes them. */
  async take(count: number): Promise<string[]> {
    await until(`${count} datagrams`, () => this.received.length >= count);
    return this.received.splice(0);
  }

  get port(): number {
    return this.socket.address().port;
  }

  close(): void {
    this.socket.close();
  }
}

const transports = loadLibc() === null ? (['portable'] as const) : (['reactor', 'portable'] as const);

for (const transport of transports) {
  describe(`datagrams, the ${transport} transport`, () => {
    let harness: LocalHarness;
    const clients: Client[] = [];

    before(() => {
      harness = startHarness(transport);
    });
    afterEach(() => {
      for (const client of clients.splice(0)) client.close();
    });
    after(async () => {
      TestClient.closeAll();
      await harness.threads.stop();
      assert.deepEqual(harness.failures, []);
    });

    function client(address: SocketAddress): Client {
      const made = new Client(address);
      clients.push(made);
      return made;
    }

    for (const [family, host, name] of [
      ['ipv4', '127.0.0.1', 'udp:127.0.0.1'],
      ['ipv6', '::1', 'udp6:[::1]'],
    ] as const) {
      test(`${family}: an answer of several parts goes to whom it is for`, async () => {
        const { address } = await listenForDatagrams(harness, { address: { family, host, port: 0 } });
        assert.ok(address.family !== 'unix' && address.port > 0 && address.host === host);
        const [one, other] = [client(address), client(address)];
        one.send('3');
        assert.deepEqual(
          await one.take(3),
          [0, 1, 2].map((part) => `${part} ${name}:${one.port}\n0\n`),
        );
        other.send('1');
        assert.deepEqual(await other.take(1), [`0 ${name}:${other.port}\n0\n`]);
        assert.deepEqual(one.received, []);
      });

      test(`${family}: an answer that comes later goes to whom it is for`, async () => {
        const { address } = await listenForDatagrams(harness, { address: { family, host, port: 0 } });
        assert.ok(address.family !== 'unix');
        const [one, other] = [client(address), client(address)];
        one.send('later');
        one.send('1');
        await one.take(1);
        other.send('later');
        other.send('now');
        assert.deepEqual(await one.take(1), [`later ${name}:${one.port}\n`]);
        assert.deepEqual(await other.take(1), [`later ${name}:${other.port}\n`]);
      });
    }

    test('what has no answer is counted, and does not hold up what follows', async () => {
      const { address } = await listenForDatagrams(harness);
      const { datagrams, datagramsDropped } = (await harness.state()).statistics;
      const sender = client(address);
      for (const text of ['', 'junk', 'x'.repeat(60_000), '1']) sender.send(text);
      assert.equal((await sender.take(1)).length, 1);
      const { statistics } = await harness.state();
      assert.equal(statistics.datagrams - datagrams, 4);
      assert.equal(statistics.datagramsDropped - datagramsDropped, 3);
    });

    test('a long answer does not starve connections, and comes whole', async () => {
      const { address } = await listenForDatagrams(harness);
      const { address: echo } = await harness.listen('echo');
      const slow = client(address);
      const near = new TestClient(echo);
      assert.equal(await near.exchange('ping', 4), 'ping');
      const turns = (await harness.state()).statistics.turns;
      slow.send('2000');
      const parts = await slow.take(2000);
      assert.deepEqual(
        parts.map((part) => Number.parseInt(part, 10)),
        Array.from({ length: 2000 }, (_, i) => i),
      );
      assert.equal(await near.exchange('ping', 4), 'ping');
      if (transport === 'reactor') {
        // It was sent in pieces, with turns for the others between them.
        assert.ok((await harness.state()).statistics.turns - turns > 2000 / 128);
      }
      slow.send('1');
      assert.equal((await slow.take(1)).length, 1);
      await until('all to be sent', async () => (await harness.state()).statistics.pendingBytes === 0);
    });

    test('a listener on hold has its port, and answers from its opening on', async () => {
      const { address, listener } = await listenForDatagrams(harness, { hold: true });
      const taken = await harness.ask({ kind: 'listenForDatagrams', address });
      assert.deepEqual(taken, {
        kind: 'error',
        error: { code: 'EADDRINUSE', message: 'Address already in use' },
      });
      await harness.ask({ kind: 'openListener', listener });
      const sender = client(address);
      sender.send('1');
      assert.equal((await sender.take(1)).length, 1);
      await harness.ask({ kind: 'pauseListener', listener });
      const { datagrams } = (await harness.state()).statistics;
      sender.send('1');
      assert.equal((await harness.state()).statistics.datagrams, datagrams);
      await harness.ask({ kind: 'openListener', listener });
      sender.send('1');
      await sender.take(1);
    });

    test('a closed listener gives its port back', async () => {
      const { address, listener } = await listenForDatagrams(harness);
      await harness.ask({ kind: 'closeListener', listener });
      const again = await until('the port', async () => {
        const answer = await harness.ask({ kind: 'listenForDatagrams', address });
        return answer.kind === 'listening' ? answer : null;
      });
      assert.deepEqual(again.address, address);
    });
  });
}

const skip = loadLibc() === null ? 'needs epoll' : false;

test('datagrams that come while one thread is busy are answered by another one', { skip }, async (t) => {
  const harness = startHarness('reactor', 2);
  t.after(() => harness.threads.stop(100));
  const { address, listener } = await listenForDatagrams(harness, { spread: true, hold: true });
  const sender = new Client(address);
  t.after(() => sender.close());
  await harness.ask({ kind: 'openListener', listener });
  await harness.ask({ kind: 'hang' });
  sender.send('1');
  assert.equal((await sender.take(1))[0]?.split('\n')[1], '1');
});
