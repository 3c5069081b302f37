import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { manPageText, optionsOfRows, pageOfHelp } from './man-page.ts';
import { HELP_TEXTS, manFiles, OPTION_TABLES } from './man-pages.ts';
import { ROLE_STARTERS, subCommands } from './personalities.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'twincached-man-'));
after(() => rmSync(FOLDER, { recursive: true }));
for (const [name, text] of manFiles()) writeFileSync(join(FOLDER, name), text);

test('package.json names every page', () => {
  // Compiled, this file is dist/src/cli/….
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  // Cast: the project's own file; a wrong shape fails the assertion.
  const { man, files } = JSON.parse(text) as { man: string[]; files: string[] };
  assert.deepEqual([...man].sort(), [...manFiles().keys()].map((name) => `man/${name}`).sort());
  assert.ok(files.includes('man'));
});

/** A page as a reader sees it, as far as words go. */
function readable(name: string): string {
  const text = manFiles().get(`${name}.1`);
  assert.ok(text !== undefined, name);
  return text.replaceAll('\\-', '-').replaceAll('\\&', '').replaceAll('\\e', '\\');
}

test('every command is in the first page, every option in the page of its command', () => {
  for (const [name, { usage, help }] of subCommands(ROLE_STARTERS)) {
    assert.ok(readable('twincached').includes(`${usage.padEnd(16)} ${help}`), name);
    if (!(name in HELP_TEXTS) && !(name in OPTION_TABLES))
      assert.ok(['get', 'set', 'stats', 'links'].includes(name), `${name} has no page`);
  }
  for (const [name, rows] of Object.entries(OPTION_TABLES)) {
    const tags = readable(`twincached-${name}`)
      .split('\n')
      .filter((line) => line.startsWith('.B -'))
      .flatMap((line) => line.slice(3).split(/,? /));
    for (const { short, long } of rows) {
      if (short !== undefined) assert.ok(tags.includes(`-${short}`), `${name} -${short}`);
      if (long !== undefined) assert.ok(tags.includes(`--${long}`), `${name} --${long}`);
    }
    for (const { spelling, text } of optionsOfRows(rows)) assert.notEqual(text, '', `${name} ${spelling}`);
  }
  for (const [name, help] of Object.entries(HELP_TEXTS))
    for (const [, option] of help.matchAll(/^ {2}(-.*?) {2,}/gm))
      assert.ok(readable(`twincached-${name}`).includes(`.B ${option}\n`), `${name} ${option}`);
});

test('nothing in a text means something to troff', () => {
  const page = manPageText(
    {
      name: 'x',
      summary: 's',
      synopsis: ['x'],
      description: ['.SH no', "'no", 'a\\b', 'a – b', 'one\n.two'],
      options: [],
      chapters: [],
      seeAlso: [],
    },
    '1',
  );
  assert.match(page, /^\\&\.SH no$/m);
  assert.match(page, /^\\&'no$/m);
  assert.match(page, /^a\\eb$/m);
  assert.match(page, /^a \\\[u2013\] b$/m);
  assert.match(page, /^\.nf\none\n\\&\.two\n\.fi$/m);
});

test('a help text is taken apart', () => {
  const help =
    'Usage: twincached x [FILE]\n\nDoes it,\nand more.\n\n  FILE       a file,\n             or none\n  -h, --help this\n';
  assert.deepEqual(pageOfHelp('n', 's', help, []).options, [
    { spelling: 'FILE', text: 'a file, or none' },
    { spelling: '-h, --help this', text: '' },
  ]);
  assert.deepEqual(pageOfHelp('n', 's', help, []).description, ['Does it, and more.']);
  assert.deepEqual(pageOfHelp('n', 's', help, []).synopsis, ['twincached x [FILE]']);
});

for (const [program, words] of [
  ['groff', ['-man', '-Tutf8', '-ww', '-z']],
  ['mandoc', ['-T', 'lint', '-W', 'warning']],
  ['man', ['--warnings', '-l', '-P', 'cat']],
] as const) {
  const isThere = spawnSync(program, ['--version']).error === undefined;
  test(`${program} has nothing against the pages`, {
    skip: isThere ? false : `${program} is not installed`,
  }, () => {
    for (const name of manFiles().keys()) {
      const { status, stderr, stdout } = spawnSync(program, [...words, join(FOLDER, name)], {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C.UTF-8', MANROFFOPT: '', MANWIDTH: '100' },
      });
      assert.deepEqual([status, stderr], [0, ''], name);
      if (program === 'man') assert.match(stdout, /SEE ALSO/);
    }
  });
}
