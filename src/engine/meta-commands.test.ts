import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection, PieceFeeder } from '../../testing/memory-connection.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import { COUNTER } from '../store/counters.ts';
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

function usedChunks(context: NodeContext): number {
  return context.cache.classStatistics().reduce((sum, one) => sum + one.usedChunks, 0);
}

test('what is counted, is counted as memcached counts it', () => {
  const context = memoryNodeContext();
  const { ask } = connect(context);
  const { cache } = context;
  const levels = (): Record<string, number> => {
    const { getHits, cmdSet, touchHits, deleteHits, incrHits, decrHits, casHits, casBadval, totalItems } =
      cache.statistics();
    const of = (counter: number): number => cache.counterTotal(counter);
    return {
      ...{ getHits, cmdSet, touchHits, deleteHits, incrHits, decrHits, casHits, casBadval, totalItems },
      cmdGet: of(COUNTER.cmdGet),
      cmdTouch: of(COUNTER.cmdTouch),
      cmdMeta: of(COUNTER.cmdMeta),
      getMisses: of(COUNTER.getMisses),
      deleteMisses: of(COUNTER.deleteMisses),
      incrMisses: of(COUNTER.incrMisses),
      decrMisses: of(COUNTER.decrMisses),
      casMisses: of(COUNTER.casMisses),
    };
  };
  /** What a request adds to which counters. */
  const counts = (request: string): Record<string, number> => {
    const before = levels();
    ask(`${request}\r\n`);
    const changed = Object.entries(levels()).map(([name, value]) => [name, value - before[name]!] as const);
    return Object.fromEntries(changed.filter(([, difference]) => difference !== 0));
  };
  assert.deepEqual(counts('mg a'), { cmdGet: 1, getMisses: 1 });
  assert.deepEqual(counts('mg a T30'), { cmdGet: 1, getMisses: 1 });
  assert.deepEqual(counts('mg a N30'), { cmdGet: 1, getHits: 1, totalItems: 1 });
  assert.deepEqual(counts('mg a v'), { cmdGet: 1, getHits: 1 });
  assert.deepEqual(counts('mg a v u'), { cmdGet: 1, getHits: 1 });
  assert.deepEqual(counts('mg a T30'), { cmdTouch: 1, touchHits: 1 });
  assert.deepEqual(counts('mg a u T30'), { cmdTouch: 1, touchHits: 1 });
  assert.deepEqual(counts('mg a v v'), {});
  assert.deepEqual(counts('ms a 1\r\nx'), { cmdSet: 1, totalItems: 1 });
  assert.deepEqual(counts('ms a 1 C1\r\nx'), { cmdSet: 1, casBadval: 1 });
  assert.deepEqual(counts('ms a 1 C1 I\r\nx'), { cmdSet: 1, casHits: 1, totalItems: 1 });
  assert.deepEqual(counts('ms none 1 C1\r\nx'), { cmdSet: 1, casMisses: 1 });
  assert.deepEqual(counts('md a C1'), { deleteMisses: 1 });
  assert.deepEqual(counts('md a I'), {});
  assert.deepEqual(counts('md a'), { deleteHits: 1 });
  assert.deepEqual(counts('md a'), { deleteMisses: 1 });
  assert.deepEqual(counts('ma n'), { incrMisses: 1 });
  assert.deepEqual(counts('ma n MD'), { decrMisses: 1 });
  assert.deepEqual(counts('ma n N0'), { totalItems: 1 });
  assert.deepEqual(counts('ma n'), { incrHits: 1 });
  assert.deepEqual(counts('ma n MD'), { decrHits: 1 });
  assert.deepEqual(counts('ma n C1'), {});
  assert.deepEqual(counts('me n'), { cmdMeta: 1 });
  assert.deepEqual(counts('me none'), { cmdMeta: 1 });
  assert.deepEqual(counts('mn'), {});
});

test('with -C every cas id is shown as 0', () => {
  const base = memoryNodeContext();
  const { ask } = connect({ ...base, settings: { ...base.settings, casShown: false } });
  assert.equal(ask('ms a 1 c E5\r\nx\r\n'), 'HD c0\r\n');
  assert.equal(ask('mg a c\r\n'), 'HD c0\r\n');
  assert.equal(ask('ma n N0 c\r\n'), 'HD c0\r\n');
  assert.match(ask('me a\r\n'), / cas=0 /);
  assert.equal(ask('gets a\r\n'), 'VALUE a 0 1 0\r\nx\r\nEND\r\n');
});

test('of many clients one wins', () => {
  const context = memoryNodeContext();
  const clients = Array.from({ length: 5 }, () => connect(context));
  const replies = (request: string): string[] => clients.map(({ ask }) => ask(request).trim());
  assert.deepEqual(replies('mg b N30\r\n'), ['HD W', 'HD Z', 'HD Z', 'HD Z', 'HD Z']);
  clients[0]?.ask('ms b 1 T10\r\nx\r\n');
  assert.deepEqual(replies('mg b R30\r\n'), ['HD W', 'HD Z', 'HD Z', 'HD Z', 'HD Z']);
  clients[0]?.ask('md b I\r\n');
  assert.deepEqual(replies('mg b\r\n'), ['HD X W', 'HD Z X', 'HD Z X', 'HD Z X', 'HD Z X']);
});

