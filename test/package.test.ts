/** What is published: all that runs needs, and nothing else. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { version } from 'twincached';

interface Packed {
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

interface Manifest {
  readonly version: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Paths that `npm pack` would put into the package. Without the scripts, which would build anew under the tests' feet. */
function packedFiles(): readonly string[] {
  const output = execFileSync(
    'npm',
    ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  // npm 7 to 10 write an array, npm 11 may write an object by package name.
  const report: readonly Packed[] | Readonly<Record<string, Packed>> = JSON.parse(output);
  return Object.values(report).flatMap(({ files }: Packed) => files.map(({ path }) => path));
}

test('the package holds the command, the compiled sources, the licence and the README', () => {
  const files = packedFiles();
  for (const path of [
    'package.json',
    'LICENSE',
    'README.md',
    'bin/twincached',
    'bin/build.mjs',
    'dist/src/cli/main.js',
    'dist/src/index.js',
    'dist/src/index.d.ts',
  ]) {
    assert.ok(files.includes(path), `${path} is not packed`);
  }
  const allowed =
    /^(package\.json|LICENSE|README\.md|bin\/(twincached|build\.mjs)|dist\/src\/.*\.(js|d\.ts))$/;
  assert.deepEqual(
    files.filter((path) => !allowed.test(path) || path.includes('.test.')),
    [],
  );
});

test('the command may be executed', () => {
  assert.equal(statSync(`${root}bin/twincached`).mode & 0o111, 0o111);
});

test('the package can be imported by its name, and knows its version', () => {
  const manifest: Manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  assert.equal(version, manifest.version);
});
