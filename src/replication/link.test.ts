import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frameByHand, sealAnew } from '../../testing/replication/frames-by-hand.ts';
import { type LinkPair, mapLinkEnd, mapLinkPair } from '../../testing/replication/link-pair.ts';
import type { MapCache } from '../../testing/replication/map-cache.ts';
import { VirtualTime } from '../../testing/replication/virtual-time.ts';
import { FrameReader, READ } from './frame-reader.ts';
import { FRAME, GREETING, HELLO_BYTES, PIECE_BYTES_MAX } from './frames.ts';
import { HANDSHAKE_MS_MAX, PARTED_MS_MAX, PING_MS, SILENCE_MS_MAX, STUCK_MS_MAX } from './link-times.ts';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function openPair(feedCapacity?: number): LinkPair<MapCache> {
  const pair = mapLinkPair(feedCapacity);
  pair.open();
  assert.ok(pair.dialler.link.isOpen && pair.listener.link.isOpen);
  return pair;
}

test('two nodes that meet merge what they have', () => {
  const pair = mapLinkPair();
  const { dialler, listener } = pair;
  dialler.cache.set('both', bytesOf('older'), 0, 0);
  pair.time.run(1);
  listener.cache.set('both', bytesOf('newer'), 7, 1900000099);
  listener.cache.set('mine', bytesOf('L'), 0, 0);
  dialler.cache.set('yours', bytesOf('D'), 0, 0);
  dialler.cache.set('gone', bytesOf('x'), 0, 0);
  dialler.cache.delete('gone');
  listener.cache.set('large', new Uint8Array(3 * PIECE_BYTES_MAX + 5).fill(9), 0, 0);
  pair.open();
  assert.deepEqual(dialler.cache.snapshot(), listener.cache.snapshot());
  assert.match(dialler.cache.snapshot().get('both')!, / 7 1900000099 newer$/);
  assert.equal(dialler.cache.snapshot().size, 5);
  for (const end of [dialler, listener])
    assert.deepEqual(
      end.owner.events.filter((e) => e === 'synced'),
      ['synced'],
    );
});

test('changes of either side arrive at the other, and nothing comes back', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  dialler.cache.set('a', bytesOf('1'), 5, 0);
  listener.cache.set('b', bytesOf('2'), 0, 1900000050);
  pair.settle();
  dialler.cache.delete('b');
  listener.cache.touch('a', 1900000077);
  pair.settle();
  assert.deepEqual(dialler.cache.snapshot(), listener.cache.snapshot());
  assert.match(dialler.cache.snapshot().get('a')!, / 5 1900000077 1$/);
  assert.match(listener.cache.snapshot().get('b')!, /deleted$/);
  assert.deepEqual(dialler.sent, [FRAME.set, FRAME.mark, FRAME.delete, FRAME.mark]);
  assert.deepEqual(listener.sent, [FRAME.set, FRAME.mark, FRAME.touch, FRAME.mark]);
  dialler.cache.flush();
  pair.settle();
  assert.equal(listener.cache.entries.size, 0);
  assert.deepEqual(listener.cache.flushState(), dialler.cache.flushState());
});

test('a burst of changes of one key costs one frame', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  for (let i = 0; i < 50; i++) dialler.cache.set('hot', bytesOf(String(i)), 0, 0);
  pair.settle();
  assert.equal(dialler.countSent(FRAME.set), 1);
  assert.equal(dialler.link.sender.coalesced, 49);
  assert.match(listener.cache.snapshot().get('hot')!, / 49$/);
  dialler.cache.delete('hot');
  dialler.cache.set('hot', bytesOf('again'), 0, 0);
  pair.settle();
  assert.equal(dialler.countSent(FRAME.set), 1);
  assert.match(listener.cache.snapshot().get('hot')!, / again$/);
});

test('what is gone before it was sent takes the old value of the peer along', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  listener.cache.set('k', bytesOf('old'), 0, 0);
  pair.settle();
  dialler.cache.set('k', bytesOf('new'), 0, 0);
  dialler.cache.evict('k');
  pair.settle();
  assert.match(listener.cache.snapshot().get('k')!, /deleted$/);
});

