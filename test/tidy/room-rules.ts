/** Rules about rooms: who may import whom, what a pure room may touch, and that every file is used. Each returns sentences. */
import { posix } from 'node:path';
import { lineOf } from './source-text.ts';
import type { Import, Room, SourceFile, Tree } from './source-tree.ts';

/** Which top-level folders the files of one may import, besides their own. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  src: [],
  // What runs in the browser: bundled, so packages of development do.
  page: ['src'],
  testing: ['src'],
  bench: ['src', 'testing'],
  test: ['src', 'testing', 'bench'],
};

function folderOf(path: string): string {
  return path.slice(0, path.indexOf('/'));
}

/** Why `from` may not import `to`, or null when it may. Both are files of rooms. */
function roomObjection(from: Room, to: Room): string | null {
  if (from.room === to.room || to.level < from.level) return null;
  if (to.level > from.level)
    return `${to.room} (level ${to.level}) lies above ${from.room} (level ${from.level})`;
  if (from.imports.includes(to.room)) return null;
  return `${to.room} and ${from.room} are both on level ${from.level}`;
}

function objection(tree: Tree, file: SourceFile, target: string): string | null {
  const from = folderOf(file.path);
  const to = folderOf(target);
  if (!tree.texts.has(target)) return 'there is no such file';
  if (from === 'src' && to === 'testing' && file.isTest) return null;
  if (from !== to) return FOLDERS[from]?.includes(to) ? null : `${from}/ may not import ${to}/`;
  if (from !== 'src' || file.room === '') return null;
  const targetRoom = /^src\/([^/]+)\//.exec(target)?.[1] ?? '';
  const rooms = new Map(tree.rooms.map((room) => [room.room, room]));
  const fromRoom = rooms.get(file.room);
  const toRoom = rooms.get(targetRoom);
  if (fromRoom === undefined) return `src/rooms.json has no room ${file.room}`;
  if (toRoom === undefined)
    return targetRoom === '' ? 'it stands above all rooms' : `src/rooms.json has no room ${targetRoom}`;
  return roomObjection(fromRoom, toRoom);
}

/** Imports go downwards only; type imports count, and so do those of tests. */
export function importDirections(tree: Tree): string[] {
  const found: string[] = [];
  for (const file of tree.sources.values()) {
    for (const { target, line } of file.imports) {
      const why = target === null ? null : objection(tree, file, target);
      if (why !== null) found.push(`${file.path}:${line} imports ${target}, but ${why}.`);
    }
  }
  return found;
}

/** Every folder of src/ is a room of the table. */
export function roomsInTable(tree: Tree): string[] {
  const known = new Set(tree.rooms.map(({ room }) => room));
  const rooms = new Set([...tree.sources.values()].map(({ room }) => room).filter((room) => room !== ''));
  return [...rooms]
    .filter((room) => !known.has(room))
    .map((room) => `src/${room}/ is no room of src/rooms.json.`);
}

/** No two files import each other, directly or round several corners. */
export function importCycles(tree: Tree): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: SourceFile): void => {
    if (done.has(file.path)) return;
    const at = path.indexOf(file.path);
    if (at !== -1) {
      found.push(`Files import each other in a circle: ${[...path.slice(at), file.path].join(' → ')}.`);
      return;
    }
    path.push(file.path);
    for (const { target } of file.imports) {
      const next = target === null ? undefined : tree.sources.get(target);
      if (next !== undefined) visit(next);
    }
    path.pop();
    done.add(file.path);
  };
  for (const file of tree.sources.values()) visit(file);
  return found;
}

