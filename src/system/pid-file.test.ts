import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writePidFile } from './pid-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-pid-file-'));
after(() => rmSync(directory, { recursive: true, force: true }));

/** The number of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

test('the file holds the number and a line end, and is removed', () => {
  const path = join(directory, 'plain.pid');
  const file = writePidFile(path, 4711);
  assert.deepEqual(file.warnings, []);
  assert.equal(readFileSync(path, 'utf8'), '4711\n');
  file.remove();
  assert.equal(existsSync(path), false);
  file.remove();
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.startsWith('plain')),
    [],
  );
});

test('a stale file is replaced in silence, a living one with a warning', () => {
  const path = join(directory, 'stale.pid');
  writeFileSync(path, `${deadPid()}\n`);
  assert.deepEqual(writePidFile(path, 4711).warnings, []);
  writeFileSync(path, 'junk');
  assert.deepEqual(writePidFile(path, 4711).warnings, []);
  writeFileSync(path, `${process.pid}\n`);
  const file = writePidFile(path, 4711);
  assert.deepEqual(file.warnings, [
    `WARNING: The pid file contained the following (running) pid: ${process.pid}`,
  ]);
  assert.equal(readFileSync(path, 'utf8'), '4711\n');
  // The same process writing again is no other process.
  assert.deepEqual(writePidFile(path, 4711).warnings, []);
});

test('a path that cannot be written is one line, and nothing to remove', () => {
  const path = join(directory, 'missing', 'x.pid');
  const file = writePidFile(path, 4711);
  assert.deepEqual(file.warnings, [
    `Could not open the pid file ${path}.tmp for writing: No such file or directory`,
  ]);
  file.remove();

  const taken = join(directory, 'directory.pid');
  mkdirSync(join(taken, 'full'), { recursive: true });
  const refused = writePidFile(taken, 4711);
  assert.equal(refused.warnings.length, 1);
  assert.match(refused.warnings[0] ?? '', /^Could not rename the pid file from .*directory\.pid\.tmp to /);
  refused.remove();
  assert.ok(existsSync(taken));
  assert.equal(existsSync(`${taken}.tmp`), false);
});

test('a file that another process has overwritten stays', () => {
  const path = join(directory, 'shared.pid');
  const file = writePidFile(path, 4711);
  writeFileSync(path, '4712\n');
  file.remove();
  assert.equal(readFileSync(path, 'utf8'), '4712\n');
});

test('a link planted in the way of the draft is not followed', () => {
  const path = join(directory, 'planted.pid');
  const victim = join(directory, 'victim');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, `${path}.tmp`);
  assert.deepEqual(writePidFile(path, 4711).warnings, []);
  assert.equal(readFileSync(victim, 'utf8'), 'precious');
  assert.equal(readFileSync(path, 'utf8'), '4711\n');
});
