import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { type NutcrackerCommand, parseNutcracker } from './nutcracker-options.ts';
import { nutcrackerUsage, nutcrackerVersion } from './nutcracker-table.ts';

const called = (words: readonly string[]) => ({
  program: 'nutcracker',
  words,
  directory: '/here',
  environment: {},
});

function parse(line: string): NutcrackerCommand {
  const parsed = parseNutcracker(called(line.split(' ').filter((word) => word !== '')));
  assert.ok(parsed.kind === 'run');
  return parsed.command;
}

test('the line of the published guide, and defaults', () => {
  const { proxy, daemon, pidFile, isTest, fileAsTyped } = parse('-d -c conf/other.yml');
  assert.deepEqual(
    { proxy, daemon, pidFile, isTest, fileAsTyped },
    {
      proxy: {
        configurationFile: '/here/conf/other.yml',
        configurationTyped: 'conf/other.yml',
        logLevel: 5,
        logFile: null,
        stats: { host: '0.0.0.0', port: 22222, intervalMs: 30_000 },
        threads: 1,
        connectionsMax: 65_536,
        hotKeys: null,
      },
      daemon: true,
      pidFile: null,
      isTest: false,
      fileAsTyped: 'conf/other.yml',
    },
  );
});

test('every option, short, attached and long', () => {
  const { proxy, pidFile, isTest } = parse(
    '-t -v11 -o log --conf-file=/c.yml -s 22223 -a 127.0.0.1 -i 1000 -p run/n.pid -m 512 --threads 2 --clients=10 --near-cache 20 --coalesce',
  );
  assert.deepEqual(proxy, {
    configurationFile: '/c.yml',
    configurationTyped: '/c.yml',
    logLevel: 11,
    logFile: '/here/log',
    stats: { host: '127.0.0.1', port: 22223, intervalMs: 1000 },
    threads: 2,
    connectionsMax: 10,
    hotKeys: { nearCacheMs: 20, coalesces: true },
  });
  assert.deepEqual([pidFile, isTest], ['/here/run/n.pid', true]);
});

for (const [line, message] of [
  ['-s', 'option -s requires a number'],
  ['-s x', 'option -s requires a number'],
  ['-v', 'option -v requires a number'],
  ['-v x', 'option -v requires a number'],
  ['-i', 'option -i requires a number'],
  ['-c', 'option -c requires a file name'],
  ['-o', 'option -o requires a file name'],
  ['--pid-file', 'option -p requires a file name'],
  ['-a', 'option -a requires a string'],
  ['-s 99999', 'option -s value 99999 is not a valid port'],
  ['-s 0', 'option -s value 0 is not a valid port'],
  ['-m 0', 'option -m requires a non-zero number'],
  ['-m -1', 'option -m requires a non-zero number'],
  ['-m x', 'option -m requires a non-zero number'],
  ['-m 511', 'mbuf chunk size must be between 512 and 16777216 bytes'],
  ['-m 16777217', 'mbuf chunk size must be between 512 and 16777216 bytes'],
  ['-z', "invalid option -- 'z'"],
  ['--threads 0', 'option --threads requires a number from 1 to 256'],
  ['--clients x', 'option --clients requires a number from 1 to 2147483647'],
] as const)
  test(`${line} is refused, with the usage`, () => {
    assert.throws(
      () => parse(line),
      (error) => {
        assert.ok(error instanceof StartError);
        assert.equal(error.message, `nutcracker: ${message}\n${nutcrackerUsage().trimEnd()}\n`);
        assert.equal(error.exitCode, 1);
        return true;
      },
    );
  });

test('-V, -h and -D are answers, behind the version', () => {
  assert.deepEqual(parseNutcracker(called(['-V'])), { kind: 'answer', text: nutcrackerVersion() });
  assert.deepEqual(parseNutcracker(called(['-h'])), {
    kind: 'answer',
    text: nutcrackerVersion() + nutcrackerUsage(),
  });
  const described = parseNutcracker(called(['-D']));
  assert.ok(
    described.kind === 'answer' && described.text.includes('\n  out_queue_bytes     "current request bytes'),
  );
});
