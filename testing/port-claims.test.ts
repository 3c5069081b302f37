import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimPort } from './port-claims.ts';

test('a port is given to one process, until that ends, however it does', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const claims = (ports: readonly number[], then: string): string => {
    const module = new URL('./port-claims.js', import.meta.url);
    const script = `import { claimPort } from ${JSON.stringify(`${module}`)};
      console.log(${JSON.stringify(ports)}.filter((port) => claimPort(port, ${JSON.stringify(folder)})).join());
      ${then}`;
    return spawnSync(process.execPath, ['--input-type=module', '-e', script]).stdout.toString().trim();
  };
  assert.ok(claimPort(11, folder) && claimPort(11, folder));
  assert.equal(claims([11, 12], ''), '12');
  assert.deepEqual(readdirSync(folder), ['11'], 'who ends takes its marks away');
  assert.equal(claims([11, 13], "process.kill(process.pid, 'SIGKILL');"), '13');
  assert.deepEqual(readdirSync(folder), ['11', '13']);
  assert.ok(claimPort(13, folder));
  assert.equal(claims([13], ''), '');
  writeFileSync(join(folder, '14'), '1');
  assert.equal(claimPort(14, folder), false, 'process 1 lives');
});
