import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StorePair } from '../../testing/replication/store-pair.ts';
import { checkInvariants } from '../../testing/store-invariants.ts';
import { TEST_START_MS } from '../../testing/test-cache.ts';
import { MARK, RESULT } from '../store/cache.ts';

const NOW = TEST_START_MS / 1000;

test('every kind of change passes between real caches, with flags, expiry and version', () => {
  const nodes = new StorePair();
  const [a, b] = [nodes.view(0), nodes.view(1)];
  a.set('before', 'there', 4294967295, NOW + 100);
  nodes.pair.open();
  assert.equal(b.value('before'), 'there');
  a.set('large', 'x'.repeat(300_000), 3);
  a.set('number', '5');
  a.arithmetic('number', true, 3n);
  b.set('from b', 'y');
  nodes.pair.settle();
  assert.equal(b.value('number'), '8');
  assert.equal(b.value('large'), 'x'.repeat(300_000));
  b.touch('before', NOW + 5);
  assert.equal(b.delete('large'), RESULT.stored);
  nodes.pair.settle();
  assert.deepEqual(nodes.contents(0), nodes.contents(1));
  assert.equal(a.value('large'), null);
  assert.equal(a.get('before')?.version, b.get('before')?.version);
  nodes.advance(6000);
  assert.equal(a.value('before'), null);
  a.cache.flushAll(0);
  nodes.pair.settle();
  assert.equal(b.value('from b'), null);
  b.set('after', 'z');
  b.cache.flushAll(3);
  nodes.pair.settle();
  assert.equal(a.value('after'), 'z');
  nodes.advance(4000);
  assert.equal(a.value('after'), null);
});

test('marks and explicit cas ids are in a full sync and in the live feed', () => {
  const nodes = new StorePair();
  const [a, b] = [nodes.view(0), nodes.view(1)];
  const long = 'x'.repeat(700_000);
  const storeAll = (prefix: string): void => {
    for (const [index, value] of ['short', long].entries()) {
      a.cache.meta.setNewCas(0xfedcba98, index);
      assert.equal(a.setMarked(`${prefix}${index}`, value, MARK.base64Key | MARK.explicitCas), RESULT.stored);
    }
    assert.equal(a.setMarked(`${prefix}2`, 'v', MARK.base64Key), RESULT.stored);
    assert.equal(a.invalidate(`${prefix}2`), RESULT.stored);
    assert.equal(a.setMarked(`${prefix}3`, 'v', 0), RESULT.stored);
    a.win(`${prefix}3`);
  };
  const check = (prefix: string): void => {
    for (let i = 0; i < 4; i++)
      assert.deepEqual(b.marked(`${prefix}${i}`), a.marked(`${prefix}${i}`), `${prefix}${i}`);
    assert.deepEqual(b.marked(`${prefix}1`), {
      value: long,
      marks: MARK.base64Key | MARK.explicitCas,
      cas: 0xfedcba98_00000001n,
    });
    assert.equal(b.marked(`${prefix}2`)?.marks, MARK.base64Key | MARK.stale);
    assert.equal(b.marked(`${prefix}3`)?.marks, MARK.tokenSent);
  };
  storeAll('before');
  nodes.pair.open();
  check('before');
  storeAll('after');
  nodes.pair.settle();
  check('after');
  // A win alone, for an item that the twin has, and the other way round.
  b.win('after2');
  nodes.pair.settle();
  assert.equal(a.marked('after2')?.marks, MARK.base64Key | MARK.stale | MARK.tokenSent);
  // While they are apart, each hands out a token: both are sent in the end.
  a.setMarked('k', 'v', 0);
  nodes.pair.settle();
  for (const end of [nodes.pair.dialler, nodes.pair.listener]) end.closeWith(null);
  a.win('k');
  nodes.reconnect();
  nodes.pair.settle();
  assert.equal(b.marked('k')?.marks, MARK.tokenSent);
  for (const view of [a, b]) checkInvariants(view.shared);
});

test('a flush to come is in a full sync', () => {
  const nodes = new StorePair();
  nodes.view(0).set('k', 'v');
  nodes.view(0).cache.flushAll(10);
  nodes.pair.open();
  assert.equal(nodes.view(1).value('k'), 'v');
  nodes.advance(11_000);
  assert.equal(nodes.view(1).value('k'), null);
});

