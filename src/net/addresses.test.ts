import assert from 'node:assert/strict';
import { isIPv6, SocketAddress as NodeAddress } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv6, formatPeer, parseEndpoint, parseIpv4, parseIpv6 } from './addresses.ts';

test('IPv4 addresses in all forms of inet_aton', () => {
  const forms: readonly (readonly [string, string | null])[] = [
    ['127.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['127.0.1', '127.0.0.1'],
    ['10.1.65535', '10.1.255.255'],
    ['10.1.65536', null],
    ['1.2.3.256', null],
    ['256.1', null],
    ['1.16777215', '1.255.255.255'],
    ['1.16777216', null],
    ['0', '0.0.0.0'],
    ['4294967295', '255.255.255.255'],
    ['4294967296', null],
    ['0x7f.1', '127.0.0.1'],
    ['0177.0.0.01', '127.0.0.1'],
    ['08.1', null],
    ['0x.1', null],
    ['', null],
    ['1.2.3.4.5', null],
    ['1..2', null],
    ['1.2.3.', null],
    ['-1.2.3.4', null],
    ['1.2.3.4 ', null],
  ];
  for (const [text, expected] of forms) assert.equal(parseIpv4(text), expected, text);
});

test('IPv6 addresses are read and written as node does', () => {
  const group = fc.oneof(
    fc.constant('0'),
    fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16)),
  );
  const text = fc.oneof(
    fc.array(group, { minLength: 1, maxLength: 9 }).map((groups) => groups.join(':')),
    fc
      .tuple(fc.array(group, { maxLength: 7 }), fc.array(group, { maxLength: 7 }))
      .map(([head, tail]) => `${head.join(':')}::${tail.join(':')}`),
    fc.ipV6(),
    fc.string({ unit: fc.constantFrom(':', '0', '1', 'f', '.', 'g'), maxLength: 20 }),
  );
  fc.assert(
    fc.property(text, (address) => {
      const bytes = parseIpv6(address);
      assert.equal(bytes !== null, isIPv6(address), address);
      if (bytes === null) return;
      const written = formatIpv6(bytes);
      assert.deepEqual(parseIpv6(written), bytes);
      // The C library also writes the deprecated IPv4-compatible form with dots.
      const isCompatible = bytes.subarray(0, 12).every((byte) => byte === 0);
      if (!isCompatible) assert.equal(written, new NodeAddress({ address, family: 'ipv6' }).address);
    }),
    { numRuns: 1000 },
  );
});

test('endpoints as users type them', () => {
  const forms: readonly (readonly [string, ReturnType<typeof parseEndpoint>])[] = [
    ['127.1:11221', { kind: 'tcp', host: '127.0.0.1', port: 11221 }],
    ['127.1', { kind: 'tcp', host: '127.0.0.1', port: null }],
    ['localhost:11211', { kind: 'tcp', host: 'localhost', port: 11211 }],
    ['cache-1.example.com', { kind: 'tcp', host: 'cache-1.example.com', port: null }],
    [':11211', { kind: 'tcp', host: '', port: 11211 }],
    ['*:0', { kind: 'tcp', host: '*', port: 0 }],
    ['::1', { kind: 'tcp', host: '::1', port: null }],
    ['[::1]', { kind: 'tcp', host: '::1', port: null }],
    ['[0:0::1]:65535', { kind: 'tcp', host: '::1', port: 65535 }],
    ['[fe80::1%eth0]:1', { kind: 'tcp', host: 'fe80::1%eth0', port: 1 }],
    ['unix:/tmp/x.sock', { kind: 'unix', path: '/tmp/x.sock' }],
    ['unix:relative', { kind: 'unix', path: 'relative' }],
    ['/tmp/x.sock', { kind: 'unix', path: '/tmp/x.sock' }],
    [`/${'x'.repeat(106)}`, { kind: 'unix', path: `/${'x'.repeat(106)}` }],
  ];
  for (const [text, expected] of forms) assert.deepEqual(parseEndpoint(text), expected, text);
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['', /empty/],
    ['host:65536', /port/],
    ['host:', /port/],
    ['host:11x', /port/],
    ['[127.0.0.1]:1', /IPv6/],
    ['1:2:3', /several colons/],
    ['a b', /neither/],
    ['-x', /neither/],
    ['unix:', /missing/],
    [`/${'x'.repeat(107)}`, /longer than 107/],
  ];
  for (const [text, reason] of mistakes) {
    const parsed = parseEndpoint(text);
    assert.match(parsed.kind === 'mistake' ? parsed.reason : JSON.stringify(parsed), reason, text);
  }
});

test('peers as stats conns shows them', () => {
  assert.equal(formatPeer({ family: 'ipv4', host: '127.0.0.1', port: 1 }), 'tcp:127.0.0.1:1');
  assert.equal(formatPeer({ family: 'ipv6', host: '::1', port: 1 }), 'tcp6:[::1]:1');
  assert.equal(formatPeer({ family: 'unix', path: '/x' }), 'unix:/x');
});
