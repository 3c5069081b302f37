import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import { COUNTER } from '../store/counters.ts';
import { clientSession } from './client-session.ts';
import type { NodeContext } from './node-context.ts';

class Resumed extends MemoryConnection {
  resumes = 0;
  override resume(): void {
    this.resumes++;
    super.resume();
  }
}

/** Feeds text until all is taken. @returns how much each feed took, and the answers */
function feedAll(context: NodeContext, text: string): { readonly parts: number[]; readonly answers: string } {
  const connection = new Resumed();
  const session = clientSession(context, connection, () => {});
  let input = Buffer.from(text, 'latin1');
  const parts: number[] = [];
  while (input.length > 0) {
    const before = connection.resumes;
    const at = session.feed(input, 0, input.length);
    parts.push(at);
    input = input.subarray(at);
    if (input.length > 0) assert.equal(connection.resumes, before + 1, 'who stops asks to go on');
  }
  return { parts, answers: connection.take() };
}

const GET = 'get k\r\n';
const VERSION = 'version\r\n';

function waiting(requestsPerTurnMax: number, othersWait: boolean): NodeContext {
  const context = memoryNodeContext();
  return {
    ...context,
    othersWait: () => othersWait,
    settings: { ...context.settings, requestsPerTurnMax },
  };
}

test('while others wait, a turn ends after so many requests, and every one is answered', () => {
  for (const request of [GET, VERSION]) {
    const context = waiting(20, true);
    const { parts, answers } = feedAll(context, request.repeat(90));
    assert.deepEqual(
      parts,
      [20, 20, 20, 20, 10].map((count) => count * request.length),
    );
    assert.equal(answers.match(/\n/g)?.length, 90);
    assert.equal(context.cache.counters[COUNTER.connectionYields], 4);
  }
});

test('a connection that nobody waits for goes on, and the turn is counted', () => {
  const context = waiting(1, false);
  const { parts } = feedAll(context, GET.repeat(6));
  assert.deepEqual(parts, [6 * GET.length]);
  assert.equal(context.cache.counters[COUNTER.connectionYields], 5);
});

test('of a very long input at least a ninth is executed in a turn', () => {
  const { parts } = feedAll(waiting(1, true), GET.repeat(1000));
  assert.ok(parts.length > 10 && parts.length < 70, `${parts.length} turns`);
  let left = 1000 * GET.length;
  for (const part of parts) {
    assert.ok(part >= Math.floor(left / 9), `${part} of ${left}`);
    left -= part;
  }
});
