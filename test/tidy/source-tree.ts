/** The files of the project as the rules see them; tests of the rules make small ones by hand. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Literal, lineOf, scanSource } from './source-text.ts';

/** One row of src/rooms.json. */
export interface Room {
  readonly level: number;
  readonly room: string;
  /** A pure room gets time, chance and input handed in; an outer one may touch the system. */
  readonly kind: 'pure' | 'outer';
  /** Rooms of the same level that it may import. */
  readonly imports: readonly string[];
  readonly holds: string;
}

/** An import or a re-export, of values or of types. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** The file it means, for a relative one. */
  readonly target: string | null;
}

export interface SourceFile {
  /** From the root of the project, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly code: string;
  readonly imports: readonly Import[];
  readonly literals: readonly Literal[];
  readonly isTest: boolean;
  /** The folder under src/, or `''` for a file outside of any room. */
  readonly room: string;
}

export interface Tree {
  readonly rooms: readonly Room[];
  /** Every text file by its path. */
  readonly texts: ReadonlyMap<string, string>;
  /** The TypeScript files. */
  readonly sources: ReadonlyMap<string, SourceFile>;
}

const TEXT_FILE =
  /(\.(tsx?|mjs|js|json|md|html|css|yml|yaml|service|sh|npmrc)|^bin\/\w+|^\.ci\/\w+|LICENSE|\.gitignore)$/;

function parseImports(path: string, code: string, literals: readonly Literal[]): Import[] {
  const specifiers = new Map(literals.map(({ at, value }) => [at, value]));
  const imports: Import[] = [];
  for (const match of code.matchAll(/(?<![.\w$])(?:from\s*|import\s*\(?\s*)(?=['"])/g)) {
    const specifier = specifiers.get(match.index + match[0].length);
    if (specifier === undefined) continue;
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null;
    imports.push({ specifier, line: lineOf(code, match.index), target });
  }
  return imports;
}

function sourceFile(path: string, text: string): SourceFile {
  const { code, literals } = scanSource(text);
  return {
    path,
    text,
    code,
    literals,
    imports: parseImports(path, code, literals),
    isTest: path.endsWith('.test.ts'),
    room: /^src\/([^/]+)\//.exec(path)?.[1] ?? '',
  };
}

/** @param texts every file of the tree by path; others than text files may be left out */
export function makeTree(rooms: readonly Room[], texts: ReadonlyMap<string, string>): Tree {
  const sources = new Map<string, SourceFile>();
  for (const [path, text] of texts) {
    if (/\.tsx?$/.test(path) && !path.endsWith('.d.ts')) sources.set(path, sourceFile(path, text));
  }
  return { rooms, texts, sources };
}

/** Reads the project from disk. What is installed, built or the version control's own is left out. */
export function readTree(root: string): Tree {
  const texts = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!['node_modules', 'dist', '.git'].includes(entry.name)) visit(path);
      } else if (entry.isFile() && TEXT_FILE.test(path)) {
        texts.set(path, readFileSync(join(root, path), 'utf8'));
      }
    }
  };
  visit('');
  const rooms: readonly Room[] = JSON.parse(texts.get('src/rooms.json') ?? '[]');
  return makeTree(rooms, texts);
}
