import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { test } from 'node:test';
import { parseListenerInodes, portHolder } from './proc-listeners.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2BD5 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:2BD5 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 0 10 -1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
`;

test('listening sockets of a port are found, connections and other ports are not', () => {
  assert.deepEqual(parseListenerInodes(TABLE, 11221), ['4711']);
  assert.deepEqual(parseListenerInodes(TABLE, 22), ['4713']);
  assert.deepEqual(parseListenerInodes(TABLE, 23), []);
  assert.deepEqual(parseListenerInodes('', 22), []);
});

test('the holder of a port is named by pid and command', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const holder = portHolder(address.port);
  assert.equal(holder?.pid, process.pid);
  assert.match(holder.command, new RegExp(basename(process.execPath)));
  server.close();
  await once(server, 'close');
  assert.equal(portHolder(address.port), null);
});