test('an older item that a peer sent after ours was evicted does not stay', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  listener.cache.set('k', bytesOf('older'), 0, 0);
  listener.link.pump(0);
  const late = listener.take();
  pair.time.run(5);
  dialler.cache.set('k', bytesOf('newer'), 0, 0);
  dialler.cache.evict('k');
  dialler.feeder.push(late);
  pair.settle();
  assert.match(dialler.cache.snapshot().get('k')!, /deleted$/);
  assert.deepEqual(dialler.cache.snapshot(), listener.cache.snapshot());
});

test("a peer's item that is too large for this node removes the old one, and is counted", () => {
  for (const bytes of [2000, PIECE_BYTES_MAX * 2]) {
    const pair = openPair();
    const { dialler, listener } = pair;
    listener.cache.valueBytesMax = 1000;
    dialler.cache.set('k', bytesOf('small'), 0, 0);
    pair.settle();
    dialler.cache.set('k', new Uint8Array(bytes), 0, 0);
    pair.settle();
    assert.match(listener.cache.snapshot().get('k')!, /deleted$/);
    assert.equal(listener.link.receiver.tooLarge, 1);
    assert.equal(listener.cache.reserved, 0);
    assert.ok(listener.link.isOpen);
  }
});

test('more changes than the feed holds are made good by a full sync', () => {
  const pair = openPair(10);
  const { dialler, listener } = pair;
  for (let i = 0; i < 100; i++) dialler.cache.set(`k${i}`, bytesOf('v'), 0, 0);
  pair.settle();
  assert.equal(dialler.link.sender.overruns, 1);
  assert.deepEqual(listener.cache.snapshot(), dialler.cache.snapshot());
  assert.equal(listener.link.syncsReceived, 2);
  assert.ok(listener.link.isOpen && dialler.link.isOpen);
});

test('an overrun in the middle of a sync has it repeated before its end is called, a bounded number of times', () => {
  const pair = mapLinkPair(4);
  const { dialler, listener } = pair;
  for (let i = 0; i < 200; i++) dialler.cache.set(`k${i}`, new Uint8Array(5000), 0, 0);
  const { output } = dialler.connection;
  dialler.link.opened();
  let rounds = 0;
  // The peer takes little at a time, and each time the feed overflows.
  for (; rounds < 200 && listener.link.syncsReceived === 0; rounds++) {
    for (let i = 0; i < 8; i++) dialler.cache.set(`k${(rounds * 8 + i) % 300}`, new Uint8Array(5000), 0, 0);
    dialler.link.pump(0);
    listener.feeder.push(dialler.take());
    listener.link.pump(0);
    dialler.feeder.push(listener.take());
  }
  assert.ok(rounds > 10 && rounds < 200, `the end came after ${rounds} rounds`);
  assert.ok(dialler.link.sender.overruns > 5);
  assert.equal(output.blocked, false);
  pair.settle();
  assert.deepEqual(listener.cache.snapshot(), dialler.cache.snapshot());
});

test('nothing is written while the peer does not read, and all of it arrives later', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  dialler.connection.output.blocked = true;
  for (let i = 0; i < 60; i++) dialler.cache.set(`k${i}`, new Uint8Array(1000), 0, 0);
  assert.equal(dialler.link.pump(PING_MS * 2), false);
  assert.equal(dialler.take().length, 0);
  assert.ok(dialler.link.sender.backlogBytes() > 0);
  dialler.connection.output.blocked = false;
  pair.settle();
  assert.deepEqual(listener.cache.snapshot(), dialler.cache.snapshot());
});

test('a pump writes a bounded amount', () => {
  const pair = mapLinkPair(100000);
  const { dialler, listener } = pair;
  for (let i = 0; i < 3000; i++) dialler.cache.set(`k${i}`, new Uint8Array(1000), 0, 0);
  dialler.link.opened();
  listener.feeder.push(dialler.take());
  dialler.feeder.push(listener.take());
  listener.feeder.push(dialler.take());
  dialler.feeder.push(listener.take());
  dialler.link.pump(0);
  const first = dialler.take().length;
  assert.ok(first > 50_000 && first < 400_000, `${first} bytes`);
  for (let i = 0; i < 3000; i++) dialler.cache.set(`k${i}`, new Uint8Array(1000), 0, 0);
  assert.equal(dialler.link.pump(0), true);
  const next = dialler.take().length;
  assert.ok(next > 50_000 && next < 700_000, `${next} bytes`);
});

