import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection, PieceFeeder } from '../../testing/memory-connection.ts';
import { VirtualTime } from '../../testing/replication/virtual-time.ts';
import { TestCache } from '../../testing/test-cache.ts';
import { seededRandom } from '../base/random.ts';
import { FeedReader } from '../store/change-feed.ts';
import { GREETING } from './frames.ts';
import { YOUNG_MS_MAX } from './in-sync.ts';
import { Link } from './link.ts';
import { UNGUARDED } from './link-safety.ts';
import { LEGACY_SILENCE_MS } from './link-times.ts';
import { peerStatistics } from './peer-statistics.ts';
import { Peers } from './peers.ts';

const READY_MS_MAX = 5000;

/** A node whose peer is the test, in the words of repcached: all its connections are made here. */
class Node {
  readonly time = new VirtualTime();
  readonly cache = new TestCache({ feedBytes: 65536, tombstonesMax: 100, memoryBytesMax: 8 << 20 });
  readonly peers: Peers;
  readonly messages: string[] = [];
  connection = new MemoryConnection();
  link: Link | null = null;
  #feeder: PieceFeeder | null = null;

  constructor(targets: readonly string[] = ['c:11212']) {
    const nothing = (): void => {};
    const actions = {
      listen: (index: number): void => this.peers.listening(index),
      dial: (): void => this.connect(0),
      ready: nothing,
      acknowledged: nothing,
      syncDoubted: nothing,
      stopped: nothing,
      failed: nothing,
      log: (_verbosity: number, message: string): void => void this.messages.push(message),
    };
    this.peers = new Peers(this.time, seededRandom(1), this.cache.cache, actions, {
      nodeId: '0a'.repeat(16),
      targets: targets.map((address) => [address]),
      listeners: 1,
      readyMsMax: READY_MS_MAX,
    });
  }

  /** @param target 0: it has dialled, -1: it was dialled */
  connect(target: number): void {
    const { cache } = this.cache;
    this.connection = new MemoryConnection();
    const readers = [new FeedReader(this.cache.shared, 0)];
    const safety = { ...UNGUARDED, legacy: cache };
    this.link = new Link(this.connection, this.time, cache, readers, this.peers, target, safety);
    this.#feeder = new PieceFeeder(this.link);
    this.peers.added(this.link);
    this.link.opened();
  }

  /** The connection breaks; the next one is dialled. */
  relink(): void {
    const broken = this.link;
    broken?.closed(null);
    for (let waited = 0; this.link === broken && waited < 100; waited++) this.wait(100);
    assert.notEqual(this.link, broken);
    this.said();
  }

  wait(ms: number): void {
    this.time.run(this.time.nowMs + ms);
    this.cache.advance(ms);
    this.peers.tick();
  }

  hears(text: string): void {
    this.#feeder?.push(Uint8Array.from(Buffer.from(text, 'latin1')));
  }

  said(): string {
    while (this.peers.pump());
    return this.connection.take();
  }

  shows(key: string): string | null {
    return this.cache.get(key)?.value ?? null;
  }

  statistics(): Map<string, string> {
    return new Map(peerStatistics(this.peers, this.time.nowMs));
  }
}

test('a copy that takes long keeps clients out while it comes, one that stops does not', () => {
  const node = new Node();
  node.peers.start();
  for (let second = 0; second < 20; second++) {
    node.hears(`rep k${second} 0 0 1 1\r\nx\r\n`);
    node.wait(1000);
    assert.equal(node.peers.isReady, false, `after ${second} s`);
  }
  for (let waited = 0; waited <= READY_MS_MAX; waited += 500) node.wait(500);
  assert.ok(node.peers.isReady);
});

test('a copy that broke does not undo, when it comes again, what clients had changed before', () => {
  const node = new Node();
  node.peers.start();
  node.hears('rep k 0 0 3 1\r\nold\r\nmarugoto_end\r\n');
  node.said();
  assert.ok(node.peers.isReady);
  node.relink();
  node.cache.set('k', 'written alone');
  node.hears('rep other 0 0 1 2\r\nx\r\n');
  node.said();
  node.relink();
  node.hears('rep k 0 0 3 1\r\nold\r\nrep other 0 0 1 2\r\nx\r\nmarugoto_end\r\n');
  assert.equal(node.shows('k'), 'written alone');
  assert.match(node.said(), /rep k 0 0 13 \d+\r\nwritten alone\r\n/);
});

