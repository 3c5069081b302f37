import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { killPair } from '../../testing/acked-kills.ts';

const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6));

for (const sameHost of [false, true])
  test(`with --acks 1 nothing that was answered is lost when nodes are killed under load, ${sameHost ? 'on one host' : 'on two'}`, async (t) => {
    t.diagnostic(`SEED=${SEED}`);
    const { answered, unknown, refused } = await killPair(seededRandom(SEED), 6, sameHost);
    t.diagnostic(`${answered} writes answered, ${unknown} broken off, ${refused} refused`);
  });
