import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { certificatePath } from '../../testing/certificates.ts';
import { anyLinkStream } from '../../testing/fuzz/link-fuzz.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { ReplicatedPair } from '../../testing/replicated-pair.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { until } from '../../testing/wait.ts';

/** How long each port is sent junk; `npm run fuzz` gives the links more. */
const TIME_MS = Number(process.env['FUZZ_MS'] ?? 4000);
const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e9));
const AT_ONCE = 8;

for (const [name, options, environment] of [
  ['with a secret', [], { TWINCACHED_REPLICATION_SECRET: 'that no stranger knows' }],
  [
    'with TLS',
    [
      ...['--replication-tls-chain', certificatePath('twin.pem')],
      ...['--replication-tls-key', certificatePath('twin-key.pem')],
      ...['--replication-tls-ca', certificatePath('twins-authority.pem')],
    ],
    {},
  ],
] as const) {
  test(`random and damaged streams at a replication port ${name} harm neither clients nor twins, and are told nothing`, async (t) => {
    t.diagnostic(`SEED=${SEED}`);
    const random = seededRandom(SEED);
    const pair = await ReplicatedPair.make(['-m', '32', '-t', '2', '-F', '-v', ...options]);
    t.after(() => pair.dispose());
    pair.launch(0, [], environment);
    pair.launch(1, [], environment);
    const first = await pair.client(0);
    const second = await pair.client(1);
    await pair.linked(first);
    const lostBefore = pair.lostLinks(0).length;
    assert.equal(await first.set('treasure', 'hidden_in_here'), 'STORED');
    const load = await SteadyLoad.start(pair.ports[0], pair.hosts[0]);
    const end = performance.now() + TIME_MS;
    let streams = 0;
    while (performance.now() < end) {
      const sockets = await Promise.all(
        Array.from({ length: AT_ONCE }, () => RawSocket.connect(pair.replicationPort, pair.hosts[0])),
      );
      for (const socket of sockets) {
        const bytes = anyLinkStream(random);
        streams++;
        for (let at = 0; at < bytes.length; ) {
          const length = 1 + random.below(random.below(2) === 0 ? 40 : 5000);
          await socket.send(bytes.subarray(at, at + length));
          at += length;
        }
      }
      for (const socket of sockets) {
        assert.ok(socket.bytesReceived < 200 && !socket.received.includes('hidden'));
        if (random.below(2) === 0) socket.finish();
        else socket.vanish(random.below(2) === 0);
      }
    }
    t.diagnostic(`${streams} streams`);
    const report = await load.stop();
    assert.deepEqual([report.errors, report.lost], [[], []]);
    assert.equal(await first.set('after', 'a'), 'STORED');
    await until('after arrives', async () => (await second.get('after')) === 'a');
    await pair.linked(first);
    assert.deepEqual(pair.lostLinks(0).slice(lostBefore), []);
    await until('all are counted', async () => {
      const counted = Number((await first.stats('replication')).get('replication_strangers'));
      return counted >= streams - 2 * AT_ONCE;
    });
    first.close();
    second.close();
    for (const node of pair.nodes) assert.equal(await node?.kill(), 0);
  });
}
