import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection, PieceFeeder } from '../../testing/memory-connection.ts';
import { NotingOwner } from '../../testing/replication/link-pair.ts';
import { VirtualTime } from '../../testing/replication/virtual-time.ts';
import { TEST_START_MS, TestCache } from '../../testing/test-cache.ts';
import { seededRandom } from '../base/random.ts';
import { FeedReader } from '../store/change-feed.ts';
import { GREETING } from './frames.ts';
import { beginsLegacy, LEGACY_LINE_BYTES_MAX } from './legacy-receiver.ts';
import { Link } from './link.ts';
import { receivedTooLarge, refusedKeys } from './link-counts.ts';
import { UNGUARDED } from './link-safety.ts';
import { LEGACY_SILENCE_MS, STUCK_MS_MAX } from './link-times.ts';

const NOW = TEST_START_MS / 1000;
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** A node over a real cache, whose peer is the test, in the words of repcached. */
class Node {
  readonly time = new VirtualTime();
  readonly cache = new TestCache({ feedBytes: 65536, tombstonesMax: 100, memoryBytesMax: 8 << 20 });
  readonly connection = new MemoryConnection();
  readonly owner: NotingOwner;
  readonly link: Link;
  readonly feeder: PieceFeeder;

  constructor(role: 'dialler' | 'listener', allowsLegacy = true) {
    const { cache } = this.cache;
    this.owner = new NotingOwner(cache, '0a'.repeat(16), this.time);
    this.link = new Link(
      this.connection,
      this.time,
      cache,
      [new FeedReader(this.cache.shared, 0)],
      this.owner,
      role === 'dialler' ? 0 : -1,
      { ...UNGUARDED, legacy: allowsLegacy ? cache : null },
    );
    this.feeder = new PieceFeeder(this.link);
  }

  /** What it says. */
  said(): string {
    while (this.link.pump(this.time.nowMs));
    return this.connection.take();
  }

  hears(text: string, cutAt?: (rest: number) => number): void {
    const bytes = bytesOf(text);
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, cutAt?.(bytes.length - at) ?? bytes.length);
      this.feeder.push(bytes.subarray(at, at + count));
      at += count;
    }
  }

  /** The peer has dialled and says nothing. */
  waits(): this {
    this.time.run(LEGACY_SILENCE_MS);
    this.link.tick(this.time.nowMs);
    return this;
  }

  shows(key: string): string | null {
    const found = this.cache.get(key);
    if (found === null) return null;
    const bytes = bytesOf(key);
    const { cache } = this.cache;
    const hash = cache.hash(bytes, 0, bytes.length);
    const item = cache.find(bytes, 0, bytes.length, hash);
    const line = `${found.flags} ${cache.exptime(item)} ${cache.meta.casHigh(item)}/${cache.meta.casLow(item)} ${found.value}`;
    cache.release(hash);
    return line;
  }
}

/** A node that has dialled a repcached and has its copy. */
function linkedDialler(): Node {
  const node = new Node('dialler');
  node.link.opened();
  assert.equal(node.said(), GREETING);
  node.hears('marugoto_end\r\n');
  assert.ok(node.link.isOpen);
  return node;
}

test('what is over by this clock when it comes is not deleted where it came from, whose clock may be behind', () => {
  const node = linkedDialler();
  node.cache.set('x', 'older');
  node.said();
  node.hears(`rep x 0 ${NOW - 5} 1 9\r\nx\r\nrep y 0 1 1 10\r\ny\r\n`);
  assert.deepEqual([node.shows('x'), node.shows('y')], [null, null]);
  assert.equal(node.said(), '');
});

test('a dialler that says nothing is given everything, in the words of repcached', () => {
  const node = new Node('listener');
  node.cache.set('a', 'AAA', 5);
  node.cache.set('b', 'BB', 0xffffffff, NOW + 1000);
  node.cache.setMarked('c', 'C', 0);
  const cas = (key: string): number => (node.cache.get(key)?.version ?? 0) % 2 ** 32;
  assert.equal(node.link.dueMs, LEGACY_SILENCE_MS);
  assert.equal(node.said(), '', 'one that goes within that time has got nothing');
  const said = node.waits().said();
  assert.ok(said.startsWith(GREETING), 'which a repcached ignores');
  const dump = said.slice(GREETING.length);
  const lines = dump.split('\r\n').slice(0, -1);
  assert.equal(lines.at(-1), 'marugoto_end');
  const items = [
    `rep a 5 0 3 ${cas('a')}\r\nAAA`,
    `rep b 4294967295 ${NOW + 1000} 2 ${cas('b')}\r\nBB`,
    `rep c 0 0 1 ${cas('c')}\r\nC`,
  ];
  assert.deepEqual([...dump.matchAll(/rep [^\r]*\r\n[^\r]*/g)].map(String).sort(), items);
  assert.equal(dump.length, items.join('\r\n').length + 2 + 'marugoto_end\r\n'.length);
  assert.equal(new Node('listener').waits().said(), `${GREETING}marugoto_end\r\n`);
});

