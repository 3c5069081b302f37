import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4InFull, serverAddress } from './server-address.ts';

test('IPv4 addresses in the forms of inet_aton', () => {
  const expected: readonly (readonly [string, string | null])[] = [
    ['127.1', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.1'],
    ['10.1.2', '10.1.0.2'],
    ['10.1.513', '10.1.2.1'],
    ['2130706433', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['0177.0.0.01', '127.0.0.1'],
    ['0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['4294967295', '255.255.255.255'],
    ['4294967296', null],
    ['127.0.0.256', null],
    ['256.1', null],
    ['1.2.3.4.5', null],
    ['08.1', null],
    ['localhost', null],
    ['1.2.3.', null],
    ['', null],
    ['-1', null],
  ];
  for (const [text, full] of expected) assert.equal(ipv4InFull(text), full, text);
});

test('servers as magent names them', () => {
  const server = (text: string): unknown[] => {
    const { host, port, text: kept } = serverAddress('-s', text, 11211);
    assert.equal(kept, text);
    return [host, port];
  };
  assert.deepEqual(server('127.1:11221'), ['127.0.0.1', 11221]);
  assert.deepEqual(server('127.0.0.1'), ['127.0.0.1', 11211]);
  assert.deepEqual(server('127.0.0.1:'), ['127.0.0.1', 11211]);
  assert.deepEqual(server('127.0.0.1:0'), ['127.0.0.1', 11211]);
  assert.deepEqual(server('localhost:5'), ['localhost', 5]);
  assert.deepEqual(server('[::1]:5'), ['::1', 5]);
  assert.deepEqual(server('[::1]'), ['::1', 11211]);
  assert.deepEqual(server('::1'), ['::1', 11211]);
  for (const text of ['', ':5', '[::1', '[x]:5', 'a:b', 'a:70000', 'a:1:2', 'a b'])
    assert.throws(() => serverAddress('-s', text, 11211), { name: 'StartError' }, text);
});
