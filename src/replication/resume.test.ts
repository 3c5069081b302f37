import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameByHand } from '../../testing/replication/frames-by-hand.ts';
import { LinkEnd, LinkPair, mapLinkPair } from '../../testing/replication/link-pair.ts';
import { type MapCache, MapFeedReader } from '../../testing/replication/map-cache.ts';
import { type FeedPosition, FRAME, PIECE_BYTES_MAX } from './frames.ts';
import { ACKNOWLEDGE_MS, PING_MS } from './link-times.ts';
import { PAST_NODES_MAX, PastNodes } from './past-nodes.ts';
import { MARKS_MAX } from './sent-marks.ts';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** A pair that is in step. */
function openPair(feedCapacity = 100): LinkPair<MapCache> {
  const pair = mapLinkPair(feedCapacity);
  pair.open();
  pair.dialler.cache.set('first', bytesOf('1'), 0, 0);
  pair.listener.cache.set('second', bytesOf('2'), 0, 0);
  pair.settle();
  return pair;
}

/** The same two nodes over a new link, each with what it remembers of the old one. */
function again(
  pair: LinkPair<MapCache>,
  bend: (position: FeedPosition) => FeedPosition = (position) => position,
): LinkPair<MapCache> {
  const [dialler, listener] = [pair.dialler, pair.listener].map((end, index) => {
    const { position } = end.link.marks;
    assert.ok(position !== null, 'the peer has said up to where everything is here');
    end.closeWith(null);
    const readers = [new MapFeedReader(end.cache.feed)];
    const next = new LinkEnd(pair.time, end.owner.nodeId, index === 0 ? 0 : -1, end.cache, readers);
    next.owner.resume = bend(position);
    return next;
  });
  assert.ok(dialler !== undefined && listener !== undefined);
  return new LinkPair(pair.time, dialler, listener);
}

/** Opens it. @returns kinds of the frames that the dialler has sent meanwhile */
function openedBy(pair: LinkPair<MapCache>): readonly number[] {
  pair.dialler.link.opened();
  pair.settle();
  assert.deepEqual(pair.listener.cache.snapshot(), pair.dialler.cache.snapshot());
  return [...pair.dialler.sent];
}

test('a link that follows another sends only what has changed between them', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  for (let i = 0; i < 50; i++) dialler.cache.set(`k${i}`, bytesOf('v'), 0, 0);
  pair.settle();
  const next = again(pair);
  dialler.cache.set('k1', bytesOf('between'), 0, 0);
  dialler.cache.delete('k2');
  dialler.cache.touch('k3', 1900000099);
  listener.cache.set('there', bytesOf('x'), 0, 0);
  const { hello, resume, resumed, set, touch, mark } = FRAME;
  assert.deepEqual(openedBy(next), [hello, resume, set, FRAME.delete, touch, resumed, mark]);
  assert.equal(next.dialler.link.partialSyncs, 1);
  assert.equal(next.dialler.link.copies.fullSyncs, 0);
  for (const end of [next.dialler, next.listener]) assert.equal(end.link.syncsReceived, 1);
  assert.deepEqual(next.dialler.owner.events.slice(0, 2), ['connected', 'linked']);
  assert.ok(next.dialler.owner.events.includes('synced'));
});

test('a flush between two links reaches the peer', () => {
  const pair = openPair();
  const next = again(pair);
  pair.dialler.cache.flush();
  openedBy(next);
  assert.equal(next.listener.cache.entries.size, 0);
});

test('what the ring holds to the last record is sent from it; one more, and everything is', () => {
  const capacity = 20;
  for (const [changes, isPartial] of [
    [0, true],
    [capacity, true],
    [capacity + 1, false],
    [5 * capacity, false],
  ] as const) {
    const pair = openPair(capacity);
    const next = again(pair);
    for (let i = 0; i < changes; i++) pair.dialler.cache.set(`k${i}`, bytesOf('v'), 0, 0);
    const sent = openedBy(next);
    assert.equal(sent.includes(FRAME.resumed), isPartial, `${changes} changes`);
    assert.equal(sent.includes(FRAME.syncBegin), !isPartial, `${changes} changes`);
    assert.equal(next.dialler.link.copies.fullSyncs, isPartial ? 0 : 1);
  }
});

