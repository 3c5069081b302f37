/** Each rule is shown a small tree that breaks it and one that does not. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings here are sources, with templates in them
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roomTable } from './document-rules.ts';
import { RULES } from './rules.ts';
import { lineOf, scanSource } from './source-text.ts';
import { makeTree, type Room, type Tree } from './source-tree.ts';
import { castLines } from './text-rules.ts';

const ROOMS: readonly Room[] = [
  { level: 0, room: 'base', kind: 'pure', imports: [], holds: 'ground' },
  { level: 1, room: 'left', kind: 'pure', imports: [], holds: 'one side' },
  { level: 1, room: 'right', kind: 'pure', imports: ['left'], holds: 'the other side' },
  { level: 2, room: 'outside', kind: 'outer', imports: [], holds: 'the world' },
];

function tree(files: Readonly<Record<string, string>>): Tree {
  return makeTree(ROOMS, new Map(Object.entries(files)));
}

function findings(title: string, files: Readonly<Record<string, string>>): string[] {
  const rule = RULES.find(([name]) => name.includes(title))?.[1];
  assert.ok(rule !== undefined, `no rule ${title}`);
  return rule(tree(files));
}

/** The rule finds exactly one thing, and says it like this. */
function bad(title: string, files: Readonly<Record<string, string>>, sentence: RegExp): void {
  const found = findings(title, files);
  assert.equal(
    found.length,
    1,
    `${title} in ${JSON.stringify(files)}: ${found.join(' ') || 'nothing found'}`,
  );
  assert.match(found[0] ?? '', sentence);
}

function good(title: string, files: Readonly<Record<string, string>>): void {
  assert.deepEqual(findings(title, files), [], JSON.stringify(files));
}

