import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { resetSocket } from './reset-socket.ts';
import { until } from './wait.ts';

for (const [name, before] of [
  ['a connection', () => {}],
  ['a connection whose end is being said', (socket: Socket) => socket.end()],
  ['one that has more to send before its end', (socket: Socket) => socket.end(Buffer.alloc(20 << 20))],
] as const)
  test(`${name} is reset, and closed`, async (t) => {
    const server = createServer({ allowHalfOpen: true });
    t.after(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address !== 'string');
    const peers: Socket[] = [];
    server.on('connection', (peer) => peers.push(peer.on('error', () => {})));
    const socket = connect(address.port, '127.0.0.1');
    await once(socket, 'connect');
    const errors: Error[] = [];
    let isClosed = false;
    socket
      .on('error', (error) => errors.push(error))
      .on('close', () => {
        isClosed = true;
      });
    before(socket);
    resetSocket(socket);
    await until('it is closed', () => isClosed);
    assert.deepEqual(errors, []);
    await until('the peer is there', () => peers.length === 1);
    peers[0]?.destroy();
  });
