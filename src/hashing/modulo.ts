import { assert } from '../base/assert.ts';
import type { Distribution } from './distribution.ts';

/**
 * magent's default distribution: the hash modulo the number of servers, in the order of the list, without weights.
 *
 * @param count number of servers, from 1
 */
export function modulo(count: number): Distribution {
  assert(Number.isInteger(count) && count > 0, `modulo over ${count} servers`);
  return { pick: (hash) => hash % count };
}