test('ahead of replies only changes go out, and a full sync under way waits for the end of the turn', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  const { link } = listener;
  for (let i = 0; i < 100; i++) listener.cache.set(`k${i}`, new Uint8Array(1000).fill(2), 0, 0);
  // It forgets the changes, for the copy has them.
  link.copies.begin();
  const { items } = link.copies;
  listener.cache.set('urgent', bytesOf('now'), 0, 0);
  assert.ok(link.hasChanges);
  link.pump(pair.time.monotonicMs(), true);
  assert.equal(link.copies.items, items);
  assert.ok(!link.hasChanges && link.hasWork);
  dialler.feeder.push(listener.take());
  assert.match(dialler.cache.snapshot().get('urgent')!, / now$/);
  pair.settle();
  assert.ok(link.copies.items > items && !link.hasWork);
  assert.deepEqual(dialler.cache.snapshot(), listener.cache.snapshot());
});

test('a stranger learns nothing and is closed', () => {
  for (const junk of [
    'get a\r\n',
    'twincached link 2\r\n',
    'rep a 0 0 1 1\r\nA\r\n',
    '\0\0\0\0\0\0\0\0',
    'stats\r\n',
  ]) {
    const end = mapLinkEnd(new VirtualTime(), '0b'.repeat(16), -1, 10);
    end.feeder.push(bytesOf(junk));
    assert.equal(end.take().length, 0, junk);
    assert.ok(end.connection.destroyed, junk);
  }
  // Whoever says the greeting gets ours and a hello, but nothing that the cache holds before its own hello.
  const end = mapLinkEnd(new VirtualTime(), '0b'.repeat(16), -1, 10);
  end.cache.set('secret', bytesOf('value'), 0, 0);
  end.feeder.push(bytesOf(GREETING));
  const answer = text(end.take());
  assert.ok(answer.startsWith(GREETING) && !answer.includes('secret'));
  end.feeder.push(bytesOf('\0\0\0\0\x08\0\0\0'));
  assert.ok(end.connection.destroyed);
  assert.equal(end.take().length, 0);
});

test('a connection without hellos ends within its time, an open one stays by pings and dies of silence', () => {
  const time = new VirtualTime();
  const mute = mapLinkEnd(time, '0b'.repeat(16), -1, 10);
  time.run(HANDSHAKE_MS_MAX - 1);
  mute.link.tick(time.nowMs);
  assert.equal(mute.connection.destroyed, false);
  assert.equal(mute.link.dueMs, HANDSHAKE_MS_MAX);
  time.run(HANDSHAKE_MS_MAX);
  mute.link.tick(time.nowMs);
  assert.ok(mute.connection.destroyed);

  const pair = openPair();
  const { dialler, listener } = pair;
  for (let ms = 0; ms < 20000; ms += 100) {
    pair.time.run(ms);
    dialler.link.tick(ms);
    listener.link.tick(ms);
    pair.settle();
  }
  assert.ok(dialler.link.isOpen && listener.link.isOpen);
  assert.ok(dialler.countSent(FRAME.ping) <= 22);
  assert.ok(SILENCE_MS_MAX < 3000);
  pair.time.run(20000 + SILENCE_MS_MAX);
  dialler.link.tick(pair.time.nowMs);
  assert.ok(dialler.hasLeft);
  dialler.closeWith(null);
  assert.equal(dialler.owner.events.at(-1), 'closed: the peer is silent');
});

/** The listener goes on sending pings, whatever it hears. @returns when the dialler gave it up; -1: it did not */
function givenUpAfter(pair: LinkPair<MapCache>, msMax: number, each: (ms: number) => void): number {
  const { time, dialler, listener } = pair;
  const startMs = time.nowMs;
  while (time.nowMs < startMs + msMax) {
    time.run(time.nowMs + 100);
    each(time.nowMs - startMs);
    listener.link.pump(time.nowMs);
    dialler.feeder.push(listener.take());
    if (time.nowMs >= dialler.link.dueMs) dialler.link.tick(time.nowMs);
    if (dialler.hasLeft) return time.nowMs - startMs;
  }
  return -1;
}

test('a peer that pings, and takes nothing of what is sent, is given up after so long, and no sooner', () => {
  const pair = openPair();
  const { dialler } = pair;
  dialler.connection.output.blocked = true;
  const afterMs = givenUpAfter(pair, 2 * STUCK_MS_MAX, () => {});
  assert.ok(afterMs >= STUCK_MS_MAX && afterMs <= STUCK_MS_MAX + 200, `${afterMs}`);
  dialler.closeWith(null);
  assert.equal(dialler.owner.events.at(-1), 'closed: the peer takes nothing');
  assert.ok(dialler.link.ending.isStuck);
});

