import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ReshardLife, simulateReshards } from '../../testing/routing/reshard-simulation.ts';

/** SEED=n runs that one life; else these many. */
const SEEDS = 60;

test('while keys move, and when they come back, no read gets what is older than the writes that were answered before it, and none misses what is there', (context) => {
  const given = process.env['SEED'];
  const first = given === undefined ? 1 : Number(given);
  const last = given === undefined ? SEEDS : first;
  const lives: ReshardLife[] = [];
  for (let seed = first; seed <= last; seed++) {
    try {
      lives.push(simulateReshards(seed));
    } catch (error) {
      throw new Error(`SEED=${seed} fails; run it alone with SEED=${seed} in the environment`, {
        cause: error,
      });
    }
  }
  context.diagnostic(`seeds ${first} to ${last}`);
  if (given !== undefined) return;
  const sum = (of: (life: ReshardLife) => number): number =>
    lives.reduce((total, life) => total + of(life), 0);
  assert.ok(sum(({ reads }) => reads) > 100 * SEEDS);
  assert.ok(sum(({ writes }) => writes) > 50 * SEEDS);
  assert.ok(sum(({ carried }) => carried) > SEEDS);
  assert.ok(sum(({ purged }) => purged) > SEEDS / 6);
});
