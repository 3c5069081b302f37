import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from './processes.ts';
import { childrenOf, describedProcess } from './still-open.ts';

const MODULE = new URL('./still-open.js', import.meta.url).href;

test('a file whose tests have left something open ends with an error that names it; one that has not ends well', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const outcome = async (
    body: string,
    endingMs: number,
  ): Promise<readonly [number | NodeJS.Signals, string]> => {
    const file = join(folder, 'case.mjs');
    writeFileSync(
      file,
      `import { test } from 'node:test';
       import { createServer } from 'node:net';
       import { boundTheEnd } from ${JSON.stringify(MODULE)};
       boundTheEnd(() => [process.pid], ${endingMs});
       test('a test', () => { ${body} });`,
    );
    const running = run(process.execPath, [file]);
    return [await running.ended(), running.stderr()];
  };
  const [status, text] = await outcome("createServer().listen(0, '127.0.0.1');", 50);
  assert.equal(status, 1);
  assert.match(text, /0\.05 s after the last test this is still open:\n {2}(PipeWrap )*TCPServerWrap\n/);
  assert.match(text, /"type":"tcp".*"ip4":"127\.0\.0\.1"/);
  assert.match(text, /process \d+, \w+ \(\w+\): \S*node \S+case\.mjs\n {2}thread /);
  assert.deepEqual(await outcome('', 30_000), [0, '']);
});

test('a process is described with its children; one that is gone as such', async () => {
  const running = run('/bin/sh', ['-c', 'sleep 1000 & wait']);
  try {
    assert.ok(childrenOf(process.pid).includes(running.pid));
    assert.match(describedProcess(process.pid), /still-open\.test\.js\n {2}thread \d+/);
    assert.match(describedProcess(process.pid), new RegExp(`\n {2}process ${running.pid}, `));
  } finally {
    for (const child of childrenOf(running.pid)) process.kill(child, 'SIGKILL');
    await running.kill('SIGKILL');
  }
  assert.match(describedProcess(running.pid), /^process \d+, gone: \n/);
});
