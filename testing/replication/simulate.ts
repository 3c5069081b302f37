// Runs lives of a pair until one fails: node dist/testing/replication/simulate.js [SEEDS] [FIRST]
import { simulatePair } from './pair-simulation.ts';

const seeds = Number(process.argv[2] ?? 1000);
const first = Number(process.argv[3] ?? process.env['SEED'] ?? 1);
for (let seed = first; seed < first + seeds; seed++) {
  try {
    const outcome = simulatePair(seed);
    if (seeds === 1) console.log(outcome);
  } catch (error) {
    console.error(`SEED=${seed}`);
    throw error;
  }
}
console.log(`${seeds} lives of a pair`);
