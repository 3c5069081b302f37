import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReplies } from '../../testing/binary-transcripts.ts';
import { MemoryConnection, PieceFeeder } from '../../testing/memory-connection.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import { INPUT_REST_BYTES_MAX } from '../base/limits.ts';
import { OPCODE } from '../protocol/binary/opcodes.ts';
import { MARK, STORE_MODE } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { clientSession } from './client-session.ts';
import type { NodeContext } from './node-context.ts';

interface Client {
  readonly connection: MemoryConnection;
  readonly feeder: PieceFeeder;
  readonly close: () => void;
  readonly ask: (bytes: Buffer) => ReturnType<typeof parseReplies>['replies'];
}

function connect(context: NodeContext): Client {
  const connection = new MemoryConnection();
  const session = clientSession(context, connection, () => {});
  const feeder = new PieceFeeder(session);
  const ask = (bytes: Buffer): ReturnType<typeof parseReplies>['replies'] => {
    feeder.push(bytes);
    return parseReplies(connection.take()).replies;
  };
  return { connection, feeder, ask, close: () => session.closed(null) };
}

function withSettings(context: NodeContext, settings: Partial<NodeContext['settings']>): NodeContext {
  return { ...context, settings: { ...context.settings, ...settings } };
}

function packet(opcode: number, key = '', extras = '', value = '', bodyBytes?: number): Buffer {
  const header = Buffer.alloc(24);
  header[0] = 0x80;
  header[1] = opcode;
  header.writeUInt16BE(key.length, 2);
  header[4] = extras.length;
  header.writeUInt32BE(bodyBytes ?? key.length + extras.length + value.length, 8);
  return Buffer.concat([header, Buffer.from(extras + key + value, 'latin1')]);
}

const NO_EXTRAS = '\0'.repeat(8);

function set(key: string, value: string, bodyBytes?: number): Buffer {
  return packet(OPCODE.set, key, NO_EXTRAS, value, bodyBytes);
}

function usedChunks(context: NodeContext): number {
  return context.cache.classStatistics().reduce((sum, one) => sum + one.usedChunks, 0);
}

test('a client that reads slowly stops the session between two requests', () => {
  const context = memoryNodeContext();
  const { connection, feeder, ask } = connect(context);
  ask(set('k', 'v'.repeat(1000)));
  const { output } = connection;
  // Blocked as soon as anything has been written, as by a peer that takes nothing.
  Object.defineProperty(output, 'blocked', { get: () => output.at > output.start, configurable: true });
  feeder.push(Buffer.concat(Array.from({ length: 10 }, () => packet(OPCODE.get, 'k'))));
  let turns = 0;
  let replies = 0;
  for (; feeder.restBytes > 0 && turns < 50; turns++) {
    replies += parseReplies(connection.take()).replies.length;
    feeder.push(new Uint8Array(0));
  }
  replies += parseReplies(connection.take()).replies.length;
  assert.equal(replies, 10);
  assert.ok(turns >= 9, `${turns} turns`);
});

test('a client that vanishes in the midst of a long value leaves no memory taken, and the old value', () => {
  const context = memoryNodeContext();
  const whole = connect(context);
  whole.ask(set('k', 'old'));
  for (const sent of [0, 1, 50_000, 299_999]) {
    const before = usedChunks(context);
    const client = connect(context);
    client.ask(set('k', 'x'.repeat(sent), 300_009));
    assert.ok(usedChunks(context) > before, 'the item is reserved');
    client.close();
    assert.equal(usedChunks(context), before);
  }
  assert.equal(whole.ask(packet(OPCODE.get, 'k'))[0]?.value, 'old');
});

test('what is left unconsumed stays below the bound, whatever is sent byte by byte', () => {
  const context = memoryNodeContext();
  const { feeder, ask } = connect(context);
  const requests = [
    set('k'.repeat(250), 'v'.repeat(8000)),
    set('k', 'v'.repeat(20_000)),
    packet(0x60, 'k'.repeat(200), 'e'.repeat(255), 'v'.repeat(70_000)),
    packet(OPCODE.saslAuth, 'PLAIN', '', 'x'.repeat(70_000)),
  ];
  let most = 0;
  for (const request of requests)
    for (const byte of request) {
      feeder.push(Uint8Array.of(byte));
      most = Math.max(most, feeder.restBytes);
    }
  assert.equal(feeder.restBytes, 0);
  assert.ok(most > 8000 && most < INPUT_REST_BYTES_MAX, `${most} bytes`);
  assert.equal(ask(packet(OPCODE.noop)).length, 5);
});

