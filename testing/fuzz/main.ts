/**
 * Fuzzes the sessions of clients and the links of twins for as long as asked: `npm run fuzz -- [SECONDS] [text|binary|link] [SEED]`. Stops at the first case that fails and prints
 * its seed, which as third argument replays it.
 */
import { performance } from 'node:perf_hooks';
import { argumentsOf, oneOf, seedOf, wholeNumber, wordsOf } from '../script-arguments.ts';
import { fuzzLink } from './link-fuzz.ts';
import { fuzzSessions } from './session-fuzz.ts';

const PROTOCOLS = ['text', 'binary', 'link'] as const;

const { seconds, protocols, first } = argumentsOf('fuzz', () => {
  const [seconds = '60', protocol, seed] = wordsOf(['SECONDS', 'PROTOCOL', 'SEED']);
  return {
    seconds: wholeNumber('SECONDS', seconds, 0),
    protocols: protocol === undefined ? PROTOCOLS : [oneOf('PROTOCOL', protocol, PROTOCOLS)],
    first: seed === undefined ? seedOf() : wholeNumber('SEED', seed, 0),
  };
});
const end = performance.now() + seconds * 1000;
let seed = first;
do {
  for (const protocol of protocols) {
    try {
      if (protocol === 'link') fuzzLink(seed);
      else fuzzSessions(protocol, seed);
    } catch (error) {
      console.error(`failed: npm run fuzz -- 0 ${protocol} ${seed}`);
      throw error;
    }
  }
  seed++;
} while (performance.now() < end);
console.log(`${seed - first} streams each of ${protocols.join(' and ')} from seed ${first}`);
