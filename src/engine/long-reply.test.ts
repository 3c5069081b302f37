import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection, PieceFeeder } from '../../testing/memory-connection.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import type { GatheredRow } from './administration.ts';
import { clientSession } from './client-session.ts';
import type { NodeContext } from './node-context.ts';
import { PREFIXES_MAX, PrefixStatistics, prefixLines } from './prefix-statistics.ts';

/** A client of a node whose other threads answer, and whose turns pass, when the test says so. */
function slowNode(changes: Partial<NodeContext['settings']> = {}): {
  connect: () => { connection: MemoryConnection; feeder: PieceFeeder; closed: () => void };
  turns: (() => void)[];
  answers: ((rows: readonly GatheredRow[]) => void)[];
  context: NodeContext;
} {
  const turns: (() => void)[] = [];
  const answers: ((rows: readonly GatheredRow[]) => void)[] = [];
  const base = memoryNodeContext();
  const context: NodeContext = {
    ...base,
    settings: { ...base.settings, ...changes },
    threads: {
      later: (callback) => turns.push(callback),
      gather: (_what, answered) => answers.push(answered),
    },
  };
  const connect = (): { connection: MemoryConnection; feeder: PieceFeeder; closed: () => void } => {
    const connection = new MemoryConnection();
    const session = clientSession(context, connection, () => {});
    return { connection, feeder: new PieceFeeder(session), closed: () => session.closed(null) };
  };
  return { connect, turns, answers, context };
}

function fill(context: NodeContext, items: number): void {
  const { feeder } = { feeder: new PieceFeeder(clientSession(context, new MemoryConnection(), () => {})) };
  for (let i = 0; i < items; i++) feeder.push(Buffer.from(`set key${i} 0 0 1 noreply\r\nx\r\n`));
}

test('requests behind one whose answer comes later wait for it, and are answered in order', () => {
  const { connect, answers } = slowNode();
  const { connection, feeder } = connect();
  feeder.push(Buffer.from('version\r\nstats conns\r\nmn\r\nstats detail dump\r\nget a\r\n'));
  assert.match(connection.take(), /^VERSION \S+\r\n$/);
  assert.ok(connection.paused);
  feeder.push(Buffer.from('mn\r\n'));
  assert.equal(connection.take(), '');
  answers.shift()?.([
    [9, 'tcp:127.0.0.1:2', 'tcp:127.0.0.1:1', 'conn_read', 3],
    [8, 'tcp:127.0.0.1:1', '', 'conn_listening', 0],
  ]);
  assert.ok(!connection.paused);
  assert.equal(
    connection.take(),
    [
      'STAT 8:addr tcp:127.0.0.1:1',
      'STAT 8:state conn_listening',
      'STAT 8:secs_since_last_cmd 0',
      'STAT 9:addr tcp:127.0.0.1:2',
      'STAT 9:listen_addr tcp:127.0.0.1:1',
      'STAT 9:state conn_read',
      'STAT 9:secs_since_last_cmd 3',
      'END\r\n',
    ].join('\r\n'),
  );
  feeder.push(Buffer.from(''));
  assert.equal(connection.take(), 'MN\r\n');
  answers.shift()?.([]);
  feeder.push(Buffer.from(''));
  assert.equal(connection.take(), 'END\r\nEND\r\nMN\r\n');
});

test('an answer for a client that has gone goes nowhere', () => {
  const { connect, answers } = slowNode();
  const { connection, feeder, closed } = connect();
  feeder.push(Buffer.from('stats conns\r\n'));
  closed();
  answers.shift()?.([[1, 'a', 'b', 'c', 0]]);
  assert.equal(connection.take(), '');
});

test('a dump goes on when the client has read, a slice in a turn, and lets nobody else in until its end', () => {
  const items = 10_000;
  const { connect, turns, context } = slowNode();
  fill(context, items);
  const { connection, feeder } = connect();
  const other = connect();
  feeder.push(Buffer.from('lru_crawler metadump all\r\nmn\r\n'));
  let text = connection.take();
  let slices = 1;
  assert.ok(text.split('\n').length < items / 2, 'the first slice is a part');
  other.feeder.push(Buffer.from('lru_crawler mgdump all\r\n'));
  assert.equal(other.connection.take(), 'BUSY currently processing crawler request\r\n');
  // A client that does not read gets nothing, in however many turns.
  connection.output.blocked = true;
  for (let i = 0; i < 5; i++) turns.shift()?.();
  assert.equal(connection.take(), '');
  assert.equal(turns.length, 0);
  assert.match(context.clients.rows(0).join(), /conn_watch/);
  connection.output.blocked = false;
  feeder.drained();
  for (; turns.length > 0; slices++) {
    text += connection.take();
    turns.shift()?.();
  }
  text += connection.take();
  assert.ok(slices > 3, `${slices} slices`);
  const keys = new Set(text.match(/key=\S+/g));
  assert.equal(keys.size, items);
  assert.ok(text.startsWith('OK\r\n') && text.endsWith(' \nEND\r\n'));
  feeder.push(Buffer.from(''));
  assert.equal(connection.take(), 'MN\r\n');
  other.feeder.push(Buffer.from('lru_crawler mgdump all\r\n'));
  assert.match(other.connection.take(), /^OK\r\nmg key/);
});