test('a cas id of 64 bits that a client chose by a meta command is shown and compared', () => {
  const context = memoryNodeContext();
  const { cache } = context;
  const { ask } = connect(context);
  const chosen = 0xfedcba9876543210n;
  const both = Buffer.from('kvalue');
  const store = (): void => {
    cache.meta.setNewCas(0xfedcba98, 0x76543210);
    cache.store(STORE_MODE.set, both, 0, 1, cache.hash(both, 0, 1), 0, 0, 0, 1, 6, MARK.explicitCas);
  };
  const withCas = (bytes: Buffer, cas: bigint): Buffer => {
    bytes.writeBigUInt64BE(cas, 16);
    return bytes;
  };
  for (const change of [set('k', 'new'), set('k', 'x'.repeat(20_000)), packet(OPCODE.delete, 'k')]) {
    store();
    assert.equal(ask(packet(OPCODE.get, 'k'))[0]?.cas, chosen);
    assert.equal(ask(withCas(change, chosen + 1n))[0]?.status, 2);
    assert.equal(ask(withCas(change, chosen))[0]?.status, 0);
  }
  store();
  assert.equal(ask(set('k', 'plain'))[0]?.status, 0);
  const cas = ask(packet(OPCODE.get, 'k'))[0]?.cas ?? 0n;
  assert.ok(cas > 0n && cas < 2n ** 53n, 'a store without a choice gets a version again');
});

test('-F refuses flush, -C shows no cas id', () => {
  const context = withSettings(memoryNodeContext(), { flushAllowed: false, casShown: false });
  const { ask, connection } = connect(context);
  assert.equal(ask(set('k', '1'))[0]?.cas, 0n);
  assert.equal(ask(packet(OPCODE.flush))[0]?.value, 'Auth failure.');
  assert.equal(ask(packet(OPCODE.flushQ))[0]?.status, 0x20);
  assert.deepEqual(
    ask(packet(OPCODE.get, 'k')).map(({ value, cas }) => [value, cas]),
    [['1', 0n]],
  );
  assert.equal(ask(packet(OPCODE.increment, 'k', '\0'.repeat(20)))[0]?.cas, 0n);
  assert.equal(connection.ended, false);
});

test('-B: binary takes nothing else, ascii takes no binary request', () => {
  const binary = connect(withSettings(memoryNodeContext(), { protocol: 'binary' }));
  assert.equal(binary.ask(packet(OPCODE.noop)).length, 1);
  const text = connect(withSettings(memoryNodeContext(), { protocol: 'binary' }));
  assert.deepEqual(text.ask(Buffer.from('version\r\n')), []);
  assert.equal(text.connection.ended, true);
  const ascii = connect(withSettings(memoryNodeContext(), { protocol: 'ascii' }));
  ascii.feeder.push(Buffer.concat([packet(OPCODE.version), Buffer.from('\r\n')]));
  assert.equal(ascii.connection.take(), 'ERROR\r\n');
});

test('-X: nothing of keys is told', () => {
  const { ask } = connect(withSettings(memoryNodeContext(), { dumpAllowed: false }));
  for (const what of ['detail on', 'detail dump'])
    assert.equal(ask(packet(OPCODE.stat, what))[0]?.value, 'Not found');
});

