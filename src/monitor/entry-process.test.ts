import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { commandLine } from '../system/proc-table.ts';
import { EntryProcess, MARK_OF_START, pidInFile } from './entry-process.ts';
import { fileReader } from './file-reader.ts';
import { resultText, runProgram } from './program-run.ts';

const READER = fileReader(30_000);

const SKIP = process.platform === 'linux' ? false : 'there is no /proc';

describe('the process of an entry', { skip: SKIP }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'twincached-entry-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A process that sleeps, once its program is loaded. */
  const sleeper = async (
    seconds: string,
    environment: NodeJS.ProcessEnv = {},
  ): Promise<ReturnType<typeof run>> => {
    const child = run('/bin/sleep', [seconds], environment);
    await until('it sleeps', () => commandLine(child.pid) === `/bin/sleep ${seconds}`);
    return child;
  };

  test('is found by its pid file, and not when it has ended', async () => {
    const path = join(folder, 'pid');
    const entry = new EntryProcess({ kind: 'pid-file', path }, READER);
    assert.equal(entry.find(null, false), null);
    const child = await sleeper('1001');
    writeFileSync(path, `${child.pid}\n`);
    assert.equal(entry.find(null, false)?.pid, child.pid);
    assert.ok(entry.isAlive() && entry.isOwnChild);
    await child.kill('SIGKILL');
    assert.ok(!entry.isAlive());
    assert.equal(entry.find(null, false), null);
  });

  for (const [what, laterMs] of [
    ['has just been written', 0],
    ['was written long ago', 60_000],
  ] as const)
    test(`is another one when its pid file says so, which ${what}`, async () => {
      const path = join(folder, `changing-${laterMs}`);
      const entry = new EntryProcess({ kind: 'pid-file', path }, READER, () => Date.now() + laterMs);
      const [first, second] = [await sleeper('1006'), await sleeper('1007')];
      for (const child of [first, second, first]) {
        writeFileSync(path, `${String(child.pid).padStart(10, '0')}\n`);
        for (let times = 0; times < 3; times++) assert.equal(entry.find(null, false)?.pid, child.pid);
      }
      rmSync(path);
      assert.equal(entry.find(null, false), null);
      await Promise.all([first.kill('SIGKILL'), second.kill('SIGKILL')]);
    });

  test('is the oldest that a pattern matches, the start program left out', async () => {
    const entry = new EntryProcess({ kind: 'matching', pattern: '^/bin/sleep 100[23]$' }, READER);
    const first = await sleeper('1002');
    const second = await sleeper('1003');
    const found = [entry.find(null, false)?.pid, entry.find(first.pid, false)?.pid];
    // Both may have begun in the same hundredth of a second.
    assert.ok(found[0] === first.pid || found[0] === second.pid);
    assert.equal(found[1], second.pid);
    await Promise.all([first.kill('SIGKILL'), second.kill('SIGKILL')]);
    assert.equal(entry.find(null, false), null);
  });

  test('goes on being what it was while a command line keeps the pattern from coming to an end', async () => {
    const entry = new EntryProcess({ kind: 'matching', pattern: '^/bin/sleep 1008$|x(a+)+$' }, READER);
    const child = await sleeper('1008');
    assert.equal(entry.find(null, false)?.pid, child.pid);
    const words = ['-f', '/dev/null', `x${'a'.repeat(60)}!`];
    const trap = run('/usr/bin/tail', words);
    await until('it runs', () => commandLine(trap.pid) === `/usr/bin/tail ${words.join(' ')}`);
    assert.equal(entry.find(null, false)?.pid, child.pid);
    await child.kill('SIGKILL');
    assert.equal(entry.find(null, false), null);
    await trap.kill('SIGKILL');
  });

  test('is known by its environment where its pid file is missing', async () => {
    const entry = new EntryProcess({ kind: 'pid-file', path: join(folder, 'never') }, READER);
    const mark = `test-${process.pid}`;
    const child = await sleeper('1004', { [MARK_OF_START]: mark });
    const other = await sleeper('1005', { [MARK_OF_START]: `${mark}0` });
    assert.equal(entry.find(null, true), null);
    entry.startedAs(mark);
    assert.equal(entry.find(null, false), null);
    const found = entry.find(null, true);
    assert.equal(found?.pid, child.pid);
    const later = new EntryProcess({ kind: 'pid-file', path: join(folder, 'never') }, READER);
    later.recall({ pid: child.pid, startedAfterBootMs: (found?.startedAfterBootMs ?? 0) + 10 });
    assert.ok(!later.isAlive());
    later.recall({ pid: child.pid, startedAfterBootMs: found?.startedAfterBootMs ?? 0 });
    assert.equal(later.present?.pid, child.pid);
    assert.deepEqual(entry.markedPids(), [child.pid]);
    await Promise.all([child.kill('SIGKILL'), other.kill('SIGKILL')]);
  });

  test('a pid file that holds no pid is none', () => {
    const path = join(folder, 'odd');
    for (const [text, pid] of [
      ['', null],
      ['abc', null],
      ['0\n', null],
      [' 12\n', 12],
      ['34 and more', 34],
    ] as const) {
      writeFileSync(path, text);
      assert.equal(pidInFile(path), pid, text);
    }
    assert.equal(pidInFile(join(folder, 'nothing')), null);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    assert.equal(pidInFile(pipe), null);
  });
});

describe('a program of an entry', () => {
  const options = {
    outputBytesMax: 20,
    timeoutMs: null,
    environment: { MONIT_SERVICE: 'x' },
    onChild: () => {},
  };
  const call = (...argv: string[]): Parameters<typeof runProgram>[0] => ({
    argv,
    user: null,
    group: null,
    timeoutMs: null,
  });

  test('is run without a shell, in a small environment, and its words are kept up to a bound', async () => {
    const echo = await runProgram(call('/bin/echo', '`date`', '$HOME'), options).ended;
    assert.deepEqual(echo, {
      code: 0,
      signal: null,
      output: '`date` $HOME',
      failure: null,
      isTimeout: false,
    });
    const long = await runProgram(
      call('/bin/sh', '-c', 'echo 123456789012345678901234567890; exit 3'),
      options,
    ).ended;
    assert.equal(long.output, '12345678901234567890');
    assert.equal(resultText(long), 'exit status 3 -- 12345678901234567890');
    const environment = await runProgram(call('/usr/bin/env'), { ...options, outputBytesMax: 5000 }).ended;
    const names = environment.output.split('\n').map((line) => line.split('=')[0]);
    assert.deepEqual(names.sort(), ['HOME', 'LANG', 'MONIT_SERVICE', 'PATH']);
  });

  test('that is missing, or hangs, ends all the same', async () => {
    const missing = runProgram(call('/nonexistent/x'), options);
    assert.match(resultText(await missing.ended), /ENOENT/);
    const hanging = await runProgram(call('/bin/sleep', '1006'), { ...options, timeoutMs: 50 }).ended;
    assert.deepEqual(
      [hanging.signal, hanging.isTimeout, resultText(hanging)],
      ['SIGKILL', true, 'timed out'],
    );
    const killed = runProgram(call('/bin/sleep', '1007'), options);
    killed.kill();
    assert.equal(resultText(await killed.ended), 'ended by SIGKILL');
  });

  test('that leaves a daemon behind has ended when it has ended itself', async () => {
    const result = await runProgram(call('/bin/sh', '-c', 'sleep 1008 & echo $!'), options).ended;
    assert.equal(result.code, 0);
    process.kill(Number(result.output), 'SIGKILL');
  });
});
