import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AS_ROOT, freePorts, type Running, twincached } from '../testing/processes.ts';
import { TextClient } from '../testing/text-client.ts';
import { until } from '../testing/wait.ts';

describe('twincached get, set and stats', () => {
  let node: Running;
  let server = '';

  before(async () => {
    const [port = 0] = await freePorts(1);
    server = `127.0.0.1:${port}`;
    node = twincached(['memcached', '-l', '127.0.0.1', '-p', String(port), '-t', '1', ...AS_ROOT]);
    (await until('the node answers', () => TextClient.connect(port))).close();
  });
  after(() => node.kill());

  const type = async (...words: string[]): Promise<{ code: unknown; out: string; complaint: string }> => {
    const command = twincached(words);
    const code = await command.ended();
    return { code, out: command.stdout(), complaint: command.stderr() };
  };

  test('a value that was set is got, whatever is in it', async () => {
    for (const value of ['world', 'VALUE x 0 5\r\nEND\r\n', 'END\r\n', '']) {
      assert.equal((await type('set', 'hello', value, '-s', server)).code, 0);
      const got = await type('get', 'hello', '-s', server);
      assert.deepEqual([got.code, got.out], [0, `${value}\n`]);
    }
    const long = 'x'.repeat(100_000);
    await type('set', 'long', long, '--server', server);
    assert.equal((await type('get', 'long', '-s', server)).out, `${long}\n`);
  });

  test('a key that is not there is said to be so, with exit code 1', async () => {
    const got = await type('get', 'nothing', '-s', server);
    assert.deepEqual([got.code, got.out], [1, '']);
    assert.match(got.complaint, /nothing: not found/);
  });

  test('statistics come as names and values', async () => {
    assert.match((await type('stats', '-s', server)).out, /^pid \d+\nuptime \d+\n/);
    assert.match((await type('stats', 'slabs', '-s', server)).out, /active_slabs \d+\ntotal_malloced \d+\n$/);
    const wrong = await type('stats', 'nonsense', '-s', server);
    assert.deepEqual([wrong.code, wrong.out], [1, 'ERROR\n']);
  });

  test('wrong command lines and servers that are not there: one line, exit code 1', async () => {
    for (const words of [
      ['get'],
      ['get', 'a b'],
      ['set', 'k'],
      ['get', 'k', '-x'],
      ['get', 'k', '-s', '[::1'],
      ['get', 'k', '-s', '127.0.0.1:1'],
    ]) {
      const { code, out, complaint } = await type(...words);
      assert.deepEqual([code, out], [1, ''], words.join(' '));
      assert.match(complaint, /^[^\n]+\n$/, words.join(' '));
    }
  });
});
