import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryConnection, PieceFeeder } from '../../testing/memory-connection.ts';
import { frameByHand, sealAnew } from '../../testing/replication/frames-by-hand.ts';
import { MapCache } from '../../testing/replication/map-cache.ts';
import { VirtualTime } from '../../testing/replication/virtual-time.ts';
import { KEY_BYTES_MAX } from '../base/limits.ts';
import { seededRandom } from '../base/random.ts';
import { FrameReader, READ } from './frame-reader.ts';
import {
  FRAME,
  FRAME_BODY_BYTES_MAX,
  HEADER_BYTES,
  type Hello,
  itemFrameBytes,
  MARK_FLAG,
  PIECE_BYTES_MAX,
  SET_CAS_BYTES,
  STAMP_BYTES,
  writeAck,
  writeBye,
  writeDelete,
  writeFlush,
  writeHello,
  writeItem,
  writeLost,
  writeMark,
  writePing,
  writeResume,
  writeResumed,
  writeSlot,
  writeSyncBegin,
  writeSyncEnd,
  writeTombstone,
  writeTouch,
  writeWant,
  writeWin,
} from './frames.ts';

const HELLO: Hello = {
  version: 1,
  versionMin: 1,
  features: 0x80000001,
  nodeId: '00112233445566778899aabbccddeeff',
  slot: 5,
  fresh: true,
  full: true,
  slotsUsed: 0b100001,
  highestVersion: Number.MAX_SAFE_INTEGER,
  wallMs: 1795238928000,
  nonce: '0123456789abcdef0123456789abcdef',
};

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** A tag that shows which bytes it was made of. */
const TAGS = { hash: (bytes: Uint8Array, start: number, end: number): number => end - start + bytes[start]! };

/** Bytes of one frame of each kind, and items around the bounds of a piece. */
function everyFrame(): Uint8Array {
  const cache = new MapCache(new VirtualTime(), 10);
  const { output } = new MemoryConnection();
  writeHello(output, HELLO);
  writeSyncBegin(output);
  for (const bytes of [0, 1, 100, PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1, 3 * PIECE_BYTES_MAX, 100000]) {
    const key = ascii(`key${bytes}`);
    const value = new Uint8Array(bytes).map((_, index) => index);
    cache.set(`key${bytes}`, value, 0xffffffff, 0xfffffffe);
    const item = cache.peek(key, 0, key.length, 0);
    const before = output.at;
    output.reserve(itemFrameBytes(key.length, bytes));
    writeItem(output, cache, item, key.length, bytes);
    assert.equal(output.at - before, itemFrameBytes(key.length, bytes) - SET_CAS_BYTES - STAMP_BYTES);
    writeTouch(output, key, key.length, cache.exptime(item), cache.version(item), 0);
  }
  for (const bytes of [3, PIECE_BYTES_MAX + 1]) {
    const key = ascii(`stale${bytes}`);
    cache.invalidate(`stale${bytes}`, new Uint8Array(bytes), 0xfedcba98, 0x87654321);
    const item = cache.peek(key, 0, key.length, 0);
    const before = output.at;
    output.reserve(itemFrameBytes(key.length, bytes));
    writeItem(output, cache, item, key.length, bytes);
    assert.equal(output.at - before, itemFrameBytes(key.length, bytes) - STAMP_BYTES);
    writeWin(output, key, key.length, cache.version(item));
    // The same, touched: all that there can be in front of a key.
    cache.touch(`stale${bytes}`, 4000000000);
    const start = output.at;
    output.reserve(itemFrameBytes(key.length, bytes));
    writeItem(output, cache, item, key.length, bytes);
    assert.equal(output.at - start, itemFrameBytes(key.length, bytes));
    writeTouch(output, key, key.length, 4000000000, cache.version(item), Number.MAX_SAFE_INTEGER);
  }
  const key = ascii('k'.repeat(KEY_BYTES_MAX));
  writeDelete(output, key, 0, key.length, 77);
  cache.set('gone', new Uint8Array(0), 0, 0);
  cache.delete('gone');
  output.reserve(100);
  writeTombstone(output, cache, cache.peek(ascii('gone'), 0, 4, 0), 4);
  writeFlush(output, 123456789012345, 1795238928, 123456789012346);
  writeSlot(output, 7);
  writePing(output, 5, 6, 7);
  writeSyncEnd(output, 2 ** 40);
  const unknown = frameByHand(200, [110, 101, 119]);
  output.append(unknown, 0, unknown.length);
  writeResume(output, null);
  writeResume(output, { positions: new Float64Array([1, 2 ** 48]), tag: 0xfffffffe });
  writeResumed(output);
  writeMark(output, MARK_FLAG.complete, 0xfffffff0, 77, new Float64Array([9, 1, 2 ** 48]), 1, 2, TAGS);
  writeAck(output, 0xfffffff0);
  writeLost(output, HELLO.nodeId, 5);
  writeWant(output, 3, 2 ** 52);
  writeBye(output);
  return output.bytes.slice(output.start, output.at);
}

