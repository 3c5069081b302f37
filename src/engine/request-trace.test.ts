import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import { clientSession } from './client-session.ts';
import { RequestTrace } from './request-trace.ts';

interface Traced {
  readonly lines: string[];
  /** Feeds text in pieces of so many bytes. @returns what was answered */
  readonly say: (text: string, pieceBytes?: number) => string;
  readonly close: () => void;
}

function traced(level: number): Traced {
  const lines: string[] = [];
  const trace = new RequestTrace((line) => lines.push(line));
  trace.level = level;
  const connection = new MemoryConnection();
  const session = clientSession({ ...memoryNodeContext(), trace }, connection, () => {});
  let rest = Buffer.alloc(0);
  const say = (text: string, pieceBytes = text.length): string => {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const input = Buffer.concat([rest, bytes.subarray(at, at + pieceBytes)]);
      rest = input.subarray(session.feed(input, 0, input.length));
    }
    return connection.take();
  };
  return { lines, say, close: () => session.closed(null) };
}

const TALK =
  'get k\r\nset k 0 0 2\r\nhi\r\nset k 0 0 2 noreply\r\nho\r\nget k j k\r\nblah\r\nset k 0 0 2\r\nhixx\r\n';

test("requests and replies are shown in memcached's form, in order", () => {
  const { lines, say, close } = traced(2);
  const answered = say(TALK);
  close();
  assert.deepEqual(lines, [
    '<7 new auto-negotiating client connection',
    '7: Client using the ascii protocol',
    '<7 get k',
    '>7 END',
    '<7 set k 0 0 2',
    '>7 STORED',
    '<7 set k 0 0 2 noreply',
    '<7 get k j k',
    '>7 sending key k',
    '>7 sending key k',
    '>7 END',
    '<7 blah',
    '>7 ERROR',
    '<7 set k 0 0 2',
    '>7 CLIENT_ERROR bad data chunk',
    '<7 ',
    '>7 CLIENT_ERROR bad command line format',
    '<7 connection closed.',
  ]);
  assert.equal(traced(0).say(TALK), answered, 'the trace changes no answer');
});

test('however the bytes are cut, the same is shown and answered', () => {
  const whole = traced(2);
  const answered = whole.say(`${TALK}set big 0 0 20000\r\n${'x'.repeat(20000)}\r\nget big\r\n`);
  for (const pieceBytes of [1, 3, 7, 64]) {
    const cut = traced(2);
    assert.equal(
      cut.say(`${TALK}set big 0 0 20000\r\n${'x'.repeat(20000)}\r\nget big\r\n`, pieceBytes),
      answered,
    );
    assert.deepEqual(cut.lines, whole.lines, `in pieces of ${pieceBytes}`);
  }
  assert.ok(whole.lines.includes('<7 set big 0 0 20000'));
  assert.ok(whole.lines.every((line) => line.length < 600));
});

test('of the binary protocol the headers are shown', () => {
  const { lines, say } = traced(2);
  say(`\x80\x00\x00\x03${'\0'.repeat(7)}\x03${'\0'.repeat(12)}kkk`, 5);
  assert.deepEqual(lines.slice(1, 6), [
    '7: Client using the binary protocol',
    '<7 Read binary protocol data:',
    '<7    0x80 0x00 0x00 0x03',
    '<7    0x00 0x00 0x00 0x00',
    '<7    0x00 0x00 0x00 0x03',
  ]);
  assert.deepEqual(lines.slice(9, 13), [
    '>7 Writing bin response:',
    '>7   0x81 0x00 0x00 0x00',
    '>7   0x00 0x00 0x00 0x01',
    '>7   0x00 0x00 0x00 0x09',
  ]);
});

test('below -vv nothing is shown, and -vvv shows changes of state', () => {
  const quiet = traced(1);
  quiet.say(TALK);
  quiet.close();
  assert.deepEqual(quiet.lines, []);
  const verbose = traced(3);
  verbose.say(`set big 0 0 20000\r\n${'x'.repeat(20000)}\r\n`, 5000);
  assert.ok(
    verbose.lines.some((line) => line.startsWith('7: going from conn_')),
    verbose.lines.join('\n'),
  );
});
