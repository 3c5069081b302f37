import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReceivePace } from './receive-pace.ts';

/** A pace that sixteen small pieces within eight milliseconds have begun. */
function begun(): ReceivePace {
  const pace = new ReceivePace();
  for (let i = 0; i < 16; i++) {
    assert.equal(pace.isPaced, false, `after ${i} pieces`);
    pace.took(150, 100 + i / 2, 0, true);
  }
  assert.equal(pace.isPaced, true);
  return pace;
}

test('many small pieces in a short time begin it', () => {
  begun();
});

test('pieces that come seldom do not', () => {
  const pace = new ReceivePace();
  for (let i = 0; i < 1000; i++) pace.took(150, i * 0.6, 0, true);
  assert.equal(pace.isPaced, false);
});

test('neither do long ones, nor those that somebody waits for', () => {
  const pace = new ReceivePace();
  for (let i = 0; i < 100; i++) pace.took(i % 8 === 7 ? 8193 : 8192, 0, 0, true);
  assert.equal(pace.isPaced, false);
  for (let i = 0; i < 100; i++) pace.took(150, 0, 0, i % 8 !== 7);
  assert.equal(pace.isPaced, false);
});

test('it ends when six looks in a row find nothing', () => {
  const pace = begun();
  for (let i = 0; i < 100; i++) pace.took(i % 6 === 5 ? 1 : 0, 200, 0, true);
  pace.took(1, 200, 0, true);
  for (let i = 0; i < 6; i++) {
    assert.equal(pace.isPaced, true, `after ${i} looks`);
    pace.took(0, 200, 0, true);
  }
  assert.equal(pace.isPaced, false);
  for (let i = 0; i < 15; i++) pace.took(150, 200, 0, true);
  assert.equal(pace.isPaced, false, 'counted anew');
});

test('it ends at once when much comes, or when somebody waits', () => {
  const pace = begun();
  pace.took(32_768, 200, 0, true);
  assert.equal(pace.isPaced, true);
  pace.took(32_769, 200, 0, true);
  assert.equal(pace.isPaced, false);
  const other = begun();
  other.took(150, 200, 0, false);
  assert.equal(other.isPaced, false);
});

test('it does not begin where others wake the thread anyway', () => {
  const pace = new ReceivePace();
  for (let i = 0; i < 1000; i++) pace.took(150, i / 2, Math.floor(i / 3), true);
  assert.equal(pace.isPaced, false, 'five in sixteen pieces');
  for (let i = 0; i < 32; i++) pace.took(150, 500 + i / 2, 333 + Math.floor(i / 4), true);
  assert.equal(pace.isPaced, true, 'four, whatever was before');
});

test('it ends when others cause the half of the looks', () => {
  const pace = begun();
  for (let i = 0; i < 160; i++) pace.took(150, 200, Math.floor(i / 2), true);
  assert.equal(pace.isPaced, true, 'half of them, and no more');
  for (let i = 0; i < 32; i++) pace.took(150, 200, 80 + Math.floor((i * 2) / 3), true);
  assert.equal(pace.isPaced, false);
});
