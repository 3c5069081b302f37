import { assert } from '../base/assert.ts';
import type { Distribution } from './distribution.ts';

/**
 * magent's default distribution: the hash modulo the number of servers, in the order of the list.
 *
 * @param count number of servers, from 1
 * @param weights ours: a server stands in the list as often as its weight says, one behind the other. Not given: once each
 */
export function modulo(count: number, weights: readonly number[] = []): Distribution {
  assert(Number.isInteger(count) && count > 0, `modulo over ${count} servers`);
  if (weights.every((weight) => weight === 1)) return { pick: (hash) => hash % count };
  const sums = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const weight = weights[i] ?? 1;
    assert(Number.isInteger(weight) && weight > 0, `a server has the weight ${weight}`);
    total += weight;
    sums[i] = total;
  }
  return {
    pick(hash) {
      const slot = hash % total;
      let i = 0;
      while (sums[i]! <= slot) i++;
      return i;
    },
  };
}
