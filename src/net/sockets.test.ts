import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { until } from '../../testing/wait.ts';
import { LINUX, loadLibc } from './libc.ts';
import { Sockets } from './sockets.ts';

const libc = loadLibc();

test('the kernel is asked to find out within a bounded time that the other host is gone', {
  skip: libc === null,
}, () => {
  assert.ok(libc !== null);
  const sockets = new Sockets(libc);
  const fd = sockets.open({ family: 'ipv4', host: '127.0.0.1', port: 0 });
  assert.ok(typeof fd === 'number');
  sockets.watchSilence(fd, 20_000);
  const option = (number: number): number => sockets.getOption(fd, LINUX.IPPROTO_TCP, number);
  assert.notEqual(sockets.getOption(fd, LINUX.SOL_SOCKET, LINUX.SO_KEEPALIVE), 0);
  // The idle time, and three probes without an answer.
  assert.equal(option(LINUX.TCP_KEEPIDLE) + option(LINUX.TCP_KEEPINTVL) * option(LINUX.TCP_KEEPCNT), 20);
  assert.equal(option(LINUX.TCP_USER_TIMEOUT), 20_000);
  libc.close(fd);
});

test('what a listener sets holds for the connections it accepts', { skip: libc === null }, async () => {
  assert.ok(libc !== null);
  const sockets = new Sockets(libc);
  const fd = sockets.bound({ family: 'ipv4', host: '127.0.0.1', port: 0 });
  assert.ok(typeof fd === 'number');
  assert.equal(libc.listen(fd, 1), 0);
  const local = sockets.localAddress(fd);
  assert.ok(local?.family === 'ipv4');
  const client = connect({ host: local.host, port: local.port });
  const accepted = await until('the connection', () => {
    const descriptor = libc.accept4(fd, 0n, 0n, LINUX.SOCK_NONBLOCK | LINUX.SOCK_CLOEXEC);
    return descriptor >= 0 ? { descriptor } : null;
  });
  const { descriptor } = accepted;
  assert.notEqual(sockets.getOption(descriptor, LINUX.IPPROTO_TCP, LINUX.TCP_NODELAY), 0);
  assert.notEqual(sockets.getOption(descriptor, LINUX.SOL_SOCKET, LINUX.SO_KEEPALIVE), 0);
  assert.deepEqual(sockets.peerAddress(descriptor), {
    family: 'ipv4',
    host: '127.0.0.1',
    port: client.localPort,
  });
  libc.close(descriptor);
  libc.close(fd);
  client.destroy();
});

test('the kernel tells what of the bytes that were sent has not come to the peer’s host', {
  skip: libc === null,
}, async () => {
  assert.ok(libc !== null);
  const sockets = new Sockets(libc);
  const fd = sockets.bound({ family: 'ipv4', host: '127.0.0.1', port: 0 });
  assert.ok(typeof fd === 'number');
  assert.equal(libc.listen(fd, 1), 0);
  const local = sockets.localAddress(fd);
  assert.ok(local?.family === 'ipv4');
  const client = connect({ host: local.host, port: local.port });
  client.pause();
  const { descriptor } = await until('the connection', () => {
    const accepted = libc.accept4(fd, 0n, 0n, LINUX.SOCK_NONBLOCK | LINUX.SOCK_CLOEXEC);
    return accepted >= 0 ? { descriptor: accepted } : null;
  });
  assert.equal(sockets.unacknowledgedBytes(descriptor), 0);
  const piece = new Uint8Array(new ArrayBuffer(64 * 1024));
  const address = libc.addressOf(piece);
  // Until the client's host takes no more, and then until the kernel takes no more.
  let sentBytes = 0;
  for (;;) {
    const count = libc.send(descriptor, address, piece.length, LINUX.MSG_NOSIGNAL);
    if (count < 0) break;
    sentBytes += count;
  }
  const waiting = sockets.unacknowledgedBytes(descriptor);
  assert.ok(waiting > 0 && waiting < sentBytes, `${waiting} of ${sentBytes}`);
  client.resume();
  await until('all has come', () => sockets.unacknowledgedBytes(descriptor) === 0);
  libc.close(descriptor);
  libc.close(fd);
  client.destroy();
});
