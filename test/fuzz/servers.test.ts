import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { anyStream } from '../../testing/fuzz/session-fuzz.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

/** How long each transport is sent junk; `npm run fuzz` gives the sessions more. */
const TIME_MS = Number(process.env['FUZZ_MS'] ?? 4000);
const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e9));
const AT_ONCE = 16;

for (const transport of TRANSPORTS) {
  test(`${transport}: random and damaged streams on many connections harm nobody else and leave nothing behind`, async (t) => {
    t.diagnostic(`SEED=${SEED}`);
    const random = seededRandom(SEED);
    // Flushes are refused, so that a client that keeps count of its values can go on beside.
    const node = await startNode(['-t', '2', '-F'], transport);
    t.after(() => node.process.kill('SIGKILL'));
    const load = await SteadyLoad.start(node.port);
    const end = performance.now() + TIME_MS;
    let streams = 0;
    while (performance.now() < end) {
      const sockets = await Promise.all(Array.from({ length: AT_ONCE }, () => RawSocket.connect(node.port)));
      for (const socket of sockets) {
        const bytes = anyStream(random);
        streams++;
        for (let at = 0; at < bytes.length; ) {
          const length = 1 + random.below(random.below(2) === 0 ? 20 : 5000);
          await socket.send(bytes.subarray(at, at + length));
          at += length;
        }
      }
      for (const socket of sockets) {
        if (random.below(2) === 0) socket.finish();
        else socket.vanish(random.below(2) === 0);
      }
    }
    t.diagnostic(`${streams} streams`);
    const report = await load.stop();
    assert.deepEqual([report.errors, report.lost], [[], []]);
    const client = await TextClient.connect(node.port);
    await until(
      'nobody else is connected',
      async () => (await client.stats()).get('curr_connections') === '1',
    );
    assert.equal(await client.set('after', 'a'), 'STORED');
    assert.equal(await client.get('after'), 'a');
    client.close();
    assert.equal(await node.process.kill(), 0);
  });
}
