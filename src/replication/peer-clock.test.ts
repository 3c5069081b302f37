import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerClock } from './peer-clock.ts';

const NOW = 1_800_000_000_000;

test('expiry times of a peer whose clock is minutes ahead, or behind, are the same moments here', () => {
  for (const seconds of [600, -600, 3, -3]) {
    const clock = new PeerClock();
    clock.note(NOW + seconds * 1000 - 20, NOW);
    assert.equal(clock.here(NOW / 1000 + seconds + 60), NOW / 1000 + 60);
    assert.equal(clock.here(0), 0, 'never');
    assert.ok(clock.here(1) >= 1 && clock.here(0xffff_ffff) <= 0xffff_ffff);
  }
});

test('clocks that are close are taken for equal', () => {
  const clock = new PeerClock();
  for (const ms of [0, 1999, -1999]) {
    clock.note(NOW + ms, NOW);
    assert.equal(clock.here(NOW / 1000), NOW / 1000);
  }
});

test('what was long on its way does not count, and a shift does not creep', () => {
  const clock = new PeerClock();
  clock.note(NOW + 600_000, NOW);
  for (let i = 1; i <= 7; i++) clock.note(NOW + 600_000, NOW + i * 900);
  assert.equal(clock.shiftSeconds, 600);
  for (let i = 0; i < 20; i++) clock.note(NOW + 601_400, NOW);
  assert.equal(clock.shiftSeconds, 600);
  assert.equal(clock.offsetMs, 601_400);
});

test('a clock that is put right is followed', () => {
  const clock = new PeerClock();
  clock.note(NOW + 600_000, NOW);
  clock.note(NOW + 900_000, NOW);
  assert.equal(clock.shiftSeconds, 900, 'forward at once');
  for (let i = 0; i < 8; i++) clock.note(NOW, NOW);
  assert.equal(clock.shiftSeconds, 0, 'back after some pings');
});
