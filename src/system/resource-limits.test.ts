import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { readOpenFilesLimit } from './proc-table.ts';
import { descriptorLimit, parseDescriptorLimit } from './resource-limits.ts';

const MODULE = new URL('./resource-limits.js', import.meta.url).href;
const linux = { skip: descriptorLimit() === null ? 'this system does not show its limits' : false };

/** Runs a program under a shell's limits; it prints the outcome of allowDescriptors and the limit afterwards. */
function underLimits(limits: string, connections: number, threads = 4): unknown {
  const program = `
    import { allowDescriptors, descriptorLimit } from ${JSON.stringify(MODULE)};
    const error = await allowDescriptors(${connections}, ${threads}).then(() => null, (error) => error);
    console.log(JSON.stringify([error?.message ?? 'allowed', error?.exitCode ?? 0, descriptorLimit().soft]));`;
  // The hard limit must stay low, so the right to raise it (which root may have) is given up first where it is held.
  const run = spawnSync(
    'sh',
    ['-c', `${limits}; exec "$@"`, 'sh', process.execPath, '--input-type=module', '-e', program],
    {
      encoding: 'utf8',
    },
  );
  return JSON.parse(run.stdout || JSON.stringify(run.stderr));
}

test('reads the limits that the kernel shows', () => {
  const text = [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max processes             unlimited            unlimited            processes ',
    'Max open files            1024                 524288               files     ',
    '',
  ].join('\n');
  assert.deepEqual(parseDescriptorLimit(text), { soft: 1024, hard: 524288 });
  assert.deepEqual(parseDescriptorLimit(text.replace('524288   ', 'unlimited')), {
    soft: 1024,
    hard: Number.POSITIVE_INFINITY,
  });
  assert.equal(parseDescriptorLimit('Max processes 1 1 processes'), null);
});

test('a limit that is high enough is left alone', linux, () => {
  assert.deepEqual(underLimits('ulimit -n 600', 100), ['allowed', 0, 600]);
});

test('with room for the clients alone the start goes on', linux, () => {
  const [message, code, soft] = asList(underLimits('ulimit -n 600', 600));
  assert.deepEqual([message, code], ['allowed', 0]);
  // Raised where that is permitted, else as it was.
  assert.ok(soft === 600 + 64 + 16 || soft === 600, `limit ${soft}`);
});

test('a limit that cannot be raised is refused in one line', linux, () => {
  // More than the kernel's fs.nr_open ever allows, so that root cannot have it either.
  assert.deepEqual(asList(underLimits('ulimit -n 600', 2_147_483_647)).slice(0, 2), [
    'failed to set rlimit for open files. Try starting as root or requesting smaller maxconns value.',
    71,
  ]);
});

function asList(value: unknown): unknown[] {
  assert.ok(Array.isArray(value), String(value));
  return value;
}

test('the limit of another process is read, also where only half of it is a number', linux, async () => {
  const child = spawn('sh', ['-c', 'ulimit -S -n 50; echo; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  assert.equal(readOpenFilesLimit(child.pid ?? 0).soft, 50);
  child.stdin.end();
  await once(child, 'exit');
  assert.deepEqual(
    parseDescriptorLimit('Max open files            50                   unlimited            files\n'),
    {
      soft: 50,
      hard: Number.POSITIVE_INFINITY,
    },
  );
  assert.equal(readOpenFilesLimit(child.pid ?? 0).soft, Number.POSITIVE_INFINITY);
});
