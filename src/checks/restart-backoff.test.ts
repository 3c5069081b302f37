import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/random.ts';
import { RestartBackoff } from './restart-backoff.ts';

const POLICY = { backoffMsMin: 100, backoffMsMax: 30_000 };

test('the first death of a service that served is followed by an immediate start, the next ones double', () => {
  const backoff = new RestartBackoff(POLICY, seededRandom(1));
  assert.equal(backoff.delayMsAfterDeath(true), 0);
  for (const fullMs of [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]) {
    const delayMs = backoff.delayMsAfterDeath(true);
    assert.ok(delayMs >= fullMs / 2 && delayMs <= fullMs, `${delayMs} for ${fullMs}`);
  }
});

test('a service that never served waits from its first death on', () => {
  const backoff = new RestartBackoff(POLICY, seededRandom(2));
  const delayMs = backoff.delayMsAfterDeath(false);
  assert.ok(delayMs >= 50 && delayMs <= 100, String(delayMs));
});

test('reset makes the next restart immediate again', () => {
  const backoff = new RestartBackoff(POLICY, seededRandom(3));
  for (let i = 0; i < 5; i++) backoff.delayMsAfterDeath(true);
  backoff.reset();
  assert.equal(backoff.delayMsAfterDeath(true), 0);
});

test('the delay stays at its bound however often the service dies, and is random', () => {
  const backoff = new RestartBackoff(POLICY, seededRandom(4));
  const seen = new Set<number>();
  for (let i = 0; i < 10_000; i++) {
    const delayMs = backoff.delayMsAfterDeath(true);
    assert.ok(delayMs <= 30_000);
    if (i > 20) {
      assert.ok(delayMs >= 15_000);
      seen.add(delayMs);
    }
  }
  assert.ok(seen.size > 1000);
});