test('long values of several clients do not mix, whatever the others ask meanwhile', () => {
  const context = memoryNodeContext();
  const [one, two] = [connect(context), connect(context)];
  const long = (letter: string): string => letter.repeat(50_000);
  assert.equal(
    one.ask(`ms Zm9v 50000 b k s c Oone E18446744073709551615\r\n${long('1').slice(0, 20_000)}`),
    '',
  );
  assert.equal(two.ask(`ms bar 50000 Otwo k E7 c\r\n${long('2').slice(0, 30_000)}`), '');
  assert.equal(
    connect(context).ask('ms x 1 E3 c\r\ny\r\nmg Zm9v b k\r\ncas x 0 0 1 18446744073709551614\r\nz\r\n'),
    'HD c3\r\nEN kZm9v b\r\nEXISTS\r\n',
  );
  assert.equal(one.ask(`${long('1').slice(20_000)}\r\n`), 'HD kZm9v b s50000 c18446744073709551615 Oone\r\n');
  assert.equal(two.ask(`${long('2').slice(30_000)}\r\n`), 'HD Otwo kbar c7\r\n');
  assert.equal(one.ask('mg foo v k\r\n'), `VA 50000 kZm9v b\r\n${long('1')}\r\n`);
  assert.equal(two.ask('mg bar v\r\n'), `VA 50000\r\n${long('2')}\r\n`);
  // An append that is compared with a wide cas id, and one of a set behind it.
  assert.equal(one.ask(`ms foo 20000 MA C18446744073709551615 E9 c s\r\n${'3'.repeat(10_000)}`), '');
  two.ask('ms x 1 C18446744073709551000 E5\r\nz\r\n');
  assert.equal(one.ask(`${'3'.repeat(10_000)}\r\n`), 'HD c9 s70000\r\n');
  assert.equal(one.ask(`set y 0 0 20000\r\n${'4'.repeat(20_000)}\r\n`), 'STORED\r\n');
  assert.equal(one.ask(`ms y 20000 k\r\n${'4'.repeat(20_000)}xx`), 'CLIENT_ERROR bad data chunk\r\n');
  assert.equal(one.ask('mn\r\n'), 'MN\r\n');
});

test('a client that vanishes in the midst of a long value leaves no memory taken', () => {
  const context = memoryNodeContext();
  for (const sent of [0, 1, 50_000, 300_000]) {
    const before = usedChunks(context);
    const { session, feeder } = connect(context);
    feeder.push(Buffer.from(`ms a 300000 MA N30 E5\r\n${'x'.repeat(sent)}`));
    session.closed(null);
    assert.equal(usedChunks(context), before, `after ${sent} bytes`);
  }
});

test('a base64 key may arrive in pieces', () => {
  const { ask } = connect(memoryNodeContext());
  const line = 'ms Zm9vYmFy 5 b k\r\nhello\r\nmg Zm9vYmFy b k v\r\n';
  let reply = '';
  for (const character of line) reply += ask(character);
  assert.equal(reply, 'HD kZm9vYmFy b\r\nVA 5 kZm9vYmFy b\r\nhello\r\n');
});

test('no memory: the replies say so, and ms removes the old value in any mode', () => {
  const context = memoryNodeContext({
    evict: false,
    memoryBytesMax: 2 * 1024 * 1024,
    itemBytesMax: 1024 * 1024,
  });
  const { ask } = connect(context);
  ask('ms keep 5\r\nsmall\r\n');
  let full = false;
  for (let i = 0; i < 200 && !full; i++)
    full = ask(`ms fill${i} 100000\r\n${'x'.repeat(100_000)}\r\n`).startsWith(
      'SERVER_ERROR out of memory storing object',
    );
  assert.ok(full, 'the memory is full at last');
  assert.equal(ask('mg keep v\r\n'), 'VA 5\r\nsmall\r\n');
  assert.equal(
    ask(`ms keep 100000 MR\r\n${'x'.repeat(100_000)}\r\n`),
    'SERVER_ERROR out of memory storing object\r\n',
  );
  assert.equal(ask('mg keep v\r\n'), 'EN\r\n');
  let refused = '';
  for (let i = 0; i < 60_000 && refused === ''; i++) {
    const reply = ask(`mg new${i} N0\r\n`);
    if (reply !== 'HD W\r\n') refused = reply;
  }
  assert.equal(refused, 'SERVER_ERROR Out of memory allocating new item\r\n');
  assert.equal(ask('ma another N0\r\n'), 'SERVER_ERROR Out of memory allocating new item\r\n');
});

test('a plain mg with v is answered as one with more flags is, whatever marks the item has', () => {
  const { ask } = connect(memoryNodeContext());
  const long = 'x'.repeat(700_000);
  assert.equal(ask('mg k v\r\n'), 'EN\r\n');
  assert.equal(ask('ms k 1\r\na\r\n'), 'HD\r\n');
  assert.equal(ask('mg k v\r\nmg k v\nmg k h v\r\n'), 'VA 1\r\na\r\nVA 1\r\na\r\nVA 1 h1\r\na\r\n');
  assert.equal(ask('md k I T30\r\n'), 'HD\r\n');
  assert.equal(ask('mg k v\r\nmg k v\r\n'), 'VA 1 X W\r\na\r\nVA 1 Z X\r\na\r\n');
  assert.equal(ask('ms azE= 1 b\r\nb\r\n'), 'HD\r\n');
  assert.equal(ask('mg k1 v\r\n'), 'VA 1\r\nb\r\n');
  assert.equal(ask(`ms long 700000\r\n${long}\r\nmg long v\r\n`), `HD\r\nVA 700000\r\n${long}\r\n`);
  assert.equal(ask(`mg ${'k'.repeat(251)} v\r\n`), 'CLIENT_ERROR bad command line format\r\n');
  assert.equal(ask('mg  v\r\n'), 'EN\r\n');
});
