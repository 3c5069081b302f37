import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import { compressing, guardedBy } from '../../testing/replication/link-guards.ts';
import { type LinkEnd, type LinkPair, mapLinkEnd, mapLinkPair } from '../../testing/replication/link-pair.ts';
import type { MapCache } from '../../testing/replication/map-cache.ts';
import { VirtualTime } from '../../testing/replication/virtual-time.ts';
import { seededRandom } from '../base/random.ts';
import { FrameReader, READ } from './frame-reader.ts';
import {
  FRAME,
  FRAME_BODY_BYTES_MAX,
  FRAME_FLAG,
  GREETING,
  HEADER_BYTES,
  type Hello,
  PIECE_BYTES_MAX,
  seal,
  writeHello,
  writeProof,
  writeSlot,
} from './frames.ts';
import { FEATURE, type LinkSafety, proofWords, UNGUARDED } from './link-safety.ts';
import { HANDSHAKE_MS_MAX } from './link-times.ts';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

const SECRET = 'the secret of these twins';
const GUARDED = guardedBy(SECRET);

function guardedPair(dialler: LinkSafety, listener: LinkSafety): LinkPair<MapCache> {
  const pair = mapLinkPair(100, [dialler, listener]);
  pair.dialler.cache.set('of the dialler', bytesOf('D'), 0, 0);
  pair.listener.cache.set('of the listener', bytesOf('L'), 0, 0);
  return pair;
}

/** What stands in `end`'s log of its own fate; '' while it lives. */
function fate(end: LinkEnd<MapCache>): string {
  if (end.connection.destroyed || end.connection.ended) end.closeWith(null);
  return end.owner.events.find((event) => event.startsWith('closed'))?.replace('closed: ', '') ?? '';
}

/** Nothing of one's cache is at the other, nor has it been told to anybody that there is a link. */
function assertNothingMoved({ dialler, listener }: LinkPair<MapCache>): void {
  assert.equal(dialler.cache.snapshot().size, 1);
  assert.equal(listener.cache.snapshot().size, 1);
  for (const { link, owner } of [dialler, listener]) {
    assert.ok(!link.wasOpen);
    assert.equal(link.peerSlot, -1);
    assert.ok(!owner.events.includes('linked'));
  }
}

test('two nodes with one secret are linked, each having proven it to the other', () => {
  const pair = guardedPair(GUARDED, GUARDED);
  const { dialler, listener } = pair;
  dialler.link.opened();
  listener.feeder.push(dialler.take());
  dialler.feeder.push(listener.take());
  const proof = dialler.take();
  assert.deepEqual(dialler.sent, [FRAME.hello, FRAME.proof]);
  assert.ok(!dialler.link.isOpen && !listener.link.isOpen);
  listener.feeder.push(proof);
  assert.ok(listener.link.isOpen && !dialler.link.isOpen);
  pair.settle();
  assert.ok(dialler.link.isOpen);
  assert.deepEqual(listener.sent.slice(0, 3), [FRAME.hello, FRAME.proof, FRAME.resume]);
  assert.deepEqual(dialler.cache.snapshot(), listener.cache.snapshot());
  assert.equal(dialler.cache.snapshot().size, 2);
  assert.equal(Buffer.from(proof).includes(SECRET), false);
});

test('byte by byte as well', () => {
  const pair = guardedPair(GUARDED, GUARDED);
  const { dialler, listener } = pair;
  dialler.link.opened();
  for (let round = 0; round < 20; round++) {
    for (const byte of dialler.take()) listener.feeder.push(Uint8Array.of(byte));
    for (const byte of listener.take()) dialler.feeder.push(Uint8Array.of(byte));
    dialler.link.pump(0);
    listener.link.pump(0);
  }
  assert.deepEqual(dialler.cache.snapshot(), listener.cache.snapshot());
  assert.equal(dialler.cache.snapshot().size, 2);
});