test('a position that this node has not given is not believed', () => {
  const bends: readonly ((position: FeedPosition) => FeedPosition)[] = [
    ({ positions, tag }) => ({ positions, tag: (tag + 1) >>> 0 }),
    ({ positions, tag }) => ({ positions: positions.map((position) => position - 1), tag }),
    ({ tag }) => ({ positions: new Float64Array(2), tag }),
    ({ tag }) => ({ positions: new Float64Array(0), tag }),
  ];
  for (const bend of bends) {
    const next = again(openPair(), bend);
    const sent = openedBy(next);
    assert.ok(sent.includes(FRAME.syncBegin) && !sent.includes(FRAME.resumed));
  }
});

test('nothing of a full copy that was cut counts as taken', () => {
  const pair = mapLinkPair();
  for (let i = 0; i < 200; i++) pair.dialler.cache.set(`k${i}`, new Uint8Array(5000), 0, 0);
  pair.dialler.link.opened();
  for (let i = 0; i < 3; i++) {
    pair.listener.feeder.push(pair.dialler.take());
    pair.dialler.feeder.push(pair.listener.take());
  }
  pair.dialler.link.pump(0);
  pair.listener.feeder.push(pair.dialler.take());
  assert.ok(pair.listener.link.receivingSync && pair.listener.cache.entries.size > 10);
  assert.equal(pair.listener.link.marks.position, null);
  pair.settle();
  assert.notEqual(pair.listener.link.marks.position, null);
});

test('an ack says up to where the peer has the changes; at once when somebody waits', () => {
  const pair = openPair();
  const { dialler, listener, time } = pair;
  const { feed } = dialler.cache;
  time.run(ACKNOWLEDGE_MS);
  pair.settle();
  dialler.cache.set('late', bytesOf('v'), 0, 0);
  pair.settle();
  assert.equal(dialler.link.acknowledged[0], feed.written - 1);
  assert.ok(dialler.link.marks.lagMs(time.nowMs + 7) >= 7);
  time.run(2 * ACKNOWLEDGE_MS);
  pair.settle();
  assert.equal(dialler.link.acknowledged[0], feed.written);
  assert.equal(dialler.link.marks.lagMs(time.nowMs), 0);
  dialler.owner.acksWanted = true;
  dialler.owner.events.length = 0;
  dialler.cache.set('urgent', bytesOf('v'), 0, 0);
  pair.settle();
  assert.equal(dialler.link.acknowledged[0], feed.written);
  assert.deepEqual(dialler.owner.events, ['acknowledged']);
  // Thousands of writes of one turn cost one mark.
  listener.sent.length = 0;
  for (let i = 0; i < 90; i++) dialler.cache.set(`k${i}`, bytesOf('v'), 0, 0);
  pair.settle();
  assert.equal(listener.countSent(FRAME.ack), 1);
  assert.equal(dialler.link.acknowledged[0], feed.written);
});

test('while a full copy is sent again acks do not count', () => {
  const pair = openPair(10);
  const { dialler } = pair;
  dialler.owner.acksWanted = true;
  for (let i = 0; i < 300; i++) dialler.cache.set(`k${i}`, new Uint8Array(3000), 0, 0);
  dialler.link.pump(0);
  assert.equal(dialler.link.isComplete, false);
  const before = dialler.link.acknowledged[0];
  pair.listener.feeder.push(dialler.take());
  dialler.feeder.push(pair.listener.take());
  assert.equal(dialler.link.acknowledged[0], before);
  pair.settle();
  assert.equal(dialler.link.isComplete, true);
  assert.equal(dialler.link.acknowledged[0], dialler.cache.feed.written);
});

test('so many marks wait for their acks, the next one covers more', () => {
  const pair = openPair(10_000);
  const { dialler, listener } = pair;
  pair.time.run(PING_MS);
  pair.settle();
  dialler.owner.acksWanted = true;
  dialler.sent.length = 0;
  const streams: Uint8Array[] = [];
  for (let i = 0; i < MARKS_MAX + 40; i++) {
    dialler.cache.set(`k${i}`, bytesOf('v'), 0, 0);
    dialler.link.pump(0);
    streams.push(dialler.take());
  }
  assert.equal(dialler.countSent(FRAME.mark), MARKS_MAX);
  for (const stream of streams) listener.feeder.push(stream);
  pair.settle();
  assert.equal(dialler.countSent(FRAME.mark), 1);
  assert.equal(dialler.link.acknowledged[0], dialler.cache.feed.written);
});

