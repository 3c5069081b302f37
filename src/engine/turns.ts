import type { Connection } from '../base/session.ts';
import { COUNTER } from '../store/counters.ts';
import { countOne } from './counting.ts';
import type { NodeContext } from './node-context.ts';

/**
 * What is kept for the next turn is copied, so the part that is left is at most so many times the part that was executed: the copies of a long
 * input then cost no more than so many copies of it.
 */
const REST_RATIO_MAX = 8;

/**
 * A connection has had as many requests executed as one turn allows (`-R`), and there is more: has the rest fed again after others, if others
 * wait. A connection that nobody waits for goes on at once.
 *
 * @param usedBytes executed in this turn
 * @param restBytes not yet
 * @returns whether the session must stop here
 */
export function yieldsTurn(
  context: NodeContext,
  connection: Connection,
  usedBytes: number,
  restBytes: number,
): boolean {
  countOne(context.cache, COUNTER.connectionYields);
  if (restBytes > usedBytes * REST_RATIO_MAX || !context.othersWait()) return false;
  connection.pause();
  connection.resume();
  return true;
}