/** Reads frames and writes down each as text. */
class Transcript {
  readonly lines: string[] = [];
  readonly #frames = new FrameReader();

  feed(input: Uint8Array, start: number, end: number): number {
    const frames = this.#frames;
    let at = start;
    for (;;) {
      const read = frames.next(input, at, end);
      if (read === READ.malformed) {
        this.lines.push(`malformed: ${frames.reason}`);
        return end;
      }
      if (read === READ.partial) return at;
      assert.ok(frames.end <= end && frames.end >= at + HEADER_BYTES, 'a frame lies within what was offered');
      this.lines.push(this.#line(input, at));
      at = frames.end;
    }
  }

  #line(input: Uint8Array, at: number): string {
    const { kind, version, keyStart, keyEnd, exptime, end } = this.#frames;
    const frames = this.#frames;
    const key = Buffer.from(input.subarray(keyStart, keyEnd)).toString('latin1');
    const inside = (from: number, to: number): boolean => from >= at && to <= end && from <= to;
    if (kind === FRAME.set || kind === FRAME.delete || kind === FRAME.touch || kind === FRAME.win)
      assert.ok(inside(keyStart, keyEnd));
    if (kind === FRAME.set || kind === FRAME.piece) assert.ok(inside(frames.valueStart, frames.valueEnd));
    const value = (): string => {
      const bytes = input.subarray(frames.valueStart, frames.valueEnd);
      return `${bytes.length} bytes, sum ${bytes.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0)}`;
    };
    const marks = (): string =>
      frames.marks === 0 ? '' : ` marks ${frames.marks} ${frames.casHigh} ${frames.casLow}`;
    const stamp = (): string => (frames.stamp === 0 ? '' : ` stamp ${frames.stamp}`);
    const positions = (): string => {
      const copy = new Float64Array(frames.threads);
      frames.copyPositions(input, copy);
      assert.ok(inside(frames.positionsStart, frames.positionsEnd));
      return copy.join(' ');
    };
    switch (kind) {
      case FRAME.hello:
        return `hello ${JSON.stringify(frames.hello(input, at))}`;
      case FRAME.set:
        return `set ${key} ${version} ${exptime} ${frames.clientFlags} ${frames.valueBytes}${marks()}${stamp()}: ${value()}`;
      case FRAME.piece:
        return `piece: ${value()}`;
      case FRAME.delete:
        return `delete ${key} ${version}`;
      case FRAME.win:
        return `win ${key} ${version}`;
      case FRAME.touch:
        return `touch ${key} ${version} ${exptime}${stamp()}`;
      case FRAME.flush:
        return `flush ${version} ${frames.threshold} ${frames.activeAtSeconds}`;
      case FRAME.slot:
        return `slot ${frames.slot}`;
      case FRAME.ping:
        return `ping ${frames.changesSent} ${frames.changesReceived} ${frames.wallMs}`;
      case FRAME.syncEnd:
        return `syncEnd ${frames.items}`;
      case FRAME.resume:
        return frames.hasPosition ? `resume ${frames.tag} ${positions()}` : `resume from ${frames.threads}`;
      case FRAME.mark:
        return `mark ${frames.flags} ${frames.serial} ${frames.tag} ${version}: ${positions()}`;
      case FRAME.ack:
        return `ack ${frames.serial}`;
      case FRAME.lost:
        return `lost ${frames.lostNode(input, at)} ${frames.slots}`;
      case FRAME.want:
        return `want ${frames.slots} ${version}`;
      default:
        return `kind ${kind} of ${end - at} bytes`;
    }
  }
}

