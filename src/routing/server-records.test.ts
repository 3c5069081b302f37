import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerRecords } from './server-records.ts';

test('who was behind last is told by number, on all threads alike', () => {
  const buffer = ServerRecords.allocate(3);
  const [one, other] = [new ServerRecords(buffer), new ServerRecords(buffer)];
  assert.equal(one.anyBehind, false);
  one.noteBehind(2);
  other.noteBehind(0);
  assert.ok(one.anyBehind && other.behindAt(0) > one.behindAt(2) && one.behindAt(2) > 0);
  assert.equal(one.behindAt(1), 0);
  one.noteBehind(2);
  assert.ok(other.behindAt(2) > other.behindAt(0));
  assert.throws(() => one.behindAt(3));
});

test('a server that was started anew is told from one that was only dialled again, once for all threads', () => {
  const buffer = ServerRecords.allocate(2);
  const [one, other] = [new ServerRecords(buffer), new ServerRecords(buffer)];
  assert.equal(one.identify(1, 77, 1000), false, 'the first time nothing is known');
  assert.equal(other.identify(1, 77, 1001), false);
  assert.equal(one.identify(1, 78, 2000), true);
  assert.equal(other.identify(1, 78, 2000), false, 'it is known already');
  // In a container it is always process 1.
  assert.equal(one.identify(0, 1, 500), false);
  assert.equal(one.identify(0, 1, 504), true);
  assert.equal(other.identify(0, 1, 503), false);
});

test('the count stays at its end', () => {
  const buffer = ServerRecords.allocate(1);
  new Int32Array(buffer)[0] = 0x7fffffff;
  const records = new ServerRecords(buffer);
  records.noteBehind(0);
  records.noteBehind(0);
  assert.ok(records.behindAt(0) > 0 && records.anyBehind);
});

test('when a server lost everything is told beside when it was behind', () => {
  const records = new ServerRecords(ServerRecords.allocate(2));
  records.noteBehind(0);
  assert.equal(records.emptiedAt(0), 0);
  records.noteEmptied(0);
  assert.ok(records.emptiedAt(0) === records.behindAt(0) && records.emptiedAt(0) === records.serial);
  const emptiedAt = records.emptiedAt(0);
  records.noteBehind(0);
  assert.ok(records.emptiedAt(0) === emptiedAt && records.behindAt(0) > emptiedAt);
  assert.equal(records.emptiedAt(1), 0);
});

test('records of servers that stay go on, at whatever places they are now', () => {
  const before = new ServerRecords(ServerRecords.allocate(3));
  before.noteBehind(0);
  before.noteEmptied(2);
  before.identify(0, 77, 1000);
  const after = new ServerRecords(ServerRecords.allocate(3));
  after.takeOver(before, [2, -1, 0]);
  assert.deepEqual(
    [0, 1, 2].map((server) => [after.behindAt(server), after.emptiedAt(server)]),
    [
      [2, 2],
      [0, 0],
      [1, 0],
    ],
  );
  assert.equal(after.serial, 2);
  assert.equal(after.identify(2, 78, 2000), true, 'it is known who it was');
  assert.equal(after.identify(1, 79, 2000), false);
});