test('a peer that takes a little now and then stays', () => {
  const pair = openPair();
  const { dialler, listener, time } = pair;
  const afterMs = givenUpAfter(pair, 4 * STUCK_MS_MAX, (ms) => {
    const { output } = dialler.connection;
    output.blocked = ms % (STUCK_MS_MAX - 1000) !== 0;
    dialler.link.pump(time.nowMs);
    listener.feeder.push(dialler.take());
  });
  assert.equal(afterMs, -1);
});

test('a peer that pings, and takes everything and acknowledges nothing, is given up after so long', () => {
  const pair = openPair();
  const { dialler } = pair;
  // Until both know that the other counts on them.
  for (let i = 0; i < 10; i++) {
    pair.time.run(pair.time.nowMs + 100);
    pair.settle();
  }
  const afterMs = givenUpAfter(pair, 2 * STUCK_MS_MAX, (ms) => {
    if (ms === 1000) dialler.cache.set('k', bytesOf('v'), 0, 0);
    dialler.link.pump(pair.time.nowMs);
    dialler.take();
  });
  assert.ok(afterMs >= STUCK_MS_MAX + 1000 && afterMs <= STUCK_MS_MAX + 1200, `${afterMs}`);
});

test('what was received is acknowledged soon', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  for (let i = 0; i < 5; i++) dialler.cache.set(`k${i}`, bytesOf('v'), 0, 0);
  pair.settle();
  assert.equal(dialler.link.changesAcknowledged, 0);
  assert.ok(listener.link.dueMs <= pair.time.nowMs + 100);
  pair.time.run(100);
  pair.settle();
  assert.equal(dialler.link.changesAcknowledged, 5);
  assert.equal(dialler.link.changesSent, 5);
});

test('a node that stops sends what is queued, a sync too, and says bye', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  for (let i = 0; i < 90; i++) dialler.cache.set(`k${i}`, new Uint8Array(40000), 0, 0);
  dialler.link.drain();
  pair.settle();
  assert.ok(listener.connection.destroyed, 'the peer leaves at the bye');
  assert.equal(listener.cache.entries.size, 90);
  listener.closeWith(null);
  assert.equal(listener.owner.events.at(-1), 'closed: the peer stops');
  dialler.cache.set('late', bytesOf('v'), 0, 0);
  assert.equal(dialler.link.pump(0), false);

  const both = openPair();
  both.dialler.link.drain();
  both.listener.link.drain();
  both.settle();
  assert.ok(both.dialler.connection.destroyed || both.listener.connection.destroyed);
});

test('a link that is given up is told to the peer, in the middle of a value too: both may go on without the other', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  dialler.cache.set('large', new Uint8Array(3 * PIECE_BYTES_MAX), 0, 0);
  dialler.link.pump(0);
  listener.feeder.push(dialler.take().subarray(0, 2 * PIECE_BYTES_MAX));
  listener.link.giveUp('enough');
  assert.ok(listener.connection.ended && !listener.connection.destroyed, 'what it says is sent first');
  assert.equal(listener.link.isOpen, false);
  dialler.feeder.push(listener.take());
  assert.ok(dialler.connection.destroyed);
  for (const end of [dialler, listener]) {
    end.closeWith(null);
    assert.ok(end.link.ending.livesOn);
  }
  assert.equal(listener.owner.events.at(-1), 'closed: enough');
  assert.equal(dialler.owner.events.at(-1), 'closed: the peer gives the link up');

  const halfway = openPair();
  halfway.dialler.cache.set('large', new Uint8Array(3 * PIECE_BYTES_MAX), 0, 0);
  halfway.dialler.link.pump(0);
  const begun = halfway.dialler.take();
  const frames = new FrameReader();
  let at = 0;
  while (frames.kind !== FRAME.piece && frames.next(begun, at, begun.length) === READ.frame) at = frames.end;
  halfway.listener.feeder.push(begun.subarray(0, at));
  assert.ok(halfway.listener.link.receiver.midValue);
  halfway.dialler.link.giveUp('enough');
  halfway.listener.feeder.push(halfway.dialler.take());
  halfway.listener.closeWith(null);
  assert.equal(halfway.listener.owner.events.at(-1), 'closed: the peer gives the link up');
});

