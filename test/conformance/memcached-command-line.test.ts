import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StartError } from '../../src/base/start-error.ts';
import { parseMemcached } from '../../src/cli/memcached-options.ts';
import { accountToBecome, runsAsRoot } from '../../src/system/users.ts';

/**
 * The same bad command lines for memcached and for ours: where we mean to be equal, the first line and the exit code are.
 *
 * Ours runs inside this process (reading the options, then the user's check, as the personality does), because starting it for each line would
 * take most of the suite's time; a few lines go through the executable.
 */
const MEMCACHED = '/usr/bin/memcached';

// Compiled, this file is dist/test/conformance/….
const executable = fileURLToPath(new URL('../../../bin/twincached', import.meta.url));

/** The first version line that the recorded differences (docs/reference/options.md) were found against. */
const VERSION = /^memcached 1\.6\.\d+/;

function why(): string | false {
  const { error, stdout } = spawnSync(MEMCACHED, ['-V'], { encoding: 'utf8' });
  if (error !== undefined) return `${MEMCACHED} is not installed`;
  return VERSION.test(stdout) ? false : `${MEMCACHED} is ${stdout.trim()}, not 1.6`;
}
const skip = why();

/** First line without the path in front of the program's name, and exit code. */
type Refusal = readonly [string, number | null];

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replace(/^\S*\/memcached: /, 'memcached: ');
}

function theirs(words: readonly string[]): Refusal {
  const { stderr, status } = spawnSync(MEMCACHED, words, { encoding: 'utf8', timeout: 60_000 });
  return [firstLine(stderr), status];
}

function ours(words: readonly string[]): Refusal {
  try {
    const line = parseMemcached({ program: 'memcached', words, directory: '/', environment: {} }, false);
    if (line.kind === 'run') accountToBecome(line.command.process.user);
  } catch (error) {
    if (error instanceof StartError) return [firstLine(error.message), error.exitCode];
    throw error;
  }
  return ['', 0];
}

/** One bad command line each; words are parted by one space. */
const REFUSED: readonly string[] = [
  // getopt
  '-z',
  '-vz',
  '-p',
  '-vp',
  '-D',
  '--foo',
  '--foo=1',
  '--port',
  '--daemon=3',
  '--help=1',
  '--mem',
  '--l',
  '--p=1',
  '--d',
  '--e=1',
  '--m=1',
  '--=1',
  '-z -t 0',
  '-t 0 -z',
  // single options
  '-t 0',
  '-t abc',
  '-t -1',
  '-c 0',
  '-c -5',
  '-c abc',
  '-f 1',
  '-f 0.5',
  '-f abc',
  '-n 0',
  '-n abc',
  '-R 0',
  '-R abc',
  '-B foo',
  '-S -B ascii',
  '-B auto -S',
  '-S -U -1',
  '-Y users -B auto',
  '-Y users -B binary',
  '-B binary -Y users',
  '-S -B ascii -U 12',
  '-S -p 70000 -B ascii',
  '-S -I 1 -B ascii',
  '-B ASCII',
  '-D ',
  '-I 1',
  '-I 1023',
  '-I 0',
  '-I abc',
  '-I 1x',
  '-I 33m',
  '-I 1025m -m 4096',
  '-I 1k',
  '-I 3000000',
  '-I 51m -m 100',
  '-m 0',
  '-m 1024 -I 3m -o slab_chunk_max=393216',
  '-p 70000',
  '-p 65536',
  // extended options
  '-o foo',
  '-o foo=3',
  '-o modern,foo',
  '-o ,',
  '-o ,,',
  '-o hashpower',
  '-o hashpower=11',
  '-o hashpower=33',
  '-o hashpower=abc',
  '-o slab_automove=3',
  '-o slab_automove=-1',
  '-o slab_automove_ratio',
  '-o slab_automove_ratio=2',
  '-o slab_automove_ratio=0',
  '-o slab_automove_window',
  '-o slab_automove_window=2',
  '-o slab_automove_window=abc',
  '-o tail_repair_time',
  '-o tail_repair_time=9',
  '-o hash_algorithm',
  '-o hash_algorithm=foo',
  '-o lru_crawler_sleep',
  '-o lru_crawler_sleep=2000000',
  '-o lru_crawler_sleep=-1',
  '-o lru_crawler_tocrawl',
  '-o lru_crawler_tocrawl=-1',
  '-o lru_crawler_tocrawl=abc',
  '-o hot_lru_pct',
  '-o hot_lru_pct=0',
  '-o hot_lru_pct=80',
  '-o hot_lru_pct=79',
  '-o warm_lru_pct',
  '-o warm_lru_pct=0',
  '-o hot_lru_pct=50,warm_lru_pct=40',
  '-o hot_max_factor',
  '-o hot_max_factor=0',
  '-o warm_max_factor',
  '-o warm_max_factor=abc',
  '-o temporary_ttl',
  '-o temporary_ttl=5,no_lru_maintainer',
  '-o idle_timeout',
  '-o watcher_logbuf_size',
  '-o watcher_logbuf_size=abc',
  '-o worker_logbuf_size',
  '-o worker_logbuf_size=-4',
  '-o read_buf_mem_limit',
  '-o read_buf_mem_limit=abc',
  '-o slab_sizes=10',
  '-o slab_sizes=100-50',
  '-o slab_sizes=100-100',
  '-o slab_sizes=100-104',
  '-o slab_sizes=100-abc',
  '-o slab_sizes=100-600000',
  '-o slab_chunk_max=700000',
  // which of several mistakes is reported
  '-I 1 -B foo',
  '-B foo -I 1',
  '-I 1 -p 70000',
  '-I 1 -o hot_lru_pct=50,warm_lru_pct=40',
  '-p 70000 -u nosuchuser',
  '-o slab_sizes=1 -p 70000',
  '-u nosuchuser -o slab_sizes=1',
];

