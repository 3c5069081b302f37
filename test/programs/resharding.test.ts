/*
 * Keys move from one server to two, ours and the installed memcached, while clients read, overwrite and delete them. The protocol of a carry-over rests on what
 * memcached makes of `add`, `gets` and `cas`, a `cas` with an exptime that is over included.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AS_ROOT, freePorts, MEMCACHED, run, twincached } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const KEYS: readonly string[] = Array.from({ length: 90 }, (_, index) => `key${index}`);

for (const [name, start, skip] of [
  ['ours', (args: readonly string[]) => twincached(['memcached', ...args]), false],
  [
    'the installed memcached',
    (args: readonly string[]) => run(MEMCACHED ?? '', args),
    MEMCACHED === null ? 'memcached is not installed' : false,
  ],
] as const)
  test(`keys move between servers: ${name}`, { skip }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'twincached-reshard-'));
    const path = join(directory, 'proxy.yml');
    const [proxyPort = 0, ...ports] = await freePorts(3);
    const [oldPort = 0, newPort = 0] = ports;
    writeFileSync(
      path,
      `listen: 127.0.0.1:${proxyPort}
threads: 2
defaults: { request-timeout: 20s, connect-timeout: 20s, return-wait: 20s, distribution: modula }
pools:
  before: { servers: ["127.0.0.1:${oldPort}"] }
  after: { servers: ["127.0.0.1:${oldPort}", "127.0.0.1:${newPort}"] }
route: { type: reshard, from: before, to: after, start: ${Math.floor(Date.now() / 1000) - 10}, for: 1h }
`,
    );
    const running = ports.map((port) => start([...AS_ROOT, '-p', `${port}`, '-U', '0', '-l', '127.0.0.1']));
    const old = await until('the old server', () => TextClient.connect(oldPort));
    const now = await until('the new server', () => TextClient.connect(newPort));
    for (const key of KEYS) assert.equal(await old.ask(`set ${key} 7 1000 4\r\nkept`), 'STORED\r\n');
    running.push(twincached(['proxy', '-c', path]));
    t.after(async () => {
      await Promise.all(running.map((one) => one.kill('SIGKILL')));
      rmSync(directory, { recursive: true });
    });
    const client = await until('the proxy', () => TextClient.connect(proxyPort));
    const other = await TextClient.connect(proxyPort);
    const block = (key: string, text: string): string => `VALUE ${key} 7 ${text.length}\r\n${text}\r\n`;

    for (const [index, key] of KEYS.entries()) {
      const write = [`set ${key} 7 0 3\r\nnew`, `delete ${key}`, `append ${key} 0 0 1\r\n!`][index % 3]!;
      const left = [`${block(key, 'new')}END\r\n`, 'END\r\n', `${block(key, 'kept!')}END\r\n`][index % 3]!;
      const [got, again, done] = await Promise.all([
        client.ask(`get ${key}`),
        client.ask(`get ${key}`),
        other.ask(write),
      ]);
      const before = `${block(key, 'kept')}END\r\n`;
      for (const answer of [got, again])
        assert.ok(answer === before || answer === left, `${write}: ${answer}`);
      assert.match(done, /^(STORED|DELETED)\r\n$/, write);
      for (const by of [client, other]) assert.equal(await by.ask(`get ${key}`), left, write);
    }
    const carried = Number((await client.stats()).get('reshard_carried'));
    assert.ok(carried > KEYS.length / 6, `${carried} keys were carried over`);
    assert.ok(Number((await now.stats()).get('curr_items')) > KEYS.length / 6);
    // What still lies in the old place, and belongs to the other server, is read no more.
    const moved = await now.ask(`get ${KEYS.join(' ')}`);
    const left = await old.ask(`get ${KEYS.join(' ')}`);
    for (const [, key = ''] of moved.matchAll(/VALUE (\S+) /g))
      assert.ok(!left.includes(`VALUE ${key} `), key);

    // What was appended to has the time that it had.
    const [, appended = ''] = /VALUE (\S+) 7 5\r\nkept!/.exec(moved) ?? [];
    const ttl = Number(/ t(\d+)/.exec(await now.ask(`mg ${appended} t`))?.[1]);
    assert.ok(ttl > 900 && ttl <= 1000, `${ttl} s are left`);
    // A token of the new place.
    const token = /VALUE \S+ 7 5 (\d+)\r\n/.exec(await client.ask(`gets ${appended}`))?.[1];
    assert.equal(await client.ask(`cas ${appended} 0 0 1 ${token}\r\nx`), 'STORED\r\n');
    assert.equal(await client.ask(`cas ${appended} 0 0 1 ${token}\r\ny`), 'EXISTS\r\n');
    for (const one of [client, other, old, now]) one.close();
  });
