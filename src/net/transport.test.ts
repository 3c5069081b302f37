/** What both transports promise, as seen by clients over the loopback. */
import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { credentials, testListening } from '../../testing/certificates.ts';
import {
  type LocalHarness,
  startHarness,
  startRemoteHarness,
  TestClient,
} from '../../testing/transport-harness.ts';
import { patternByte } from '../../testing/transport-sessions.ts';
import type { ThreadState } from '../../testing/transport-thread.ts';
import { until } from '../../testing/wait.ts';
import { INPUT_REST_BYTES_MAX, PENDING_BYTES_MAX } from '../base/limits.ts';
import { WINDOW_BYTES } from './buffer-pool.ts';
import { loadLibc } from './libc.ts';
import type { SocketAddress } from './loop.ts';

const MIB = 1024 * 1024;
const directory = mkdtempSync(join(tmpdir(), 'twincached-net-'));
after(() => rmSync(directory, { recursive: true }));

function assertPattern(bytes: Uint8Array): void {
  const wrong = bytes.findIndex((byte, i) => byte !== patternByte(i));
  assert.equal(wrong, -1, `the byte at ${wrong} is wrong`);
}

function portOf(address: SocketAddress): number {
  assert.ok(address.family !== 'unix');
  return address.port;
}

const transports =
  loadLibc() === null ? (['portable', 'TLS'] as const) : (['reactor', 'portable', 'TLS'] as const);
/** What a client of the TLS transport needs. */
const TLS_CLIENT = { ca: credentials('server').ca, checkServerIdentity: () => undefined };

