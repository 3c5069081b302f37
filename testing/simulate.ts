// Runs simulated lives until one fails: node dist/testing/simulate.js [--what pair|mesh|in-sync|routing|hot-keys|reshard] [--seeds N] [--first SEED]
import { parseArgs } from 'node:util';
import { simulateInSync } from './replication/in-sync-simulation.ts';
import { simulateMesh } from './replication/mesh-simulation.ts';
import { simulatePair } from './replication/pair-simulation.ts';
import { simulateHotKeys } from './routing/hot-key-simulation.ts';
import { simulateReshards } from './routing/reshard-simulation.ts';
import { simulateRoutes } from './routing/route-simulation.ts';
import { argumentsOf, oneOf, wholeNumber } from './script-arguments.ts';

const LIVES: Readonly<Record<string, (seed: number) => unknown>> = {
  pair: simulatePair,
  mesh: simulateMesh,
  'in-sync': simulateInSync,
  routing: simulateRoutes,
  'hot-keys': simulateHotKeys,
  reshard: simulateReshards,
};

const { wanted, seeds, first } = argumentsOf('simulate', () => {
  const { values, positionals } = parseArgs({
    options: {
      what: { type: 'string', multiple: true, default: [] },
      seeds: { type: 'string', default: '1000' },
      first: { type: 'string', default: process.env['SEED'] ?? '1' },
    },
    allowPositionals: true,
  });
  return {
    wanted: [...values.what, ...positionals].map((name) => oneOf('what is lived', name, Object.keys(LIVES))),
    seeds: wholeNumber('--seeds', values.seeds),
    first: wholeNumber('--first', values.first, 0),
  };
});
for (const [name, simulate] of Object.entries(LIVES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      const outcome = simulate(seed);
      if (seeds === 1) console.log(name, outcome);
    } catch (error) {
      console.error(`a life fails, again with: npm run simulate -- --what ${name} --seeds 1 --first ${seed}`);
      throw error;
    }
  }
  console.log(`${seeds} lives: ${name}`);
}