test('a mark that waited for a place is work as soon as an ack has made one free', () => {
  const { dialler, listener, time } = openPair(10_000);
  dialler.owner.acksWanted = true;
  const streams: Uint8Array[] = [];
  const isSent = () => dialler.cache.feed.written === dialler.link.acknowledged[0];
  for (let i = 0; i < 2 * MARKS_MAX; i++) {
    dialler.cache.set(`k${i}`, bytesOf('v'), 0, 0);
    dialler.link.pump(time.nowMs);
    streams.push(dialler.take());
  }
  // Until then the turns of the loop do not pump in vain.
  assert.equal(dialler.link.hasWork, false);
  for (const stream of streams) listener.feeder.push(stream);
  dialler.feeder.push(listener.take());
  assert.equal(isSent(), false);
  // Nothing is changed any more, and no ping is due; whoever pumps goes by `hasWork`.
  assert.equal(dialler.link.hasWork, true);
  dialler.link.pump(time.nowMs);
  assert.equal(dialler.link.hasWork, false);
  listener.feeder.push(dialler.take());
  dialler.feeder.push(listener.take());
  assert.equal(isSent(), true);
});

test('an ack of a mark that was not sent, and frames that cannot come here, close the link', () => {
  const resume = new Uint8Array(8);
  for (const frame of [
    frameByHand(FRAME.ack, [200, 0, 0, 0]),
    frameByHand(FRAME.ack, [255, 255, 255, 255]),
    frameByHand(FRAME.resume, resume),
  ]) {
    const { listener } = openPair();
    listener.feeder.push(frame);
    assert.ok(listener.hasLeft);
  }
  const { dialler, listener } = openPair();
  dialler.cache.set('large', new Uint8Array(3 * PIECE_BYTES_MAX), 0, 0);
  dialler.link.pump(0);
  listener.feeder.push(dialler.take().subarray(0, PIECE_BYTES_MAX));
  listener.feeder.push(new Uint8Array(0));
  assert.ok(!listener.hasLeft);
});

test('whoever has lost a node gets what others have of its slots, above a version', () => {
  const pair = openPair();
  const { dialler, listener } = pair;
  const mine = listener.cache.set('mine', bytesOf('m'), 0, 0);
  // As if node slot 5 had told it to the listener only.
  listener.cache.nodeSlot = 5;
  const old = listener.cache.set('old', bytesOf('o'), 0, 0);
  const lost = listener.cache.set('lost', bytesOf('l'), 0, 0);
  listener.cache.set('gone', bytesOf('g'), 0, 0);
  listener.cache.delete('gone');
  listener.cache.nodeSlot = 1;
  listener.link.sender.seekEnd();
  pair.settle();
  assert.equal(dialler.cache.versionOf('lost'), 0);
  dialler.link.ask(1 << 5, old);
  listener.sent.length = 0;
  pair.settle();
  assert.equal(dialler.cache.versionOf('lost'), lost);
  assert.equal(dialler.cache.versionOf('old'), 0);
  assert.match(dialler.cache.snapshot().get('gone')!, /deleted$/);
  assert.equal(listener.link.copies.repairs, 1);
  assert.ok(mine > 0);
  // Two questions before an answer are one.
  dialler.link.ask(1 << 5, lost);
  dialler.link.ask(1 << 1, 0);
  pair.settle();
  assert.equal(listener.link.copies.repairs, 2);
  assert.equal(dialler.cache.versionOf('mine'), mine);
  listener.link.announceLost('0d'.repeat(16), 1 << 5);
  pair.settle();
  assert.equal(dialler.owner.events.at(-1), `lost ${'0d'.repeat(16)} 32`);
});

test('of nodes that are gone as many are remembered as there can be, the last ones', () => {
  const past = new PastNodes();
  const position = { positions: new Float64Array([1]), tag: 2 };
  for (let i = 0; i <= PAST_NODES_MAX; i++) past.remember(`node ${i}`, position, 5 + i, 1 << (i & 7));
  assert.equal(past.of('node 0'), null);
  assert.equal(past.position('node 1'), position);
  // A link that brought nothing new takes nothing away.
  const node = past.remember('node 1', null, 0, 1 << 7);
  assert.deepEqual([node.position, node.completeTo, node.slots], [position, 6, 0x82]);
  past.remember('another', position, 1, 1);
  assert.equal(past.position('node 1'), position);
  assert.equal(past.of('node 2'), null);
  assert.equal(PastNodes.wantedAbove(null), 0);
});
