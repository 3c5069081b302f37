// Kills the nodes of pairs under load: node dist/testing/replication/kills.js [KILLS]. The seed that it prints repeats the choices.
import { seededRandom } from '../../src/base/random.ts';
import { killPair } from '../acked-kills.ts';

const kills = Number(process.argv[2] ?? 100);
const seed = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e9));
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) {
  console.error(
    `kills: a number of kills and a SEED in whole numbers are needed, not ${process.argv[2]} and ${seed}`,
  );
  process.exit(1);
}
console.log(`SEED=${seed}`);
const random = seededRandom(seed);
for (const sameHost of [false, true]) {
  const outcome = await killPair(random, Math.ceil(kills / 2), sameHost, (kill) => {
    if (kill % 25 === 0) console.log(`${kill} kills survived ${sameHost ? 'on one host' : 'on two'}`);
  });
  console.log(outcome);
}
