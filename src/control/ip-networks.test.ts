import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInNetwork, parseIp, parseNetwork } from './ip-networks.ts';

test('networks are read by bits and by mask', () => {
  assert.deepEqual(parseNetwork('10.0.0.0/8'), { address: '10.0.0.0', bits: 8 });
  assert.deepEqual(parseNetwork('10.0.0.0/255.255.0.0'), { address: '10.0.0.0', bits: 16 });
  assert.deepEqual(parseNetwork('127.0.0.1'), { address: '127.0.0.1', bits: 32 });
  assert.deepEqual(parseNetwork('::1'), { address: '::1', bits: 128 });
  assert.deepEqual(parseNetwork('fe80::/10'), { address: 'fe80::', bits: 10 });
  for (const bad of [
    '10.0.0.0/33',
    '10.0.0.0/255.0.255.0',
    '10.0.0',
    '256.0.0.1',
    'a:b',
    'fe80::/129',
    '1::2::3',
    '::1/8/8',
  ])
    assert.equal(parseNetwork(bad), null, bad);
});

test('an address lies in its networks', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['127.5.6.7', '127.0.0.0/8', true],
    ['128.0.0.1', '127.0.0.0/8', false],
    ['10.1.2.3', '0.0.0.0/0', true],
    ['::ffff:10.1.2.3', '10.0.0.0/8', true],
    ['10.129.0.0', '10.128.0.0/9', true],
    ['10.127.0.0', '10.128.0.0/9', false],
    ['::1', '::1', true],
    ['::1', '127.0.0.1', false],
    ['fe80::1:2', 'fe80::/10', true],
    ['fec0::1', 'fe80::/10', false],
  ];
  for (const [address, network, expected] of cases) {
    const parsed = parseNetwork(network);
    assert.ok(parsed !== null);
    assert.equal(isInNetwork(address, parsed), expected, `${address} in ${network}`);
  }
});

test('an IPv6 address may end as an IPv4 one', () => {
  assert.deepEqual(parseIp('::ffff:1.2.3.4')?.slice(10), [255, 255, 1, 2, 3, 4]);
  assert.equal(parseIp('1:2:3:4:5:6:7'), null);
});
