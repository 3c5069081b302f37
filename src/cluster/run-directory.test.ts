import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runDirectory } from './run-directory.ts';

test('it is in the state directory, or a temporary one, and nothing of it is left', (t) => {
  const state = mkdtempSync(join(tmpdir(), 'twincached-run-'));
  const before = process.env['XDG_STATE_HOME'];
  t.after(() => {
    if (before === undefined) delete process.env['XDG_STATE_HOME'];
    else process.env['XDG_STATE_HOME'] = before;
    rmSync(state, { recursive: true });
  });
  process.env['XDG_STATE_HOME'] = state;
  const made = runDirectory('local', '');
  assert.equal(made.path, join(state, 'twincached/local/run'));
  writeFileSync(join(made.path, 'proxy.yml'), '');
  const other = join(state, 'twincached/local/audit.log');
  writeFileSync(other, '');
  // Somebody who was refused takes nothing of it away, and another part has its own.
  const refused = runDirectory('local', '');
  assert.equal(refused.path, made.path);
  refused.remove();
  assert.ok(existsSync(join(made.path, 'proxy.yml')));
  const part = runDirectory('local', 'offset-7');
  assert.notEqual(part.path, made.path);
  part.remove();
  assert.ok(!existsSync(part.path));
  made.own();
  made.remove();
  assert.ok(existsSync(other) && !existsSync(made.path));
  rmSync(other);
  const again = runDirectory('local', '');
  again.remove();
  assert.deepEqual(readdirSync(state), []);

  // A file stands where the directory would be.
  writeFileSync(join(state, 'twincached'), '');
  const temporary = runDirectory('local', '');
  assert.ok(temporary.path.startsWith(join(tmpdir(), 'twincached-local-')));
  temporary.remove();
  assert.ok(!existsSync(temporary.path));
});
