import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { testCertificates, testListening } from '../../testing/certificates.ts';
import { type LocalHarness, startHarness } from '../../testing/transport-harness.ts';
import type { Answer } from '../../testing/transport-thread.ts';
import { until } from '../../testing/wait.ts';
import type { SocketAddress } from './loop.ts';
import type { TlsDialling } from './tls-dialler.ts';
import type { TlsListening } from './tls-server.ts';

/** Both sides show a certificate and check the other's. */
const MUTUAL: TlsListening = testListening({
  certificates: testCertificates('twin'),
  clientCertificate: 'needed',
  versionMin: 'TLSv1.3',
});
const TWIN: TlsDialling = { certificates: testCertificates('twin'), versionMin: 'TLSv1.3' };

describe('dialling with TLS', () => {
  let harness: LocalHarness;

  before(() => {
    harness = startHarness('portable');
  });
  after(async () => {
    await harness.threads.stop();
    assert.deepEqual(harness.failures, []);
  });

  const dial = (address: SocketAddress, tls?: TlsDialling, timeoutMs = 10_000): Promise<Answer> =>
    harness.ask({
      kind: 'dial',
      address,
      count: 1,
      text: 'hello',
      timeoutMs,
      ...(tls === undefined ? {} : { tls }),
    });
  const refused = (error: string): Answer => ({ kind: 'dialled', answered: 0, errors: [error] });
  /** The server's own authority, and a certificate that it does not know. */
  const showing = (name: 'server' | 'stranger' | 'expired'): TlsDialling => ({
    ...TWIN,
    certificates: { ...testCertificates(name), authorities: TWIN.certificates.authorities },
  });

  test('both sides know each other: bytes go both ways, many connections at once', async () => {
    const { address } = await harness.listen('echo', { tls: MUTUAL });
    assert.deepEqual(await dial(address, TWIN), { kind: 'dialled', answered: 1, errors: [] });
    const text = 'x'.repeat(300_000);
    const many = await harness.ask({ kind: 'dial', address, count: 20, text, timeoutMs: 10_000, tls: TWIN });
    assert.deepEqual(many, { kind: 'dialled', answered: 20, errors: [] });
  });

  test("a server's certificate of another authority, or one that has expired, is refused by the dialler", async () => {
    const other = await harness.listen('echo', { tls: testListening() });
    assert.deepEqual(
      await dial(other.address, TWIN),
      refused('TLS: the certificate is of another authority'),
    );
    const certificates = testCertificates('expired');
    const old = await harness.listen('echo', { tls: { ...MUTUAL, certificates } });
    assert.deepEqual(await dial(old.address, TWIN), refused('TLS: the certificate has expired'));
    const self = await harness.listen('echo', {
      tls: testListening({ certificates: testCertificates('stranger') }),
    });
    assert.deepEqual(await dial(self.address, TWIN), refused('TLS: the certificate is signed by itself'));
  });

  test('a certificate that is known to be the other side’s own is believed, whoever vouches for it, and no other one', async () => {
    const { address } = await harness.listen('echo', {
      tls: testListening({ certificates: testCertificates('stranger') }),
    });
    const pinned = testCertificates('stranger').chain;
    const none = { chain: null, key: null, authorities: null };
    const knowing = (certificates: TlsDialling['certificates']): TlsDialling => ({
      certificates,
      versionMin: 'TLSv1.2',
    });
    const good: Answer = { kind: 'dialled', answered: 1, errors: [] };
    assert.deepEqual(await dial(address, knowing({ ...none, pinned })), good);
    const other = { ...none, pinned: testCertificates('twin').chain };
    const wrong = refused('TLS: the certificate is not the one that is known, and nobody vouches for it');
    assert.deepEqual(await dial(address, knowing(other)), wrong);
    // An authority may vouch for another one.
    const renewed = await harness.listen('echo', {
      tls: testListening({ certificates: testCertificates('renewed') }),
    });
    assert.deepEqual(await dial(renewed.address, knowing({ ...none, pinned })), wrong);
    const { authorities } = testCertificates('renewed');
    assert.deepEqual(await dial(renewed.address, knowing({ ...none, pinned, authorities })), good);
  });

  test('what is of no use has something in its place: a file may be being written just now', async () => {
    const { address } = await harness.listen('echo', { tls: MUTUAL });
    for (const half of [
      { chain: TWIN.certificates.chain?.slice(0, 100) ?? '' },
      // By themselves these would mean those whom the system trusts, and nobody.
      { authorities: '' },
      { authorities: '-----BEG' },
    ]) {
      const certificates = { ...TWIN.certificates, ...half };
      const dialling = { ...TWIN, certificates, fallback: TWIN.certificates };
      assert.deepEqual(await dial(address, dialling), { kind: 'dialled', answered: 1, errors: [] });
    }
  });

  test("a dialler's certificate that is no good is refused by the server, and counted", async (t) => {
    // A thread of its own: what the other tests' servers count may come late.
    const counting = startHarness('portable');
    t.after(() => counting.threads.stop());
    const { address } = await counting.listen('echo', { tls: MUTUAL });
    for (const name of ['server', 'stranger', 'expired'] as const) {
      const answer = await dial(address, showing(name));
      // In TLS 1.3 the dialler is through before the server has seen the certificate: it is only closed.
      assert.ok(answer.kind === 'dialled' && answer.answered === 0, name);
    }
    await until('three to be counted', async () => {
      return (await counting.state()).statistics.tlsHandshakeErrors === 3;
    });
    assert.deepEqual(await dial(address, TWIN), { kind: 'dialled', answered: 1, errors: [] });
  });

  test('what does not speak TLS at the other end is told from what does', async () => {
    for (const [said, error] of [
      ['220 welcome\r\n', 'TLS: the other side does not speak TLS'],
      ['', 'ETIMEDOUT'],
    ] as const) {
      const plain = createServer((socket) => {
        socket.on('error', () => {}).resume();
        if (said !== '') socket.write(said);
      });
      await once(plain.listen(0, '127.0.0.1'), 'listening');
      const bound = plain.address();
      assert.ok(bound !== null && typeof bound === 'object');
      const address: SocketAddress = { family: 'ipv4', host: '127.0.0.1', port: bound.port };
      assert.deepEqual(await dial(address, TWIN, said === '' ? 50 : 10_000), refused(error));
      plain.close();
    }
    const older = await harness.listen('echo', { tls: { ...MUTUAL, versionMin: 'TLSv1.2' } });
    assert.deepEqual(await dial(older.address, TWIN), { kind: 'dialled', answered: 1, errors: [] });
  });
});
