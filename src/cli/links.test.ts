import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LINK_NAMES, makeLinks } from './links.ts';

// Compiled, this file is dist/src/cli/links.test.js.
const executable = realpathSync(fileURLToPath(new URL('../../../bin/twincached', import.meta.url)));
const directory = mkdtempSync(join(tmpdir(), 'twincached-links-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function freshDirectory(name: string): string {
  const path = join(directory, name);
  mkdirSync(path);
  return path;
}

function run(
  command: string,
  words: readonly string[],
  from = directory,
): readonly [number | null, string, string] {
  const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8', cwd: from });
  return [status, stdout, stderr];
}

test('links DIR makes the four names, which are then those programs, from any directory', () => {
  const place = freshDirectory('bin');
  const [status, told] = run(executable, ['links', 'bin']);
  assert.equal(status, 0);
  assert.equal(told, LINK_NAMES.map((name) => `${join(place, name)} -> ${executable}\n`).join(''));
  assert.deepEqual(readdirSync(place).sort(), [...LINK_NAMES].sort());

  assert.deepEqual(run(join(place, 'memcached'), ['-V'], '/'), [0, 'memcached 1.6.45\n', '']);
  assert.deepEqual(run('./bin/memcached', ['-z']), [
    1,
    '',
    'memcached: invalid option -- \'z\'\nIllegal argument "?"\n',
  ]);
  assert.match(run(join(place, 'magent'), ['-h'])[2], /usage: magent -s/);
  assert.match(
    run(join(place, 'monit'), ['-V']).join(' '),
    /^0 This is Monit version 5\.33\.0, by twincached/,
  );
  assert.equal(run(join(place, 'nutcracker'), ['-t'])[0], 1);

  // A link to a link, under a name that says nothing: a sub-command decides.
  symlinkSync(join(place, 'memcached'), join(place, 'cache'));
  assert.deepEqual(run('./cache', ['memcached', '-V'], place), [0, 'memcached 1.6.45\n', '']);
});

test('links that are there already stay, and a missing one is made', () => {
  const place = freshDirectory('again');
  makeLinks(place, executable);
  unlinkSync(join(place, 'monit'));
  assert.equal(makeLinks(place, executable).length, LINK_NAMES.length);
  assert.ok(lstatSync(join(place, 'monit')).isSymbolicLink());
});

test('what is not a link of ours is never touched', () => {
  for (const obstacle of ['file', 'foreign link', 'dangling link', 'directory']) {
    const place = freshDirectory(obstacle);
    const path = join(place, 'monit');
    if (obstacle === 'file') writeFileSync(path, 'precious');
    if (obstacle === 'foreign link') symlinkSync('/bin/sh', path);
    if (obstacle === 'dangling link') symlinkSync('/nonexistent/monit', path);
    if (obstacle === 'directory') mkdirSync(path);
    const before = lstatSync(path).ino;
    assert.deepEqual(run(executable, ['links', place]), [
      1,
      '',
      `links: ${path} is there already and is not a link to ${executable}; remove it first\n`,
    ]);
    assert.equal(lstatSync(path).ino, before);
    // Nothing was made half.
    assert.deepEqual(readdirSync(place), ['monit']);
    if (obstacle === 'file') assert.equal(readFileSync(path, 'utf8'), 'precious');
  }
});

test('a directory that is none is refused in one line', () => {
  writeFileSync(join(directory, 'plain-file'), '');
  assert.deepEqual(run(executable, ['links', 'missing']), [
    1,
    '',
    `links: ${join(realpathSync(directory), 'missing')}: no such file or directory\n`,
  ]);
  assert.deepEqual(run(executable, ['links', 'plain-file']), [
    1,
    '',
    `links: ${join(realpathSync(directory), 'plain-file')}: not a directory\n`,
  ]);
  assert.deepEqual(run(executable, ['links']), [1, '', 'usage: twincached links DIR\n']);
});

test('the executable says so when nothing is compiled', () => {
  const place = freshDirectory('bare');
  mkdirSync(join(place, 'bin'));
  copyFileSync(executable, join(place, 'bin', 'twincached.cjs'));
  assert.deepEqual(run(process.execPath, [join(place, 'bin', 'twincached.cjs'), '--version']), [
    1,
    '',
    `twincached: not compiled yet; run "npm install" in ${realpathSync(place)}/\n`,
  ]);
});
