/**
 * Fuzzes the sessions of clients and the links of twins for as long as asked: `npm run fuzz -- [SECONDS] [text|binary|link] [SEED]`. Stops at the first case that fails and prints
 * its seed, which as third argument replays it.
 */
import { performance } from 'node:perf_hooks';
import { fuzzLink } from './link-fuzz.ts';
import { fuzzSessions } from './session-fuzz.ts';

const seconds = Number(process.argv[2] ?? 60);
const protocols = (['text', 'binary', 'link'] as const).filter((name) => (process.argv[3] ?? name) === name);
const first = Number(process.argv[4] ?? 1 + Math.floor(Math.random() * 1e9));
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