interface Manifest {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The name of the package that a specifier means: `@scope/name` or the first part. */
function packageName(specifier: string): string {
  return /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
}

function isPackage({ specifier, target }: Import): boolean {
  return target === null && !specifier.startsWith('node:');
}

/** What ships imports only packages that are installed with it; tests and benches may use those of development too. */
export function packageImports(tree: Tree): string[] {
  const manifest: Manifest = JSON.parse(tree.texts.get('package.json') ?? '{}');
  const shipped = Object.keys(manifest.dependencies ?? {});
  // A test may import the package by its own name, as its users do.
  const all = [...shipped, ...Object.keys(manifest.devDependencies ?? {}), manifest.name ?? ''];
  const found: string[] = [];
  for (const file of tree.sources.values()) {
    const ships = file.path.startsWith('src/') && !file.isTest;
    for (const { specifier, line } of file.imports.filter(isPackage)) {
      if ((ships ? shipped : all).includes(packageName(specifier))) continue;
      const where = ships ? 'dependencies' : 'dependencies or devDependencies';
      found.push(`${file.path}:${line} imports ${specifier}, which is not in the ${where} of package.json.`);
    }
  }
  return found;
}

/** Globals that are a clock, a timer, chance, a socket, the process or the console. A property of such a name is none; nor is
 * Date.UTC, which only computes. */
const OBJECTS =
  /(?<![.\w$#])(Date|performance|process|console|crypto|globalThis|Buffer)\s*(?:\.(?!UTC\b)|\?\.|\[)/g;
const FUNCTIONS = /(?<![.\w$#])(setTimeout|setInterval|setImmediate|queueMicrotask|fetch|require)\s*\(/g;
const OTHERS = /(?<![.\w$#])(Math\.random|new Date|Date\s*\(|new (?:Worker|WebSocket)\b|import\.meta)/g;

/** A pure room touches nothing outside of it. The tests beside it may. */
export function purity(tree: Tree): string[] {
  const pure = new Set(tree.rooms.filter(({ kind }) => kind === 'pure').map(({ room }) => room));
  const found: string[] = [];
  for (const file of tree.sources.values()) {
    if (!pure.has(file.room) || file.isTest) continue;
    for (const { specifier, line, target } of file.imports) {
      if (target === null)
        found.push(`${file.path}:${line} imports ${specifier}, but ${file.room} is a pure room.`);
    }
    for (const pattern of [OBJECTS, FUNCTIONS, OTHERS]) {
      for (const match of file.code.matchAll(pattern)) {
        const line = lineOf(file.code, match.index);
        found.push(
          `${file.path}:${line} uses ${match[1]}, but ${file.room} is a pure room; have it handed in.`,
        );
      }
    }
  }
  return found;
}

/** Files that something outside the sources starts: those that package.json and bin/ name, as sources or compiled, and tests. */
function entries(tree: Tree): string[] {
  const found = [...tree.sources.keys()].filter((path) => path.endsWith('.test.ts'));
  for (const [path, text] of tree.texts) {
    if (path !== 'package.json' && !path.startsWith('bin/')) continue;
    for (const [path] of text.matchAll(/\b(?:page\/[\w-]+\.tsx|src\/[\w/-]+\.ts)\b/g)) found.push(path);
    for (const [, name] of text.matchAll(/dist\/([\w/.-]+?)(?:\.d\.ts|\.js)\b/g)) found.push(`${name}.ts`);
  }
  return found;
}

/** The files that a file names: by import, or by a string with a relative path, as workers are started. */
function named(file: SourceFile): string[] {
  const strings = file.literals
    .map(({ value }) => value)
    .filter((value) => /^\.\.?\/.*\.[jt]sx?$/.test(value));
  return strings.map((value) => posix.join(posix.dirname(file.path), value.replace(/\.js$/, '.ts')));
}

/** Every file can be reached from the command, the package's exports, a test or a bench. */
export function deadFiles(tree: Tree): string[] {
  const reached = new Set<string>();
  const waiting = entries(tree);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = tree.sources.get(path);
    if (file === undefined || reached.has(path)) continue;
    reached.add(path);
    waiting.push(...named(file));
  }
  return [...tree.sources.keys()]
    .filter((path) => !reached.has(path))
    .map(
      (path) =>
        `${path} is used by nothing: neither the command, nor the package's exports, a test or a bench reach it.`,
    );
}
