import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerPart, requestDatagram } from '../../testing/datagrams.ts';
import type { DatagramSession } from '../base/datagram.ts';
import { REQUEST_MAGIC } from '../protocol/binary/opcodes.ts';
import { FRAME_BYTES, writeFrame } from '../protocol/udp/frame.ts';
import { AckBoard } from './ack-board.ts';
import { type AckPolicy, AckWaits } from './ack-waits.ts';
import { AckedDatagrams, HELD_ANSWERS_MAX, HELD_BYTES_MAX } from './acked-datagrams.ts';

/** Datagrams whose `w` writes; each is answered by its own text, in as many parts as it has lines. */
class World {
  head = 0;
  nowMs = 1000;
  dropped = 0;
  from = 'a';
  /** What has been sent at once, and later: to whom, and the text. */
  readonly sent: string[] = [];
  readonly board = new AckBoard(AckBoard.allocate(1), 1);
  readonly waits: AckWaits;
  readonly session: AckedDatagrams;

  constructor(policy: Partial<AckPolicy> = {}, makeText = (text: string): string => text) {
    this.waits = new AckWaits(
      { acks: 1, timeoutMs: 500, refuses: false, ...policy },
      this.board,
      0,
      () => this.head,
      () => this.nowMs,
    );
    const socket = {
      descriptor: 1,
      remote: 'udp',
      noteDropped: () => this.dropped++,
      laterReply: () => {
        const { from } = this;
        return (datagram: Uint8Array) => this.note(from, datagram);
      },
    };
    let parts: Uint8Array[] = [];
    const inner: DatagramSession = {
      received: (input, start, end) => {
        const text = Buffer.from(input.subarray(start + FRAME_BYTES, end)).toString('latin1');
        if (text.includes('w')) this.head += 4;
        const lines = text.includes('q') ? [] : makeText(text).split('\n');
        const id = (input[start]! << 8) | input[start + 1]!;
        parts = lines.map((line, index) => {
          const part = Buffer.from(`12345678${line}`, 'latin1');
          writeFrame(part, 0, id, index, lines.length);
          return part;
        });
        return parts.length > 0;
      },
      get answer() {
        return parts[0]!;
      },
      partStart: 0,
      get partEnd() {
        return parts[0]!.length;
      },
      nextPart: () => {
        parts.shift();
        return parts.length > 0;
      },
    };
    this.session = new AckedDatagrams(this.waits, socket, inner);
    this.acknowledge(0);
  }

  note(to: string, datagram: Uint8Array): void {
    const { id, sequence, total, text } = answerPart(datagram);
    this.sent.push(`${to}${id} ${sequence + 1}/${total} ${text.trimEnd()}`);
  }

  acknowledge(...positions: number[]): void {
    this.board.write(
      positions.map((position) => ({ countsForAcks: true, acknowledged: new Float64Array([position]) })),
    );
    this.waits.check();
  }

  hear(from: string, id: number, text: string): void {
    this.from = from;
    const input = requestDatagram(id, text);
    const { session } = this;
    if (!session.received(input, 0, input.length)) return;
    do this.note(from, session.answer.subarray(session.partStart, session.partEnd));
    while (session.nextPart());
  }

  take(): string[] {
    return this.sent.splice(0);
  }

  count(name: string): number {
    return Number(new Map(this.board.statistics(1)).get(`replication_${name}`));
  }
}

test('an answer to a write waits for its ack, whole, for whom it is for; what reads does not wait', () => {
  const world = new World();
  world.hear('a', 1, 'w1\nmore');
  world.hear('b', 2, 'w2');
  world.hear('c', 3, 'r');
  assert.deepEqual(world.take(), ['c3 1/1 r']);
  assert.equal(world.count('acks_held'), 2);
  world.acknowledge(4);
  assert.deepEqual(world.take(), ['a1 1/2 w1', 'a1 2/2 more']);
  world.acknowledge(8);
  assert.deepEqual(world.take(), ['b2 1/1 w2']);
  world.hear('a', 4, 'wq');
  assert.equal(world.count('acks_held'), 0, 'what is not answered waits for nothing');
});

test('without acks to wait for nothing is held', () => {
  const world = new World({ acks: 0 });
  world.hear('a', 1, 'w');
  assert.deepEqual(world.take(), ['a1 1/1 w']);
});

test('when nothing comes in time it is answered all the same, or refused; who does not speak text is not answered then', () => {
  for (const refuses of [false, true]) {
    const world = new World({ refuses });
    world.hear('a', 1, 'w');
    world.hear('b', 2, `${String.fromCharCode(REQUEST_MAGIC)}w`);
    world.nowMs += 499;
    world.waits.check();
    assert.deepEqual(world.take(), []);
    world.nowMs += 1;
    world.waits.check();
    if (refuses) assert.deepEqual(world.take(), ['a1 1/1 SERVER_ERROR not acknowledged']);
    else assert.equal(world.take().length, 2);
    assert.equal(world.count(refuses ? 'acks_refused' : 'acks_degraded'), 2);
    assert.equal(world.count('acks_held'), 0);
  }
});

test('with fewer twins than acks it is answered at once, and counted', () => {
  const world = new World();
  world.acknowledge();
  world.hear('a', 1, 'w');
  assert.deepEqual(world.take(), ['a1 1/1 w']);
  assert.equal(world.count('acks_degraded'), 1);
});

test('answers that wait are bounded in number and in bytes', () => {
  const world = new World();
  for (let i = 0; i < HELD_ANSWERS_MAX + 3; i++) world.hear('a', i & 0xffff, 'w');
  assert.equal(world.dropped, 3);
  world.acknowledge(world.head);
  assert.equal(world.take().length, HELD_ANSWERS_MAX);
  const large = new World({}, () => 'x'.repeat(HELD_BYTES_MAX / 4));
  for (let i = 0; i < 5; i++) large.hear('a', i, 'w');
  assert.equal(large.dropped, 2, 'frames count, too');
  large.acknowledge(large.head);
  large.hear('a', 9, 'w');
  large.acknowledge(large.head);
  assert.equal(large.take().length, 4);
});
