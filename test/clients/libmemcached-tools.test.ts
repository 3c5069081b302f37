/** The tools that come with libmemcached: memccapable, which tests servers, and those that people have in their scripts. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CacheNode } from 'twincached';
import { run } from '../../testing/processes.ts';
import { TRANSPORTS } from '../../testing/servers.ts';

const skip = existsSync('/usr/bin/memccapable') ? false : 'libmemcached-tools is not installed';

/** What memccapable 1.1.4 tests in each protocol. */
const TESTS = { a: 27, b: 27 } as const;

interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

async function call(program: string, args: readonly string[]): Promise<Ended> {
  const running = run(program, args);
  const code = await running.ended();
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}

for (const transport of TRANSPORTS) {
  describe(`libmemcached's tools (${transport})`, { skip }, () => {
    const node = new CacheNode({ transport, threads: 2 });
    before(() => node.start());
    after(() => node.stop());

    for (const protocol of ['a', 'b'] as const) {
      test(`memccapable -${protocol}`, async () => {
        const { code, stdout, stderr } = await call('memccapable', [
          ...['-h', '127.0.0.1', '-p', `${node.port}`],
          ...['-t', '10', '-v', `-${protocol}`],
        ]);
        const lines = stdout.split('\n').filter((line) => /^(ascii|binary) /.test(line));
        assert.deepEqual(
          lines.filter((line) => !line.endsWith('[pass]')),
          [],
          stderr,
        );
        assert.ok(lines.length >= TESTS[protocol], `${lines.length} tests`);
        assert.match(stdout, /All tests passed/);
        assert.equal(code, 0);
      });
    }

    for (const [name, binary] of [
      ['text', []],
      ['binary', ['--binary']],
    ] as const) {
      test(`memccp, memccat, memcexist, memctouch, memcrm, memcstat, memcping, memcflush: ${name}`, async () => {
        const server = [`--servers=${node.address}`, ...binary];
        const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
        const file = join(folder, `copied-${name}`);
        writeFileSync(file, 'of a file\n');
        const key = `copied-${name}`;
        const succeeds = async (program: string, ...args: string[]): Promise<string> => {
          const ended = await call(program, [...server, ...args]);
          assert.equal(ended.code, 0, `${program}: ${ended.stderr}`);
          return ended.stdout;
        };
        if (name === 'text') await succeeds('memcping');
        await succeeds('memccp', file);
        assert.match(await succeeds('memccat', key), /^of a file\n/);
        await succeeds('memcexist', key);
        await succeeds('memctouch', '--expire=1000', key);
        assert.match(await succeeds('memcstat'), new RegExp(`pid: ${process.pid}\\n[^]*version: 1\\.6\\.`));
        await succeeds('memcrm', key);
        assert.notEqual((await call('memcexist', [...server, key])).code, 0);
        await succeeds('memccp', file);
        await succeeds('memcflush');
        assert.notEqual((await call('memcexist', [...server, key])).code, 0);
        rmSync(folder, { recursive: true });
      });
    }

    test('memcdump lists keys', async () => {
      const server = `--servers=${node.address}`;
      const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
      const file = join(folder, 'listed');
      writeFileSync(file, 'x');
      assert.equal((await call('memccp', [server, file])).code, 0);
      assert.match((await call('memcdump', [server])).stdout, /^listed$/m);
      rmSync(folder, { recursive: true });
    });

    for (const [name, binary] of [
      ['text', []],
      ['binary', ['-B']],
    ] as const) {
      test(`memcaslap: ${name}`, async () => {
        const { code, stdout, stderr } = await call('memcaslap', [
          ...['-s', node.address, '-x', '5000', '-T', '1', '-c', '4'],
          ...['-X', '200', '-v', '1', ...binary],
        ]);
        assert.equal(code, 0, stderr);
        assert.match(stdout, /Ops: 5000/, stdout);
        assert.match(stdout, /verify_misses: 0\b/);
        assert.match(stdout, /verify_failed: 0\b/);
      });
    }
  });
}