function transcript(bytes: Uint8Array): string[] {
  const reader = new Transcript();
  const input = new Uint8Array(bytes.length + 8);
  input.set(bytes, 4);
  reader.feed(input, 4, 4 + bytes.length);
  return reader.lines;
}

test('what is written is what is read', () => {
  const lines = transcript(everyFrame());
  assert.equal(lines[0], `hello ${JSON.stringify(HELLO)}`);
  assert.equal(lines[1], `kind ${FRAME.syncBegin} of 8 bytes`);
  assert.match(lines[2]!, /^set key0 \d+ 4294967294 4294967295 0: 0 bytes, sum 0$/);
  assert.match(lines[3]!, /^touch key0 \d+ 4294967294$/);
  const stale = lines.findIndex((line) => line.startsWith('set stale3 '));
  assert.match(lines[stale]!, /^set stale3 \d+ 0 0 3 marks 9 4275878552 2271560481: 3 bytes/);
  assert.match(lines[stale + 1]!, /^win stale3 \d+$/);
  assert.match(
    lines[stale + 2]!,
    /^set stale3 \d+ 4000000000 0 3 marks 9 4275878552 2271560481 stamp \d+: 3 bytes/,
  );
  assert.match(lines[stale + 3]!, /^touch stale3 \d+ 4000000000 stamp 9007199254740991$/);
  const large = lines.findIndex((line) => line.startsWith(`set key${PIECE_BYTES_MAX + 1} `));
  assert.match(lines[large]!, / 32769: 0 bytes/);
  assert.match(lines[large + 1]!, /^piece: 32768 bytes/);
  assert.match(lines[large + 2]!, /^piece: 1 bytes/);
  assert.equal(lines.filter((line) => line.startsWith('piece')).length, 2 + 3 + 4 + 2 * 2);
  assert.equal(lines.at(-15), `delete ${'k'.repeat(250)} 77`);
  assert.match(lines.at(-14)!, /^delete gone \d+$/);
  assert.deepEqual(lines.slice(-13), [
    'flush 123456789012346 123456789012345 1795238928',
    'slot 7',
    'ping 5 6 7',
    `syncEnd ${2 ** 40}`,
    'kind 200 of 11 bytes',
    'resume from 0',
    `resume 4294967294 1 ${2 ** 48}`,
    `kind ${FRAME.resumed} of 8 bytes`,
    `mark 2 4294967280 17 77: 1 ${2 ** 48}`,
    'ack 4294967280',
    `lost ${HELLO.nodeId} 5`,
    `want 3 ${2 ** 52}`,
    `kind ${FRAME.bye} of 8 bytes`,
  ]);
});

test('frames are the same however they are cut', () => {
  const bytes = everyFrame();
  const whole = transcript(bytes);
  const random = seededRandom(7);
  for (const largest of [1, 2, 17, 5000, 100000]) {
    const reader = new Transcript();
    const feeder = new PieceFeeder(reader);
    // Byte by byte for the small frames at the start only: an unfinished frame is offered again each time.
    const end = largest === 1 ? 3000 : bytes.length;
    for (let at = 0; at < end; ) {
      const count = largest === 1 ? 1 : 1 + random.below(largest);
      feeder.push(bytes.subarray(at, Math.min(end, at + count)));
      at += count;
      assert.ok(feeder.restBytes <= FRAME_BODY_BYTES_MAX + HEADER_BYTES);
    }
    assert.deepEqual(reader.lines, whole.slice(0, reader.lines.length));
    if (largest > 1) assert.equal(reader.lines.length, whole.length);
  }
});

