import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Of dist/. */
const ROOT = new URL('../', import.meta.url);

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

function run(script: string, words: readonly string[], seed?: string): Promise<Ended> {
  const environment = { ...process.env };
  delete environment['SEED'];
  if (seed !== undefined) environment['SEED'] = seed;
  return new Promise((resolve) => {
    const path = fileURLToPath(new URL(script, ROOT));
    const options = { env: environment, timeout: 120_000 };
    execFile(process.execPath, [path, ...words], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

for (const [name, script, words, says] of [
  ['kills', 'testing/replication/kills.js', ['abc'], /"abc"/],
  ['kills', 'testing/replication/kills.js', ['0'], /"0"/],
  ['kills', 'testing/replication/kills.js', ['1.5'], /"1.5"/],
  ['kills', 'testing/replication/kills.js', ['5', 'abc'], /"abc" is one word too many/],
  ['simulate', 'testing/simulate.js', ['--seeds', 'abc'], /--seeds .*"abc"/],
  ['simulate', 'testing/simulate.js', ['--what', 'cats'], /one of pair, mesh, .*, not "cats"/],
  ['simulate', 'testing/simulate.js', ['--cats'], /'--cats'/],
  ['soak', 'testing/soak/proxy-soak.js', ['abc'], /MINUTES .*"abc"/],
  ['soak', 'testing/soak/proxy-soak.js', ['1', '-3'], /REQUESTS_PER_S .*"-3"/],
  ['fuzz', 'testing/fuzz/main.js', ['abc'], /SECONDS .*"abc"/],
  ['fuzz', 'testing/fuzz/main.js', ['1', 'cats'], /text, binary, link, not "cats"/],
  ['fuzz', 'testing/fuzz/main.js', ['1', 'link', ''], /SEED/],
  ['bench', 'bench/main.js', ['--what', 'cats'], /--what .*"cats"/],
  ['bench', 'bench/main.js', ['--rounds', 'abc'], /--rounds .*"abc"/],
  ['bench', 'bench/main.js', ['--cats'], /'--cats'/],
  ['bench', 'bench/main.js', ['cats'], /'cats'/],
] as const)
  test(`${name} ${words.join(' ')}: refused in one line`, async () => {
    const { code, stdout, stderr } = await run(script, words);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`^${name}: [^\n]+\n$`));
    assert.match(stderr, says);
  });

test('a SEED that is none is refused in one line', async () => {
  const { code, stderr } = await run('testing/replication/kills.js', ['1'], 'abc');
  assert.equal(code, 1);
  assert.equal(stderr, 'kills: SEED must be a whole number from 0, not "abc"\n');
});

test('what is right is not refused', async () => {
  const { code, stdout } = await run('testing/simulate.js', ['pair', '--seeds', '1', '--first', '7']);
  assert.equal(code, 0);
  assert.match(stdout, /^pair .*\n1 lives: pair\n$/s);
});
