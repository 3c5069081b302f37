import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DatagramClient } from '../../testing/datagrams.ts';
import { freePorts } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { ReplicatedPair } from '../../testing/replicated-pair.ts';
import { type Server, startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

async function linkedPair(
  t: TestContext,
  options: readonly string[],
  transport?: string,
): Promise<ReplicatedPair> {
  const pair = await ReplicatedPair.make(['-m', '32', ...options]);
  t.after(() => pair.dispose());
  const environment = transport === undefined ? {} : { TWINCACHED_TRANSPORT: transport };
  pair.launch(0, [], environment);
  pair.launch(1, [], environment);
  const first = await pair.client(0);
  const second = await pair.client(1);
  await pair.linked(first);
  for (const client of [first, second]) {
    await until('the twin counts', async () => (await figure(client, 'acks_peers')) === 1);
    client.close();
  }
  return pair;
}

/** Asks, and takes the line end off the reply. */
async function say(client: TextClient, request: string): Promise<string> {
  return (await client.ask(request)).trimEnd();
}

async function figure(client: TextClient, name: string): Promise<number> {
  return Number((await client.stats('replication')).get(`replication_${name}`));
}

/** Threads without the links show figures of up to a tenth of a second ago. */
async function figureIs(client: TextClient, name: string, expected: number): Promise<void> {
  await until(`${name} is ${expected}`, async () => (await figure(client, name)) === expected);
}

/**
 * Stops the second node, while the first still counts on it. On a machine that takes the cores away for a while its link may be given up just then, and nobody waits for its acks.
 *
 * @param client of the first one
 */
async function hang(pair: ReplicatedPair, client: TextClient): Promise<void> {
  const node = pair.nodes[1] ?? assert.fail('the node runs');
  for (;;) {
    await node.suspend();
    if ((await figure(client, 'acks_peers')) === 1) return;
    node.child.kill('SIGCONT');
    await figureIs(client, 'acks_peers', 1);
  }
}

/** Compares what the twin has behind the reply to a write. */
class BehindReplies {
  readonly #here: TextClient;
  readonly #there: TextClient;
  #unacknowledged = 0;

  /** @param here a client of the node that is written to */
  constructor(here: TextClient, there: TextClient) {
    this.#here = here;
    this.#there = there;
  }

  /**
   * The twin must have the value now. On a machine that takes the cores away for a while a link is given up, or an ack comes too late, and a write is
   * answered without it: that is counted before the reply goes, and only then may the twin have the value later.
   */
  async hasNow(key: string, value: string | null): Promise<void> {
    const now = await this.#there.get(key);
    if (now === value) return;
    await until(`without an ack: ${key} is ${now} behind the answer that makes it ${value}`, async () => {
      const count = await figure(this.#here, 'acks_degraded');
      const hasRisen = count > this.#unacknowledged;
      this.#unacknowledged = count;
      return hasRisen;
    });
    await until(`${key} is ${value}`, async () => (await this.#there.get(key)) === value);
  }
}

test('an acknowledged write is on the twin when its reply comes, whatever wrote it and on whatever thread', async (t) => {
  const pair = await linkedPair(t, ['--acks', '1', '--ack-timeout', '60000', '-t', '4']);
  const writer = async (index: number, side: 0 | 1): Promise<void> => {
    const here = await pair.client(side);
    const there = await pair.client(side === 0 ? 1 : 0);
    const behind = new BehindReplies(here, there);
    const key = `k${index}`;
    for (let i = 0; i < 60; i++) {
      assert.equal(await here.set(key, String(i)), 'STORED');
      await behind.hasNow(key, String(i));
      assert.equal(await say(here, `incr ${key} 1000`), String(i + 1000));
      await behind.hasNow(key, String(i + 1000));
      assert.equal(await say(here, `md ${key}`), 'HD');
      await behind.hasNow(key, null);
      // What is read in the same go comes in order behind the write.
      const replies = [here.set(key, 'x'), say(here, `get ${key}`), say(here, 'mn')];
      assert.deepEqual(await Promise.all(replies), ['STORED', `VALUE ${key} 0 1\r\nx\r\nEND`, 'MN']);
      await behind.hasNow(key, 'x');
    }
    here.close();
    there.close();
  };
  await Promise.all(Array.from({ length: 8 }, (_, index) => writer(index, index % 2 === 0 ? 0 : 1)));
  const client = await pair.client(0);
  assert.ok((await figure(client, 'acks_waited')) > 100);
  await figureIs(client, 'acks_held', 0);
  await figureIs(client, 'acks_timeouts', 0);
  client.close();
});

test('a noreply write is on the twin when the reply behind it comes', async (t) => {
  const pair = await linkedPair(t, ['--acks', '1', '-t', '2']);
  const here = await pair.client(0);
  const there = await pair.client(1);
  const behind = new BehindReplies(here, there);
  for (let i = 0; i < 100; i++) {
    const socket = await RawSocket.connect(pair.ports[0], pair.hosts[0]);
    socket.push(`set quiet${i} 0 0 1 noreply\r\nq\r\nmn\r\n`);
    assert.equal(await socket.read(4), 'MN\r\n');
    await behind.hasNow(`quiet${i}`, 'q');
    socket.vanish(false);
  }
  here.close();
  there.close();
});

test('a client that asks for acks and writes in one go has its write on the twin when it is answered', async (t) => {
  const pair = await linkedPair(t, ['-t', '2']);
  const here = await pair.client(0);
  const there = await pair.client(1);
  const behind = new BehindReplies(here, there);
  for (let i = 0; i < 50; i++) {
    const socket = await RawSocket.connect(pair.ports[0], pair.hosts[0]);
    socket.push(`acks 1\r\nset k${i} 0 0 1\r\nv\r\nacks 0\r\n`);
    assert.equal(await socket.read(16), 'OK\r\nSTORED\r\nOK\r\n');
    await behind.hasNow(`k${i}`, 'v');
    socket.vanish(false);
  }
  await until('each has waited', async () => (await figure(there, 'acks_peers')) === 1);
  // Each but those whose ack was quicker than the thread that would have waited for it.
  await until('they have waited', async () => (await figure(here, 'acks_waited')) > 0);
  here.close();
  there.close();
});

test('a client that sends more than is received at once, to a twin that hangs, has all its answers in the end', async (t) => {
  const pair = await linkedPair(t, ['--acks', '1', '--ack-timeout', '60000']);
  const other = await pair.client(0);
  await hang(pair, other);
  const count = 2000;
  const socket = await RawSocket.connect(pair.ports[0], pair.hosts[0]);
  socket.push(
    Array.from({ length: count }, (_, i) => `set k${i} 0 0 1000\r\n${'x'.repeat(1000)}\r\n`).join(''),
  );
  await until('it waits', async () => (await figure(other, 'acks_held')) === 1);
  for (let i = 0; i < 20; i++) assert.equal(await other.get('absent'), null, 'others are served meanwhile');
  pair.nodes[1]?.child.kill('SIGCONT');
  assert.equal(await socket.read(count * 8), 'STORED\r\n'.repeat(count));
  socket.vanish(false);
  other.close();
});

for (const refuses of [false, true])
  test(`a twin that hangs: writes are ${refuses ? 'refused' : 'answered all the same'} after the time limit`, async (t) => {
    const pair = await linkedPair(t, [
      '--acks',
      '1',
      '--ack-timeout',
      '100',
      ...(refuses ? ['--ack-refuse'] : []),
    ]);
    const client = await pair.client(0);
    const other = await pair.client(0);
    await hang(pair, other);
    const reply = say(client, 'set k 0 0 1\r\nv');
    await figureIs(other, 'acks_waited', 1);
    assert.equal(await other.get('absent'), null, 'reads go on');
    if (refuses) {
      assert.equal(await reply, 'SERVER_ERROR not acknowledged');
      await assert.rejects(say(client, 'version'), /closed/);
      await figureIs(other, 'acks_refused', 1);
      // Once the twin is given up for dead, writes are refused before they are made. Until then each costs its connection.
      await until('refusal', async () => {
        const next = await pair.client(0);
        const said = await next.set('k', 'w');
        next.close();
        return said === 'SERVER_ERROR not enough replicas';
      });
      assert.equal(await other.get('absent'), null);
    } else {
      assert.equal(await reply, 'STORED');
      await figureIs(other, 'acks_degraded', 1);
    }
    await until('it is counted', async () => (await figure(other, 'acks_timeouts')) >= 1);
    pair.nodes[1]?.child.kill('SIGCONT');
    await pair.linked(other);
    await until('writes wait again', async () => {
      const before = await figure(other, 'acks_waited');
      // One that is refused, on a machine so busy that no ack comes in time, is closed.
      const next = await pair.client(0);
      const said = await next.set('again', '1');
      next.close();
      return said === 'STORED' && (await figure(other, 'acks_waited')) > before;
    });
  });

test('a twin that dies while writes wait lets them go', async (t) => {
  const pair = await linkedPair(t, ['--acks', '1', '--ack-timeout', '60000']);
  const other = await pair.client(0);
  const clients = await Promise.all(Array.from({ length: 50 }, () => pair.client(0)));
  await hang(pair, other);
  const replies = clients.map((client, index) => client.set(`k${index}`, 'v'));
  await figureIs(other, 'acks_waited', 50);
  await pair.kill(1);
  assert.deepEqual(new Set(await Promise.all(replies)), new Set(['STORED']));
  await figureIs(other, 'acks_timeouts', 0);
  await figureIs(other, 'acks_degraded', 50);
});

test('of three nodes one leaves while writes wait for two: they are answered, the fence closes, and opens for one that comes anew', async (t) => {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  const node = async (port: number, twins: readonly number[]): Promise<Server> => {
    const dialled = twins.flatMap((twin) => ['-x', `127.0.0.1:${twin}`]);
    const fence = ['--acks', '2', '--ack-timeout', '60000', '--min-replicas', '2'];
    const server = await startNode(['-m', '32', '-X', `${port}`, ...dialled, ...fence]);
    t.after(() => server.process.kill('SIGKILL'));
    return server;
  };
  const clientOf = async ({ port }: Server): Promise<TextClient> => {
    const client = await TextClient.connect(port);
    t.after(() => client.close());
    return client;
  };
  const [first, second, third] = [await node(a, []), await node(b, [a]), await node(c, [a, b])];
  const [writer, other, elsewhere] = [await clientOf(first), await clientOf(first), await clientOf(second)];
  const writers: TextClient[] = [];
  for (let i = 0; i < 20; i++) writers.push(await clientOf(first));
  await figureIs(other, 'acks_peers', 2);
  await third.process.suspend();
  let answered = 0;
  const replies = writers.map((client, i) => client.set(`k${i}`, 'v').finally(() => answered++));
  await until('one twin has them', async () => {
    for (const i of replies.keys()) if ((await elsewhere.get(`k${i}`)) !== 'v') return false;
    return true;
  });
  const before = answered;
  // Who is stopped is given up after a while; until then it is waited for.
  if ((await figure(other, 'acks_peers')) === 2) assert.equal(before, 0, 'one is not two');
  await third.process.kill('SIGKILL');
  assert.deepEqual(new Set(await Promise.all(replies)), new Set(['STORED']));
  await figureIs(other, 'acks_timeouts', 0);
  await figureIs(other, 'acks_degraded', 20);
  await figureIs(other, 'acks_peers', 1);
  await until('the fence closes', async () => (await writer.set('tried', 'v')).startsWith('SERVER_ERROR'));
  assert.match(await writer.set('k0', 'refused'), /^SERVER_ERROR/);
  assert.equal(await elsewhere.get('k0'), 'v');
  const anew = await clientOf(await node(c, [a, b]));
  await until('the fence opens', async () => (await writer.set('k1', 'both')) === 'STORED');
  assert.equal(await anew.get('k1'), 'both');
  assert.equal(await elsewhere.get('k1'), 'both');
  assert.equal(await anew.get('k0'), 'v');
});

for (const transport of TRANSPORTS)
  test(`the answer to a datagram that writes waits for the twin (${transport})`, async (t) => {
    const [udp = 0] = await freePorts(1);
    const options = ['--acks', '1', '--ack-timeout', '60000', '-U', `${udp}`];
    const pair = await linkedPair(t, options, transport);
    const client = await pair.client(0);
    const datagrams = new DatagramClient(udp, pair.hosts[0]);
    assert.equal(await datagrams.ask('set a 0 0 1\r\nv\r\n'), 'STORED\r\n');
    const there = await pair.client(1);
    await new BehindReplies(client, there).hasNow('a', 'v');
    const before = await figure(client, 'acks_waited');
    await hang(pair, client);
    const id = datagrams.send('set b 0 0 1\r\nv\r\n');
    await until('it waits', async () => (await figure(client, 'acks_waited')) > before);
    assert.deepEqual(datagrams.parts(id), []);
    assert.equal(await datagrams.ask('get a\r\n'), 'VALUE a 0 1\r\nv\r\nEND\r\n', 'reads go on');
    pair.nodes[1]?.child.kill('SIGCONT');
    await until('the answer', () => datagrams.parts(id)[0]?.text === 'STORED\r\n');
    datagrams.close();
    for (const one of [client, there]) one.close();
  });

for (const transport of TRANSPORTS) {
  test(`--min-replicas without a twin: nothing is changed by anybody (${transport})`, async () => {
    const node = await startNode(['-X', '0', '--min-replicas', '1'], transport);
    const client = await TextClient.connect(node.port);
    const refusal = 'SERVER_ERROR not enough replicas';
    const changes = [
      'set k 0 0 1\r\nv',
      `set k 0 0 20000\r\n${'v'.repeat(20_000)}`,
      'cas k 0 0 1 5\r\nv',
      'append k 0 0 1\r\nv',
      'delete k',
      'incr k 1',
      'touch k 5',
      'gat 5 k',
      'flush_all',
      'ms k 1\r\nv',
      'ms k 1 q\r\nv',
      'md k',
      'ma k N0',
      'mg k v N5',
    ];
    for (const change of changes) assert.equal(await say(client, change), refusal, change);
    assert.equal(await say(client, 'mg k v'), 'EN');
    assert.equal(await client.get('k'), null);
    assert.equal(await say(client, 'set k 0 0 1 noreply\r\nv\r\nversion'), await say(client, 'version'));
    assert.equal(await client.get('k'), null);
    assert.ok((await figure(client, 'min_replicas_refused')) > changes.length);
    // Binary: a set, a quiet set and a delete have their error, a get its miss.
    const socket = await RawSocket.connect(node.port);
    const header = (opcode: number, extras: number, body: number): string =>
      `\x80${String.fromCharCode(opcode)}\0\x01${String.fromCharCode(extras)}\0\0\0\0\0\0${String.fromCharCode(body)}${'\0'.repeat(12)}`;
    socket.push(
      `${header(0x01, 8, 10)}${'\0'.repeat(8)}kv${header(0x11, 8, 10)}${'\0'.repeat(8)}kv${header(0x04, 0, 1)}k${header(0x00, 0, 1)}k`,
    );
    await socket.read(3 * (24 + 19) + 24 + 9);
    const statuses: number[] = [];
    for (let at = 0; at < socket.received.length; ) {
      statuses.push(socket.received.charCodeAt(at + 7));
      at += 24 + socket.received.charCodeAt(at + 11);
    }
    assert.deepEqual(statuses, [0x86, 0x86, 0x86, 0x01]);
    socket.vanish(false);
    client.close();
    await node.process.kill('SIGTERM');
  });

  test(`a client asks for acks by itself (${transport})`, async () => {
    const twin = await startNode(['-X', '0'], transport);
    const stats = await TextClient.connect(twin.port);
    assert.equal(await say(stats, 'acks 8'), 'CLIENT_ERROR acks must be a number from 0 to 7');
    assert.equal(await say(stats, 'acks'), 'CLIENT_ERROR acks must be a number from 0 to 7');
    for (const time of ['0', '1x', '100000'])
      assert.match(await say(stats, `acks 1 ${time}`), /^CLIENT_ERROR the time to wait for acks must be/);
    assert.equal(await say(stats, 'acks 1 250'), 'OK');
    assert.equal(await say(stats, 'acks 0 250'), 'OK');
    assert.equal(await say(stats, 'acks 1'), 'OK');
    // Nobody is there: it is answered, and counted.
    assert.equal(await stats.set('k', 'v'), 'STORED');
    await figureIs(stats, 'acks_degraded', 1);
    assert.equal(await say(stats, 'acks 0'), 'OK');
    assert.equal(await stats.set('k', 'v'), 'STORED');
    await figureIs(stats, 'acks_degraded', 1);
    stats.close();
    await twin.process.kill('SIGTERM');
    const alone = await startNode([], transport);
    const client = await TextClient.connect(alone.port);
    assert.equal(
      await say(client, 'acks 1'),
      'ERROR',
      'without replication it is no command, as in memcached',
    );
    client.close();
    await alone.process.kill('SIGTERM');
  });
}

test('what a proxy has given up is not done any more by a node that hung meanwhile; what a plain client sent is', {
  skip: TRANSPORTS.includes('reactor')
    ? false
    : 'node:net does not tell a reset before what came in front of it',
}, async (t) => {
  const pair = await linkedPair(t, ['-t', '1']);
  const [port, host] = [pair.ports[0], pair.hosts[0]];
  const client = await pair.client(0);
  assert.equal(await client.set('given-up', 'newest'), 'STORED');
  // A proxy asks for acks, and resets the connection before it sends the write to the twin.
  const proxy = await RawSocket.connect(port, host);
  await proxy.send('acks 1 1000\r\n');
  assert.equal(await proxy.read(4), 'OK\r\n');
  const plain = await RawSocket.connect(port, host);
  await plain.send('mn\r\n');
  assert.equal(await plain.read(4), 'MN\r\n');
  const connections = async (): Promise<number> => Number((await client.stats()).get('curr_connections'));
  const before = await connections();
  // While one of its threads goes on, the write would be done rightly.
  await pair.nodes[0]?.suspend();
  await proxy.send('set given-up 0 0 3\r\nold\r\n');
  await plain.send('set sent 0 0 1\r\n1\r\n');
  for (const socket of [proxy, plain]) {
    socket.vanish();
    await until('it is reset', () => socket.isClosed);
  }
  pair.nodes[0]?.child.kill('SIGCONT');
  await until('both are seen to be gone', async () => (await connections()) === before - 2);
  assert.equal(await client.get('given-up'), 'newest');
  assert.equal(await client.get('sent'), '1');
  client.close();
});

test('a node that hung does not say that it is in sync before it has what its twin was told meanwhile', async (t) => {
  const pair = await linkedPair(t, ['-t', '4']);
  const there = await pair.client(1);
  // Several connections, so that threads are asked that have no links.
  const clients = await Promise.all(Array.from({ length: 8 }, () => pair.client(0)));
  assert.equal(await there.set('k', 'old'), 'STORED');
  await until('the twin has it', async () => (await clients[0]?.get('k')) === 'old');
  pair.nodes[0]?.child.kill('SIGSTOP');
  const stoppedMs = performance.now();
  await until('it is given up', async () => (await figure(there, 'peers')) === 0, 60_000);
  // A machine that stood still itself has the twin give it up sooner; what is shorter than this is not taken for a stop.
  await until('it hangs for so long', () => performance.now() > stoppedMs + 1000);
  // More than is sent in one go comes before it.
  const bulk = 'x'.repeat(1000);
  for (let at = 0; at < 5000; at += 500)
    await Promise.all(Array.from({ length: 500 }, (_, i) => there.set(`bulk${at + i}`, bulk)));
  assert.equal(await there.set('k', 'new'), 'STORED');
  const asked = clients.map(async (client) => {
    for (let hasIt = false; !hasIt; ) {
      const [inSync, value] = await Promise.all([figure(client, 'in_sync'), client.get('k')]);
      hasIt = inSync === 1 && value === 'new';
      assert.ok(inSync === 0 || hasIt, `in sync with ${value}`);
    }
    client.close();
  });
  pair.nodes[0]?.child.kill('SIGCONT');
  await Promise.all(asked);
  there.close();
});