test('a flush in force is in a full sync, too, when another one is to come', () => {
  const nodes = new StorePair();
  const [a, b] = [nodes.view(0), nodes.view(1)];
  b.set('old', 'v');
  nodes.advance(10);
  a.cache.flushAll(0);
  a.set('new', 'v');
  a.cache.flushAll(10);
  nodes.pair.open();
  for (const node of [0, 1]) assert.deepEqual([...nodes.contents(node).keys()], ['new']);
  // What the twin stores now is newer than the flush, and lives until the one to come.
  b.set('newer', 'v');
  nodes.pair.settle();
  for (const node of [0, 1]) assert.deepEqual([...nodes.contents(node).keys()], ['new', 'newer']);
  nodes.advance(11_000);
  for (const node of [0, 1]) assert.deepEqual([...nodes.contents(node).keys()], []);
});

test('a flush to come that strikes on one side before a later order of the other has come is in force on both', () => {
  for (const delay of [0, 5]) {
    const nodes = new StorePair(2);
    nodes.pair.open();
    const [a, b] = [nodes.view(0), nodes.view(1)];
    a.set('old', 'v');
    a.cache.flushAll(3);
    nodes.pair.settle();
    nodes.advance(1900);
    b.cache.flushAll(delay);
    // The clock of the first is a little ahead, or its turn comes sooner; any thread may be the one.
    nodes.view(0, 1).advance(10);
    nodes.view(0, 1).set('a moment later', 'v');
    nodes.view(0, 1).advance(190);
    nodes.advance(50);
    b.set('of the second that is struck', 'v');
    nodes.pair.settle();
    nodes.advance(100);
    nodes.pair.settle();
    assert.deepEqual([...nodes.contents(0).keys()], []);
    assert.deepEqual([...nodes.contents(1).keys()], []);
    nodes.advance(1000);
    b.set('later', 'v');
    nodes.pair.settle();
    for (const node of [0, 1]) assert.deepEqual([...nodes.contents(node).keys()], ['later']);
    // The later order has not been lost.
    nodes.advance(4000);
    for (const node of [0, 1])
      assert.deepEqual([...nodes.contents(node).keys()], delay === 0 ? ['later'] : []);
  }
});

test('a flush is in force on the twin at once, though its clock is a second behind, whatever is to come', () => {
  for (const later of [false, true]) {
    const nodes = new StorePair();
    nodes.pair.open();
    const [a, b] = [nodes.view(0), nodes.view(1)];
    a.set('old', 'v');
    nodes.pair.settle();
    nodes.advance(900);
    a.advance(200);
    a.cache.flushAll(0);
    if (later) {
      b.cache.observeVersion(a.cache.flushState().version);
      b.cache.flushAll(100);
    }
    nodes.pair.settle();
    assert.equal(b.value('old'), null);
    assert.equal(a.value('old'), null);
  }
});

test('a flush of the next second that the twin hears of before its clock begins this one is in force there, whatever is to come', () => {
  const nodes = new StorePair();
  nodes.pair.open();
  const [a, b] = [nodes.view(0), nodes.view(1)];
  nodes.advance(900);
  a.advance(200);
  a.cache.flushAll(1);
  b.cache.observeVersion(a.cache.flushState().version);
  b.cache.flushAll(100);
  nodes.pair.settle();
  assert.equal(b.cache.flushState().threshold, a.cache.flushState().threshold);
  assert.ok(a.cache.flushState().threshold > 0);
  assert.deepEqual(b.cache.flushState(), a.cache.flushState());
});

test('a flush to come that comes so late that it is in force at once is in force where it was ordered, too, though another took its place there', () => {
  const nodes = new StorePair();
  nodes.pair.open();
  const [a, b] = [nodes.view(0), nodes.view(1)];
  b.advance(2500);
  a.cache.flushAll(2);
  nodes.pair.dialler.link.pump(0);
  a.cache.flushAll(100);
  nodes.pair.settle();
  assert.ok(b.cache.flushState().threshold > 0);
  assert.deepEqual(a.cache.flushState(), b.cache.flushState());
});

