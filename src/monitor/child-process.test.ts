import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { OUTPUT_LINE_LENGTH_MAX, readLines, startChild } from './child-process.ts';
import { lastWords } from './last-words.ts';

async function linesOf(chunks: readonly string[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  readLines(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, 'close');
  return lines;
}

/** Whether a process is the leader of its process group: field 5 of its stat, the third behind the name. */
function leadsItsGroup(pid: number): boolean {
  if (process.platform !== 'linux') return true;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === pid;
}

test('output is cut into lines wherever the chunks end', async () => {
  const text = 'one\r\ntwo\n\nthree';
  assert.deepEqual(await linesOf([text]), ['one', 'two', 'three']);
  assert.deepEqual(await linesOf([...text]), ['one', 'two', 'three']);
});

test('a line is kept up to its bound, in one chunk or many', async () => {
  const long = 'x'.repeat(OUTPUT_LINE_LENGTH_MAX);
  assert.deepEqual(await linesOf([`${long}\nnext\n`]), [long, 'next']);
  assert.deepEqual(await linesOf([`${long}y\nnext\n`]), [long, 'next']);
  assert.deepEqual(await linesOf([`${long}y`, 'z'.repeat(5000), '\nnext\n']), [long, 'next']);
});

test('a child tells of its start, its lines and its end, and sits in a process group of its own', async () => {
  const told: string[] = [];
  await new Promise<void>((resolve) => {
    const child = startChild([process.execPath, '-e', 'console.error("a line"); process.exit(7)'], {
      onSpawned: (pid) => told.push(leadsItsGroup(pid) ? 'spawned' : 'in our group'),
      onSpawnFailed: () => told.push('failed'),
      onLine: (line) => told.push(line),
      onExit: (code, signal) =>
        void child.outputRead().then(() => resolve(void told.push(`${code} ${signal}`))),
    });
  });
  assert.deepEqual(told, ['spawned', 'a line', '7 null']);
});

test('a program that is not there, and an argument that cannot be passed, are reported as such', async () => {
  for (const [argv, pattern] of [
    [['/no/such/program'], /ENOENT/],
    [[process.execPath, 'null\0byte'], /null bytes/],
    [[''], /empty|ENOENT/],
  ] as const) {
    const reason = await new Promise<string>((resolve, reject) => {
      startChild(argv, {
        onSpawned: () => reject(new Error('spawned')),
        onSpawnFailed: resolve,
        onLine: () => {},
        onExit: () => reject(new Error('exited')),
      });
    });
    assert.match(reason, pattern);
  }
});

test('the last words are the error line of a stack, or the last two lines', () => {
  assert.equal(lastWords([]), '');
  assert.equal(lastWords(['a', 'b', 'c']), 'b; c');
  const stack = [
    'file:///x.js:3',
    '   throw new TypeError("no")',
    '         ^',
    'TypeError [ERR_X]: no',
    '    at x (y)',
    'Node.js v20',
  ];
  assert.equal(lastWords(stack), 'TypeError [ERR_X]: no');
  assert.equal(lastWords(['node:net:1', 'AssertionError: broken', 'Node.js v20']), 'AssertionError: broken');
});
