import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { fuzzLink } from '../../testing/fuzz/link-fuzz.ts';

/** Enough for some hundred streams; `npm run fuzz` goes on for longer. */
const TIME_MS = 5000;

test('random and damaged streams of frames leave the same behind however they are cut, and nothing with a secret', (t) => {
  const first = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e9));
  const end = performance.now() + TIME_MS;
  let seed = first;
  do {
    try {
      fuzzLink(seed);
    } catch (error) {
      t.diagnostic(`failed: npm run fuzz -- 0 link ${seed}`);
      throw error;
    }
    seed++;
  } while (performance.now() < end);
  t.diagnostic(`${seed - first} streams from seed ${first}`);
});