for (const [name, dialler, listener, ofDialler, ofListener] of [
  [
    'two secrets',
    GUARDED,
    guardedBy('the secret of other twins'),
    'the secret of the peer is another one',
    'the secret of the peer is another one',
  ],
  [
    'a secret of the dialler only',
    GUARDED,
    UNGUARDED,
    'this node has a secret and the peer has none',
    'the peer wants a secret and this node has none',
  ],
  [
    'a secret of the listener only',
    UNGUARDED,
    GUARDED,
    'the peer wants a secret and this node has none',
    'this node has a secret and the peer has none',
  ],
] as const) {
  test(`${name}: no link, nothing moves, and both know why`, () => {
    const pair = guardedPair(dialler, listener);
    pair.open();
    assert.equal(fate(pair.dialler), ofDialler);
    assert.equal(fate(pair.listener), ofListener);
    for (const { link } of [pair.dialler, pair.listener]) assert.ok(link.lacksSecret);
    assertNothingMoved(pair);
  });
}

/** A stranger's hello, who says that he knows the secret. */
function strangerHello(change: Partial<Hello> = {}): Hello {
  return {
    version: 1,
    versionMin: 1,
    features: FEATURE.secret,
    nodeId: 'ee'.repeat(16),
    slot: 5,
    fresh: false,
    full: false,
    slotsUsed: 255,
    highestVersion: 2 ** 52,
    wallMs: 0,
    nonce: 'dd'.repeat(16),
    ...change,
  };
}