for (const name of transports) {
  const isTls = name === 'TLS';
  const transport = isTls ? 'portable' : name;
  describe(isTls ? 'the portable transport with TLS' : `the ${transport} transport`, () => {
    let harness: LocalHarness;
    const clients: TestClient[] = [];

    before(() => {
      harness = startHarness(transport);
      assert.equal(harness.threads.transport, transport);
      if (isTls) harness.listenDefaults = { tls: testListening() };
    });

    afterEach(async () => {
      for (const client of clients.splice(0)) client.close();
      await settled((state) => state.connections === 0 && state.statistics.pendingBytes === 0);
    });

    after(async () => {
      await harness.threads.stop();
      assert.deepEqual(harness.failures, []);
    });

    /** A cut where there can be one: TLS hides the socket below. */
    function cut(client: TestClient): void {
      if (isTls) client.socket.destroy();
      else client.socket.resetAndDestroy();
    }

    function dial(address: SocketAddress): TestClient {
      const client = new TestClient(address, isTls ? TLS_CLIENT : null);
      clients.push(client);
      return client;
    }

    function settled(condition: (state: ThreadState) => boolean): Promise<ThreadState> {
      return until('the state of the thread', async () => {
        const state = await harness.state();
        return condition(state) ? state : null;
      });
    }

    test('what is split anywhere arrives as one request, whatever follows it', async () => {
      const { address } = await harness.listen('lines');
      const client = dial(address);
      const text = 'one\ntwenty-two\n\n';
      for (let cut = 1; cut < text.length; cut++) {
        client.write(text.slice(0, cut));
        // The answer to what came first shows that it was read by itself.
        if (cut === 4) assert.equal((await client.read(2)).toString(), '3\n');
        const before = (await harness.state()).bytesRead;
        client.write(text.slice(cut));
        const rest = cut === 4 ? '10\n0\n' : '3\n10\n0\n';
        assert.equal(
          (await client.read(rest.length)).toString(),
          rest,
          `cut at ${cut}, ${before} bytes read`,
        );
      }
    });

    test('typed byte by byte', async () => {
      const { address } = await harness.listen('lines');
      const client = dial(address);
      const sent = (await harness.state()).bytesRead;
      for (const [i, byte] of [...'slow\n'].entries()) {
        client.write(byte);
        await settled((state) => state.bytesRead === sent + i + 1);
      }
      assert.equal((await client.read(2)).toString(), '4\n');
    });

    test('ten thousand requests in one write are answered in order', async () => {
      const { address } = await harness.listen('lines');
      const client = dial(address);
      let request = '';
      let expected = '';
      for (let i = 0; i < 10_000; i++) {
        request += `${'x'.repeat(i % 97)}\n`;
        expected += `${i % 97}\n`;
      }
      assert.equal(await client.exchange(request, expected.length), expected);
    });

    test('values of 1 MiB and more, both ways, on several connections at once', async () => {
      const sink = (await harness.listen('sink')).address;
      const source = (await harness.listen('source')).address;
      const jobs: Promise<void>[] = [];
      for (const size of [1, 65536, MIB, MIB + 1, 9 * MIB]) {
        const value = Buffer.alloc(size, size % 251);
        const reply = `${size} ${size * (size % 251)}\n`;
        const up = dial(sink);
        up.write(`${size}\n`);
        up.write(value);
        jobs.push(up.read(reply.length).then((got) => assert.equal(got.toString(), reply)));
        // Whole, as one reply larger than any window; and piece by piece.
        for (const piece of [size, 1000]) {
          const down = dial(source);
          down.write(`${size} ${piece}\n`);
          jobs.push(down.read(size).then(assertPattern));
        }
      }
      await Promise.all(jobs);
    });

    test('a session that was held up goes on when the peer has taken all', async () => {
      // One is fed its request again, the other is told that the output has drained.
      const requests = [
        ['source', `${16 * MIB} 10000\n`],
        ['writer', `${16 * MIB}`],
        ['hauler', `${16 * MIB}`],
      ] as const;
      for (const [service, request] of requests) {
        const client = dial((await harness.listen(service)).address);
        client.socket.pause();
        client.write(request);
        await settled((state) => state.statistics.pendingBytes > 0);
        client.socket.resume();
        assertPattern(await client.read(16 * MIB));
      }
    });

    test('long values that go from where they lie arrive whole, though they change at once afterwards', async () => {
      const { address } = await harness.listen('hauler');
      const sizes = [10, 44, 100_000, 2 * MIB, 5 * MIB];
      await Promise.all(
        sizes.map(async (size) => {
          const client = dial(address);
          client.write(`${size}`);
          assertPattern(await client.read(size));
        }),
      );
    });

    test('a session that another one pauses after its bytes have come gets them when it goes on', async () => {
      const { address } = await harness.listen('rival');
      const rivals = Array.from({ length: 12 }, () => dial(address));
      const texts = rivals.map((_, i) => Array.from({ length: 60 }, (__, j) => `${i}.${j}\n`));
      await Promise.all(
        rivals.map(async (rival, i) => {
          const text = texts[i]?.join('') ?? '';
          for (const line of texts[i] ?? []) rival.write(line);
          assert.equal((await rival.read(text.length)).toString(), text);
        }),
      );
    });

    test('a session that asks takes answers although its own output is held up', async () => {
      const client = dial((await harness.listen('asker')).address);
      client.socket.pause();
      client.write(`${16 * MIB}`);
      const { bytesRead } = await settled((state) => state.statistics.pendingBytes > 0);
      // More than the kernel would keep.
      client.write(Buffer.alloc(16 * MIB));
      await settled((state) => state.bytesRead === bytesRead + 16 * MIB);
      assert.ok((await harness.state()).statistics.pendingBytes > 0);
      client.socket.resume();
      assertPattern(await client.read(16 * MIB));
    });

    test('clients that never read cost a bounded amount, and nobody else notices', async () => {
      const source = (await harness.listen('source')).address;
      const echo = (await harness.listen('echo')).address;
      const blocksBefore = (await harness.state()).statistics.blocks;
      const deaf = Array.from({ length: 10 }, () => dial(source));
      for (const [i, client] of deaf.entries()) {
        client.socket.pause();
        // Half of them ask for much in pieces, half pipeline many large replies.
        client.write(i % 2 === 0 ? `${256 * MIB} 16384\n` : `${MIB} ${MIB}\n`.repeat(200));
      }
      await settled((state) => state.statistics.blocks >= blocksBefore + deaf.length);
      const client = dial(echo);
      for (let i = 0; i < 100; i++)
        assert.equal(await client.exchange(`ping ${i % 10}`, 6), `ping ${i % 10}`);
      // Of each at most what was being written when the kernel took no more, and one reply written after that.
      const { statistics, connections } = await harness.state();
      const bound = 5 * 2 * MIB + 5 * (WINDOW_BYTES + 16384);
      assert.ok(statistics.pendingBytes <= bound, `${statistics.pendingBytes} of ${bound}`);
      assert.ok(statistics.pendingBytesPeak >= statistics.pendingBytes);
      assert.equal(connections, deaf.length + 1);
    });

    test('a session that writes without bound is cut off, and its bytes are given up', async () => {
      const flooder = (await harness.listen('flooder')).address;
      const echo = (await harness.listen('echo')).address;
      const count = Math.ceil(PENDING_BYTES_MAX / MIB) + 20;
      const overflows = (await harness.state()).statistics.pendingOverflows;
      const client = dial(flooder);
      client.socket.pause();
      client.write(`${count}`);
      const state = await settled(({ closings }) => closings['flooder']?.count === 1);
      assert.deepEqual(state.closings['flooder']?.codes, ['ENOBUFS']);
      assert.equal(state.statistics.pendingOverflows, overflows + 1);
      assert.equal(state.statistics.pendingBytes, 0);
      assert.equal(await dial(echo).exchange('still here', 10), 'still here');
    });

    test('a session may leave as much as the bound says, and not one byte more', async () => {
      const { address } = await harness.listen('hoarder');
      const client = dial(address);
      const read = (await harness.state()).bytesRead;
      const overflows = (await harness.state()).statistics.restOverflows;
      client.write(Buffer.alloc(INPUT_REST_BYTES_MAX));
      const atBound = await settled((state) => state.bytesRead === read + INPUT_REST_BYTES_MAX);
      assert.equal(atBound.connections, 1);
      client.write('x');
      const beyond = await settled((state) => state.connections === 0);
      assert.deepEqual(beyond.closings['hoarder']?.codes, ['EMSGSIZE']);
      assert.equal(beyond.statistics.restOverflows, overflows + 1);
    });

    test('clients that vanish amid a value are closed, the others served', async () => {
      const { address } = await harness.listen('sink');
      const steady = dial(address);
      const before = (await harness.state()).closings['sink']?.count ?? 0;
      const read = (await harness.state()).bytesRead;
      const gone = Array.from({ length: 20 }, () => dial(address));
      for (const client of gone) client.write(`1000000\n${'x'.repeat(5000)}`);
      await settled((state) => state.bytesRead === read + 20 * 5008);
      for (const [i, client] of gone.entries()) {
        if (i % 2 === 0) cut(client);
        else client.socket.destroy();
      }
      await settled(({ closings }) => closings['sink']?.count === before + gone.length);
      assert.equal(await steady.exchange('3\nabc', '3 294\n'.length), '3 294\n');
      const codes = (await harness.state()).closings['sink']?.codes ?? [];
      // What a client of TLS cannot cut off ends in the ordinary way, or so fast that it looks cut off.
      assert.ok(
        codes.length >= (isTls ? 0 : 10) && codes.every((code) => code === 'ECONNRESET'),
        codes.join(),
      );
    });

    test('unix sockets: mode, a stale file, a busy path, no file left behind', async () => {
      const path = join(directory, `${transport}.sock`);
      const address: SocketAddress = { family: 'unix', path, mode: 0o640 };
      const { listener } = await harness.listen('echo', { address });
      assert.equal(lstatSync(path).mode & 0o777, 0o640);
      const client = dial(address);
      assert.equal(await client.exchange('over a path', 11), 'over a path');
      assert.ok((await harness.state()).remotes.includes(`unix:${path}`));
      const busy = await harness.ask({ kind: 'listen', address, service: 'echo' });
      assert.deepEqual(busy, {
        kind: 'error',
        error: { code: 'EADDRINUSE', message: 'Address already in use' },
      });
      await harness.ask({ kind: 'closeListener', listener });
      assert.throws(() => lstatSync(path), { code: 'ENOENT' });
      assert.equal(await client.exchange('goes on', 7), 'goes on');

      // A program that is killed leaves its socket behind.
      const remote = startRemoteHarness('portable');
      await remote.listen('echo', { address });
      remote.child.kill('SIGKILL');
      await until('the end of the process', () => remote.child.signalCode);
      assert.ok(lstatSync(path).isSocket());
      const again = await harness.listen('echo', { address });
      assert.equal(await dial(address).exchange('anew', 4), 'anew');
      await harness.ask({ kind: 'closeListener', listener: again.listener });

      writeFileSync(path, 'no socket');
      const file = await harness.ask({ kind: 'listen', address, service: 'echo' });
      assert.equal(file.kind === 'error' ? file.error.code : '', 'EADDRINUSE');
      rmSync(path);
    });

    test('IPv4 and IPv6 on one port, apart', async () => {
      let port = 0;
      // A port that is free for IPv6 may be a client's of IPv4.
      for (let tries = 1; ; tries++) {
        const wildcard: SocketAddress = { family: 'ipv6', host: '::', port: 0 };
        port = portOf((await harness.listen('echo', { address: wildcard })).address);
        const address: SocketAddress = { family: 'ipv4', host: '0.0.0.0', port };
        const answer = await harness.ask({
          ...harness.listenDefaults,
          kind: 'listen',
          service: 'lines',
          address,
        });
        if (answer.kind === 'listening') break;
        assert.ok(
          answer.kind === 'error' && answer.error.code === 'EADDRINUSE' && tries < 5,
          JSON.stringify(answer),
        );
      }
      const six: SocketAddress = { family: 'ipv6', host: '::1', port };
      assert.equal(await dial(six).exchange('six\n', 4), 'six\n');
      assert.equal(await dial({ family: 'ipv4', host: '127.0.0.5', port }).exchange('four\n', 2), '4\n');
      const { remotes } = await harness.state();
      assert.ok(remotes.some((remote) => /^tcp6:\[::1\]:\d+$/.test(remote)));
      assert.ok(remotes.some((remote) => /^tcp:127\.0\.0\.\d:\d+$/.test(remote)));
    });

    test('a busy port and an address of another host are named', async () => {
      const { address } = await harness.listen('echo');
      assert.deepEqual(await harness.ask({ kind: 'listen', service: 'echo', address }), {
        kind: 'error',
        error: { code: 'EADDRINUSE', message: 'Address already in use' },
      });
      const foreign: SocketAddress = { family: 'ipv4', host: '192.0.2.1', port: 0 };
      assert.deepEqual(await harness.ask({ kind: 'listen', service: 'echo', address: foreign }), {
        kind: 'error',
        error: { code: 'EADDRNOTAVAIL', message: 'Cannot assign requested address' },
      });
    });

    test('a listener on hold has its port and serves once open; one that pauses lets clients wait', async () => {
      const { address, listener } = await harness.listen('echo', { hold: true });
      assert.notEqual(portOf(address), 0);
      assert.deepEqual(await harness.ask({ kind: 'openListener', listener }), { kind: 'done' });
      assert.equal(await dial(address).exchange('open', 4), 'open');
      await harness.ask({ kind: 'pauseListener', listener });
      const waiting = dial(address);
      waiting.write('patient');
      await until('the connection', () => !waiting.socket.connecting);
      assert.equal((await harness.state()).connections, 1);
      await harness.ask({ kind: 'openListener', listener });
      assert.equal((await waiting.read(7)).toString(), 'patient');
    });

    test('what is given up ends with a reset, where there is such a thing', async () => {
      const path = join(directory, `abort-${transport}.sock`);
      const tcp = await harness.listen('aborter');
      const local = await harness.listen('aborter', { address: { family: 'unix', path } });
      for (const { address } of isTls ? [tcp] : [tcp, local]) {
        const client = dial(address);
        client.write('x');
        await until('it ends', () => client.hasEnded);
        assert.equal(client.errorCode, address.family === 'unix' || isTls ? '' : 'ECONNRESET');
      }
    });

    test('dialling: answered over TCP and paths, refused, nobody there', {
      skip: isTls ? 'dials without TLS' : false,
    }, async () => {
      const path = join(directory, `dial-${transport}.sock`);
      const echo = (await harness.listen('echo')).address;
      const local = await harness.listen('echo', { address: { family: 'unix', path } });
      const closing = await harness.listen('echo');
      await harness.ask({ kind: 'closeListener', listener: closing.listener });
      const dialled = async (address: SocketAddress, text = 'hello'): Promise<unknown> =>
        await harness.ask({ kind: 'dial', address, count: 2, text, timeoutMs: 5000 });
      assert.deepEqual(await dialled(echo), { kind: 'dialled', answered: 2, errors: [] });
      assert.deepEqual(await dialled(local.address), { kind: 'dialled', answered: 2, errors: [] });
      const refused = { kind: 'dialled', answered: 0, errors: ['ECONNREFUSED', 'ECONNREFUSED'] };
      assert.deepEqual(await dialled(closing.address), refused);
      const nowhere = { kind: 'dialled', answered: 0, errors: ['ENOENT', 'ENOENT'] };
      assert.deepEqual(await dialled({ family: 'unix', path: join(directory, 'nobody') }), nowhere);
      // A reply larger than the window, written while the connection is not up yet, and read while more is written.
      assert.deepEqual(await dialled(echo, 'x'.repeat(MIB)), { kind: 'dialled', answered: 2, errors: [] });
      await harness.threads.stop();
      harness = startHarness(transport);
    });

    test('pause and resume: one byte at a time, none lost, none twice', async () => {
      const { address } = await harness.listen('stepper');
      const client = dial(address);
      const text = 'abcdefghijklmnopqrstuvwxyz'.repeat(5);
      assert.equal(await client.exchange(text, text.length), text);
      // What comes while the session pauses has to wait, too.
      const { bytesRead } = await harness.state();
      for (const byte of text) {
        client.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal((await client.read(text.length)).toString(), text);
      assert.equal((await harness.state()).bytesRead, bytesRead + text.length);
    });

    test('a connection that pauses and whose peer goes is closed', async () => {
      const { address } = await harness.listen('stepper');
      const before = (await harness.state()).closings['stepper']?.count ?? 0;
      for (const client of [dial(address), dial(address)]) {
        client.write('x'.repeat(100));
        await client.read(10);
        cut(client);
      }
      await settled(({ closings }) => closings['stepper']?.count === before + 2);
    });

    test('a peer that leaves while its connection pauses is noticed when it goes on, after all it said', async () => {
      const path = join(directory, `pause-${transport}.sock`);
      const { address } = await harness.listen('stepper', { address: { family: 'unix', path } });
      const { closings } = await harness.state();
      const client = dial(address);
      client.write('x'.repeat(100));
      // Before that the handshake may not be over, and then there is no connection yet.
      if (isTls) await client.read(1);
      client.close();
      await settled((state) => state.closings['stepper']?.count === (closings['stepper']?.count ?? 0) + 1);
    });

    test('end sends what is pending, then closes; destroy closes at once', async () => {
      const ender = (await harness.listen('ender')).address;
      const destroyer = (await harness.listen('destroyer')).address;
      const client = dial(ender);
      client.socket.pause();
      client.write(`${12 * MIB}`);
      await settled((state) => state.statistics.pendingBytes > 0);
      client.socket.resume();
      assertPattern(await client.readAll());
      const victim = dial(destroyer);
      victim.write('x');
      assert.equal((await victim.readAll()).length, 0);
      const { closings } = await settled((state) => state.connections === 0);
      assert.deepEqual(closings['ender'], { count: 1, codes: [] });
      assert.deepEqual(closings['destroyer'], { count: 1, codes: [] });
    });

    if (transport === 'reactor') {
      test('the last reply arrives although more was sent than anybody reads', async () => {
        const { address } = await harness.listen('ender');
        for (let i = 0; i < 10; i++) {
          const client = dial(address);
          // The session takes what is received at once, says 5000 bytes and ends; the rest lies in the kernel.
          client.write(`5000 ${'x'.repeat(300_000)}`);
          assertPattern(await client.read(5000));
        }
      });
    }

    test('a client that has said all it will still gets its answers', async () => {
      const lines = (await harness.listen('lines')).address;
      const source = (await harness.listen('source')).address;
      const halfClose = (await harness.listen('halfClose')).address;
      const brief = dial(lines);
      brief.socket.end('four\nfive5\nunfinished');
      assert.equal((await brief.readAll()).toString(), '4\n5\n');
      const long = dial(source);
      long.socket.end(`${8 * MIB} 10000\n`);
      const all = await long.readAll();
      assert.equal(all.length, 8 * MIB);
      assertPattern(all);
      const later = dial(halfClose);
      later.socket.end('123');
      assert.equal((await later.readAll()).toString(), '3\n');
    });

    test('what is written from elsewhere is sent at the end of the turn', async () => {
      const { address } = await harness.listen('broadcast');
      const members = Array.from({ length: 5 }, () => dial(address));
      for (const [i, client] of members.entries()) {
        // Each in turn, so that all before it are members.
        client.write('x'.repeat(i + 1));
        await Promise.all(members.slice(0, i).map((member) => member.read(i + 1)));
        await settled((state) => state.connections >= i + 1);
      }
    });

    test('what is kept is sent when it is released, in order, and nothing is fed meanwhile', async () => {
      const { address } = await harness.listen('keeper');
      const keepers = Array.from({ length: 20 }, () => dial(address));
      const first = 'a'.repeat(100_000);
      for (const keeper of keepers) keeper.write(first);
      await settled(({ connections, statistics }) => connections === 20 && statistics.pendingBytes > 0);
      for (const keeper of keepers) keeper.write('and more');
      const other = dial(address);
      const deadline = Date.now() + 10_000;
      // What follows waits until what was kept has gone; so does the next piece of it.
      while (keepers.some((keeper) => keeper.bytesReceived < first.length + 8)) {
        assert.ok(Date.now() < deadline, 'all of it comes in time');
        assert.equal(await other.exchange('release', 4), 'done');
      }
      for (const keeper of keepers)
        assert.equal((await keeper.read(first.length + 8)).toString('latin1'), `${first}and more`);
    });

    test('what comes while output is kept, and is more than is received at once, waits and is fed in order', async () => {
      const { address } = await harness.listen('keeper');
      const sent = Buffer.alloc(2_000_000);
      for (let at = 0; at < sent.length; at++) sent[at] = 97 + (at % 23);
      const keeper = dial(address);
      keeper.write(sent.toString('latin1'));
      await settled(({ statistics }) => statistics.pendingBytes > 0);
      const other = dial(address);
      // Turns in which nothing is released: a connection of another service has the loop go round.
      const { address: echo } = await harness.listen('echo');
      const echoed = dial(echo);
      for (let turn = 0; turn < 50; turn++) assert.equal(await echoed.exchange('go', 2), 'go');
      await until('all of it', async () => {
        await other.exchange('release', 4);
        return keeper.bytesReceived === sent.length;
      });
      assert.ok((await keeper.read(sent.length)).equals(sent));
    });

    test('what is kept can be dropped, and the connection ended with other words', async () => {
      const { address } = await harness.listen('keeper');
      const keeper = dial(address);
      keeper.write('never to be seen');
      await settled(({ statistics }) => statistics.pendingBytes > 0);
      assert.equal(await dial(address).exchange('drop', 4), 'done');
      assert.equal((await keeper.readAll()).toString('latin1'), 'dropped');
    });

    test('a client that goes while its output is kept is closed, and what was kept is given up', async () => {
      const { address } = await harness.listen('keeper');
      const keeper = dial(address);
      keeper.write('x'.repeat(1000));
      await settled(({ statistics }) => statistics.pendingBytes > 0);
      const half = dial(address);
      half.write('only its half');
      await settled(({ statistics }) => statistics.pendingBytes > 1000);
      keeper.close();
      half.socket.end();
      // Whoever has only said all it will still gets what is kept for it.
      const other = dial(address);
      await until('the other half', async () => {
        await other.exchange('release', 4);
        return half.bytesReceived === 13;
      });
      await half.readAll();
      await settled((state) => state.connections === 1);
    });

    test('timers run in order of time, then of setting; not when cancelled', async () => {
      const answer = await harness.ask({
        kind: 'timers',
        delaysMs: [0, 20, 5, 5, 20, 1, 0, 10],
        cancelled: [7, 1],
      });
      assert.ok(answer.kind === 'order');
      const { order } = answer;
      assert.deepEqual(
        order.filter((i) => i >= 0),
        [0, 6, 5, 2, 3, 4],
      );
      // The timer that the first one set, due at once.
      assert.ok(order.indexOf(-1) > order.indexOf(6), order.join());
    });

    test('turns end, and a thread can wake itself', async () => {
      const before = (await harness.state()).turnEnds;
      assert.deepEqual(await harness.ask({ kind: 'chain' }), { kind: 'done' });
      assert.ok((await harness.state()).turnEnds > before);
    });

    test('10 000 connections, all answered, at little cost each', {
      skip: isTls ? 'dials without TLS' : false,
    }, async () => {
      const { address } = await harness.listen('echo', { backlog: 4096 });
      const before = await harness.state();
      const remote = startRemoteHarness('auto');
      // In waves: the accept queue is bounded by the system, often to 4096.
      for (let i = 0; i < 10; i++) {
        const dialled = await remote.ask({
          kind: 'dial',
          address,
          count: 1000,
          text: 'ping',
          timeoutMs: 20_000,
        });
        assert.deepEqual(dialled, { kind: 'dialled', answered: 1000, errors: [] });
      }
      const state = await harness.state();
      assert.equal(state.connections, 10_000);
      assert.equal(state.bytesRead, before.bytesRead + 40_000);
      const bytesEach = (state.heapBytes - before.heapBytes) / 10_000;
      const bytesEachMax = transport === 'reactor' ? 2500 : 15_000;
      assert.ok(bytesEach < bytesEachMax, `${bytesEach} bytes per connection`);
      await remote.stop();
      await settled((now) => now.connections === 0);
    });

    test('an exception of a session ends the thread, loudly', async () => {
      const doomed = startHarness(transport);
      const { address } = await doomed.listen('thrower');
      const client = dial(address);
      client.write('x');
      const [failure] = await until('the failure', () =>
        doomed.failures.length > 0 ? doomed.failures : null,
      );
      assert.match(failure?.message ?? '', /a broken invariant/);
      await doomed.threads.stop();
      assert.equal(doomed.failures.length, 1);
    });
  });
}
