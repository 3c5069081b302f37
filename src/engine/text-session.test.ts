import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection, PieceFeeder } from '../../testing/memory-connection.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import { INPUT_REST_BYTES_MAX } from '../base/limits.ts';
import type { NodeContext } from './node-context.ts';
import { TextSession } from './text-session.ts';

interface Client {
  readonly connection: MemoryConnection;
  readonly session: TextSession;
  readonly feeder: PieceFeeder;
  readonly ask: (text: string) => string;
}

function connect(context: NodeContext): Client {
  const connection = new MemoryConnection();
  const session = new TextSession(context, connection);
  const feeder = new PieceFeeder(session);
  const ask = (text: string): string => {
    feeder.push(Buffer.from(text, 'latin1'));
    return connection.take();
  };
  return { connection, session, feeder, ask };
}

function withSettings(context: NodeContext, settings: Partial<NodeContext['settings']>): NodeContext {
  return { ...context, settings: { ...context.settings, ...settings } };
}

/** As a node that has a replication port, with `-q 65536`. */
function withTwins(context: NodeContext): NodeContext {
  const reports = { ...context.reports, replicates: true, replicationQueueFree: () => 65536 };
  return { ...context, reports };
}

function usedChunks(context: NodeContext): number {
  return context.cache.classStatistics().reduce((sum, one) => sum + one.usedChunks, 0);
}

test("a node with a replication port has repcached's three lines more in stats, and nothing else", () => {
  const namesOf = (reply: string): string[] =>
    [...reply.matchAll(/^STAT (\S+)/gm)].map(([, name = '']) => name);
  const plain = connect(memoryNodeContext());
  const twin = connect(withTwins(memoryNodeContext()));
  const said = twin.ask('stats\r\n');
  assert.ok(
    said.endsWith(
      'STAT replication MASTER\r\nSTAT repcached_version 2.3.1\r\nSTAT repcached_qi_free 65536\r\nEND\r\n',
    ),
  );
  const own = ['replication', 'repcached_version', 'repcached_qi_free'];
  assert.deepEqual(namesOf(said), [...namesOf(plain.ask('stats\r\n')), ...own]);
  assert.equal(twin.ask('stats settings\r\n'), plain.ask('stats settings\r\n'));
  // What twins say to each other is nothing that a client may say.
  assert.equal(twin.ask('rep a 0 0 1 1\r\n'), 'ERROR\r\n');
  assert.equal(twin.ask('marugoto_end\r\n'), 'ERROR\r\n');
});

test('a cas line without an id is answered as by memcached, or, with a replication port, as by repcached', () => {
  const lines = 'cas foo 0 0 6 \r\nbarval\r\nget foo\r\n';
  const alone = connect(memoryNodeContext());
  assert.equal(alone.ask(lines), 'CLIENT_ERROR bad command line format\r\nEND\r\n');
  const paired = connect(withTwins(memoryNodeContext()));
  assert.equal(paired.ask(lines), 'ERROR\r\nERROR\r\nEND\r\n');
});

test('a line of more keys than are looked up at once is answered in order, with misses and repetitions', () => {
  const { ask } = connect(memoryNodeContext());
  const count = 200;
  for (let i = 0; i < count; i += 3) ask(`set k${i} ${i % 2} 0 3\r\nv${i % 10}x\r\n`);
  const keys = Array.from({ length: count * 2 }, (_, i) => (i * 7) % count);
  const blocks = keys.filter((i) => i % 3 === 0).map((i) => `VALUE k${i} ${i % 2} 3\r\nv${i % 10}x\r\n`);
  assert.equal(ask(`get ${keys.map((i) => `k${i}`).join(' ')}\r\n`), `${blocks.join('')}END\r\n`);
});

test('a key that is too long, behind many that are not, makes the whole answer an error', () => {
  const { ask } = connect(memoryNodeContext());
  ask('set k 0 0 1\r\nv\r\n');
  const keys = [...Array.from({ length: 130 }, () => 'k'), 'x'.repeat(251), 'k'];
  const reply = ask(`get ${keys.join(' ')}\r\nget k\r\n`);
  assert.equal(reply, 'CLIENT_ERROR bad command line format\r\nVALUE k 0 1\r\nv\r\nEND\r\n');
});

