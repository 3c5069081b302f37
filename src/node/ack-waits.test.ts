import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import type { Session } from '../base/session.ts';
import { AckBoard } from './ack-board.ts';
import { ACK_QUEUES_MAX, type AckPolicy, AckWaits } from './ack-waits.ts';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** A connection that shows what has been done to it. */
class KeptConnection extends MemoryConnection {
  isHeld = false;
  drops = 0;

  holdOutput(): void {
    this.isHeld = true;
  }

  releaseOutput(): void {
    this.isHeld = false;
  }

  dropOutput(): void {
    this.drops++;
    this.output.at = this.output.start;
    this.isHeld = false;
  }
}

class World {
  head = 0;
  nowMs = 1000;
  readonly board = new AckBoard(AckBoard.allocate(1), 1);
  readonly waits: AckWaits;

  constructor(policy: Partial<AckPolicy> = {}) {
    this.waits = new AckWaits(
      { acks: 1, timeoutMs: 500, refuses: false, ...policy },
      this.board,
      0,
      () => this.head,
      () => this.nowMs,
    );
    this.acknowledge(0);
  }

  /** One twin, or several, have everything before these positions. */
  acknowledge(...positions: number[]): void {
    this.board.write(
      positions.map((position) => ({ countsForAcks: true, acknowledged: new Float64Array([position]) })),
    );
    this.waits.check();
  }

  count(name: string): number {
    const lines = new Map(this.board.statistics(1));
    return Number(lines.get(`replication_${name}`));
  }

  client(): Client {
    return new Client(this);
  }
}

/** A client whose every `w` is a write and every other letter a read; both are answered by themselves, and `q` by nothing. */
class Client implements Session {
  readonly connection = new KeptConnection();
  readonly session: Session;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.session = world.waits.session(this.connection, this);
  }

  feed(input: Uint8Array, start: number, end: number): number {
    for (const letter of Buffer.from(input.subarray(start, end)).toString('latin1')) {
      if (letter === 'w' || letter === 'q') this.#world.head += 4;
      if (letter !== 'q') this.connection.output.text(letter);
    }
    return end;
  }

  closed(): void {}

  say(text: string): void {
    this.session.feed(bytesOf(text), 0, text.length);
  }

  get isHeld(): boolean {
    return this.connection.isHeld;
  }
}

test('reads are sent at once, writes when a twin has them', () => {
  const world = new World();
  const [reader, writer] = [world.client(), world.client()];
  reader.say('r');
  assert.equal(reader.isHeld, false);
  writer.say('rwr');
  assert.equal(writer.isHeld, true);
  assert.equal(world.board.isWaiting(0), true);
  world.acknowledge(3);
  assert.equal(writer.isHeld, true);
  world.acknowledge(4);
  assert.equal(writer.isHeld, false);
  assert.equal(world.board.isWaiting(0), false);
  assert.deepEqual([world.count('acks_waited'), world.count('acks_held')], [1, 0]);
  // What a twin has already is not waited for.
  world.head = 0;
  writer.say('w');
  assert.equal(writer.isHeld, false);
});

test('a write that is answered by nothing holds up the reply that follows it', () => {
  const world = new World();
  const client = world.client();
  client.say('q');
  assert.equal(client.isHeld, false, 'there is nothing to hold');
  client.say('r');
  assert.equal(client.isHeld, true);
  world.acknowledge(world.head);
  assert.equal(client.isHeld, false);
  client.say('r');
  assert.equal(client.isHeld, false);
});

test('all that wait go on together, in their order, and those that have gone are not missed', () => {
  const world = new World();
  const clients = Array.from({ length: 1000 }, () => world.client());
  for (const client of clients) client.say('w');
  assert.equal(world.count('acks_held'), 1000);
  clients[1]?.session.closed(null);
  world.acknowledge(400 * 4);
  assert.equal(clients.filter((client) => client.isHeld).length, 601, 'the one that went was never released');
  assert.equal(world.count('acks_held'), 600);
  world.acknowledge(world.head);
  assert.equal(world.count('acks_held'), 0);
});