test('direction: upwards, sideways, into tests, to nowhere, to the command', () => {
  const title = 'downwards';
  const base = {
    'src/base/a.ts': '',
    'src/left/b.ts': '',
    'src/right/c.ts': '',
    'testing/t.ts': '',
    'test/x.ts': '',
  };
  const one = (path: string, text: string): Record<string, string> => ({ ...base, [path]: text });
  bad(
    title,
    one('src/base/a.ts', "\nimport { b } from '../left/b.ts';"),
    /^src\/base\/a\.ts:2 .*left \(level 1\) lies above base/,
  );
  bad(title, one('src/base/a.ts', "import type { B } from '../left/b.ts';"), /lies above/);
  bad(title, one('src/base/a.ts', "export * from '../left/b.ts';"), /lies above/);
  bad(title, one('src/base/a.ts', "const b = await import('../left/b.ts');"), /lies above/);
  bad(title, one('src/base/a.ts', "type B = import('../left/b.ts').B;"), /lies above/);
  bad(title, one('src/base/a.test.ts', "import { b } from '../left/b.ts';"), /lies above/);
  bad(title, one('src/left/b.ts', "import '../right/c.ts';"), /both on level 1/);
  bad(title, one('src/left/b.ts', "import '../../testing/t.ts';"), /src\/ may not import testing\//);
  bad(title, one('src/left/b.test.ts', "import '../../test/x.ts';"), /src\/ may not import test\//);
  bad(title, one('testing/t.ts', "import '../test/x.ts';"), /testing\/ may not import test\//);
  bad(title, one('src/left/b.ts', "import './gone.ts';"), /no such file/);
  bad(title, { ...one('src/left/b.ts', "import '../index.ts';"), 'src/index.ts': '' }, /above all rooms/);
  good(title, one('src/left/b.ts', "import '../base/a.ts';"));
  good(title, one('src/right/c.ts', "import '../left/b.ts';"));
  good(title, one('src/left/b.test.ts', "import '../../testing/t.ts'; import { test } from 'node:test';"));
  good(title, one('src/base/a.ts', "// import '../left/b.ts';\nconst s = \"import '../left/b.ts'\";"));
  good(title, { ...base, 'src/index.ts': "export { b } from './left/b.ts';" });
});

test('a folder of src that is no room', () => {
  bad('is a room of the table', { 'src/attic/a.ts': '' }, /src\/attic\/ is no room/);
  good('is a room of the table', { 'src/base/a.ts': '', 'src/index.ts': '', 'testing/deep/a.ts': '' });
});

test('cycles: of two, of three, with oneself, also through types', () => {
  const title = 'circle';
  bad(
    title,
    { 'src/base/a.ts': "import './b.ts';", 'src/base/b.ts': "import './a.ts';" },
    /a\.ts → src\/base\/b\.ts → src\/base\/a\.ts/,
  );
  bad(
    title,
    {
      'test/a.ts': "import './b.ts';",
      'test/b.ts': "import type { C } from './c.ts';",
      'test/c.ts': "export * from './a.ts';",
    },
    /circle/,
  );
  bad(title, { 'test/a.ts': "import './a.ts';" }, /a\.ts → test\/a\.ts/);
  good(title, {
    'test/a.ts': "import './b.ts';\nimport './c.ts';",
    'test/b.ts': "import './c.ts';",
    'test/c.ts': '',
  });
});

test('purity: clock, timers, chance, process, console, sockets, modules of the system', () => {
  const title = 'pure rooms';
  const uses = [
    'Date.now()',
    'new Date()',
    'performance.now()',
    'process.env.HOME',
    'process?.pid',
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'setImmediate(f)',
    'queueMicrotask(f)',
    'Math.random()',
    'fetch(url)',
    "Buffer.from('')",
    "console.error('')",
    'globalThis.x',
    'crypto.randomUUID()',
    'new Worker(url)',
    'import.meta.url',
    '`${Date.now()}`',
  ];
  for (const use of uses)
    bad(title, { 'src/base/a.ts': `export const x = ${use};` }, /is a pure room; have it handed in/);
  bad(
    title,
    { 'src/base/a.ts': "import { readFileSync } from 'node:fs';" },
    /imports node:fs, but base is a pure room/,
  );
  bad(title, { 'src/base/a.ts': "import koffi from 'koffi';" }, /imports koffi/);
  good(title, { 'src/base/a.test.ts': "import { test } from 'node:test'; Date.now();" });
  good(title, { 'src/outside/a.ts': "import 'node:fs'; Date.now(); process.exit();" });
  const harmless = [
    '// Date.now()',
    "const s = 'Date.now()';",
    'this.clock.Date.now();',
    'if (this.#process === 1) return;',
    'interface T { readonly process: Usage; fetch: F }',
    'const epoch = Date.UTC(2026, 0, 1);',
    'class C { #fetch() {} }',
  ];
  for (const text of harmless) good(title, { 'src/base/a.ts': text });
});

test('packages: what ships imports only dependencies', () => {
  const title = 'ship with it';
  const manifest = JSON.stringify({
    dependencies: { koffi: '1' },
    devDependencies: { 'fast-check': '1', '@a/b': '1' },
  });
  bad(
    title,
    { 'package.json': manifest, 'src/outside/a.ts': "import fc from 'fast-check';" },
    /fast-check, which is not in the dependencies/,
  );
  bad(title, { 'package.json': manifest, 'test/a.ts': "import 'left-pad/x.js';" }, /devDependencies/);
  good(title, {
    'package.json': manifest,
    'src/outside/a.ts': "import 'koffi'; import 'node:fs'; import './b.ts';",
    'src/outside/a.test.ts': "import 'fast-check'; import '@a/b/c';",
  });
});

test('dead files: not reached from the command, exports, tests, benches or a worker string', () => {
  const title = 'every file is used';
  bad(title, { 'src/base/a.ts': '' }, /src\/base\/a\.ts is used by nothing/);
  bad(title, { 'testing/a.ts': "import './b.test.ts'", 'testing/b.test.ts': '' }, /testing\/a\.ts is used/);
  good(title, {
    'bin/build.mjs': "const PROGRAMS = ['src/cli/main.ts'];",
    'src/cli/main.ts': "import './a.ts';",
    'src/cli/a.ts': "new Worker(new URL('./worker.js', import.meta.url));",
    'src/cli/worker.ts': '',
    'package.json':
      '{"scripts":{"bench":"node dist/bench/main.js"},"exports":{".":{"types":"./dist/src/index.d.ts"}}}',
    'bench/main.ts': '',
    'src/index.ts': '',
    'src/base/a.test.ts': "import './tested.ts';",
    'src/base/tested.ts': '',
  });
});

test('size: 700 lines are the most', () => {
  bad('too long', { 'src/base/a.ts': '\n'.repeat(701) }, /has 701 lines/);
  good('too long', { 'src/base/a.ts': '\n'.repeat(700), 'docs/a.md': '\n'.repeat(900) });
});

test('names: no drawers, kebab-case', () => {
  const title = 'names say';
  bad(title, { 'src/base/utils/a.ts': '' }, /"utils" does not say/);
  bad(title, { 'src/base/helpers.test.ts': '' }, /"helpers" does not say/);
  bad(title, { 'src/base/slabClass.ts': '' }, /kebab-case/);
  good(title, { 'src/base/slab-class.property.test.ts': '', 'src/base/uint64.ts': '' });
});

test('words: default export, any, enum, console, silenced compiler, work for later', () => {
  const title = 'no default exports';
  const cases: readonly (readonly [string, RegExp])[] = [
    ['export default 1;', /a\.ts:1 exports a default/],
    ['let x: any;', /type any/],
    ['let x: Array<any>;', /type any/],
    ['function f(): any {}', /type any/],
    ['export const enum E { A }', /an enum/],
    ["console.log('');", /writes to the console/],
    [`\n// @ts-${'ignore'}`, /a\.ts:2 silences/],
    [`// TO${'DO'}: more`, /for later/],
    [`const s = 'FIX${'ME'}';`, /for later/],
  ];
  for (const [text, sentence] of cases) bad(title, { 'src/base/a.ts': text }, sentence);
  good(title, { 'test/a.ts': "console.log('');" });
  good(title, { 'src/base/a.ts': "// any enum E\nPromise.any([]); const many = 'export default'; x.enum;" });
});

test('casts: each says why', () => {
  const title = 'every cast';
  bad(title, { 'src/base/a.ts': '\nconst x = y as string;' }, /a\.ts:2 casts/);
  bad(title, { 'src/base/a.ts': 'const x = f(y as { a: 1 });' }, /casts/);
  bad(title, { 'src/base/a.ts': '// Cast:\nconst x = y as Y;' }, /casts/);
  bad(title, { 'src/base/a.ts': 'const x = `${y as string}`;' }, /casts/);
  good(title, { 'src/base/a.ts': '// Cast: the kernel fills it.\nconst x = y as Y;' });
  good(title, { 'src/base/a.ts': '  // Cast: a long reason\n  // that goes on.\n  const x = y as Y;' });
  good(title, {
    'src/base/a.ts': "import * as a from './a.ts';\nimport { type b as c } from 'x';\nexport { d as e };",
  });
  good(title, { 'src/base/a.ts': "const x = ['a'] as const; // as Big as that\nconst s = 'x as y';" });
  const twice = makeTree(ROOMS, new Map([['src/base/a.ts', 'const x = y as unknown as X;\n']])).sources.get(
    'src/base/a.ts',
  );
  assert.ok(twice !== undefined);
  assert.deepEqual(castLines(twice), [1, 1]);
});

test('documents: links to files and headings', () => {
  const title = 'links';
  bad(
    title,
    { 'README.md': 'See [this](docs/gone.md).' },
    /README\.md:1 links to docs\/gone\.md, which is not there/,
  );
  bad(title, { 'docs/a.md': '# One\n[x](#two)' }, /docs\/a\.md:2 .*no such heading/);
  bad(title, { 'docs/a.md': '[x](../README.md#three)', 'README.md': '# Two' }, /no such heading/);
  good(title, {
    'README.md':
      '# Two words, `code`\n[x](docs/a.md) [y](#two-words-code) [z](docs) [w](https://example.org/) `[v](gone)`',
    'docs/a.md': '[x](../README.md#two-words-code)\n```\n[y](gone.md)\n```\n',
  });
});

test('documents: a short README, no private places, no addresses in the lock file', () => {
  bad('README is short', { 'README.md': 'x\n'.repeat(121) }, /has 121 lines/);
  good('README is short', { 'README.md': 'x\n'.repeat(120) });
  bad('itself only', { 'docs/a.md': `in /${'work'}/main` }, /docs\/a\.md:1 names a place/);
  bad('itself only', { '.npmrc': `registry${'.'}example.org` }, /names a place/);
  good('itself only', { 'docs/a.md': 'net/work/ and a registry.' });
  bad('lock file', { 'package-lock.json': `{\n"resolved"${':'} "x"}` }, /package-lock\.json:2 holds/);
  bad('lock file', {}, /missing/);
  good('lock file', { 'package-lock.json': '{}' });
});

test('documents: the room table', () => {
  const title = 'documented room table';
  bad(
    title,
    { 'docs/internals/rooms.md': '| 0 | base |' },
    /\| 1 \| `right` \| pure \| the other side; may import left \|/,
  );
  good(title, { 'docs/internals/rooms.md': `# Rooms\n\n${roomTable(ROOMS)}\n` });
  good(title, {
    'docs/internals/rooms.md': `# Rooms\n\n${roomTable(ROOMS).replaceAll(' |', '   |').replaceAll('---', '-----')}\n`,
  });
});

test('the scanner: comments, strings, templates and regular expressions', () => {
  const cases: readonly (readonly [string, string])[] = [
    ["a('b\\'c') // d", "a('    ')     "],
    ['a /* b\n c */ d', 'a     \n      d'],
    ['`a${b}c`;d', '` ${b} `;d'],
    ['`${ {x: `y`} }z` + 1', '`${ {x: ` `} } ` + 1'],
    ["x = /'[/']/g; y", 'x = /     /g; y'],
    ['a / b / c', 'a / b / c'],
    ["return /'/.test(a)", 'return / /.test(a)'],
    ["'unfinished", "'          "],
    ['/* unfinished', '             '],
    ['`unfinished', '`         '],
  ];
  for (const [text, code] of cases)
    assert.equal(scanSource(text).code, code.padEnd(text.length).slice(0, text.length), text);
  assert.deepEqual(scanSource("f('a', `b`, `c${d}`)").literals, [
    { at: 2, value: 'a' },
    { at: 7, value: 'b' },
  ]);
  assert.equal(lineOf('a\nb\nc', 2), 2);
  assert.equal(lineOf('a\nb\nc', 4), 3);
});