for (const verb of ['get', 'gat 0', 'gats 100'])
  test(`a client that reads slowly stops a ${verb} of many keys between two values and gets the rest later`, () => {
    const context = memoryNodeContext();
    const { connection, feeder, ask } = connect(context);
    const value = 'v'.repeat(1000);
    for (let i = 0; i < 150; i++) assert.equal(ask(`set k${i} 0 0 1000\r\n${value}\r\n`), 'STORED\r\n');
    const keys = Array.from({ length: 150 }, (_, i) => `k${i}`);
    // Blocked as soon as anything has been written, as by a peer that takes nothing.
    const { output } = connection;
    Object.defineProperty(output, 'blocked', { get: () => output.at > output.start, configurable: true });
    let reply = '';
    let turns = 0;
    feeder.push(Buffer.from(`${verb} ${keys.join(' ')}\r\nget k3\r\n`));
    for (; feeder.restBytes > 0 && turns < 500; turns++) {
      reply += connection.take();
      feeder.push(new Uint8Array(0));
    }
    reply += connection.take();
    const block = (key: string): string => `VALUE ${key} 0 1000\r\n${value}\r\n`;
    const answer = `${keys.map(block).join('')}END\r\n${block('k3')}END\r\n`;
    assert.equal(reply.replace(/ 1000 \d+\r/g, ' 1000\r'), answer);
    assert.equal(/ 1000 \d+\r/.test(reply), verb.startsWith('gats'));
    assert.ok(turns >= 150, `the session stopped after each value: ${turns} turns`);
    assert.equal(context.cache.statistics().touchHits, verb === 'get' ? 0 : 150);
  });

test('a cas line binds no later append, of whatever client', () => {
  const context = memoryNodeContext();
  const first = connect(context);
  const second = connect(context);
  assert.equal(first.ask('set k 0 0 1\r\nb\r\n'), 'STORED\r\n');
  assert.equal(first.ask('cas k 0 0 1 77\r\nx\r\n'), 'EXISTS\r\n');
  assert.equal(second.ask('append k 0 0 1\r\nc\r\nprepend k 0 0 1\r\na\r\n'), 'STORED\r\nSTORED\r\n');
  assert.equal(first.ask('cas k 0 0 1 77\r\nx\r\n'), 'EXISTS\r\n');
  const long = 'd'.repeat(20_000);
  assert.equal(second.ask(`append k 0 0 20000\r\n${long}\r\n`), 'STORED\r\n');
  assert.equal(second.ask('get k\r\n'), `VALUE k 0 20003\r\nabc${long}\r\nEND\r\n`);
});

test('a client that vanishes in the midst of a long value leaves no memory taken', () => {
  const context = memoryNodeContext();
  for (const sent of [0, 1, 50_000, 300_000]) {
    const before = usedChunks(context);
    const { session, feeder } = connect(context);
    feeder.push(Buffer.from(`set k 0 0 300000\r\n${'x'.repeat(sent)}`));
    assert.ok(usedChunks(context) > before || sent === 300_000 || sent === 0);
    session.closed(null);
    assert.equal(usedChunks(context), before, `after ${sent} bytes`);
  }
});

test('a long value never waits in the transport, a short one does', () => {
  const { feeder } = connect(memoryNodeContext());
  feeder.push(Buffer.from(`set k 0 0 300000\r\n${'x'.repeat(100_000)}`));
  assert.equal(feeder.restBytes, 0);
  const short = connect(memoryNodeContext());
  short.feeder.push(Buffer.from(`set k 0 0 8192\r\n${'x'.repeat(8000)}`));
  assert.ok(short.feeder.restBytes > 8000 && short.feeder.restBytes < INPUT_REST_BYTES_MAX);
});

test('a get line of any length is answered with a bounded rest', () => {
  const { connection, feeder, ask } = connect(memoryNodeContext());
  ask('set hit 0 0 1\r\nx\r\n');
  const line = Buffer.from(`get ${'miss-with-a-long-name '.repeat(20_000)}hit\r\nversion\r\n`);
  let rest = 0;
  for (let at = 0; at < line.length; at += 5000) {
    feeder.push(line.subarray(at, at + 5000));
    rest = Math.max(rest, feeder.restBytes);
  }
  assert.match(connection.take(), /^VALUE hit 0 1\r\nx\r\nEND\r\nVERSION /);
  assert.ok(rest < INPUT_REST_BYTES_MAX, `rest ${rest}`);
});