test('with -M a full cache is out of memory, in the words of each command', () => {
  const context = memoryNodeContext({ evict: false, memoryBytesMax: 4 << 20 });
  const { ask } = connect(context);
  const value = 'v'.repeat(100_000);
  let refused: string | undefined;
  for (let i = 0; i < 200 && refused === undefined; i++) {
    const [reply] = ask(set(`k${i}`, value));
    if (reply?.status !== 0) refused = `${reply?.status} ${reply?.value}`;
  }
  assert.equal(refused, '130 Out of memory allocating item');
  assert.equal(ask(packet(OPCODE.get, 'k0'))[0]?.value, value);
  // The text of a value that is waited for whole, too.
  const small = (i: number): string => `s${i}`;
  let last = ask(set(small(0), 'v'))[0];
  for (let i = 1; i < 60_000 && last?.status === 0; i++) last = ask(set(small(i), 'v'))[0];
  assert.equal(last?.value, 'Out of memory allocating item');
  assert.equal(
    ask(packet(OPCODE.increment, 'new', '\0'.repeat(20)))[0]?.value,
    'Out of memory allocating new item',
  );
});

test('what is counted', () => {
  const context = memoryNodeContext();
  const { cache } = context;
  const { ask } = connect(context);
  const number = '\0'.repeat(20);
  const refused = `${'\0'.repeat(16)}\xff\xff\xff\xff`;
  const requests = [
    ...[set('k', '1'), packet(OPCODE.get, 'k'), packet(OPCODE.getKQ, 'none'), packet(OPCODE.delete, 'none')],
    ...[packet(OPCODE.increment, 'k', number), packet(OPCODE.decrement, 'k', number)],
    ...[packet(OPCODE.increment, 'none', refused), packet(OPCODE.decrementQ, 'none', refused)],
    ...[packet(OPCODE.touch, 'k', '\0\0\0\0'), packet(OPCODE.getAndTouchQ, 'none', '\0\0\0\0')],
    ...[packet(OPCODE.delete, 'k'), packet(OPCODE.flushQ)],
  ];
  for (const request of requests) ask(request);
  const cas = set('k', '1');
  cas[23] = 9;
  ask(cas);
  const count = (counter: number): number => cache.counterTotal(counter);
  const { cmdSet, getHits, deleteHits, incrHits, decrHits, touchHits } = cache.statistics();
  assert.deepEqual(
    { cmdSet, getHits, deleteHits, incrHits, decrHits, touchHits },
    { cmdSet: 2, getHits: 1, deleteHits: 1, incrHits: 1, decrHits: 1, touchHits: 1 },
  );
  for (const [counter, times] of [
    ...[[COUNTER.cmdGet, 2] as const, [COUNTER.getMisses, 1] as const, [COUNTER.deleteMisses, 1] as const],
    ...[[COUNTER.incrMisses, 1] as const, [COUNTER.decrMisses, 1] as const, [COUNTER.cmdTouch, 2] as const],
    ...[[COUNTER.touchMisses, 1] as const, [COUNTER.cmdFlush, 1] as const, [COUNTER.casMisses, 1] as const],
  ])
    assert.equal(count(counter), times, `counter ${counter}`);
});

test('a login is counted, and a failed one as an error too', () => {
  const context: NodeContext = {
    ...memoryNodeContext(),
    sasl: { users: () => [{ name: Buffer.from('u'), password: Buffer.from('p') }] },
  };
  const { ask } = connect(context);
  assert.equal(ask(packet(OPCODE.saslAuth, 'PLAIN', '', '\0u\0p'))[0]?.value, 'Authenticated');
  assert.equal(ask(packet(OPCODE.saslAuth, 'PLAIN', '', '\0u\0x'))[0]?.status, 0x20);
  assert.equal(context.cache.counterTotal(COUNTER.authCommands), 2);
  assert.equal(context.cache.counterTotal(COUNTER.authErrors), 1);
});

test('requests behind one whose answer takes its time wait for it', () => {
  const context = memoryNodeContext();
  let answer = (): void => {};
  const slow: NodeContext = {
    ...context,
    threads: {
      ...context.threads,
      gather: (_what, answered) => {
        answer = () => answered([]);
      },
    },
  };
  const { ask, feeder, connection } = connect(slow);
  assert.deepEqual(ask(Buffer.concat([packet(OPCODE.stat, 'conns'), packet(OPCODE.noop)])), []);
  assert.equal(connection.paused, true);
  answer();
  assert.equal(connection.paused, false);
  feeder.push(new Uint8Array(0));
  const replies = parseReplies(connection.take()).replies;
  assert.deepEqual(
    replies.map(({ opcode }) => opcode),
    [OPCODE.stat, OPCODE.noop],
  );
});