test('what was not sent when the link broke is not undone; what was is, by a later change', () => {
  const node = new Node();
  node.peers.start();
  node.hears('marugoto_end\r\n');
  node.said();
  node.cache.set('sent', '1');
  assert.match(node.said(), /^rep sent /);
  node.wait(1);
  node.cache.set('unsent', '1');
  node.relink();
  node.hears('rep sent 0 0 5 7\r\nlater\r\nrep unsent 0 0 5 8\r\nstale\r\nmarugoto_end\r\n');
  assert.equal(node.shows('sent'), 'later');
  assert.equal(node.shows('unsent'), '1');
});

test('a first copy that broke is all taken from the next', () => {
  const node = new Node();
  node.peers.start();
  node.hears('rep k 0 0 3 1\r\nold\r\n');
  node.said();
  assert.equal(node.peers.isReady, false);
  node.relink();
  // Nobody answers now, so clients are let in with what there is.
  node.relink();
  assert.ok(node.peers.isReady);
  node.hears('rep k 0 0 3 2\r\nnew\r\nmarugoto_end\r\n');
  assert.equal(node.shows('k'), 'new');
});

for (const said of ['rep k 0 0 3 1\r\nold\r\n', 'marugoto_end\r\n'])
  test(`a node that is taken for a repcached (${said.split(' ')[0]?.trim()}), because its greeting is late, does not serve without what is there`, () => {
    const node = new Node();
    node.peers.start();
    const attempt = node.link;
    node.hears(`${GREETING}${said}`);
    assert.ok(node.connection.destroyed);
    attempt?.closed(null);
    assert.equal(node.peers.isReady, false);
    for (let waited = 0; node.link === attempt && waited < 10; waited++) node.wait(10);
    assert.notEqual(node.link, attempt, 'it tries again soon');
    node.wait(YOUNG_MS_MAX);
    assert.equal(node.peers.isReady, false);
    assert.equal(node.peers.isInSync, false);
  });

test('a node is not in sync because somebody has dialled it who says nothing, while the place that it dials itself does not answer', () => {
  const node = new Node();
  node.peers.start();
  const attempt = node.link;
  node.connect(-1);
  node.wait(LEGACY_SILENCE_MS);
  assert.equal(node.statistics().get('replication_peer_0_protocol'), 'repcached');
  assert.equal(node.peers.isInSync, false);
  node.wait(YOUNG_MS_MAX);
  assert.equal(node.peers.isInSync, false);
  attempt?.closed(null);
  node.wait(10);
  assert.equal(node.peers.isInSync, false);
  assert.ok(node.peers.missingMs > 0);
});

test('statistics of a repcached that has dialled', () => {
  const node = new Node([]);
  node.peers.start();
  assert.ok(node.peers.isReady);
  node.connect(-1);
  node.wait(LEGACY_SILENCE_MS);
  node.said();
  node.hears(`rep k 0 0 1 1\r\nx\r\nrep a b 0 0 1 1\r\nx\r\nrep large 0 0 2000000 1\r\n`);
  node.hears(`${'x'.repeat(2_000_000)}\r\n`);
  node.said();
  const statistics = node.statistics();
  assert.equal(statistics.get('replication_state'), 'linked');
  assert.equal(statistics.get('replication_peer_0_protocol'), 'repcached');
  assert.equal(statistics.get('replication_changes_received'), '3');
  assert.equal(statistics.get('replication_refused_keys'), '1');
  assert.equal(statistics.get('replication_refused_too_large'), '1');
  assert.equal(statistics.has('replication_peer_0_lag_changes'), false);
  node.link?.closed(null);
  const after = node.statistics();
  assert.equal(after.get('replication_changes_received'), '3');
  assert.equal(after.get('replication_refused_keys'), '1');
  assert.equal(after.get('replication_refused_too_large'), '1');
});
