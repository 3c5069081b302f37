import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from './latency-histogram.ts';

test('each value is told within an eighth of itself, from 0 to the largest', () => {
  for (const micros of [0, 1, 7, 8, 9, 15, 16, 17, 100, 1000, 12_345, 1_000_000, 2 ** 31 - 1]) {
    const histogram = new LatencyHistogram();
    histogram.count(micros);
    const told = histogram.percentileMicros(1);
    assert.ok(told >= micros && told <= micros * 1.125 + 1, `${micros}: ${told}`);
  }
});

test('the buckets are told with their bounds, so that two readings can be subtracted', () => {
  const histogram = new LatencyHistogram();
  assert.equal(histogram.text, '');
  for (const micros of [3, 100, 3, 0]) histogram.count(micros);
  assert.equal(histogram.text, '0:1,3:2,103:1');
});

test('percentiles are those of what was counted', () => {
  const histogram = new LatencyHistogram();
  assert.equal(histogram.percentileMicros(0.5), 0);
  for (let i = 0; i < 990; i++) histogram.count(100);
  for (let i = 0; i < 10; i++) histogram.count(5000);
  assert.equal(histogram.total, 1000);
  assert.ok(histogram.percentileMicros(0.5) < 113 && histogram.percentileMicros(0.99) < 113);
  assert.ok(histogram.percentileMicros(0.991) >= 5000);
});

test('of a clock with fractions whole microseconds are counted, none below nothing and none beyond the largest', () => {
  const histogram = new LatencyHistogram();
  for (const ms of [-1, 0, 0.0031, 2 ** 40]) histogram.countMs(ms);
  const largest = new LatencyHistogram();
  largest.count(2 ** 31 - 1);
  assert.equal(histogram.text, `0:2,3:1,${largest.text}`);
});
