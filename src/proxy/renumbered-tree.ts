import type { RouteTree } from '../routing/tree-plan.ts';

/** The same tree over servers with other positions. @param place the new position of a server */
export function renumbered(tree: RouteTree, place: (server: number) => number): RouteTree {
  const all = (trees: readonly RouteTree[]): RouteTree[] => trees.map((one) => renumbered(one, place));
  const named = (trees: readonly (readonly [string, RouteTree])[]): [string, RouteTree][] =>
    trees.map(([name, one]) => [name, renumbered(one, place)]);
  switch (tree.type) {
    case 'server':
      return { ...tree, connections: tree.connections.map(place) };
    case 'shard':
      return {
        ...tree,
        children: tree.children.map((child) => ({ ...child, route: renumbered(child.route, place) })),
      };
    case 'mirror':
      return { ...tree, main: renumbered(tree.main, place), backup: renumbered(tree.backup, place) };
    case 'failover':
    case 'miss-failover':
    case 'replicate':
    case 'random':
      return { ...tree, children: all(tree.children) };
    case 'warm-up':
      return { ...tree, cold: renumbered(tree.cold, place), warm: renumbered(tree.warm, place) };
    case 'coalesce':
    case 'near-cache':
      return { ...tree, route: renumbered(tree.route, place) };
    case 'prefix':
      return { ...tree, routes: named(tree.routes), otherwise: renumbered(tree.otherwise, place) };
    case 'shadow':
      return { ...tree, route: renumbered(tree.route, place), shadow: renumbered(tree.shadow, place) };
    case 'migrate':
    case 'reshard':
      return { ...tree, from: renumbered(tree.from, place), to: renumbered(tree.to, place) };
    case 'zone':
      return { ...tree, zones: named(tree.zones) };
    case 'by-command':
      return { ...tree, commands: named(tree.commands), otherwise: renumbered(tree.otherwise, place) };
    default:
      return tree;
  }
}