test('what clients do is said as repcached says it', () => {
  const node = new Node('listener').waits();
  node.said();
  const cas = (): number => node.cache.cache.lastVersion % 2 ** 32;
  node.cache.set('k', 'v1', 7);
  assert.equal(node.said(), `rep k 7 0 2 ${cas()}\r\nv1\r\n`);
  node.cache.touch('k', NOW + 50);
  assert.equal(node.said(), `rep k 7 ${NOW + 50} 2 ${cas()}\r\nv1\r\n`);
  node.cache.set('n', '10');
  node.cache.arithmetic('n', true, 5n);
  assert.equal(node.said(), `rep n 0 0 2 ${cas()}\r\n15\r\n`);
  node.cache.delete('k');
  assert.equal(node.said(), 'delete k\r\n');
  node.cache.delete('k');
  assert.equal(node.said(), '');
  node.cache.cache.flushAll(0);
  assert.equal(node.said(), 'flush_all \r\n');
  node.cache.cache.flushAll(5);
  assert.equal(node.said(), `flush_all ${NOW + 5}\r\n`);
  node.cache.advance(6000);
  assert.equal(node.said(), '', 'when it strikes it is known there');
  node.cache.cache.meta.setNewCas(0x12, 0xfffffffe);
  node.cache.setMarked('e', 'x', 1 << 28);
  assert.match(node.said(), /^rep e 0 0 1 \d+\r\nx\r\n$/);
  // A key that would be more than one word is never sent.
  node.cache.set('two words', 'delete keep');
  node.cache.set('line\r\nend', 'x');
  node.cache.delete('two words');
  assert.equal(node.said(), '');
  // Of the one that was deleted before it was sent only the delete was looked at.
  assert.equal(refusedKeys(node.link), 2);
  node.link.drain();
  node.said();
  assert.ok(node.connection.ended, 'there is no bye: the connection ends when all is sent');
});

const TALK = [
  `rep plain 1 0 3 4294967295\r\nabc\r\n`,
  `rep negative -1 ${NOW + 9} 2 7\r\nxx\r\n`,
  `rep empty 2147483648 0 0 8\r\n\r\n`,
  `rep large 0 0 70000 9\r\n${'L'.repeat(70_000)}\r\n`,
  `rep gone 0 0 1 10\r\ng\r\n`,
  'delete gone\r\n',
  'delete never\r\n',
  'hello v2 abc\r\n',
  'version\r\n',
  'get plain\r\nstats\r\nincr plain 1\r\ntouch plain 1\r\n',
  '\r\n',
  `rep plain 2 0 11 11\r\ndelete keep\r\n`,
  `rep keep 0 0 4 12\r\nsafe\r\n`,
].join('');

test('what a repcached says is done, however it is cut, answered by nothing and not said back', () => {
  const random = seededRandom(3);
  for (const cut of [undefined, () => 1, () => 1 + random.below(50), () => 1 + random.below(30_000)]) {
    const node = linkedDialler();
    node.hears(TALK, cut);
    assert.equal(node.shows('plain'), '2 0 0/11 delete keep');
    assert.equal(node.shows('negative'), `4294967295 ${NOW + 9} 0/7 xx`);
    assert.equal(node.shows('empty'), '2147483648 0 0/8 ');
    assert.equal(node.shows('large'), `0 0 0/9 ${'L'.repeat(70_000)}`);
    assert.equal(node.shows('gone'), null);
    assert.equal(node.shows('keep'), '0 0 0/12 safe');
    assert.equal(node.said(), '');
    // Whoever else is a twin has it from this node's feed.
    const reader = new FeedReader(node.cache.shared, 0);
    assert.ok(reader.position > 0);
    // A client here goes on from there.
    node.cache.set('plain', 'mine');
    assert.match(node.said(), /^rep plain 0 0 4 \d+\r\nmine\r\n$/);
    node.hears('flush_all \r\n');
    assert.equal(node.shows('keep'), null);
    assert.equal(node.said(), '', 'a flush is not said back either');
    node.cache.set('after', 'x');
    node.hears(`flush_all ${NOW + 3}\r\n`);
    assert.equal(node.said().includes('flush_all'), false);
    assert.notEqual(node.shows('after'), null);
    node.cache.advance(3000);
    assert.equal(node.shows('after'), null);
  }
});

