import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AUDIT_VALUE_LENGTH_MAX, AuditLog } from './audit-log.ts';

test('a line for each, in a file of its owner alone, which may be rotated at any time', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-audit-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'deep', 'audit.log');
  const warnings: string[] = [];
  const log = new AuditLog(path, (text) => warnings.push(text));
  assert.throws(() => statSync(path), 'nothing is made before the first line');
  log.write(0, { user: 'admin', action: 'stop\n{"user":"eve"}' });
  renameSync(path, `${path}.1`);
  log.write(1000, { user: 'x'.repeat(AUDIT_VALUE_LENGTH_MAX + 1) });
  assert.equal(
    readFileSync(`${path}.1`, 'utf8'),
    '{"time":"1970-01-01T00:00:00.000Z","user":"admin","action":"stop\\n{\\"user\\":\\"eve\\"}"}\n',
  );
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(
    readFileSync(path, 'utf8'),
    `{"time":"1970-01-01T00:00:01.000Z","user":"${'x'.repeat(AUDIT_VALUE_LENGTH_MAX)}"}\n`,
  );
  assert.deepEqual(warnings, []);
});

test('what cannot be written is told once, and again after it could be', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-audit-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const warnings: string[] = [];
  const blocked = join(directory, 'blocked');
  const log = new AuditLog(join(blocked, 'audit.log'), (text) => warnings.push(text));
  log.write(0, {});
  renameSync(blocked, join(directory, 'away'));
  new AuditLog(blocked, (text) => warnings.push(text)).write(0, {});
  log.write(0, {});
  log.write(0, {});
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /^the audit log cannot be written: /);
  rmSync(blocked);
  log.write(0, {});
  rmSync(blocked, { recursive: true });
  new AuditLog(blocked, () => {}).write(0, {});
  log.write(0, {});
  assert.equal(warnings.length, 2);
});
