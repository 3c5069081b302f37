import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { decodeState, encodeState, initialMemory, type SavedEntry } from './saved-state.ts';

const [plain, never, last] = controlTree(`
check process plain with pidfile /p
check process never with pidfile /n onreboot nostart
check process last with pidfile /l onreboot laststate`).services;
const PROCESS = { pid: 5, startedAfterBootMs: 70 };
const STOPPED = { isMonitored: false, isWanted: false, restarts: 7, process: null, startMark: '' };
const saved = {
  bootId: 'one',
  services: new Map<string, SavedEntry>([
    ['plain', STOPPED],
    ['never', { isMonitored: true, isWanted: true, restarts: 1, process: PROCESS, startMark: 'm' }],
    ['last', STOPPED],
  ]),
};

test('a state comes back as it was, and what is none is none', () => {
  assert.deepEqual(decodeState(encodeState(saved)), saved);
  for (const text of [
    '',
    '{}',
    '[]',
    '{"format":1,"bootId":"x"}',
    '{"format":2,"bootId":"x","services":{}}',
    'MONIT\0',
  ])
    assert.equal(decodeState(text), null);
});

test('while the host runs, everything goes on as it was; after a boot, onreboot decides', () => {
  assert.ok(plain !== undefined && never !== undefined && last !== undefined);
  const up = { isMonitored: true, isWanted: true, restarts: 0, process: null, startMark: '' };
  const down = { isMonitored: false, isWanted: false, restarts: 0, process: null, startMark: '' };
  assert.deepEqual(initialMemory(plain, 'start', saved, 'one'), STOPPED);
  assert.deepEqual(initialMemory(never, 'start', saved, 'one'), saved.services.get('never'));
  assert.deepEqual(initialMemory(plain, 'start', saved, 'two'), up);
  assert.deepEqual(initialMemory(never, 'start', saved, 'two'), down);
  assert.deepEqual(initialMemory(last, 'start', saved, 'two'), STOPPED);
  const ran = { ...saved, services: new Map([['last', { ...up, process: PROCESS, startMark: 'm' }]]) };
  assert.deepEqual(initialMemory(last, 'start', ran, 'one'), { ...up, process: PROCESS, startMark: 'm' });
  assert.deepEqual(initialMemory(last, 'laststate', ran, 'two'), up);
  assert.deepEqual(initialMemory(plain, 'laststate', saved, 'two'), STOPPED);
  assert.deepEqual(initialMemory(plain, 'start', null, 'one'), up);
});
