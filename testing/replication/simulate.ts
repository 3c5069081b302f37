// Runs lives of pairs and meshes until one fails: node dist/testing/replication/simulate.js [--seeds N] [--first SEED] [pair|mesh]
import { parseArgs } from 'node:util';
import { simulateMesh } from './mesh-simulation.ts';
import { simulatePair } from './pair-simulation.ts';

const LIVES = { pair: simulatePair, mesh: simulateMesh };

const { values, positionals } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    first: { type: 'string', default: process.env['SEED'] ?? '1' },
  },
  allowPositionals: true,
});
const seeds = Number(values.seeds);
const first = Number(values.first);
for (const [name, simulate] of Object.entries(LIVES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      const outcome = simulate(seed);
      if (seeds === 1) console.log(name, outcome);
    } catch (error) {
      console.error(`life of a ${name}, --first ${seed} --seeds 1 ${name}`);
      throw error;
    }
  }
  console.log(`${seeds} lives of a ${name}`);
}
