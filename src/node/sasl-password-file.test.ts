import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { checkSaslPasswordFile, SaslPasswordFile } from './sasl-password-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
const path = join(folder, 'users');
after(() => rmSync(folder, { recursive: true }));

function names(file: SaslPasswordFile): string[] {
  return file.users().map(({ name }) => Buffer.from(name).toString());
}

test('a changed file is read again; while it cannot be read nobody can log in, which is told once', () => {
  const log: string[] = [];
  const file = new SaslPasswordFile(path, (message) => log.push(message));
  assert.deepEqual(names(file), []);
  assert.deepEqual(names(file), []);
  assert.deepEqual(log, [`cannot read the SASL password file ${path}: No such file or directory`]);
  writeFileSync(path, 'a:1\n');
  assert.deepEqual(names(file), ['a']);
  assert.equal(file.users(), file.users(), 'an unchanged file is not read again');
  writeFileSync(`${path}.new`, 'b:1\n');
  renameSync(`${path}.new`, path);
  assert.deepEqual(names(file), ['b']);
  rmSync(path);
  assert.deepEqual(names(file), []);
  assert.equal(log.length, 2);
});

test('what cannot be a password file is refused at the start in one line', () => {
  const refusal = (file: string): string => {
    try {
      checkSaslPasswordFile(file);
    } catch (error) {
      assert.ok(error instanceof StartError);
      return error.message;
    }
    return 'accepted';
  };
  writeFileSync(path, 'a:1\n');
  assert.equal(refusal(path), 'accepted');
  writeFileSync(path, 'nothing useful\n');
  assert.match(refusal(path), /no line has the form user:password/);
  assert.match(refusal(folder), /not an ordinary file/);
  assert.match(refusal('/dev/zero'), /not an ordinary file/);
  assert.match(refusal(join(folder, 'none')), /none: No such file or directory$/);
  truncateSync(path, 4 * 1024 * 1024 + 1);
  assert.match(refusal(path), /larger than/);
});
