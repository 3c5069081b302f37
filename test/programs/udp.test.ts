import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startNode } from '../../src/node/main-thread.ts';
import { NODE_OPTIONS_DEFAULT, type NodeOptions } from '../../src/node/options.ts';
import { DatagramClient, requestDatagram } from '../../testing/datagrams.ts';
import { AS_ROOT, freePorts, MEMCACHED, type Running, run } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { differenceOf, readTranscripts } from '../../testing/transcripts.ts';
import { until } from '../../testing/wait.ts';

const FOLDER = fileURLToPath(new URL('../../../test/transcripts/text', import.meta.url));
/**
 * Those that fit a datagram, and do not end the connection, which a datagram has none of. Administrators' commands change what others get, or
 * are answered later, when the datagram is forgotten.
 */
const transcripts = readTranscripts(FOLDER).filter(
  ({ sent, closed }) =>
    sent.length < 60_000 &&
    !closed &&
    !/^(cache_memlimit|lru|shutdown|slabs|stats|verbosity|watch)/m.test(sent),
);

const OPTIONS: NodeOptions = {
  ...NODE_OPTIONS_DEFAULT,
  listen: [
    { host: '127.0.0.1', port: null },
    { host: '::1', port: null },
  ],
  tcpPort: 0,
  udpPort: 0,
  memoryBytesMax: 64 * 1024 * 1024,
  // So that answers come in the order of requests.
  threads: 1,
};

interface Server {
  readonly udp: readonly { readonly host: string; readonly port: number }[];
  readonly stop: () => Promise<unknown>;
}

async function ours(transport: 'reactor' | 'portable'): Promise<Server> {
  const node = await startNode(OPTIONS, transport);
  const udp = node.addresses.flatMap(({ transport: name, address }) =>
    name === 'udp' && address.family !== 'unix' ? [address] : [],
  );
  return { udp, stop: () => node.stop() };
}

async function original(): Promise<Server> {
  const [port = 0] = await freePorts(1);
  const args = ['-l', '127.0.0.1,[::1]', '-p', String(port), '-U', String(port), ...AS_ROOT];
  const server: Running = run(MEMCACHED ?? '', args);
  await until('memcached', async () => {
    const client = await TextClient.connect(port);
    client.close();
    return true;
  });
  return {
    udp: [
      { host: '127.0.0.1', port },
      { host: '::1', port },
    ],
    stop: () => server.kill(),
  };
}

/** Everything that has come for a request until a later one was answered; the original sends a message for each reply. */
async function reply(client: DatagramClient, payload: string): Promise<string> {
  const id = client.send(payload);
  await client.ask('mn\r\n');
  return client
    .parts(id)
    .map(({ text }) => text)
    .join('');
}

const servers = [
  ['ours, reactor', () => ours('reactor'), false],
  ['ours, portable', () => ours('portable'), false],
  ['the installed memcached', original, MEMCACHED === null ? 'memcached is not installed' : false],
] as const;

for (const [name, start, skip] of servers) {
  describe(`UDP, ${name}`, { skip }, () => {
    const isOurs = name.startsWith('ours');
    let server: Server;
    let client: DatagramClient;
    before(async () => {
      server = await start();
      client = new DatagramClient(server.udp[0]?.port ?? 0, server.udp[0]?.host);
    });
    after(async () => {
      client.close();
      await server.stop();
    });

    for (const transcript of transcripts) {
      const differs = transcript.differs && !isOurs ? 'memcached 1.6.18 differs' : false;
      test(`transcript ${transcript.name}`, { skip: differs }, async () => {
        await client.ask('flush_all\r\n');
        assert.equal(differenceOf(await reply(client, transcript.sent), transcript.expected), null);
      });
    }

    test('a long value comes in datagrams of 1400 bytes', async () => {
      const value = 'abcdefghij'.repeat(5000);
      assert.equal(await client.ask(`set long 0 0 50000\r\n${value}\r\n`), 'STORED\r\n');
      const parts = await client.request('get long\r\n');
      const text = `VALUE long 0 50000\r\n${value}\r\nEND\r\n`;
      assert.equal(parts.map((part) => part.text).join(''), text);
      assert.deepEqual(
        parts.map(({ sequence, total, bytes }) => [sequence, total, bytes]),
        Array.from({ length: 36 }, (_, i) => [i, 36, i < 35 ? 1400 : (text.length % 1392) + 8]),
      );
    });

    test('what is no request of one datagram is dropped', async () => {
      for (const datagram of [
        requestDatagram(1, 'version\r\n', 2),
        requestDatagram(1, 'version\r\n', 0),
        requestDatagram(1, ''),
        requestDatagram(1, '').subarray(0, 3),
        Buffer.alloc(0),
      ])
        assert.equal(await client.askForNothing(datagram, 1), '');
    });

    test('IPv6', async () => {
      const [, { host, port } = { host: '', port: 0 }] = server.udp;
      assert.equal(host, '::1');
      const other = new DatagramClient(port, host);
      assert.equal(await other.ask('set six 0 0 1\r\n6\r\n'), 'STORED\r\n');
      assert.equal(await client.ask('get six\r\n'), 'VALUE six 0 1\r\n6\r\nEND\r\n');
      other.close();
    });

    if (isOurs) {
      test('a message is one, however many keys and commands', async () => {
        await client.ask('set a 0 0 1\r\nx\r\n');
        assert.equal((await client.request('get a b a\r\nget a\r\n')).length, 1);
      });

      test('each datagram stands for itself', async () => {
        assert.equal(await client.askForNothing(requestDatagram(1, 'set half 0 0 9\r\nabc'), 1), '');
        assert.equal(await client.ask('get half\r\n'), 'END\r\n');
        assert.equal(await client.askForNothing(requestDatagram(2, 'get half'), 2), '');
        assert.equal(await client.ask('\r\nmn\r\n'), 'CLIENT_ERROR bad command line format\r\nMN\r\n');
      });
    }
  });
}

test('a busy UDP port is refused with one line', async () => {
  const server = await ours('reactor');
  const udpPort = server.udp[0]?.port ?? 0;
  await assert.rejects(startNode({ ...OPTIONS, udpPort }), (error) => {
    assert.ok(error instanceof Error && 'exitCode' in error);
    assert.equal(error.exitCode, 71);
    assert.equal(error.message, `failed to listen on UDP port ${udpPort}: Address already in use`);
    return true;
  });
  await server.stop();
});

test('a node can have UDP only', async () => {
  const node = await startNode({ ...OPTIONS, tcpPort: null });
  assert.deepEqual(
    node.addresses.map(({ transport }) => transport),
    ['udp', 'udp'],
  );
  const [first] = node.addresses;
  assert.ok(first !== undefined && first.address.family !== 'unix');
  const client = new DatagramClient(first.address.port, first.address.host);
  assert.equal(await client.ask('mn\r\n'), 'MN\r\n');
  client.close();
  await node.stop();
});
