import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverAddress } from './server-address.ts';

test('servers as magent names them', () => {
  const server = (text: string): unknown[] => {
    const { host, port, text: kept } = serverAddress('-s', text);
    assert.equal(kept, text);
    return [host, port];
  };
  assert.deepEqual(server('127.1:11221'), ['127.0.0.1', 11221]);
  assert.deepEqual(server('127.0.0.1'), ['127.0.0.1', 11211]);
  assert.deepEqual(server('127.0.0.1:'), ['127.0.0.1', 11211]);
  assert.deepEqual(server('127.0.0.1:0'), ['127.0.0.1', 11211]);
  assert.deepEqual(server('127.1:011221'), ['127.0.0.1', 11221]);
  assert.deepEqual(server('localhost:5'), ['localhost', 5]);
  assert.deepEqual(server('[::1]:5'), ['::1', 5]);
  assert.deepEqual(server('[::1]'), ['::1', 11211]);
  assert.deepEqual(server('::1'), ['::1', 11211]);
  for (const text of ['', ':5', '[::1', '[x]:5', 'a:b', 'a:70000', 'a:1:2', 'a b'])
    assert.throws(() => serverAddress('-s', text), { name: 'StartError' }, text);
});

test('weights are ours', () => {
  assert.deepEqual(serverAddress('-s', '127.1:5*3'), {
    host: '127.0.0.1',
    port: 5,
    text: '127.1:5',
    weight: 3,
  });
  assert.deepEqual(serverAddress('-s', 'cache*10000').weight, 10000);
  for (const text of ['a*', 'a*0', 'a*x', 'a*10001', '*3', 'a*1*2'])
    assert.throws(() => serverAddress('-s', text), /^StartError: Invalid value "a?\*.*" for -s: /, text);
});