/** Needs root to be refused. */
const REFUSED_TO_ROOT: readonly string[] = [
  '',
  '-p 0',
  '-u ',
  '-u nosuchuser',
  '--user=nosuchuser',
  '-d -u nosuchuser',
  '-u 12345',
];

test("bad options are refused in memcached's words, with its exit codes", { skip }, () => {
  for (const line of REFUSED) {
    const words = line.split(' ');
    const [message, code] = theirs(words);
    const [ourMessage, ourCode] = ours(words);
    assert.deepEqual([ourMessage, ourCode], [message, code], `memcached ${line}`);
    assert.ok(message !== '' && code !== 0, `memcached ${line} was to be a bad command line`);
  }
});

const toRoot = { skip: skip || (runsAsRoot() ? false : 'does not run as root') };
test("root is asked for a user in memcached's words", toRoot, () => {
  for (const line of REFUSED_TO_ROOT) {
    const words = line === '' ? [] : line.split(' ');
    const [message, code] = theirs(words);
    assert.deepEqual(ours(words), [message, code], `memcached ${line}`);
    assert.ok(message !== '' && code !== 0);
  }
});

test('the executable passes message and exit code on', { skip }, () => {
  const lines = [
    '-z',
    '-t 0',
    '-I 1',
    '-p 70000',
    ...(runsAsRoot() ? ['-u nosuchuser', '-d -u nosuchuser'] : []),
  ];
  for (const line of lines) {
    const words = line.split(' ');
    const { stderr, status } = spawnSync(executable, ['memcached', ...words], { encoding: 'utf8' });
    assert.deepEqual([firstLine(stderr), status], theirs(words), `memcached ${line}`);
  }
});

test('a limit on descriptors that cannot be had is refused alike', { skip }, () => {
  const words = [...(runsAsRoot() ? ['-u', 'root'] : []), '-c', '2000000000'];
  const { stderr, status } = spawnSync(executable, ['memcached', ...words], { encoding: 'utf8' });
  assert.deepEqual([firstLine(stderr), status], theirs(words));
});

test('help and version begin alike', { skip }, () => {
  for (const word of ['-h', '-V', '--help', '--version']) {
    const { stdout } = spawnSync(MEMCACHED, [word], { encoding: 'utf8' });
    const line = parseMemcached(
      { program: 'memcached', words: [word], directory: '/', environment: {} },
      false,
    );
    assert.equal(line.kind, 'answer');
    assert.match(line.text, VERSION);
    assert.match(stdout, VERSION);
  }
});

test("every option of memcached's help text is one of ours", { skip }, () => {
  const { stdout } = spawnSync(MEMCACHED, ['-h'], { encoding: 'utf8' });
  const options = [...stdout.matchAll(/^-(\w),? +--([a-z-]+)/gm)];
  assert.ok(options.length > 30, 'the help text was read');
  for (const [, short, long] of options)
    for (const word of [`-${short}`, `--${long}`]) {
      const [message] = ours([word, '1']);
      assert.doesNotMatch(message, /invalid option|unrecognized option/, word);
    }
});