for (const isBlocked of [false, true])
  test(`what is said when a link is given up has so long to leave${isBlocked ? ', also behind what the peer has not taken' : ''}`, () => {
    const pair = openPair();
    const { time, dialler, listener } = pair;
    dialler.connection.output.blocked = isBlocked;
    dialler.link.giveUp('enough');
    assert.ok(dialler.link.ending.livesOn);
    assert.equal(dialler.owner.events.at(-1), 'given up');
    dialler.link.tick(time.nowMs + PARTED_MS_MAX - 1);
    assert.equal(dialler.connection.destroyed, false);
    assert.equal(dialler.link.dueMs, time.nowMs + PARTED_MS_MAX);
    dialler.link.tick(time.nowMs + PARTED_MS_MAX);
    assert.ok(dialler.connection.destroyed);
    listener.feeder.push(dialler.take());
    listener.closeWith(null);
    assert.ok(listener.link.ending.livesOn);
  });

test('a value that stops half-way is given back', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  dialler.cache.set('large', new Uint8Array(5 * PIECE_BYTES_MAX), 0, 0);
  dialler.link.pump(0);
  const bytes = dialler.take();
  listener.feeder.push(bytes.subarray(0, 3 * PIECE_BYTES_MAX));
  assert.equal(listener.cache.reserved, 1);
  listener.closeWith({ code: 'ECONNRESET', message: 'Connection reset by peer' });
  assert.equal(listener.cache.reserved, 0);
  assert.equal(listener.cache.entries.size, 0);
  assert.equal(listener.owner.events.at(-1), 'closed: Connection reset by peer');
});

test('frames out of place close the connection; unknown kinds are skipped', () => {
  for (const kind of [FRAME.hello, FRAME.piece, FRAME.syncEnd]) {
    const pair = openPair();
    const bytes = kind === FRAME.hello ? HELLO_BYTES : kind === FRAME.syncEnd ? 8 : 1;
    pair.listener.feeder.push(frameByHand(kind, new Uint8Array(bytes)));
    assert.ok(pair.listener.hasLeft, `kind ${kind}`);
  }
  const pair = openPair();
  pair.listener.feeder.push(frameByHand(99, [1, 2, 3]));
  pair.dialler.cache.set('k', bytesOf('v'), 0, 0);
  pair.settle();
  assert.ok(pair.listener.link.isOpen);
  assert.equal(pair.listener.cache.entries.size, 1);
});

test('whatever bytes a peer sends after its hello, the link neither throws nor keeps a lock or memory', () => {
  const source = openPair();
  for (const bytes of [0, 10, 300, 70000])
    source.dialler.cache.set(`key${bytes}`, new Uint8Array(bytes), 1, 1900000002);
  source.dialler.cache.delete('key10');
  source.dialler.cache.touch('key300', 1900000005);
  source.dialler.cache.flush();
  source.dialler.cache.set('key1', bytesOf('x'), 1, 1900000002);
  source.dialler.link.pump(0);
  const stream = source.dialler.take();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(stream.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(stream.length),
      fc.uint8Array({ maxLength: 40 }),
      (bends, cut, junk) => {
        const pair = openPair();
        const bent = stream.slice(0, cut);
        // Most damage should fall on headers, which stand at the start.
        for (const [at, byte] of bends) bent[at % Math.max(1, Math.min(cut, 600))] = byte;
        const { listener } = pair;
        listener.feeder.push(sealAnew(bent));
        if (!listener.hasLeft) listener.feeder.push(junk);
        listener.closeWith(null);
        assert.equal(listener.cache.locked, 0);
        assert.equal(listener.cache.reserved, 0);
      },
    ),
    { numRuns: 300 },
  );
});

test('a node that has nothing does not send back what it is given', () => {
  const pair = mapLinkPair();
  const { dialler, listener } = pair;
  for (let i = 0; i < 500; i++) listener.cache.set(`k${i}`, new Uint8Array(2000), 0, 0);
  pair.dialler.link.opened();
  pair.settle();
  assert.deepEqual(dialler.cache.snapshot(), listener.cache.snapshot());
  assert.equal(dialler.link.copies.sync.itemsTotal, 0);
  assert.equal(listener.link.syncsReceived, 1);
});
