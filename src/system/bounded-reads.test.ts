import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { BoundedReads, NoAnswerError } from './bounded-reads.ts';

const SKIP = process.platform === 'win32' ? 'there are no pipes with a name' : false;

/** Of a path `/far/N/...` the mount `/far/N`. */
const farMount = (path: string): string | null => /^\/far\/\d+/.exec(path)?.[0] ?? null;

/** Calls of the system's that come back when they are told to. */
class Calls {
  readonly began: string[] = [];
  readonly #ends = new Map<string, () => void>();

  readonly call = (path: string): Promise<string> => {
    this.began.push(path);
    return new Promise((resolve) => this.#ends.set(path, () => resolve(path)));
  };

  readonly end = (path: string): void => this.#ends.get(path)?.();
}

describe('readings', () => {
  const readings = (threads: number): { reads: BoundedReads; calls: Calls } => ({
    reads: new BoundedReads({ threads: () => threads, servedMount: farMount }),
    calls: new Calls(),
  });

  test('of one mount, and of one path, are made one at a time', async () => {
    const { reads, calls } = readings(8);
    const paths = ['/far/1/a', '/far/1/b', '/far/2/a', '/near/a', '/near/b'];
    const all = paths.map((path) => reads.run(path, 60_000, () => calls.call(path)));
    const again = reads.run('/near/a', 60_000, () => calls.call('/near/a'));
    assert.deepEqual(calls.began, ['/far/1/a', '/far/2/a', '/near/a', '/near/b']);
    calls.end('/far/1/a');
    calls.end('/near/a');
    await Promise.all([all[0], all[3]]);
    assert.deepEqual(calls.began.slice(4), ['/far/1/b', '/near/a']);
    for (const path of paths) calls.end(path);
    assert.deepEqual(await Promise.all(all), paths);
    assert.equal(await again, '/near/a');
  });

  test('leave a thread free, and those of other hosts one for files of this one', async () => {
    const { reads, calls } = readings(4);
    const paths = ['/far/1/a', '/far/2/a', '/far/3/a', '/near/a', '/near/b'];
    const all = paths.map((path) => reads.run(path, 60_000, () => calls.call(path)));
    assert.deepEqual(calls.began, ['/far/1/a', '/far/2/a', '/near/a']);
    calls.end('/near/a');
    await all[3];
    assert.deepEqual(calls.began, ['/far/1/a', '/far/2/a', '/near/a', '/near/b']);
    calls.end('/far/2/a');
    await all[1];
    assert.deepEqual(calls.began.slice(4), ['/far/3/a']);
    for (const path of paths) calls.end(path);
    await Promise.all(all);
  });

  test('that do not come back are told of, and all behind them, and nobody else', async () => {
    const { reads, calls } = readings(4);
    const asked = (path: string, patienceMs: number): Promise<string> =>
      reads.run(path, patienceMs, () => calls.call(path));
    const hangs = [
      asked('/far/1/a', 10),
      asked('/far/1/b', 60_000),
      asked('/far/2/a', 10),
      asked('/far/3/a', 10),
    ];
    for (const hang of hangs) await assert.rejects(hang, NoAnswerError);
    assert.equal(reads.hung, 2);
    // From now on at once, whatever the patience.
    await assert.rejects(asked('/far/2/b', 60_000), /^Error: \/far\/2\/b does not answer$/);
    const near = asked('/near/a', 60_000);
    calls.end('/near/a');
    assert.equal(await near, '/near/a');
    calls.end('/far/1/a');
    await until('one has come back', () => reads.hung === 1);
    const better = asked('/far/1/c', 60_000);
    calls.end('/far/1/c');
    assert.equal(await better, '/far/1/c');
    assert.deepEqual(calls.began, ['/far/1/a', '/far/2/a', '/near/a', '/far/1/c']);
  });

  test('wait longer where all that go before them come back', async () => {
    const { reads, calls } = readings(2);
    const first = reads.run('/near/a', 60_000, () => calls.call('/near/a'));
    let isSettled = false;
    const second = reads
      .run('/near/b', 5, () => calls.call('/near/b'))
      .finally(() => {
        isSettled = true;
      });
    // A reading that is asked for later, and whose time is over, shows that the second one's is, too.
    const other = new BoundedReads({ threads: () => 2, servedMount: farMount });
    await assert.rejects(
      other.run('/near/c', 50, () => new Promise(() => {})),
      NoAnswerError,
    );
    assert.equal(isSettled, false);
    calls.end('/near/a');
    await first;
    calls.end('/near/b');
    assert.equal(await second, '/near/b');
  });

  test('what comes too late is handed over, and what must be done waits for its turn', async () => {
    const { reads, calls } = readings(4);
    const late: string[] = [];
    const tooLate = (path: string): void => void late.push(path);
    await assert.rejects(
      reads.run('/far/1/a', 5, () => calls.call('/far/1/a'), { tooLate }),
      NoAnswerError,
    );
    const closing = reads.run('/far/1/a', 30_000, () => calls.call('/far/1/close'), { isPatient: true });
    assert.deepEqual(calls.began, ['/far/1/a']);
    calls.end('/far/1/a');
    await until('it came', () => calls.began.length === 2);
    assert.deepEqual(late, ['/far/1/a']);
    calls.end('/far/1/close');
    await closing;
  });
});

describe('readings that hang in the system', { skip: SKIP }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'twincached-reads-'));
  });
  const pipes: string[] = [];
  /** Whoever waits for a writer has had one. */
  const free = (path: string): void => closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
  after(() => {
    // A process with a thread that hangs does not end.
    for (const path of pipes) free(path);
    rmSync(folder, { recursive: true, force: true });
  });

  const pipe = (name: string): string => {
    const path = join(folder, name);
    execFileSync('mkfifo', [path]);
    pipes.push(path);
    return path;
  };

  test('leave a thread of the pool free, however many they are', async () => {
    const paths = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map(pipe);
    // As many threads as Node has unless told otherwise.
    const reads = new BoundedReads({ threads: () => 4, servedMount: () => null });
    // To open a pipe waits for somebody who writes into it.
    const hanging = paths.map((path) =>
      reads.run(path, 100, () => open(path, 'r'), { tooLate: (file) => void file.close() }),
    );
    for (const hang of hanging) await assert.rejects(hang, NoAnswerError);
    assert.equal(reads.hung, 3);
    assert.equal((await readFile('/dev/null')).length, 0);
    for (const path of paths.slice(0, 3)) free(path);
    await until('all have come back', () => reads.hung === 0);
  });

  for (const [when, patienceMs] of [
    ['', 50],
    [', nor before it is known that they hang', 60_000],
  ] as const)
    test(`do not keep the process from its end${when}`, async () => {
      const path = pipe(`end${patienceMs}`);
      const modules = ['bounded-reads.js', 'end-process.js'].map(
        (name) => new URL(name, import.meta.url).href,
      );
      const script = `
      const [{ PROCESS_READS }, { endProcess }] = await Promise.all(${JSON.stringify(modules)}.map((name) => import(name)));
      const { open, readFile } = await import('node:fs/promises');
      const reading = PROCESS_READS.run(${JSON.stringify(path)}, ${patienceMs}, () => open(${JSON.stringify(path)}, 'r'));
      await Promise.race([reading.catch(() => {}), ...(${patienceMs} > 1000 ? [readFile('/dev/null')] : [])]);
      process.on('exit', (code) => console.log('told of ' + code));
      await endProcess(7);`;
      const child = run(process.execPath, ['--input-type=module', '-e', script], {});
      try {
        await until('it has ended', () => child.child.exitCode !== null);
        assert.equal(child.child.exitCode, 7, child.stderr());
        await until('it was told', () => child.stdout() === 'told of 7\n');
      } finally {
        await child.kill('SIGKILL');
      }
    });
});
