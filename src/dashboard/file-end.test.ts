import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileEnd } from './file-end.ts';

test('the end of a file is read, and no more, however long it is', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-end-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'log');
  writeFileSync(path, 'one\ntwo\n');
  assert.equal(fileEnd(path, 100), 'one\ntwo\n');
  assert.equal(fileEnd(path, 8), 'one\ntwo\n');
  assert.equal(fileEnd(path, 4), 'two\n');
  // A hole: a terabyte takes no place, but could not be read.
  truncateSync(path, 2 ** 40);
  assert.equal(fileEnd(path, 4), '\0\0\0\0');
  writeFileSync(path, '');
  assert.equal(fileEnd(path, 4), '');
  assert.throws(() => fileEnd(join(directory, 'missing'), 4));
});