test('so is a gat line, which sets the expiry time of what it finds', () => {
  const { connection, feeder, ask } = connect(memoryNodeContext());
  const push = (line: string): string => {
    for (let at = 0; at < line.length; at += 5000) feeder.push(Buffer.from(line.slice(at, at + 5000)));
    return connection.take();
  };
  const keys = 'miss-with-a-long-name '.repeat(2000);
  ask('set hit 0 0 1\r\nx\r\n');
  assert.equal(push(`gat  100 ${keys}hit\r\nmn\r\n`), 'VALUE hit 0 1\r\nx\r\nEND\r\nMN\r\n');
  assert.equal(ask('mg hit t\r\n'), 'HD t100\r\n');
  assert.match(push(`gats 0 ${keys}hit\r\n`), /^VALUE hit 0 1 \d+\r\nx\r\nEND\r\n$/);
  assert.equal(ask('mg hit t\r\n'), 'HD t-1\r\n');
  for (const line of [`gat x ${keys}hit`, `gat ${'1'.repeat(40_000)} hit`])
    assert.equal(push(`${line}\r\nmn\r\n`), 'CLIENT_ERROR invalid exptime argument\r\nMN\r\n');
  assert.equal(connection.ended, false);
});

test('a key that is too long in such a line is an error, and the next line is read', () => {
  const { connection, feeder } = connect(memoryNodeContext());
  const line = `get ${'miss '.repeat(10_000)}${'k'.repeat(400)} more keys\r\nmn\r\n`;
  for (let at = 0; at < line.length; at += 999) feeder.push(Buffer.from(line.slice(at, at + 999)));
  assert.equal(connection.take(), 'CLIENT_ERROR bad command line format\r\nMN\r\n');
  assert.equal(connection.ended, false);
});

test('a command line of 2048 bytes is waited for, a longer one ends the connection', () => {
  const waiting = connect(memoryNodeContext());
  waiting.feeder.push(Buffer.from('x'.repeat(2048)));
  assert.equal(waiting.connection.ended, false);
  assert.equal(waiting.ask('\r\n'), 'ERROR\r\n');
  const closing = connect(memoryNodeContext());
  closing.feeder.push(Buffer.from('x'.repeat(2049)));
  assert.equal(closing.connection.ended, true);
});

test('cas ids: a right one stores and changes, the old one is refused, also for long values', () => {
  const { ask } = connect(memoryNodeContext());
  const idOf = (): string => /VALUE k 0 \d+ (\d+)/.exec(ask('gets k\r\n'))?.[1] ?? '';
  ask('set k 0 0 1\r\na\r\n');
  const first = idOf();
  assert.equal(ask(`cas k 0 0 1 ${first}\r\nb\r\n`), 'STORED\r\n');
  const second = idOf();
  assert.notEqual(second, first);
  assert.equal(ask(`cas k 0 0 1 ${first}\r\nc\r\n`), 'EXISTS\r\n');
  const { feeder, connection } = connect(memoryNodeContext());
  feeder.push(Buffer.from('set k 0 0 1\r\na\r\n'));
  connection.take();
  feeder.push(Buffer.from('gets k\r\n'));
  const id = /VALUE k 0 1 (\d+)/.exec(connection.take())?.[1] ?? '';
  const long = 'x'.repeat(20_000);
  for (const piece of [`cas k 0 0 20000 ${id}\r\n`, long.slice(0, 7), long.slice(7), '\r', '\n']) {
    feeder.push(Buffer.from(piece));
  }
  assert.equal(connection.take(), 'STORED\r\n');
});

test('-M: a store without memory is refused and its value swallowed; a plain set removes the old value', () => {
  const { ask } = connect(memoryNodeContext({ evict: false, memoryBytesMax: 1024 * 1024 }));
  let stored = 0;
  const value = 'x'.repeat(100_000);
  for (; stored < 100; stored++) {
    const reply = ask(`add k${stored} 0 0 100000\r\n${value}\r\n`);
    if (reply === 'STORED\r\n') continue;
    assert.equal(reply, 'SERVER_ERROR out of memory storing object\r\n');
    break;
  }
  assert.ok(stored > 0 && stored < 100, `stored ${stored}`);
  assert.match(ask('get k0\r\n'), /^VALUE k0/);
  assert.equal(ask('set old 0 0 1\r\nx\r\n'), 'STORED\r\n');
  const refused = 'SERVER_ERROR out of memory storing object\r\n';
  assert.equal(
    ask(`replace old 0 0 100000\r\n${value}\r\nget old\r\n`),
    `${refused}VALUE old 0 1\r\nx\r\nEND\r\n`,
  );
  assert.equal(ask(`set old 0 0 100000\r\n${value}\r\nget old\r\n`), `${refused}END\r\n`);
});