test('a flush to come takes what is stored in its second on both sides, and sets no clock forward', () => {
  const nodes = new StorePair();
  nodes.pair.open();
  nodes.view(0).cache.flushAll(2);
  nodes.pair.settle();
  nodes.advance(1100);
  nodes.pair.settle();
  for (const node of [0, 1]) nodes.view(node).set(`of that second ${node}`, 'v');
  nodes.pair.settle();
  for (const node of [0, 1]) assert.equal(nodes.contents(node).size, 0);
  nodes.advance(900);
  nodes.view(1).set('later', 'v');
  nodes.pair.settle();
  for (const node of [0, 1]) assert.equal(nodes.contents(node).size, 1);
});

test('an item that was prolonged on one side during a cut lives as long on both', () => {
  for (const value of ['small', 'x'.repeat(100_000)]) {
    const nodes = new StorePair();
    nodes.view(0).set('k', value, 0, NOW + 100);
    nodes.pair.open();
    nodes.view(1).touch('k', NOW + 900);
    nodes.reconnect();
    assert.deepEqual(nodes.contents(0), nodes.contents(1));
    assert.match(nodes.contents(0).get('k')!, new RegExp(` ${NOW + 900} `));
  }
});

test('changes of several threads reach the twin, those of one key too', () => {
  const nodes = new StorePair(4);
  nodes.pair.open();
  for (let i = 0; i < 400; i++) nodes.view(0, i % 4).set(`k${i % 90}`, `v${i}`);
  for (let i = 0; i < 90; i += 7) nodes.view(0, (i + 1) % 4).delete(`k${i}`);
  nodes.pair.settle();
  assert.deepEqual(nodes.contents(0), nodes.contents(1));
  assert.equal(nodes.contents(1).size, 90 - 13);
});

test('the node slot can be changed for all threads', () => {
  const nodes = new StorePair(2);
  nodes.view(0).cache.nodeSlot = 6;
  assert.equal(nodes.view(0, 1).cache.nodeSlot, 6);
  nodes.view(0, 1).set('k', 'v');
  assert.equal((nodes.view(0).get('k')?.version ?? 0) % 8, 6);
});

test('whatever both sides do, with and without the link, they hold the same after a sync', () => {
  const key = fc.integer({ min: 0, max: 11 }).map((n) => `key${n}`);
  const node = fc.nat(1);
  const command = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(fc.constant('set'), node, key, fc.nat(400)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('large'), node, key, fc.nat(90_000)) },
    { weight: 4, arbitrary: fc.tuple(fc.constant('delete'), node, key, fc.constant(0)) },
    { weight: 4, arbitrary: fc.tuple(fc.constant('touch'), node, key, fc.nat(50)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('flush'), node, key, fc.nat(1)) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('advance'), node, key, fc.nat(1500)) },
    { weight: 4, arbitrary: fc.tuple(fc.constant('settle'), node, key, fc.constant(0)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('reconnect'), node, key, fc.constant(0)) },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), fc.boolean(), (commands, forgetful) => {
      const nodes = new StorePair(1, 4096, forgetful ? { touchStampsMax: 1, hashPower: 1 } : {});
      nodes.pair.open();
      for (const [name, side, name2, number] of commands) {
        const view = nodes.view(side);
        if (name === 'set') view.set(name2, 'v'.repeat(number), number, NOW + 1000);
        else if (name === 'large') view.set(name2, 'L'.repeat(number), number, NOW + 1000);
        else if (name === 'delete') view.delete(name2);
        else if (name === 'touch') view.touch(name2, number === 0 ? 0 : NOW + 1000 + number);
        else if (name === 'flush') view.cache.flushAll(number);
        else if (name === 'advance') nodes.advance(number);
        else if (name === 'settle') nodes.pair.settle();
        else nodes.reconnect();
      }
      nodes.pair.settle();
      nodes.reconnect();
      nodes.advance(5000);
      assert.deepEqual(nodes.contents(0), nodes.contents(1));
      for (const side of [0, 1]) assert.equal(checkInvariants(nodes.view(side).shared).reservedChunks, 0);
    }),
    { numRuns: 150 },
  );
});
