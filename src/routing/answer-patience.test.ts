import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import type { Connection } from '../base/session.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { AnswerPatience, PATIENCE } from './answer-patience.ts';
import { Call } from './call.ts';
import { LARGE_BYTES } from './call-writer.ts';
import { ReplyMemory } from './reply-memory.ts';
import { Request } from './request.ts';
import { Ring } from './ring.ts';

const TIMEOUT_MS = 100;

function callOf(verb: number, deadlineMs: number, bytes = 20): Call {
  const memory = new ReplyMemory(null);
  const request = new Request({ used: 0, max: 100_000_000, refusals: 0, memory, relieve: () => false });
  request.begin(null, verb, false);
  request.length = bytes;
  const call = new Call(request);
  call.deadlineMs = deadlineMs;
  return call;
}

/** A connection with calls that were all written, to a server of which the probe has found nothing. */
function waitingFor(...calls: readonly Call[]): {
  reader: { paused: boolean };
  writer: { waiting: number; hasMoved: () => boolean };
  probe: { isTwin: boolean; answerMsMax: number };
  patience: AnswerPatience;
  judge: (nowMs: number, connection?: Connection) => number;
} {
  const queue = new Ring<Call>();
  for (const call of calls) queue.push(call);
  const reader = { paused: false };
  const writer = { waiting: 0, hasMoved: () => false };
  const probe = { isTwin: false, answerMsMax: 0 };
  const patience = new AnswerPatience(queue, reader, writer, probe);
  const judge = (nowMs: number, connection: Connection = new MemoryConnection()): number =>
    patience.judge(nowMs, TIMEOUT_MS, connection);
  return { reader, writer, probe, patience, judge };
}

test('nothing is overdue before its time; then the server is silent, or it answers others', () => {
  assert.equal(waitingFor().judge(10_000), PATIENCE.waits);
  const { patience, judge, reader } = waitingFor(callOf(VERB.get, 200));
  assert.equal(judge(199), PATIENCE.waits);
  assert.equal(judge(200), PATIENCE.isSilent);
  patience.heardMs = 200 - TIMEOUT_MS / 2;
  assert.equal(judge(200), PATIENCE.isSilent);
  patience.heardMs++;
  assert.equal(judge(200), PATIENCE.isLate);
  patience.heardMs = 0;
  reader.paused = true;
  assert.equal(judge(200), PATIENCE.isLate, 'it is not the server that is waited for');
});

test('while bytes of a large value move no time passes', () => {
  const { patience, judge, writer } = waitingFor(callOf(VERB.get, 200));
  patience.movedMs = 150;
  assert.equal(judge(249), PATIENCE.waits);
  assert.equal(judge(250), PATIENCE.isSilent);
  writer.hasMoved = () => true;
  assert.equal(judge(300), PATIENCE.waits);
  assert.equal(patience.movedMs, 300);
});

test('a large value has time where it is not seen: in the kernel, and in a proxy', () => {
  const large = LARGE_BYTES + 1024;
  const isDue = (bytes: number, answerMsMax: number, connection: Connection): number => {
    const { judge, probe } = waitingFor(callOf(VERB.set, 200, bytes));
    probe.answerMsMax = answerMsMax;
    let nowMs = 200;
    while (judge(nowMs, connection) === PATIENCE.waits) nowMs++;
    return nowMs;
  };
  const unseen = new MemoryConnection();
  const seen = Object.assign(new MemoryConnection(), { unacknowledgedBytes: () => 0 });
  assert.equal(isDue(LARGE_BYTES, 0, unseen), 200);
  assert.equal(isDue(large, 0, unseen), 200 + large / 1024);
  assert.equal(isDue(large, 0, seen), 200);
  assert.equal(isDue(large, 50, seen), Math.ceil(200 + large / 4096));
  assert.equal(isDue(large, 50, unseen), Math.ceil(200 + large / 1024 + large / 4096));
  assert.equal(
    isDue(64 * 1024 * 1024, 0, unseen),
    200 + 4096,
    'the kernel keeps no more than it has room for',
  );
});

test('a write that may be done late counts with servers that are told so, if they have got it and somebody waits', () => {
  const judged = (
    change: (of: ReturnType<typeof waitingFor>, calls: readonly Call[]) => void,
    verbs: readonly number[] = [VERB.get, VERB.set],
  ): number => {
    const calls = verbs.map((verb, index) => callOf(verb, 200 + index));
    const of = waitingFor(...calls);
    of.patience.heardMs = 300;
    of.probe.isTwin = true;
    change(of, calls);
    return of.judge(300);
  };
  assert.equal(
    judged(() => {}),
    PATIENCE.isLateWrite,
  );
  const others: [string, (of: ReturnType<typeof waitingFor>, calls: readonly Call[]) => void][] = [
    ['a stock server does it all the same', ({ probe }) => (probe.isTwin = false)],
    ['not written yet', ({ writer }) => (writer.waiting = 1)],
    ['sent elsewhere already', (_, calls) => (calls[1]!.detached = true)],
    ['not overdue itself', (_, calls) => (calls[1]!.deadlineMs = 301)],
    ['a client is waited for', ({ reader }) => (reader.paused = true)],
  ];
  for (const [what, change] of others) assert.equal(judged(change), PATIENCE.isLate, what);
  assert.equal(
    judged(() => {}, [VERB.get, VERB.metaDebug]),
    PATIENCE.isLate,
    'they only ask',
  );
  assert.equal(
    judged(({ probe }) => Object.assign(probe, { isTwin: false, answerMsMax: 5 })),
    PATIENCE.isLateWrite,
    'a proxy is told, too',
  );
});
