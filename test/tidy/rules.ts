import { links, lockFile, privateWords, readmeSize, roomDocument } from './document-rules.ts';
import {
  deadFiles,
  importCycles,
  importDirections,
  packageImports,
  purity,
  roomsInTable,
} from './room-rules.ts';
import type { Tree } from './source-tree.ts';
import { casts, fileSizes, names, words } from './text-rules.ts';

/** Looks at a tree and says, in a sentence each, what is against the rule. */
export type Rule = (tree: Tree) => string[];

/** Every rule with what it demands. */
export const RULES: readonly (readonly [string, Rule])[] = [
  ['imports go downwards through the rooms', importDirections],
  ['every folder of src is a room of the table', roomsInTable],
  ['no files import each other in a circle', importCycles],
  ['pure rooms touch nothing outside', purity],
  ['what ships imports only packages that ship with it', packageImports],
  ['every file is used', deadFiles],
  ['no file is too long', fileSizes],
  ['names say what is inside', names],
  ['no default exports, any, enums, silenced compiler, postponed work, console in src', words],
  ['every cast says why', casts],
  ['links in documents lead somewhere', links],
  ['the README is short', readmeSize],
  ['the project speaks of itself only', privateWords],
  ['the lock file holds no addresses', lockFile],
  ['the documented room table is the one in force', roomDocument],
];
