import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  awaitAnswer,
  echoPacket,
  echoRequest,
  internetChecksum,
  ipv6Bytes,
  isEchoReply,
} from './echo-request.ts';

test('a packet and its checksum', () => {
  // RFC 1071, section 3
  assert.equal(internetChecksum(new Uint8Array([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0x220d);
  const token = new Uint8Array(16).fill(7);
  const packet = echoPacket(8, token, 64);
  assert.equal(packet.length, 72);
  assert.equal(internetChecksum(packet), 0);
  assert.equal(echoPacket(8, token, 1).length, 24);
});

test('an answer is ours when it is one and has our token, also behind the head of IP', () => {
  const token = new Uint8Array(16).fill(7);
  const reply = echoPacket(0, token, 64);
  assert.ok(isEchoReply(reply, 0, false, token));
  assert.ok(!isEchoReply(echoPacket(8, token, 64), 0, false, token));
  assert.ok(!isEchoReply(reply, 0, false, new Uint8Array(16).fill(8)));
  assert.ok(!isEchoReply(reply.subarray(0, 20), 0, false, token));
  const withHead = new Uint8Array(20 + reply.length);
  withHead[0] = 0x45;
  withHead.set(reply, 20);
  assert.ok(isEchoReply(withHead, 0, true, token));
  assert.ok(!isEchoReply(withHead, 0, false, token));
});

test('a flood of other packets does not keep the process from its other work, nor from an end', async () => {
  let turns = 0;
  const turn = setInterval(() => {
    turns += 1;
  }, 1);
  assert.equal(await awaitAnswer(() => false, 50), false);
  clearInterval(turn);
  assert.ok(turns > 0);
  let packets = 0;
  assert.equal(
    await awaitAnswer(() => {
      packets += 1;
      return packets === 1000;
    }, 30_000),
    true,
  );
  assert.equal(await awaitAnswer(() => null, 1), false);
});

test('addresses of IPv6 in all their forms', () => {
  const hex = (address: string): string => Buffer.from(ipv6Bytes(address)).toString('hex');
  assert.equal(hex('::'), '0'.repeat(32));
  assert.equal(hex('::1'), '1'.padStart(32, '0'));
  assert.equal(hex('fe80::1:2%eth0'), 'fe80000000000000000000000001000200'.slice(0, 32));
  assert.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
  assert.equal(hex('::ffff:127.0.0.1'), `${'0'.repeat(20)}ffff7f000001`);
});

for (const host of ['127.0.0.1', '::1', 'localhost'])
  test(`${host} answers`, async (t) => {
    const asked = { host, family: 'any', source: null, payloadBytes: 64, timeoutMs: 30_000 } as const;
    const outcome = await echoRequest(asked);
    if (outcome.kind === 'impossible' || (host === '::1' && outcome.kind === 'failed')) {
      t.skip('this user may not send such packets, or the host has no IPv6');
      return;
    }
    assert.equal(outcome.kind, 'answered');
  });

test('what is not there does not answer, and what has no address neither', async (t) => {
  const asked = { family: 'any', payloadBytes: 64, timeoutMs: 50 } as const;
  const nowhere = await echoRequest({ ...asked, host: 'nobody.invalid', source: null });
  if (nowhere.kind === 'impossible') {
    t.skip('this user may not send such packets');
    return;
  }
  assert.deepEqual(nowhere, { kind: 'failed', why: 'the name cannot be resolved' });
  assert.deepEqual(await echoRequest({ ...asked, host: '127.0.0.1', family: 'ipv6', source: null }), {
    kind: 'failed',
    why: '127.0.0.1 is no address of IPv6',
  });
  assert.deepEqual(await echoRequest({ ...asked, host: '127.0.0.1', source: '192.0.2.254' }), {
    kind: 'failed',
    why: 'cannot send from 192.0.2.254',
  });
});