test('a node of ours that greets late is no repcached: nothing of its copy is taken, and it is let go', () => {
  const listener = new Node('listener');
  listener.cache.set('k', 'v');
  const dialler = new Node('dialler');
  dialler.link.opened();
  const greeting = dialler.said();
  dialler.hears(listener.waits().said());
  assert.ok(dialler.connection.destroyed);
  assert.equal(dialler.shows('k'), null);
  assert.equal(dialler.link.legacy, null);
  listener.hears(greeting);
  assert.ok(listener.connection.destroyed);
});

test('lines after which nothing can be believed end the link', () => {
  for (const line of [
    'rep a 0 0 1\r\n',
    'rep a 0 0 x 2 3\r\n',
    'rep a b 0 1 2 x\r\n',
    'rep a 0 0 -1 2\r\n',
    'rep a 0 0 99999999999 2\r\n',
    `rep ${'k'.repeat(251)} 0 0 1 2\r\n`,
    'rep a 0 0 1 2\r\nxyz',
    'x'.repeat(LEGACY_LINE_BYTES_MAX + 1),
  ]) {
    const node = linkedDialler();
    node.hears(line);
    assert.ok(node.connection.destroyed, line.slice(0, 40));
    node.link.closed(null);
    assert.equal(node.shows('a'), null);
  }
  const node = linkedDialler();
  node.hears(`rep a 0 0 100000 2\r\n${'x'.repeat(5000)}`);
  node.link.closed(null);
  assert.equal(node.shows('a'), null);
});

test('an item too large for this node is passed over, and the old one with it', () => {
  const node = linkedDialler();
  node.hears('rep a 0 0 1 1\r\nx\r\n');
  node.hears(`rep a 0 0 2000000 2\r\n${'x'.repeat(2_000_000)}\r\nrep b 0 0 1 3\r\ny\r\n`, () => 50_000);
  assert.equal(node.shows('a'), null);
  assert.equal(node.shows('b'), '0 0 0/3 y');
  assert.equal(receivedTooLarge(node.link), 1);
});

test('a key of several words is passed over, with its value, however it is cut', () => {
  for (const cut of [undefined, () => 1, () => 3]) {
    const node = linkedDialler();
    node.hears('rep two words 0 0 11 1\r\nflush_all\r\n\r\nrep b 0 0 1 2\r\ny\r\n', cut);
    assert.equal(node.shows('b'), '0 0 0/2 y');
    assert.equal(refusedKeys(node.link), 1);
    assert.equal(node.connection.destroyed, false);
  }
});

test('a line at the bound is ignored, a longer one ends the link, however it is cut', () => {
  for (const cut of [undefined, () => 1]) {
    const node = linkedDialler();
    node.hears(`${'x'.repeat(LEGACY_LINE_BYTES_MAX)}\n`, cut);
    assert.equal(node.connection.destroyed, false);
    node.hears(`${'x'.repeat(LEGACY_LINE_BYTES_MAX + 1)}\n`, cut);
    assert.ok(node.connection.destroyed);
  }
});

test('a repcached that comes back with nothing is given everything', () => {
  const node = new Node('dialler');
  node.cache.set('old', 'ours', 1);
  node.owner.keepAbove = node.cache.cache.highestVersion();
  node.link.opened();
  node.said();
  node.hears('marugoto_end\r\n');
  assert.match(node.said(), /^rep old 1 0 4 \d+\r\nours\r\n$/);
});

test('what has been sent counts as known to a repcached, and no more', () => {
  const node = new Node('dialler');
  node.owner.keepAbove = 0;
  node.cache.set('solo', '1');
  const solo = node.cache.cache.lastVersion;
  node.link.opened();
  node.said();
  node.hears('rep a 0 0 1 1\r\nx\r\n');
  node.said();
  const { legacy } = node.link;
  assert.ok(legacy !== null);
  assert.equal(legacy.sentUpTo, -1, 'its copy has not come to its end');
  node.hears('marugoto_end\r\n');
  assert.equal(legacy.sentUpTo, -1, 'nothing is sent yet');
  assert.match(node.said(), /^rep solo /);
  assert.ok(legacy.sentUpTo > solo);
  node.cache.set('next', '2');
  assert.ok(legacy.sentUpTo < node.cache.cache.lastVersion);
  node.said();
  assert.ok(legacy.sentUpTo >= node.cache.cache.lastVersion);
});

