/**
 * Runs the tests: every `*.test.ts` under src/, test/ and testing/, in its compiled form, each file in a process of its own.
 *
 *     npm test                  everything
 *     npm test -- store w1      only files whose path contains one of the words
 *
 * One line per file as it ends; failures in full, with what the file printed, and their beginnings once more at the end; skipped tests with their reasons. The last line is
 * `N passed, N failed`, with `, N skipped` where there are any. Exit status 1 if a test failed or none passed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { childrenOf, describedProcess } from '../testing/still-open.ts';

/** A file that takes longer is stopped and counts as failed. The slowest scenario needs a fraction of it on an idle machine. */
const FILE_TIMEOUT_MS = 300_000;
/** So long before, it is looked at what it is doing; and so long after, it is killed if it has not gone. */
const LOOK_MS = 3000;

/** A file that goes on for longer behind its last test waits for something that it need not, which costs every run: its line says so. */
const LATE_MS = 1500;

/** Of each failure, repeated at the end. */
const RECAP_LINES = 16;

/** Where tests live. The sources are what is listed, so that leftovers in dist/ of deleted tests are not run. */
const TEST_ROOTS = ['src', 'test', 'testing'] as const;

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What one test file came to. */
interface FileResult {
  readonly file: string;
  passed: number;
  durationMs: number;
  /** Of that, behind the end of the last test. */
  lateMs: number;
  /** Each failure as text, ready to print. */
  readonly failures: string[];
  /** Each skipped or to-do test with its reason. */
  readonly skips: string[];
  /** What the file wrote to its standard output and error; printed if something failed. */
  printed: string;
}

function testFiles(words: readonly string[]): string[] {
  const files: string[] = [];
  for (const directory of TEST_ROOTS) {
    if (!existsSync(join(root, directory))) continue;
    for (const name of readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })) {
      if (name.endsWith('.test.ts')) files.push(join(directory, name));
    }
  }
  return files.sort().filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
}

/** The reason of a skip or to-do mark, which is a string, or `true` where none was given. */
function reason(kind: string, name: string, mark: string | boolean): string {
  return `${kind}: ${name}${typeof mark === 'string' ? ` (${mark})` : ''}`;
}

/**
 * node:test wraps what the test threw in an error of its own; this is the thrown one. The stack of a failed assertion begins with
 * its message and differences, so that is all it takes; calls inside of Node.js say nothing.
 */
function thrownText(error: Error): string {
  const thrown = error.cause instanceof Error ? error.cause : error;
  const isAssertion = 'code' in thrown && thrown.code === 'ERR_ASSERTION';
  const text = isAssertion && thrown.stack !== undefined ? thrown.stack : inspect(thrown, { depth: 6 });
  return text.replace(/^ +at .*\(?node:internal.*\n?/gm, '').trimEnd();
}

function failureType(error: Error): unknown {
  return 'failureType' in error ? error.failureType : undefined;
}

function runs(pid: number, compiled: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(compiled);
  } catch {
    return false;
  }
}

