import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import { mapLinkEnd } from '../../testing/replication/link-pair.ts';
import { MapCache, MapFeedReader } from '../../testing/replication/map-cache.ts';
import { VirtualTime } from '../../testing/replication/virtual-time.ts';
import { seededRandom } from '../base/random.ts';
import type { Session } from '../base/session.ts';
import { newFigures, statisticsOf } from '../net/figures.ts';
import type { Listener, Loop, SessionFactory } from '../net/loop.ts';
import { startReplication } from './replication-service.ts';

const LISTEN = { family: 'ipv4', host: '127.0.0.1', port: 1 } as const;

/** A loop whose turns the test makes, on a virtual clock. */
class TestLoop implements Loop {
  readonly clock = new VirtualTime();
  readonly connectionCount = 0;
  readonly othersWait = false;
  readonly bytesRead = 0;
  readonly bytesWritten = 0;
  readonly figures = newFigures();
  readonly statistics = statisticsOf(this.figures);
  /** The service's connections are made by this. */
  factory: SessionFactory | null = null;
  /** Delays that were asked for since the last turn. */
  readonly delaysMs: number[] = [];
  readonly #due: (() => void)[] = [];
  readonly #turnEnds: (() => void)[] = [];

  get turnMs(): number {
    return this.clock.nowMs;
  }

  /** A turn in which nothing but timers happens. */
  turn(): void {
    this.delaysMs.length = 0;
    for (const callback of this.#due.splice(0)) callback();
    for (const callback of this.#turnEnds) callback();
  }

  schedule(delayMs: number, callback: () => void): number {
    // Others are those of the link's pings.
    if (delayMs < 10) {
      this.delaysMs.push(delayMs);
      this.#due.push(callback);
    }
    return 1;
  }

  serve(_service: number, factory: SessionFactory): void {
    this.factory = factory;
  }

  listen(_options: unknown, _service: number, done: (outcome: Listener) => void): void {
    done({
      address: LISTEN,
      takesDatagrams: false,
      descriptor: 1,
      open: () => null,
      pause: () => {},
      close: () => {},
    });
  }

  onTurnEnd(callback: () => void): void {
    this.#turnEnds.push(callback);
  }

  useMemory(): void {}
  serveDatagrams(): void {}
  listenForDatagrams(): void {}
  cancel(): void {}
  onTurnStart(): void {}
  onRepliesDue(): void {}
  dial(): MemoryConnection {
    throw new Error('nobody is dialled');
  }
}

test('a full copy leaves the turns between its slices to clients, and sleeps where there are none', () => {
  const loop = new TestLoop();
  const cache = new MapCache(loop.clock, 100);
  const value = new Uint8Array(1000);
  for (let i = 0; i < 1000; i++) cache.set(`k${i}`, value, 0, 0);
  startReplication({
    loop,
    cache,
    legacy: null,
    readers: () => [new MapFeedReader(cache.feed)],
    listen: [LISTEN],
    peers: [],
    secret: null,
    certificates: null,
    compressBytesMin: null,
    random: seededRandom(1),
    log: () => {},
    onReady: () => {},
    onRefused: (message) => assert.fail(message),
  });
  const connection = new MemoryConnection();
  const session: Session | undefined = loop.factory?.(connection);
  assert.ok(session !== undefined);
  const twin = mapLinkEnd(loop.clock, '0a'.repeat(16), 0, 100);
  /** @returns bytes that the node has sent */
  const exchange = (): number => {
    const bytes = twin.take();
    if (bytes.length > 0) session.feed(bytes, 0, bytes.length);
    const { output } = connection;
    const sent = output.bytes.slice(output.start, output.at);
    output.at = output.start;
    if (sent.length > 0) twin.feeder.push(sent);
    return sent.length;
  };
  twin.link.opened();
  for (let i = 0; i < 6; i++) exchange();
  assert.ok(twin.link.isOpen);
  let slices = 0;
  // Beside the items there is one more.
  for (let turns = 0; twin.cache.entries.size <= 1000; turns++) {
    assert.ok(turns < 1000, `${twin.cache.entries.size} items`);
    loop.turn();
    if (exchange() < 10_000) continue;
    slices++;
    assert.ok(loop.delaysMs.length > 0 || twin.cache.entries.size > 1000, 'it comes back by itself');
    for (const delayMs of loop.delaysMs) assert.ok(delayMs > 0, 'it sleeps');
    // Requests of clients: turns on end, while time hardly passes.
    for (let i = 0; i < 20; i++) {
      loop.turn();
      assert.equal(exchange(), 0, 'no turn of a client has a slice so soon');
    }
    // Changes do not wait for slices.
    cache.set('urgent', Uint8Array.of(slices), 0, 0);
    loop.turn();
    assert.ok(exchange() < 1000);
    assert.ok(twin.cache.entries.has('urgent'));
    loop.clock.nowMs += 1;
  }
  assert.ok(slices > 5, `${slices} slices`);
});
