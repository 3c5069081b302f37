import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import { CACHE_OPTIONS, memoryNodeContext } from '../../testing/node-context.ts';
import { VirtualTime } from '../../testing/replication/virtual-time.ts';
import { protocolSession } from '../engine/client-session.ts';
import { rehearseLinks } from './link-rehearsal.ts';
import { BINARY_REQUESTS, bytesOf, rehearseRequests, TEXT_REQUESTS } from './rehearsal.ts';

const OPTIONS = { ...CACHE_OPTIONS, feedBytes: 1 << 20, tombstonesMax: 1000 };

/** @returns pieces, and what came out */
function run<T>(rehearsal: Generator<void, T>): { pieces: number; outcome: T } {
  for (let pieces = 1; ; pieces++) {
    const next = rehearsal.next();
    if (next.done === true) return { pieces, outcome: next.value };
  }
}

test('what is rehearsed are requests that work, and the node holds nothing of it', () => {
  for (const [requests, isBinary] of [
    [TEXT_REQUESTS, false],
    [BINARY_REQUESTS, true],
  ] as const) {
    const connection = new MemoryConnection();
    const session = protocolSession(memoryNodeContext(), connection, isBinary);
    for (const request of requests) {
      const bytes = bytesOf(request);
      assert.equal(session.feed(bytes, 0, bytes.length), bytes.length, request);
      const reply = connection.take();
      // Of a binary reply the status; a `delete` before a `get` misses.
      if (isBinary) assert.ok(['\0\0', '\0\x01'].includes(reply.slice(6, 8)), request);
      else assert.doesNotMatch(reply, /ERROR/, request);
    }
  }
  const context = memoryNodeContext(OPTIONS);
  const { pieces, outcome } = run(rehearseRequests(context, OPTIONS, 0, 1000));
  assert.ok(outcome >= 10 * (TEXT_REQUESTS.length + BINARY_REQUESTS.length));
  assert.ok(pieces > TEXT_REQUESTS.length, 'the first time each request is a piece of its own');
  assert.equal(context.cache.entryCount, 0);
  assert.equal(context.cache.feedHead, 0);
});

test('a node that speaks one protocol rehearses that', () => {
  const whole = run(rehearseRequests(memoryNodeContext(OPTIONS), OPTIONS, 0, 1000)).outcome;
  const made = (['ascii', 'binary'] as const).map((protocol) => {
    const context = memoryNodeContext(OPTIONS);
    const only = { ...context, settings: { ...context.settings, protocol } };
    return run(rehearseRequests(only, OPTIONS, 0, 1000)).outcome;
  });
  assert.equal(made[0]! + made[1]!, whole);
  assert.ok(made[0]! > made[1]!);
});

test('a link is rehearsed from its handshake to its end, with a copy and changes', () => {
  const context = memoryNodeContext(OPTIONS);
  const { pieces, outcome } = run(rehearseLinks(context, OPTIONS, 0, new VirtualTime()));
  assert.ok(outcome > 200 + 20, `${outcome} changes`);
  assert.ok(pieces > 10);
  assert.equal(context.cache.entryCount, 0);
});
