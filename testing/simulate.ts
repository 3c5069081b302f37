// Runs simulated lives until one fails: node dist/testing/simulate.js [--what pair|mesh|routing|hot-keys] [--seeds N] [--first SEED]
import { parseArgs } from 'node:util';
import { simulateMesh } from './replication/mesh-simulation.ts';
import { simulatePair } from './replication/pair-simulation.ts';
import { simulateHotKeys } from './routing/hot-key-simulation.ts';
import { simulateRoutes } from './routing/route-simulation.ts';

const LIVES: Readonly<Record<string, (seed: number) => unknown>> = {
  pair: simulatePair,
  mesh: simulateMesh,
  routing: simulateRoutes,
  'hot-keys': simulateHotKeys,
};

const { values, positionals } = parseArgs({
  options: {
    what: { type: 'string', multiple: true, default: [] },
    seeds: { type: 'string', default: '1000' },
    first: { type: 'string', default: process.env['SEED'] ?? '1' },
  },
  allowPositionals: true,
});
const wanted = [...values.what, ...positionals];
const unknown = wanted.find((name) => LIVES[name] === undefined);
if (unknown !== undefined) {
  console.error(`there are no lives of "${unknown}"; write one of ${Object.keys(LIVES).join(', ')}`);
  process.exit(1);
}
const seeds = Number(values.seeds);
const first = Number(values.first);
if (!Number.isSafeInteger(seeds) || !Number.isSafeInteger(first) || seeds < 1) {
  console.error('--seeds and --first are whole numbers, the former from 1');
  process.exit(1);
}
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