function written(write: (output: MemoryConnection['output']) => void): Uint8Array {
  const { output } = new MemoryConnection();
  write(output);
  return output.bytes.slice(output.start, output.at);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** A guarded listener to which somebody has said the greeting; and the hello that he was answered. */
function greetedListener(): { end: LinkEnd<MapCache>; own: Hello } {
  const end = mapLinkEnd(new VirtualTime(), '0b'.repeat(16), -1, 10, GUARDED);
  end.cache.set('of the listener', bytesOf('L'), 0, 0);
  end.feeder.push(bytesOf(GREETING));
  const answer = end.take();
  const reader = new FrameReader();
  assert.equal(reader.next(answer, GREETING.length, answer.length), READ.frame);
  const own = reader.hello(answer, GREETING.length);
  assert.ok(own !== null);
  return { end, own };
}

test('a proof that was heard before is worth nothing later', () => {
  const pair = guardedPair(GUARDED, GUARDED);
  const { dialler, listener } = pair;
  dialler.link.opened();
  listener.feeder.push(dialler.take());
  dialler.feeder.push(listener.take());
  const recorded = dialler.take();
  listener.feeder.push(recorded);
  assert.ok(listener.link.isOpen);
  const { end } = greetedListener();
  end.feeder.push(recorded);
  assert.equal(fate(end), 'the secret of the peer is another one');
  assert.ok(!end.link.wasOpen);
});

test('a proof holds for the channel that it was given over, and for no other', () => {
  for (const [first, second, isLinked] of [
    ['0c'.repeat(32), '0c'.repeat(32), true],
    // Somebody with a certificate sits between the two, with a channel to each, and passes on what they say.
    ['0c'.repeat(32), '0d'.repeat(32), false],
    ['0c'.repeat(32), '', false],
    ['', '0c'.repeat(32), false],
  ] as const) {
    const pair = guardedPair(GUARDED, GUARDED);
    pair.dialler.connection.channelBinding = first;
    pair.listener.connection.channelBinding = second;
    pair.open();
    assert.equal(pair.dialler.link.isOpen && pair.listener.link.isOpen, isLinked);
    if (isLinked) continue;
    for (const end of [pair.dialler, pair.listener])
      assert.equal(fate(end), 'the secret of the peer is another one');
    assertNothingMoved(pair);
  }
});

test("a node's own proof, reflected, is worth nothing", () => {
  // It dials somebody who knows nothing, but hears its proof, and says the very same to it.
  const dialler = mapLinkEnd(new VirtualTime(), '0a'.repeat(16), 0, 10, GUARDED);
  dialler.link.opened();
  dialler.take();
  dialler.feeder.push(
    joined(
      bytesOf(GREETING),
      written((output) => writeHello(output, strangerHello())),
    ),
  );
  const proof = dialler.take().slice(-(HEADER_BYTES + 32));
  dialler.feeder.push(proof);
  assert.equal(fate(dialler), 'the secret of the peer is another one');
  assert.ok(!dialler.link.wasOpen);
});

test('a proof for one role, or between other nodes, is worth nothing', () => {
  const right = GUARDED.secret;
  assert.ok(right !== null);
  const hello = strangerHello();
  const good = (own: Hello): Uint8Array => right.proof(proofWords(true, hello, own));
  for (const [isGood, proofOf] of [
    [true, good],
    [false, (own: Hello) => right.proof(proofWords(false, hello, own))],
    [false, (own: Hello) => right.proof(proofWords(true, own, hello))],
    [false, (own: Hello) => right.proof(proofWords(true, { ...hello, nodeId: '0a'.repeat(16) }, own))],
    [false, (own: Hello) => right.proof(proofWords(true, { ...hello, nonce: '0a'.repeat(16) }, own))],
    [false, (own: Hello) => right.proof(proofWords(true, hello, { ...own, nonce: '0a'.repeat(16) }))],
    [false, (own: Hello) => good(own).map((byte, i) => (i === 31 ? byte ^ 1 : byte))],
    [false, () => new Uint8Array(32)],
  ] as const) {
    const { end, own } = greetedListener();
    const proof = proofOf(own);
    end.feeder.push(written((output) => writeHello(output, hello)));
    end.feeder.push(written((output) => writeProof(output, proof)));
    assert.equal(end.link.wasOpen, isGood);
    if (isGood) continue;
    assert.equal(fate(end), 'the secret of the peer is another one');
    assert.deepEqual(end.sent, [FRAME.hello]);
    end.take();
    assert.deepEqual(end.sent, [FRAME.hello, FRAME.refused]);
  }
});

test('before the proof nothing else is taken, nothing is believed and nothing is said', () => {
  const hello = strangerHello();
  for (const [frame, reason] of [
    [written((output) => writeSlot(output, 3)), `frame ${FRAME.slot} before a proof`],
    [written((output) => writeHello(output, hello)), `frame ${FRAME.hello} before a proof`],
    [new Uint8Array([0, 0, FRAME.bye, 0, 0, 0, 0, 0]), `a frame of kind ${FRAME.bye} with a wrong checksum`],
    [bytesOf('get a\r\nget b\r\n'.repeat(4000)), ''],
  ] as const) {
    const { end } = greetedListener();
    const { nodeSlot } = end.cache;
    const highest = end.cache.highestVersion();
    end.feeder.push(written((output) => writeHello(output, hello)));
    assert.equal(end.link.state, 'proof');
    end.feeder.push(frame);
    assert.equal(end.take().length, 0);
    assert.ok(end.connection.destroyed);
    if (reason !== '') assert.equal(fate(end), reason);
    assert.deepEqual(
      [end.cache.nodeSlot, end.cache.highestVersion(), end.link.peerSlot],
      [nodeSlot, highest, -1],
    );
  }
  // And a proof takes the place of no hello.
  const { end } = greetedListener();
  end.feeder.push(written((output) => writeProof(output, new Uint8Array(32))));
  assert.equal(fate(end), `frame ${FRAME.proof} before a hello`);
});

test('only one proof is looked at, however many come at once', () => {
  const { end } = greetedListener();
  const wrong = written((output) => writeProof(output, new Uint8Array(32)));
  end.feeder.push(
    joined(
      written((output) => writeHello(output, strangerHello())),
      wrong,
      wrong,
      wrong,
    ),
  );
  end.take();
  assert.deepEqual(end.sent, [FRAME.hello, FRAME.refused]);
  assert.equal(end.link.state, 'leaving');
});

test('a peer that never proves anything is given up in time, and so is one that does not go', () => {
  for (const frames of [[], [written((output) => writeProof(output, new Uint8Array(32)))]]) {
    const { end } = greetedListener();
    end.feeder.push(
      joined(
        written((output) => writeHello(output, strangerHello())),
        ...frames,
      ),
    );
    assert.equal(end.link.dueMs, HANDSHAKE_MS_MAX);
    end.link.tick(HANDSHAKE_MS_MAX - 1);
    assert.ok(!end.connection.destroyed);
    end.link.tick(HANDSHAKE_MS_MAX);
    assert.ok(end.connection.destroyed);
    const reason =
      frames.length === 0 ? 'no proof within the time limit' : 'the secret of the peer is another one';
    assert.equal(fate(end), reason);
  }
});

test('a slot that changes between hello and proof is told behind the proof', () => {
  const pair = guardedPair(GUARDED, GUARDED);
  const { dialler, listener } = pair;
  dialler.link.opened();
  listener.feeder.push(dialler.take());
  listener.cache.nodeSlot = 6;
  listener.link.announceSlot(6);
  dialler.feeder.push(listener.take());
  dialler.cache.nodeSlot = 5;
  dialler.link.announceSlot(5);
  pair.settle();
  assert.ok(dialler.link.isOpen && listener.link.isOpen);
  assert.deepEqual([dialler.link.peerSlot, listener.link.peerSlot], [6, 5]);
});

// Compression

const LONG = bytesOf('twins '.repeat(1000));
const random = seededRandom(7);
const NOISE = Uint8Array.from({ length: 6000 }, () => random.below(256));

function valuesOf({ cache }: LinkEnd<MapCache>): Map<string, string> {
  return cache.snapshot();
}

for (const cut of ['in one chunk', 'byte by byte', 'at random'] as const) {
  test(`long frames go compressed where both sides can, cut ${cut}`, () => {
    const pair = mapLinkPair(100, [compressing(500), compressing(500)]);
    const { dialler, listener } = pair;
    pair.open();
    const large = new Uint8Array(3 * PIECE_BYTES_MAX + 77);
    for (let i = 0; i < large.length; i++) large[i] = i % 100;
    dialler.cache.set('long', LONG, 3, 1900000009);
    dialler.cache.set('large', large, 0, 0);
    dialler.cache.set('noise', NOISE, 0, 0);
    dialler.cache.set('short', bytesOf('a'.repeat(400)), 0, 0);
    dialler.link.pump(0);
    const bytes = dialler.take();
    assert.ok(bytes.length < NOISE.length + 4000, `${bytes.length} bytes`);
    for (let at = 0; at < bytes.length; ) {
      const count =
        cut === 'in one chunk' ? bytes.length : cut === 'byte by byte' ? 1 : 1 + random.below(900);
      listener.feeder.push(bytes.subarray(at, at + count));
      at += count;
    }
    assert.deepEqual(valuesOf(listener), valuesOf(dialler));
    // `long`, and the four pieces of `large`, of which the last is too short; the noise is as long when it has been compressed.
    const { compressor } = dialler.link;
    assert.equal(compressor?.frames, 4);
    assert.ok(compressor.savedBytes > 90_000);
    assert.equal(listener.link.compressor?.frames, 0);
  });
}

test('full copies are compressed, too', () => {
  const pair = mapLinkPair(100, [compressing(500), compressing(500)]);
  for (let i = 0; i < 50; i++) pair.listener.cache.set(`k${i}`, LONG, 0, 0);
  pair.open();
  assert.deepEqual(valuesOf(pair.dialler), valuesOf(pair.listener));
  assert.equal(pair.listener.link.compressor?.frames, 50);
});

test('who does not understand it is sent nothing compressed; who only understands it sends nothing so', () => {
  const only = compressing(Number.POSITIVE_INFINITY);
  for (const [dialler, listener, framesOfDialler] of [
    [compressing(500), UNGUARDED, 0],
    [compressing(500), only, 1],
    [only, compressing(500), 0],
    [UNGUARDED, compressing(500), 0],
  ] as const) {
    const pair = mapLinkPair(100, [dialler, listener]);
    pair.open();
    pair.dialler.cache.set('k', LONG, 0, 0);
    pair.settle();
    assert.deepEqual(valuesOf(pair.listener), valuesOf(pair.dialler));
    assert.equal(pair.dialler.link.compressor?.frames ?? 0, framesOfDialler);
  }
});

/** A frame that says to be compressed, with a right checksum. */
function compressedFrame(kind: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  bytes.set(body, HEADER_BYTES);
  seal(bytes, 0, kind, body.length, FRAME_FLAG.compressed);
  return bytes;
}

test('what cannot be inflated, or would be larger than a frame, or should not be compressed closes the link', () => {
  const { codec } = compressing(1);
  assert.ok(codec !== null);
  const deflated = (bytes: Uint8Array): Uint8Array => {
    const packed = codec.deflate(bytes, 0, bytes.length);
    assert.ok(packed !== null);
    return Uint8Array.from(packed);
  };
  const bomb = deflated(new Uint8Array(5_000_000));
  assert.ok(bomb.length < FRAME_BODY_BYTES_MAX);
  for (const [kind, body, reason] of [
    [FRAME.set, bomb, `a frame of kind ${FRAME.set} that cannot be inflated`],
    [FRAME.set, bytesOf('\xffjunk'), `a frame of kind ${FRAME.set} that cannot be inflated`],
    [FRAME.set, deflated(bytesOf('a'.repeat(3000))), 'a value of 1633771873 bytes'],
    [FRAME.piece, deflated(new Uint8Array(PIECE_BYTES_MAX + 1)), `a piece of ${PIECE_BYTES_MAX + 1} bytes`],
    [FRAME.piece, deflated(new Uint8Array(100)), `frame ${FRAME.piece} out of place`],
    [FRAME.ping, deflated(new Uint8Array(100)), `a compressed frame of kind ${FRAME.ping}`],
    [FRAME.hello, deflated(new Uint8Array(100)), `a compressed frame of kind ${FRAME.hello}`],
  ] as const) {
    const pair = mapLinkPair(100, [compressing(500), compressing(500)]);
    pair.open();
    pair.listener.feeder.push(compressedFrame(kind, body));
    assert.equal(fate(pair.listener), reason);
    // Without the feature each of them is none.
    const plain = mapLinkPair(100, [UNGUARDED, compressing(500)]);
    plain.open();
    plain.listener.feeder.push(compressedFrame(kind, body));
    assert.equal(fate(plain.listener), 'frame flags 1');
  }
});

test('of another release is who greets as ours does and then is not understood', () => {
  const hello = written((output) => writeHello(output, strangerHello()));
  const broken = hello.map((byte, i) => (i === 4 ? byte ^ 1 : byte));
  for (const [said, isMisunderstood] of [
    [broken, true],
    [written((output) => writeHello(output, strangerHello({ version: 9, versionMin: 8 }))), true],
    [written((output) => writeHello(output, strangerHello({ version: 9, versionMin: 1 }))), false],
    [hello, false],
  ] as const) {
    const { end } = greetedListener();
    end.feeder.push(said);
    assert.equal(end.link.isMisunderstood, isMisunderstood);
    assert.equal(end.connection.destroyed, isMisunderstood);
  }
  const stranger = mapLinkEnd(new VirtualTime(), '0b'.repeat(16), -1, 10, GUARDED);
  stranger.feeder.push(bytesOf('get a\r\n'));
  assert.equal(stranger.link.isMisunderstood, false);
});