async function runFile(file: string): Promise<FileResult> {
  const result: FileResult = {
    file,
    passed: 0,
    durationMs: 0,
    lateMs: 0,
    failures: [],
    skips: [],
    printed: '',
  };
  const compiled = join(root, 'dist', `${file.slice(0, -'.ts'.length)}.js`);
  const startMs = performance.now();
  let tests = 0;
  let lastName = 'none';
  let lastMs = startMs;
  let state = '';
  const look = setTimeout(() => {
    const pid = childrenOf(process.pid).find((child) => runs(child, compiled));
    if (pid === undefined) {
      state = 'its process has ended';
      return;
    }
    const seconds = Math.round((performance.now() - lastMs) / 1000);
    state = `the last test that ended, ${seconds} s ago: ${lastName}\n${describedProcess(pid)}`;
    // A process that hangs while it ends does not hear SIGTERM, and would keep this one from ending.
    setTimeout(() => {
      if (runs(pid, compiled)) process.kill(pid, 'SIGKILL');
    }, 2 * LOOK_MS);
  }, FILE_TIMEOUT_MS - LOOK_MS);
  for await (const event of run({ files: [compiled], concurrency: false, timeout: FILE_TIMEOUT_MS })) {
    if (event.type === 'test:pass' || event.type === 'test:fail') {
      lastName = event.data.name;
      lastMs = performance.now();
    }
    if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      result.printed += event.data.message;
    } else if (event.type === 'test:pass') {
      const { name, skip, todo, details } = event.data;
      // The file itself appears as a test when it holds none; that is no test passed.
      if (details.type === 'suite' || relative(compiled, name) === '') continue;
      tests++;
      if (skip !== undefined) result.skips.push(reason('skipped', name, skip));
      else if (todo !== undefined) result.skips.push(reason('to do', name, todo));
      else result.passed++;
    } else if (event.type === 'test:fail') {
      tests++;
      const { name, details } = event.data;
      // A parent fails with its children, which have been counted.
      if (failureType(details.error) === 'subtestsFailed') continue;
      const title = relative(compiled, name) === '' ? `${file} as a whole` : `${name}`;
      const timedOut = failureType(details.error) === 'testTimeoutFailure' && state !== '';
      result.failures.push(`✖ ${title}\n${thrownText(details.error)}${timedOut ? `\n${state}` : ''}`);
    }
  }
  clearTimeout(look);
  if (tests === 0) result.failures.push(`✖ ${file} holds no tests`);
  const endMs = performance.now();
  result.durationMs = endMs - startMs;
  result.lateMs = endMs - lastMs;
  return result;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '    ');
}

/** Enough to know what failed: whoever keeps only the end of a long output has that. */
function firstLines(failure: string): string {
  const lines = failure.split('\n');
  return lines.length <= RECAP_LINES ? failure : [...lines.slice(0, RECAP_LINES), '…'].join('\n');
}

function report(result: FileResult): void {
  const { file, passed, failures, skips, printed, durationMs, lateMs } = result;
  const counts = [`${passed} passed`];
  if (failures.length > 0) counts.push(`${failures.length} failed`);
  if (skips.length > 0) counts.push(`${skips.length} skipped`);
  if (lateMs > LATE_MS) counts.push(`${Math.round(lateMs)} ms behind its last test`);
  const lines = [
    `${failures.length > 0 ? '✖' : '✔'} ${file} (${counts.join(', ')}, ${Math.round(durationMs)} ms)`,
  ];
  for (const skip of skips) lines.push(`    ${skip}`);
  for (const failure of failures) lines.push(indented(failure));
  if (failures.length > 0 && printed !== '') lines.push('    what it printed:', indented(printed.trimEnd()));
  console.log(lines.join('\n'));
}

async function main(words: readonly string[]): Promise<void> {
  const files = testFiles(words);
  if (files.length === 0) console.log(`no test file has ${words.join(' or ') || '.test.ts'} in its path`);
  const waiting = [...files];
  const results: FileResult[] = [];
  // Tests of rooms compute, those of whole programs, which stand last, wait for most of their time: so two workers take them from the end, and cores are seldom idle.
  const worker = async (next: () => string | undefined): Promise<void> => {
    for (let file = next(); file !== undefined; file = next()) {
      const result = await runFile(file);
      results.push(result);
      report(result);
    }
  };
  const fromStart = Array.from({ length: Math.max(1, availableParallelism() - 1) }, () =>
    worker(() => waiting.shift()),
  );
  const fromEnd = Array.from({ length: 2 }, () => worker(() => waiting.pop()));
  await Promise.all([...fromStart, ...fromEnd]);

  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failures.length, 0);
  const skipped = results.reduce((sum, result) => sum + result.skips.length, 0);
  const failing = results.filter((result) => result.failures.length > 0);
  for (const { file, failures } of failing) {
    console.log(`failing: ${file}`);
    for (const failure of failures) console.log(indented(firstLines(failure)));
  }
  // node:test sets the exit status by its own count, which knows nothing of a run without tests.
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
}

await main(process.argv.slice(2));
