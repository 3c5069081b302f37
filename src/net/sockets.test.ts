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
