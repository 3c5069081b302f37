import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERB } from '../protocol/text/verbs.ts';
import { KeyTable, SPARE_KEYS_MAX, SpareKeyTables } from './key-table.ts';
import { ReplyMemory } from './reply-memory.ts';
import { Request } from './request.ts';
import { KEEPER } from './request-owner.ts';

const KEY = Uint8Array.of(107);

function ask(request: Request, keys: number): void {
  request.begin(KEEPER, VERB.get, false);
  for (let key = 0; key < keys; key++) {
    assert.ok(request.reserve(1));
    request.append(KEY, 0, 1);
    request.addKey(key, key + 1);
  }
  for (let key = 0; key < keys; key++) {
    assert.equal(request.keyStart[key], key);
    assert.equal(request.keyEnd[key], key + 1);
    assert.equal(request.keyNext[key], key + 1 < keys ? key + 1 : -1);
    assert.ok(request.isOpen(key));
  }
}

test('requests of many keys use the same tables again and again, up to a bound', () => {
  const memory = new ReplyMemory(null);
  const budget = { used: 0, max: 10_000_000, refusals: 0, memory, relieve: () => false };
  const first = new Request(budget);
  const second = new Request(budget);
  const third = new Request(budget);
  ask(first, 5000);
  const { keyStart } = first;
  first.end();
  assert.ok(memory.keyTables.spareKeys >= 5000);
  assert.ok(first.keyStart.length <= 128, 'a record keeps a small table');
  ask(second, 5000);
  assert.equal(second.keyStart, keyStart, 'what one request has made the next one uses');
  // A table that is in use is nobody else's.
  ask(third, 300);
  assert.notEqual(third.keyStart, keyStart);
  third.end();
  second.end();
  ask(third, 5000);
  assert.equal(third.keyStart, keyStart);
  third.end();
  for (const request of [first, second, third]) ask(request, SPARE_KEYS_MAX);
  for (const request of [first, second, third]) request.end();
  assert.ok(memory.keyTables.spareKeys <= SPARE_KEYS_MAX);
});

test('a table that is lent is larger than the one that was too small, and spare ones are kept to the bound', () => {
  const spare = new SpareKeyTables();
  spare.give(new KeyTable(1000));
  const larger = spare.takeBeyond(1000);
  assert.ok(larger.size > 1000, 'one of the same size is no help');
  assert.equal(spare.takeBeyond(999).size, 1000);
  assert.equal(spare.spareKeys, 0);
  spare.give(new KeyTable(SPARE_KEYS_MAX));
  assert.equal(spare.spareKeys, SPARE_KEYS_MAX);
  spare.give(new KeyTable(1));
  assert.equal(spare.spareKeys, SPARE_KEYS_MAX);
});