test('a client that goes in the midst of its dump lets the next one in', () => {
  const { connect, turns, context } = slowNode();
  fill(context, 10_000);
  const one = connect();
  one.feeder.push(Buffer.from('lru_crawler mgdump all\r\n'));
  one.closed();
  one.connection.take();
  while (turns.length > 0) turns.shift()?.();
  assert.equal(one.connection.take(), '');
  assert.equal(context.claim.isTaken, false);
  const two = connect();
  two.feeder.push(Buffer.from('lru_crawler mgdump all\r\n'));
  assert.match(two.connection.take(), /^OK\r\n/);
});

test('sizes are counted in steps of 32 bytes when somebody asks', () => {
  const { connect, turns } = slowNode({ sizesTracked: true });
  const { connection, feeder } = connect();
  feeder.push(
    Buffer.from(
      `set a 0 0 1\r\nx\r\nset b 0 0 1\r\nx\r\nset c 0 0 2000\r\n${'x'.repeat(2000)}\r\nstats sizes\r\nmn\r\n`,
    ),
  );
  while (turns.length > 0) turns.shift()?.();
  feeder.push(Buffer.from(''));
  assert.equal(connection.take(), `${'STORED\r\n'.repeat(3)}STAT 64 2\r\nSTAT 2080 1\r\nEND\r\nMN\r\n`);
});

test('without -X nothing is told of keys, nor watched without -W', () => {
  const { connect } = slowNode({ dumpAllowed: false, watchAllowed: false });
  for (const [request, reply] of [
    ['lru_crawler metadump all', 'ERROR metadump not allowed'],
    ['lru_crawler mgdump all', 'ERROR key dump not allowed'],
    ['stats cachedump 1 0', 'CLIENT_ERROR stats cachedump not allowed'],
    ['stats detail on', 'CLIENT_ERROR stats detail not allowed'],
    ['watch', 'CLIENT_ERROR watch commands not allowed'],
    ['watch foo', 'CLIENT_ERROR watch commands not allowed'],
  ]) {
    const { connection, feeder } = connect();
    feeder.push(Buffer.from(`${request}\r\n`));
    assert.equal(connection.take(), `${reply}\r\n`);
  }
});

test('a watcher that does not read keeps some lines, loses the rest, and is told how many', () => {
  const { connect, context } = slowNode({ watcherBytesMax: 1000 });
  const watcher = connect();
  const client = connect();
  watcher.feeder.push(Buffer.from('watch fetchers\r\n'));
  assert.equal(watcher.connection.take(), 'OK\r\n');
  const get = (): void => {
    client.feeder.push(Buffer.from('get a\r\n'));
    context.log.read();
  };
  watcher.connection.output.blocked = true;
  for (let i = 0; i < 50; i++) get();
  const kept = watcher.connection.take();
  const lines = kept.split('\n').length - 1;
  assert.ok(kept.length <= 1000 && lines > 5, `${lines} lines kept`);
  watcher.connection.output.blocked = false;
  watcher.feeder.drained();
  assert.equal(watcher.connection.take(), `skipped=${50 - lines}\n`);
  get();
  assert.match(watcher.connection.take(), /^ts=\S+ gid=51 type=item_get key=a status=not_found/);
  watcher.feeder.push(Buffer.from('get b\r\nquit\r\n'));
  assert.equal(watcher.connection.take(), '');
  assert.equal(context.log.watchers, 1);
  watcher.closed();
  assert.equal(context.log.watchers, 0);
});

test('prefixes are bounded, and the counts of threads are added up', () => {
  const prefixes = new PrefixStatistics('/');
  for (let i = 0; i <= PREFIXES_MAX; i++) {
    const key = Buffer.from(`${i}/x`);
    prefixes.recordSet(key, 0, key.length);
  }
  assert.equal(prefixes.rows().length, PREFIXES_MAX);
  const key = Buffer.from('0/y');
  prefixes.recordGet(key, 0, key.length, true);
  assert.deepEqual(prefixes.rows()[0], ['0', 1, 1, 1, 0]);
  prefixes.clear();
  assert.deepEqual(prefixes.rows(), []);
  assert.deepEqual(
    prefixLines([
      ['a', 1, 2, 3, 4],
      ['b', 1, 1, 1, 1],
      ['a', 10, 20, 30, 40],
    ]),
    ['PREFIX a get 11 hit 22 set 33 del 44', 'PREFIX b get 1 hit 1 set 1 del 1'],
  );
});

test('each slice of a dump tells the transport that it has written, also one that fills the output', () => {
  const { connect, turns, context } = slowNode();
  fill(context, 10_000);
  const { connection, feeder } = connect();
  feeder.push(Buffer.from('lru_crawler mgdump all\r\n'));
  const { flushes } = connection;
  const reserve = connection.output.reserve.bind(connection.output);
  connection.output.reserve = (count) => {
    reserve(count);
    connection.output.blocked = true;
  };
  turns.shift()?.();
  assert.ok(connection.output.blocked);
  assert.equal(connection.flushes, flushes + 1);
  assert.equal(turns.length, 0);
});