test('what the options forbid', () => {
  const context = memoryNodeContext();
  const strict = connect(withSettings(context, { flushAllowed: false, casShown: false }));
  assert.equal(strict.ask('flush_all\r\n'), 'CLIENT_ERROR flush_all not allowed\r\n');
  assert.equal(strict.ask('flush_all noreply\r\nmn\r\n'), 'MN\r\n');
  strict.ask('set k 0 0 1\r\nx\r\n');
  assert.equal(strict.ask('gets k\r\n'), 'VALUE k 0 1 0\r\nx\r\nEND\r\n');
  assert.equal(strict.ask('shutdown\r\n'), 'SERVER_ERROR: shutdown not enabled\r\n');
  const asked: boolean[] = [];
  const control = { ...context.control, shutdown: (graceful: boolean) => void asked.push(graceful) };
  const open = connect({ ...withSettings(context, { shutdownAllowed: true }), control });
  assert.equal(open.ask('shutdown now\r\n'), 'CLIENT_ERROR invalid shutdown mode\r\n');
  open.ask('shutdown\r\n');
  open.ask('shutdown graceful\r\n');
  assert.deepEqual(asked, [false, true]);
});

test('statistics count what was asked, and begin anew after a reset', () => {
  const { ask } = connect(memoryNodeContext());
  ask('set k 0 0 1\r\n5\r\n');
  ask('get k k miss\r\ngat 0 k miss\r\ntouch k 0\r\ntouch miss 0\r\n');
  ask('incr k 1\r\nincr miss 1\r\ndecr k 1\r\ndecr miss 1\r\ndelete miss\r\n');
  ask('cas miss 0 0 1 5\r\nx\r\ncas k 0 0 1 5\r\nx\r\n');
  const stats = (): Map<string, string> =>
    new Map(
      [...ask('stats\r\n').matchAll(/STAT (\S+) (.*)\r\n/g)].map((line) => [line[1] ?? '', line[2] ?? '']),
    );
  const expected = {
    cmd_get: '3',
    get_hits: '2',
    get_misses: '1',
    cmd_touch: '4',
    touch_hits: '2',
    touch_misses: '2',
    incr_hits: '1',
    incr_misses: '1',
    decr_hits: '1',
    decr_misses: '1',
    delete_misses: '1',
    cas_misses: '1',
    cas_badval: '1',
    curr_items: '1',
  };
  const seen = stats();
  for (const [name, value] of Object.entries(expected)) assert.equal(seen.get(name), value, name);
  assert.equal(ask('stats reset\r\n'), 'RESET\r\n');
  const after = stats();
  assert.deepEqual([after.get('cmd_get'), after.get('get_hits'), after.get('curr_items')], ['0', '0', '1']);
});

test('a value that is too large is told so whatever stands behind it, and however it arrives', () => {
  const value = 'x'.repeat(1024 * 1024 + 1);
  for (const [line, kept] of [
    [`set k 0 0 ${value.length}`, false],
    [`add k 0 0 ${value.length}`, true],
    [`ms k ${value.length}`, false],
  ] as const) {
    for (const pieceBytes of [Number.POSITIVE_INFINITY, 50_000]) {
      const { feeder, connection, ask } = connect(memoryNodeContext());
      ask('set k 0 0 1\r\nv\r\n');
      const bytes = Buffer.from(`${line}\r\n${value}yyget k\r\n`);
      for (let at = 0; at < bytes.length; at += pieceBytes) feeder.push(bytes.subarray(at, at + pieceBytes));
      const rest = kept ? 'VALUE k 0 1\r\nv\r\nEND\r\n' : 'END\r\n';
      assert.equal(connection.take(), `SERVER_ERROR object too large for cache\r\n${rest}`);
    }
  }
});
