import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HotKeyLife, simulateHotKeys } from '../../testing/routing/hot-key-simulation.ts';

/** SEED=n runs that one life; else these many. */
const SEEDS = 120;

test('whatever happens, no read gets what is older than the writes that were answered before it', (context) => {
  const given = process.env['SEED'];
  const first = given === undefined ? 1 : Number(given);
  const last = given === undefined ? SEEDS : first;
  const lives: HotKeyLife[] = [];
  for (let seed = first; seed <= last; seed++) {
    try {
      lives.push(simulateHotKeys(seed));
    } catch (error) {
      throw new Error(`SEED=${seed} fails; run it alone with SEED=${seed} in the environment`, {
        cause: error,
      });
    }
  }
  context.diagnostic(`seeds ${first} to ${last}`);
  if (given !== undefined) return;
  // The lives must be worth living: what they are to show has really happened.
  const sum = (of: (life: HotKeyLife) => number): number =>
    lives.reduce((total, life) => total + of(life), 0);
  const counted = (name: string): number => sum(({ figures }) => figures.get(name) ?? 0);
  assert.ok(sum(({ reads }) => reads) > 20 * SEEDS);
  assert.ok(sum(({ writes }) => writes) > 20 * SEEDS);
  assert.ok(sum(({ changes }) => changes) > SEEDS / 2);
  for (const name of ['near_cache_hits', 'near_cache_fills', 'coalesce_joined'])
    assert.ok(counted(name) > SEEDS, `${name}: ${counted(name)}`);
  for (const name of ['near_cache_invalidations', 'near_cache_evictions', 'near_cache_not_admitted'])
    assert.ok(counted(name) > SEEDS / 10, `${name}: ${counted(name)}`);
  assert.equal(counted('coalesce_waiting'), 0);
});
