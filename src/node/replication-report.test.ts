import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALONE_MS } from '../replication/missing-twins.ts';
import { doubted, packReport, reportFor, unpackReport } from './replication-report.ts';

const report = (isInSync: boolean, missingMs: number): (readonly [string, string])[] => [
  ['replication_state', 'alone'],
  ['replication_in_sync', isInSync ? '1' : '0'],
  ['replication_missing_ms', String(missingMs)],
];

test('what one thread packs another unpacks', () => {
  const lines = report(false, 12);
  assert.deepEqual(unpackReport(packReport(lines)), lines);
  assert.deepEqual(unpackReport(''), [['replication_in_sync', '0']], 'nobody relies on what cannot be had');
});

test('while a twin is missing a node is in sync for who has been there for as long as a twin needs to come', () => {
  const isInSync = (wasInSync: boolean, missingMs: number, connectedMs: number): boolean =>
    reportFor(report(wasInSync, missingMs), connectedMs)[1]?.[1] === '1';
  assert.ok(isInSync(true, 0, 0));
  assert.ok(!isInSync(false, ALONE_MS, 0), 'its client has come with the network perhaps');
  assert.ok(!isInSync(false, ALONE_MS, ALONE_MS - 1));
  assert.ok(!isInSync(false, ALONE_MS - 1, ALONE_MS), 'its twin may come yet');
  assert.ok(isInSync(false, ALONE_MS, ALONE_MS));
  assert.ok(!isInSync(false, 0, ALONE_MS), 'it lacks something else');
});

test('a report that is old is not believed', () => {
  assert.equal(doubted(report(true, 0))[1]?.[1], '0');
});