test('after the time limit it is answered all the same, and counted', () => {
  const world = new World();
  const [early, late] = [world.client(), world.client()];
  early.say('w');
  world.nowMs += 400;
  late.say('w');
  assert.equal(world.waits.dueMs, 1500);
  world.nowMs = 1499;
  world.waits.check();
  assert.ok(early.isHeld && late.isHeld);
  world.nowMs = 1500;
  world.waits.check();
  // The other waits for what was written later, which does not come sooner.
  assert.ok(!early.isHeld && !late.isHeld);
  assert.equal(world.waits.dueMs, Number.POSITIVE_INFINITY);
  assert.deepEqual([world.count('acks_timeouts'), world.count('acks_degraded')], [1, 2]);
});

test('a twin that was waited for in vain is not waited for until it has caught up', () => {
  const world = new World();
  const client = world.client();
  client.say('w');
  const missed = world.head;
  world.nowMs += 500;
  world.waits.check();
  assert.equal(client.isHeld, false);
  client.say('w');
  assert.equal(client.isHeld, false);
  assert.equal(world.count('acks_degraded'), 2);
  world.acknowledge(missed);
  client.say('w');
  assert.equal(client.isHeld, true);
  world.acknowledge(world.head);
  assert.equal(client.isHeld, false);
  // Whoever would rather refuse waits each time.
  const strict = new World({ refuses: true });
  const refused = strict.client();
  refused.say('w');
  strict.nowMs += 500;
  strict.waits.check();
  const other = strict.client();
  other.say('w');
  assert.equal(other.isHeld, true);
});

test('a client says how long it waits, and others wait as long as they have said', () => {
  const world = new World();
  const [brief, usual] = [world.client(), world.client()];
  assert.ok(world.waits.waitFor(brief.connection, 1, 50));
  usual.say('w');
  brief.say('w');
  assert.equal(world.waits.dueMs, world.nowMs + 50);
  world.nowMs += 50;
  world.waits.check();
  assert.ok(!brief.isHeld && usual.isHeld);
  world.nowMs += 450;
  world.waits.check();
  assert.equal(usual.isHeld, false);
});

test('there are so many different waits, and no more', () => {
  const world = new World();
  const client = world.client();
  let taken = 1;
  while (world.waits.waitFor(client.connection, 1, taken)) taken++;
  // The policy's own is one of them.
  assert.equal(taken, ACK_QUEUES_MAX);
  assert.ok(world.waits.waitFor(client.connection, 1, 1) && world.waits.waitFor(client.connection, 0, 777));
});

test('without so many twins nobody waits, unless unacknowledged writes are refused', () => {
  const lenient = new World();
  const waiting = lenient.client();
  waiting.say('w');
  lenient.acknowledge();
  assert.equal(waiting.isHeld, false);
  const client = lenient.client();
  client.say('w');
  assert.equal(client.isHeld, false);
  assert.equal(lenient.count('acks_degraded'), 2);

  const strict = new World({ refuses: true });
  const [text, binary] = [strict.client(), strict.client()];
  text.say('w');
  binary.say('\x80w');
  strict.acknowledge();
  assert.ok(text.isHeld && binary.isHeld);
  strict.nowMs += 500;
  strict.waits.check();
  const { output } = text.connection;
  const said = Buffer.from(output.bytes.subarray(output.start, output.at)).toString('latin1');
  assert.equal(said, 'SERVER_ERROR not acknowledged\r\n');
  assert.equal(binary.connection.output.at, binary.connection.output.start);
  for (const { connection } of [text, binary]) assert.ok(connection.ended && connection.drops === 1);
  assert.equal(strict.count('acks_refused'), 2);
});

test('a client says for itself how many twins must have its writes', () => {
  const world = new World({ acks: 0 });
  assert.equal(world.board.areWanted, false);
  const [all, one, none] = [world.client(), world.client(), world.client()];
  none.say('w');
  assert.equal(none.isHeld, false);
  assert.ok(world.waits.waitFor(all.connection, 2, null) && world.waits.waitFor(one.connection, 1, null));
  assert.equal(world.board.areWanted, true);
  world.acknowledge(0, 0);
  all.say('w');
  one.say('w');
  world.acknowledge(world.head, 0);
  assert.ok(all.isHeld && !one.isHeld);
  world.acknowledge(world.head, world.head);
  assert.equal(all.isHeld, false);
  world.waits.waitFor(all.connection, 0, null);
  all.say('w');
  assert.equal(all.isHeld, false);
  assert.equal(world.waits.waitFor(new KeptConnection(), 1, null), false);
});
