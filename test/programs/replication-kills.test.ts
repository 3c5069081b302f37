import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { ChangeStorm } from '../../testing/change-storm.ts';
import { ReplicatedPair } from '../../testing/replicated-pair.ts';
import { until } from '../../testing/wait.ts';

const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6));
const random = seededRandom(SEED);
const KEYS: readonly string[] = Array.from({ length: 200 }, (_, i) => `storm${i}`);

test('started three times in random order: they always pair', async (t) => {
  t.diagnostic(`SEED=${SEED}`);
  for (const sameHost of [false, true, false]) {
    const pair = await ReplicatedPair.make(['-m', '32', '-t', '2'], sameHost);
    t.after(() => pair.dispose());
    const side = random.below(2) === 0 ? 0 : 1;
    pair.launch(side);
    const pause = random.below(400);
    await new Promise((resolve) => setTimeout(resolve, pause));
    pair.launch(side === 0 ? 1 : 0);
    const first = await pair.client(0);
    const second = await pair.client(1);
    await pair.linked(first);
    assert.equal(await first.set('a', '1'), 'STORED');
    await until(`a arrives (SEED=${SEED}, ${pause} ms apart)`, async () => (await second.get('a')) === '1');
    assert.equal(await second.set('b', '2'), 'STORED');
    await until(`b arrives (SEED=${SEED}, ${pause} ms apart)`, async () => (await first.get('b')) === '2');
    first.close();
    second.close();
    await pair.dispose();
  }
});

for (const sameHost of [false, true])
  test(`both are killed at random under load, eight times, ${sameHost ? 'on one host' : 'on two'}: in the end they are equal`, async (t) => {
    t.diagnostic(`SEED=${SEED}`);
    const pair = await ReplicatedPair.make(['-m', '32', '-t', '2'], sameHost);
    t.after(() => pair.dispose());
    pair.launch(0);
    pair.launch(1);
    for (const side of [0, 1] as const) (await pair.client(side)).close();
    const storms = [new ChangeStorm(pair, 0, KEYS, random), new ChangeStorm(pair, 1, KEYS, random)] as const;
    for (let kill = 0; kill < 8; kill++) {
      const side = random.below(2) === 0 ? 0 : 1;
      const answered = storms[side].answered;
      const most = 50 + random.below(800);
      await until('the storm rages', () => storms[side].answered > answered + most);
      await pair.kill(side);
      // Now and then the other goes too, while the first is starting.
      pair.launch(side);
      if (kill % 4 === 3) {
        const other = side === 0 ? 1 : 0;
        await new Promise((resolve) => setTimeout(resolve, random.below(200)));
        await pair.kill(other);
        pair.launch(other);
      }
      for (const each of [0, 1] as const) (await pair.client(each)).close();
    }
    for (const storm of storms) await storm.stop();
    for (const storm of storms) assert.deepEqual(storm.unexpected, []);
    const first = await pair.client(0);
    const second = await pair.client(1);
    // A flush_all may have been among the last changes; something is there to be compared all the same.
    assert.equal(await first.set(KEYS[0] ?? '', 'last'), 'STORED');
    await pair.linked(first);
    await pair.linked(second);
    const entries = await pair.agree(first, second, KEYS);
    assert.equal(entries.get(KEYS[0] ?? '')?.value, 'last');
    t.diagnostic(`${storms[0].answered + storms[1].answered} requests, ${entries.size} keys in the end`);
    first.close();
    second.close();
  });
