import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { fuzzSessions } from '../../testing/fuzz/session-fuzz.ts';

/** Enough for some hundred streams; `npm run fuzz` goes on for longer. */
const TIME_MS = 5000;

for (const protocol of ['text', 'binary'] as const) {
  test(`random and damaged streams of ${protocol} are answered alike however they are cut`, (t) => {
    const first = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e9));
    const end = performance.now() + TIME_MS;
    let seed = first;
    do {
      try {
        fuzzSessions(protocol, seed);
      } catch (error) {
        t.diagnostic(`failed: npm run fuzz -- 0 ${protocol} ${seed}`);
        throw error;
      }
      seed++;
    } while (performance.now() < end);
    t.diagnostic(`${seed - first} streams from seed ${first}`);
  });
}
