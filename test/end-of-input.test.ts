import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { AS_ROOT, freePorts, type Running, twincached } from '../testing/processes.ts';
import { TextClient } from '../testing/text-client.ts';
import { until } from '../testing/wait.ts';

/**
 * Clients that send their requests and their end while the server is stopped: it finds both at once, with one report of the kernel, and must
 * neither miss the end behind the bytes nor bytes that one receive does not take.
 */
describe('bytes and end of input that arrive together', () => {
  let server: Running;
  let port = 0;

  before(async () => {
    [port = 0] = await freePorts(1);
    server = twincached(['memcached', '-l', '127.0.0.1', '-p', String(port), '-t', '1', ...AS_ROOT]);
    const client = await until('the node answers', () => TextClient.connect(port));
    assert.equal(await client.set('k', 'v'.repeat(100)), 'STORED');
    client.close();
  });
  after(() => server.kill());

  /** Sends everything, ends, and gives what came back until the server closed. */
  const exchange = (requests: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      let reply = '';
      socket.setEncoding('latin1');
      socket.on('data', (text: string) => {
        reply += text;
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(reply));
      socket.end(requests);
    });

  for (const [name, count] of [
    ['one request', 1],
    ['more than one receive takes', 12_000],
  ] as const) {
    test(name, { timeout: 120_000 }, async () => {
      process.kill(server.pid, 'SIGSTOP');
      const replies = Array.from({ length: 20 }, () => exchange('get k\r\nmn\r\n'.repeat(count)));
      // Time for the kernel to take it all in on behalf of the stopped server; that it has is no condition of the test.
      await new Promise((resolve) => setImmediate(resolve));
      process.kill(server.pid, 'SIGCONT');
      const expected = `VALUE k 0 100\r\n${'v'.repeat(100)}\r\nEND\r\nMN\r\n`.repeat(count);
      for (const reply of await Promise.all(replies)) assert.equal(reply.length, expected.length);
    });
  }
});
