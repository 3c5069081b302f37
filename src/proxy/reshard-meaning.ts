/** What a route of the type reshard may stand around. */
import type { RouteTree } from '../routing/tree-plan.ts';
import { ConfigurationMistake } from './configuration-mistake.ts';
import { seconds, startSeconds } from './configuration-quantities.ts';
import type { HandleEntry } from './configuration-schema.ts';

/** A minute, below which nothing would come to be carried over. */
const SECONDS_LEAST = 60;

/**
 * @param path of the entry
 * @throws ConfigurationMistake
 */
export function reshard(
  entry: Extract<HandleEntry, { type: 'reshard' }>,
  path: readonly PropertyKey[],
  from: RouteTree,
  to: RouteTree,
): RouteTree {
  checkPlacement(from, [...path, 'from']);
  checkPlacement(to, [...path, 'to']);
  const start = startSeconds(entry.start, [...path, 'start']);
  const length = seconds(entry.for, [...path, 'for']);
  if (length < SECONDS_LEAST)
    throw new ConfigurationMistake(
      [...path, 'for'],
      `${entry.for} is too short for keys to move; write at least 1m, such as 1h`,
    );
  const tail = entry.tail === undefined ? {} : { tailSeconds: seconds(entry.tail, [...path, 'tail']) };
  return { type: 'reshard', from, to, startSeconds: start, endSeconds: start + length, ...tail };
}

/** Each key must have one place that is known beforehand, or a value that was deleted could come from another one. */
function checkPlacement(tree: RouteTree, path: readonly PropertyKey[]): void {
  switch (tree.type) {
    case 'server':
      return;
    case 'mirror':
      checkPlacement(tree.main, path);
      checkPlacement(tree.backup, path);
      return;
    case 'shard':
      if (tree.ejection !== undefined)
        throw new ConfigurationMistake(
          path,
          'keys that are ejected have no place of their own; leave "eject" out while keys move',
        );
      for (const { route } of tree.children) checkPlacement(route, path);
      return;
    case 'failover':
      if (tree.standInSeconds !== null) break;
      for (const child of tree.children) checkPlacement(child, path);
      return;
    default:
  }
  throw new ConfigurationMistake(
    path,
    `a ${tree.type} cannot stand below a reshard; write a shard, a server, a mirror or a failover (without stand-ins), and what is more around the reshard`,
  );
}
