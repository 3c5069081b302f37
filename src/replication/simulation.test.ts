import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type InSyncOutcome, simulateInSync } from '../../testing/replication/in-sync-simulation.ts';
import { type MeshOutcome, simulateMesh } from '../../testing/replication/mesh-simulation.ts';
import { type PairOutcome, simulatePair } from '../../testing/replication/pair-simulation.ts';

/** SEED=n runs that one life; else these many. */
const SEEDS = 200;
/** Lives in which nodes are asked all the time. */
const ASKED_SEEDS = 60;

/** Lives of all seeds; or of the one in the environment, and then null, for one life need not show everything. */
function lives<T>(context: TestContext, simulate: (seed: number) => T, seeds = SEEDS): readonly T[] | null {
  const given = process.env['SEED'];
  const first = given === undefined ? 1 : Number(given);
  const last = given === undefined ? seeds : first;
  const outcomes: T[] = [];
  for (let seed = first; seed <= last; seed++) {
    try {
      outcomes.push(simulate(seed));
    } catch (error) {
      throw new Error(`SEED=${seed} fails; run it alone with SEED=${seed} in the environment`, {
        cause: error,
      });
    }
  }
  context.diagnostic(`seeds ${first} to ${last}`);
  return given === undefined ? outcomes : null;
}

function sum<T>(outcomes: readonly T[], of: (outcome: T) => number): number {
  return outcomes.reduce((total, outcome) => total + of(outcome), 0);
}

// The lives must be worth living: what they are to show has really happened.

test('two nodes hold the same after any life of cuts, holds and kills', (context) => {
  const outcomes = lives<PairOutcome>(context, simulatePair);
  if (outcomes === null) return;
  assert.ok(sum(outcomes, (o) => o.kills) > SEEDS / 2);
  assert.ok(sum(outcomes, (o) => o.cuts) > SEEDS / 2);
  assert.ok(sum(outcomes, (o) => o.overruns) > 0);
  assert.ok(sum(outcomes, (o) => o.items) > SEEDS);
  assert.ok(sum(outcomes, (o) => o.partialSyncs) > SEEDS / 2);
  assert.ok(sum(outcomes, (o) => o.touches) > 10 * SEEDS);
  assert.ok(sum(outcomes, (o) => o.unordered) > 0);
  assert.equal(new Set(outcomes.map((o) => o.topology)).size, 3);
});

test('three to five nodes hold the same after any life of cuts, holds, kills and leavings', (context) => {
  const outcomes = lives<MeshOutcome>(context, simulateMesh);
  if (outcomes === null) return;
  assert.ok(sum(outcomes, (o) => o.writes) > 1000 * SEEDS);
  assert.ok(sum(outcomes, (o) => o.kills) > SEEDS);
  assert.ok(sum(outcomes, (o) => o.leavings) > SEEDS / 4);
  assert.ok(sum(outcomes, (o) => o.repairs) > SEEDS);
  assert.ok(sum(outcomes, (o) => o.acknowledged) > 10 * SEEDS);
  assert.ok(sum(outcomes, (o) => o.partialSyncs) > SEEDS);
  assert.ok(sum(outcomes, (o) => o.fullSyncs) > SEEDS);
  assert.ok(sum(outcomes, (o) => o.casStored) > 10 * SEEDS);
  assert.ok(sum(outcomes, (o) => o.casRefused) > 10 * SEEDS);
  assert.ok(sum(outcomes, (o) => o.touches) > 10 * SEEDS);
  assert.ok(sum(outcomes, (o) => o.unordered) > 0);
  assert.equal(new Set(outcomes.map((o) => o.hosts)).size, 3);
  assert.equal(Math.max(...outcomes.map((o) => o.threads)), 4);
});

test('a node that says that it is in sync has what clients were told elsewhere, after any life of stops, holds and kills', (context) => {
  const outcomes = lives<InSyncOutcome>(context, simulateInSync, ASKED_SEEDS);
  if (outcomes === null) return;
  assert.ok(sum(outcomes, (o) => o.stops) > ASKED_SEEDS);
  assert.ok(sum(outcomes, (o) => o.holds) > ASKED_SEEDS);
  assert.ok(sum(outcomes, (o) => o.kills) > ASKED_SEEDS);
  assert.ok(sum(outcomes, (o) => o.writes) > 300 * ASKED_SEEDS);
  assert.ok(sum(outcomes, (o) => o.yes) > 500 * ASKED_SEEDS);
  assert.ok(sum(outcomes, (o) => o.no) > 100 * ASKED_SEEDS);
  assert.ok(sum(outcomes, (o) => o.aloneYes) > 50 * ASKED_SEEDS);
  assert.equal(new Set(outcomes.map((o) => o.hosts)).size, 3);
});