test('a frame that is not as it should be is malformed', () => {
  const zeros = (count: number): number[] => new Array<number>(count).fill(0);
  const key = (length: number): number[] => [
    ...zeros(8),
    length & 0xff,
    ...new Array<number>(length).fill(107),
  ];
  const cases: [string, Uint8Array][] = [
    ['a body beyond the bound', frameByHand(200, [], FRAME_BODY_BYTES_MAX + 1)],
    ['flags of a later version', frameByHand(FRAME.bye, [], 0, 1)],
    ['a bye with a body', frameByHand(FRAME.bye, [0])],
    ['a short hello', frameByHand(FRAME.hello, zeros(59))],
    ['a delete without a key', frameByHand(FRAME.delete, key(0))],
    ['a key of 251 bytes', frameByHand(FRAME.delete, key(251))],
    ['a key longer than the frame', frameByHand(FRAME.delete, [...zeros(8), 5, 107])],
    ['a version beyond 2^53', frameByHand(FRAME.delete, [0, 0, 0, 0, 0, 0, 0x20, 0, 1, 107])],
    ['a set without a key', frameByHand(FRAME.set, zeros(24))],
    ['a set whose value is missing', frameByHand(FRAME.set, [...zeros(16), 1, 0, 0, 0, 1, 0, 0, 0, 107])],
    ['a set with more than its value', frameByHand(FRAME.set, [...zeros(20), 1, 0, 0, 0, 107, 107])],
    ['a set with unknown marks', frameByHand(FRAME.set, [...zeros(20), 1, 32, 0, 0, 107])],
    ['a set without the stamp it speaks of', frameByHand(FRAME.set, [...zeros(20), 1, 16, 0, 0, 107])],
    ['a touch with half a stamp', frameByHand(FRAME.touch, [...zeros(12), 1, 107, ...zeros(4)])],
    [
      'a stamp beyond 2^53',
      frameByHand(FRAME.touch, [...zeros(12), 1, 107, ...new Array<number>(8).fill(255)]),
    ],
    ['a set without the cas id it speaks of', frameByHand(FRAME.set, [...zeros(20), 1, 8, 0, 0, 107])],
    ['a win without a key', frameByHand(FRAME.win, key(0))],
    [
      'a value beyond the largest item',
      frameByHand(FRAME.set, [...zeros(16), 1, 0, 0, 0x40, 1, 0, 0, 0, 107]),
    ],
    ['an empty piece', frameByHand(FRAME.piece, [])],
    ['slot 8', frameByHand(FRAME.slot, [8])],
    ['a short ping', frameByHand(FRAME.ping, zeros(23))],
    ['a resume of more threads than it has positions', frameByHand(FRAME.resume, [1, 0, 2, 0, ...zeros(12)])],
    ['a resume of no size', frameByHand(FRAME.resume, zeros(7))],
    [
      'a mark of fewer threads than it has positions',
      frameByHand(FRAME.mark, [...zeros(2), 1, 0, ...zeros(32)]),
    ],
    ['a mark of too many threads', frameByHand(FRAME.mark, [...zeros(2), 1, 2, ...zeros(16 + 513 * 8)])],
    [
      'a position beyond 2^53',
      frameByHand(FRAME.mark, [0, 0, 1, 0, ...zeros(16), ...new Array<number>(8).fill(255)]),
    ],
    ['a short ack', frameByHand(FRAME.ack, zeros(3))],
    ['a short lost', frameByHand(FRAME.lost, zeros(16))],
    ['a long want', frameByHand(FRAME.want, zeros(10))],
    ['a wrong checksum', frameByHand(FRAME.bye, []).fill(1, 4, 5)],
  ];
  for (const [name, bytes] of cases) {
    const lines = transcript(bytes);
    assert.equal(lines.length, 1, name);
    assert.match(lines[0]!, /^malformed: /, name);
  }
  assert.match(transcript(frameByHand(FRAME.delete, key(250)))[0]!, /^delete k{250} 0$/);
  assert.equal(
    transcript(frameByHand(200, zeros(FRAME_BODY_BYTES_MAX)))[0],
    `kind 200 of ${FRAME_BODY_BYTES_MAX + 8} bytes`,
  );
});

test('a bit that was turned over on the way is found', () => {
  const bytes = frameByHand(FRAME.delete, [1, 2, 3, 4, 5, 6, 7, 0, 3, 107, 101, 121]);
  assert.match(transcript(bytes)[0]!, /^delete key /);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const bent = bytes.slice();
    bent[bit >>> 3]! ^= 1 << (bit & 7);
    // A length that grew is one of a frame that is not all there yet.
    const lines = transcript(bent);
    assert.ok(lines.length === 0 ? bit < 16 : lines[0]!.startsWith('malformed: '), `bit ${bit}: ${lines[0]}`);
  }
});

test('no bytes make the reader throw or look outside a frame', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      transcript(bytes);
    }),
  );
  const whole = everyFrame().slice(0, 3000);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length - 1), (at, byte, other) => {
      const bent = whole.slice();
      bent[at] = byte;
      bent[other] = byte ^ 0x80;
      transcript(bent);
      transcript(sealAnew(bent));
    }),
    { numRuns: 2000 },
  );
});
