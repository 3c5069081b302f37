// Kills the nodes of pairs under load: node dist/testing/replication/kills.js [KILLS]. The seed that it prints repeats the choices.
import { seededRandom } from '../../src/base/random.ts';
import { killPair } from '../acked-kills.ts';
import { argumentsOf, seedOf, wholeNumber, wordsOf } from '../script-arguments.ts';

const { kills, seed } = argumentsOf('kills', () => {
  const [text = '100'] = wordsOf(['KILLS']);
  return { kills: wholeNumber('KILLS', text), seed: seedOf() };
});
console.log(`SEED=${seed}`);
const random = seededRandom(seed);
for (const sameHost of [false, true]) {
  const outcome = await killPair(random, Math.ceil(kills / 2), sameHost, (kill) => {
    if (kill % 25 === 0) console.log(`${kill} kills survived ${sameHost ? 'on one host' : 'on two'}`);
  });
  console.log(outcome);
}
