import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AnswerPart, answerPart, requestDatagram } from '../../testing/datagrams.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import type { Connection, Session } from '../base/session.ts';
import { protocolSession } from './client-session.ts';
import { UdpSession } from './datagram-session.ts';

interface World {
  /** Sends a datagram. @returns the datagrams of its answer */
  readonly send: (datagram: Uint8Array) => AnswerPart[];
  readonly ask: (payload: string) => string;
  readonly counts: { dropped: number; sessions: number; closed: number };
}

function world(make: (connection: Connection, isBinary: boolean) => Session): World {
  const counts = { dropped: 0, sessions: 0, closed: 0 };
  const socket = {
    descriptor: 9,
    remote: 'udp:127.0.0.1:1',
    laterReply: () => () => {},
    noteDropped: () => counts.dropped++,
  };
  const session = new UdpSession(socket, (connection, isBinary) => {
    counts.sessions++;
    const made = make(connection, isBinary);
    const closed = made.closed.bind(made);
    made.closed = (error) => {
      counts.closed++;
      closed(error);
    };
    return made;
  });
  const send = (datagram: Uint8Array): AnswerPart[] => {
    // Junk around it shows sessions that read beyond their window.
    const input = new Uint8Array(datagram.length + 20).fill(65);
    input.set(datagram, 10);
    const parts: AnswerPart[] = [];
    if (!session.received(input, 10, 10 + datagram.length)) return parts;
    do parts.push(answerPart(session.answer.subarray(session.partStart, session.partEnd)));
    while (session.nextPart());
    return parts;
  };
  const ask = (payload: string): string =>
    send(requestDatagram(7, payload))
      .map(({ text }) => text)
      .join('');
  return { send, ask, counts };
}

function nodeWorld(): World {
  const context = memoryNodeContext();
  return world((connection, isBinary) => protocolSession(context, connection, isBinary));
}

test('requests of one datagram are answered by one message with its id', () => {
  const { send, counts } = nodeWorld();
  const [part, ...others] = send(requestDatagram(0xfedc, 'set a 0 0 3\r\nabc\r\nget a\r\nget b\r\n'));
  assert.deepEqual(others, []);
  assert.deepEqual(part, {
    id: 0xfedc,
    sequence: 0,
    total: 1,
    bytes: 8 + 8 + 23 + 5,
    text: 'STORED\r\nVALUE a 0 3\r\nabc\r\nEND\r\nEND\r\n',
  });
  assert.equal(counts.sessions, 1);
});

test('datagrams that are no requests are dropped, and counted', () => {
  const { send, ask, counts } = nodeWorld();
  for (const datagram of [
    requestDatagram(1, 'mn\r\n', 0),
    requestDatagram(1, 'mn\r\n', 2),
    requestDatagram(1, ''),
    requestDatagram(1, '').subarray(0, 5),
    new Uint8Array(0),
  ])
    assert.deepEqual(send(datagram), []);
  assert.equal(counts.dropped, 5);
  assert.equal(ask('mn\r\n'), 'MN\r\n');
  assert.equal(counts.dropped, 5);
});

test('nothing of a half request stays', () => {
  const { ask } = nodeWorld();
  for (const half of [
    'get a',
    'set a 0 0 10\r\nabc',
    'set a 0 0 10\r\n',
    'set a 0 0 20000\r\nabc',
    'set a 0 0 3\r\nabc',
    `set ${'k'.repeat(300)} 0 0 20000\r\nabc`,
    `get ${'b '.repeat(10_000)}`,
    'x'.repeat(3000),
    'quit\r\nget a\r\n',
  ]) {
    assert.equal(ask(half).replaceAll('CLIENT_ERROR bad command line format\r\n', ''), '', half.slice(0, 30));
    assert.equal(ask('mn\r\n'), 'MN\r\n');
  }
  assert.equal(ask('defghij\r\n'), 'ERROR\r\n');
  assert.equal(ask('get a\r\n'), 'END\r\n');
  assert.equal(ask('get a\r\nget'), 'END\r\n');
});

test('a session that was left in the midst of something is closed, another one is used again', () => {
  const { ask, counts } = nodeWorld();
  for (let i = 0; i < 5; i++) ask('get a\r\n');
  assert.deepEqual([counts.sessions, counts.closed], [1, 0]);
  ask('set a 0 0 20000\r\nabc');
  assert.deepEqual([counts.sessions, counts.closed], [1, 1]);
  ask('quit\r\n');
  ask('\x80');
  assert.deepEqual([counts.sessions, counts.closed], [3, 3]);
});

/** Answers `count` with that many bytes, in pieces of `piece`, as long as the output is not blocked. */
function sourceSession({ output }: Connection): Session {
  return {
    isBetweenRequests: true,
    feed: (input, start, end) => {
      const [count = 0, piece = 1] = Buffer.from(input.subarray(start, end))
        .toString()
        .split(' ')
        .map(Number);
      for (let sent = 0; sent < count && !output.blocked; sent += piece) {
        const size = Math.min(piece, count - sent);
        output.reserve(size);
        for (let i = 0; i < size; i++) output.bytes[output.at + i] = ((sent + i) * 7) % 251;
        output.at += size;
      }
      return end;
    },
    closed: () => {},
  };
}

test('answers of any length are cut into full datagrams', () => {
  const { send } = world(sourceSession);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 1, max: 9000 }), (count, piece) => {
      const parts = send(requestDatagram(3, `${count} ${piece}`));
      assert.equal(parts.length, Math.ceil(count / 1392));
      for (const [i, part] of parts.entries()) {
        assert.deepEqual([part.id, part.sequence, part.total], [3, i, parts.length]);
        if (i < parts.length - 1) assert.equal(part.bytes, 1400);
      }
      const bytes = Buffer.from(parts.map(({ text }) => text).join(''), 'latin1');
      assert.equal(bytes.length, count);
      assert.equal(
        bytes.findIndex((byte, i) => byte !== (i * 7) % 251),
        -1,
      );
    }),
    { numRuns: 100 },
  );
});

test('an answer has 65535 datagrams at most; a longer one is dropped whole, and counted', () => {
  const { send, ask, counts } = world(sourceSession);
  const most = 65535 * 1392;
  const parts = send(requestDatagram(3, `${most} 1000000`));
  assert.equal(parts.length, 65535);
  assert.equal(parts.at(-1)?.sequence, 65534);
  assert.equal(counts.dropped, 0);
  for (const [count, piece] of [
    [most + 1, 1_000_000],
    [most + 1, most + 1],
    [2 * most, 999_999],
  ])
    assert.deepEqual(send(requestDatagram(3, `${count} ${piece}`)), []);
  assert.equal(counts.dropped, 3);
  assert.equal(ask('5 1').length, 5);
});