test('the end of the copy is told once, though changes come faster than the feed holds them', () => {
  const node = new Node('listener').waits();
  let said = node.said();
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 4000; i++) node.cache.set(`key ${i}`.replace(' ', '-'), `${round}`);
    said += node.said();
  }
  assert.ok(node.link.sender.overruns > 0);
  assert.ok(said.includes('rep key-3999 0 0 1 '));
  assert.equal(said.split('marugoto_end').length, 2);
});

test('a node that was changed while there was no link keeps that, and tells it', () => {
  const node = new Node('dialler');
  node.cache.set('old', 'ours', 1);
  node.owner.keepAbove = node.cache.cache.highestVersion();
  node.cache.advance(5);
  node.cache.set('new', 'ours', 2);
  node.cache.set('dropped', 'x');
  node.cache.delete('dropped');
  node.link.opened();
  node.said();
  node.hears(
    'rep old 0 0 6 1\r\ntheirs\r\nrep new 0 0 6 2\r\ntheirs\r\nrep dropped 0 0 1 3\r\nx\r\nmarugoto_end\r\n',
  );
  assert.equal(node.shows('old'), '0 0 0/1 theirs');
  assert.match(node.shows('new') ?? '', / ours$/);
  assert.equal(node.shows('dropped'), null);
  assert.equal(node.link.legacy?.keptItems, 2);
  const said = node.said();
  assert.match(said, /rep new 2 0 4 \d+\r\nours\r\n/);
  assert.match(said, /delete dropped\r\n/);
  assert.ok(!said.includes('old') && !said.includes('marugoto'));
  // From here on the later change wins, as between two repcached.
  node.hears('rep new 0 0 5 9\r\nlater\r\n');
  assert.equal(node.shows('new'), '0 0 0/9 later');
});

test('without leave a peer that does not greet is a stranger', () => {
  const listener = new Node('listener', false);
  listener.cache.set('secret', 'x');
  listener.waits();
  assert.equal(listener.said(), '');
  const dialler = new Node('dialler', false);
  dialler.link.opened();
  dialler.said();
  dialler.hears('rep a 0 0 1 1\r\nx\r\n');
  assert.ok(dialler.connection.destroyed);
  const another = new Node('listener');
  another.owner.keepAbove = -1;
  another.cache.set('secret', 'x');
  assert.equal(another.waits().said(), '');
  assert.ok(another.connection.destroyed, 'the owner does not want it');
});

test('the first bytes tell a repcached from others', () => {
  for (const [text, expected] of [
    ['r', 'partial'],
    ['rep', 'partial'],
    ['rep ', 'yes'],
    ['marugoto_end\r\n', 'yes'],
    ['maru', 'partial'],
    ['delete k\r\n', 'yes'],
    ['flush_all \r\n', 'yes'],
    ['get a\r\n', 'no'],
    ['repeat', 'no'],
    ['\x80', 'no'],
  ] as const)
    assert.equal(beginsLegacy(bytesOf(text), 0, text.length), expected, text);
});

test('a repcached has no heartbeat: the kernel is to find out that its host is gone, and one that takes nothing is given up', () => {
  const node = linkedDialler();
  assert.equal(node.connection.silenceMs, STUCK_MS_MAX);
  assert.equal(node.link.dueMs, Number.POSITIVE_INFINITY, 'while there is nothing to take it is left alone');
  node.time.run(10 * STUCK_MS_MAX);
  assert.equal(node.link.pump(node.time.nowMs), false);
  node.connection.output.blocked = true;
  const dueMs = node.time.nowMs + STUCK_MS_MAX;
  assert.equal(node.link.dueMs, dueMs);
  node.time.run(dueMs - 1);
  node.link.tick(node.time.nowMs);
  assert.ok(node.link.isOpen);
  node.time.run(dueMs);
  node.link.tick(node.time.nowMs);
  assert.ok(node.connection.destroyed);
  assert.ok(node.link.ending.isStuck);
});
