import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RouteLife, simulateRoutes } from '../../testing/routing/route-simulation.ts';

/** SEED=n runs that one life; else these many. */
const SEEDS = 200;

test('any tree of routes answers each request once, in order, in time, and does nothing twice that counts twice', (context) => {
  const given = process.env['SEED'];
  const first = given === undefined ? 1 : Number(given);
  const last = given === undefined ? SEEDS : first;
  const lives: RouteLife[] = [];
  for (let seed = first; seed <= last; seed++) {
    try {
      lives.push(simulateRoutes(seed));
    } catch (error) {
      throw new Error(`SEED=${seed} fails; run it alone with SEED=${seed} in the environment`, {
        cause: error,
      });
    }
  }
  context.diagnostic(`seeds ${first} to ${last}`);
  if (given !== undefined) return;
  // The lives must be worth living: what they are to show has really happened.
  const types = new Set(lives.flatMap((life) => [...life.types]));
  assert.equal(types.size, 18, `types of routes: ${[...types].join(' ')}`);
  const sum = (of: (life: RouteLife) => number): number => lives.reduce((total, life) => total + of(life), 0);
  assert.ok(sum((life) => life.answers) > 100 * SEEDS);
  assert.ok(sum((life) => life.errors) > SEEDS);
  assert.ok(sum((life) => life.answers) > 2 * sum((life) => life.errors));
  assert.ok(sum((life) => life.disturbances) > 20 * SEEDS);
  assert.ok(sum((life) => life.changes) > SEEDS);
  assert.ok(sum((life) => life.retained) > SEEDS);
});
