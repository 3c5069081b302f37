import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { freePorts, run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { loadLibc } from '../net/libc.ts';
import type { SocketAddress } from '../net/loop.ts';
import { QuickExchange } from './quick-exchange.ts';

const LIBC = loadLibc();
const SKIP = LIBC === null ? 'the calls of the kernel cannot be made here' : false;

describe('a quick question', { skip: SKIP }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-quick-'));
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  after(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const exchange = (askedMax?: number): QuickExchange => {
    assert.ok(LIBC !== null);
    return new QuickExchange(LIBC, askedMax);
  };
  const question = new Uint8Array(new ArrayBuffer(3)).fill(0x3f);

  /** A server in this process, which answers nothing by itself. */
  const serve = async (path?: string): Promise<{ address: SocketAddress; heard: () => string }> => {
    let heard = '';
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => {
        heard += bytes.toString('latin1');
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => {
      if (path === undefined) server.listen(0, '127.0.0.1', resolve);
      else server.listen(path, resolve);
    });
    const bound = server.address();
    const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
    return {
      address: path === undefined ? { family: 'ipv4', host: '127.0.0.1', port } : { family: 'unix', path },
      heard: () => heard,
    };
  };

  for (const kind of ['port', 'path'] as const)
    test(`to a ${kind} that says nothing leaves its socket, on which the answer comes later`, async () => {
      const { address, heard } = await serve(kind === 'path' ? join(folder, 'socket') : undefined);
      const answer = await exchange().ask(address, question);
      assert.equal(answer?.text, '');
      const socket = new Socket({ fd: answer?.fd ?? -1 });
      sockets.add(socket);
      let text = '';
      socket.on('data', (bytes: Buffer) => {
        text += bytes.toString('latin1');
      });
      await until('the question', () => heard() === '???');
      for (const other of sockets) if (other !== socket && !other.destroyed) other.write('late\n');
      await until('the answer', () => text === 'late\n');
      for (const one of sockets) one.destroy();
      sockets.clear();
    });

  test('is answered at once by a server that is there', async () => {
    const [port = 0] = await freePorts(1);
    const script = `require('node:net').createServer((socket) => socket.on('error', () => {}).on('data', () => socket.write('\\xff\\n', 'latin1'))).listen(${port}, '127.0.0.1')`;
    const server = run(process.execPath, ['-e', script]);
    const asking = exchange();
    const texts = new Set<string>();
    // On a machine that is busy some are left to be waited for.
    await until('answers', async () => {
      const address: SocketAddress = { family: 'ipv4', host: '127.0.0.1', port };
      const answers = await Promise.all(Array.from({ length: 5 }, () => asking.ask(address, question)));
      for (const answer of answers) {
        if (answer === null) continue;
        texts.add(answer.text);
        asking.close(answer.fd);
      }
      return texts.has('\xff\n');
    });
    texts.delete('');
    assert.deepEqual([...texts], ['\xff\n']);
    await server.kill('SIGKILL');
  });

  test('is not asked where nobody listens, nor beyond a bound', async () => {
    const [port = 0] = await freePorts(1);
    assert.equal(await exchange().ask({ family: 'ipv4', host: '127.0.0.1', port }, question), null);
    assert.equal(await exchange().ask({ family: 'unix', path: join(folder, 'nothing') }, question), null);
    const { address } = await serve();
    const bounded = exchange(2);
    const answers = await Promise.all([1, 2, 3].map(() => bounded.ask(address, question)));
    assert.deepEqual(
      answers.map((answer) => answer?.text),
      ['', '', undefined],
    );
    for (const answer of answers) if (answer !== null) bounded.close(answer.fd);
  });
});
