import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matching } from './bounded-match.ts';

const TEXTS = ['one', 'two', 'three', `${'a'.repeat(60)}!`];

test('the texts in which a pattern matches are named, up to a number of them', () => {
  assert.deepEqual(matching(/t/, TEXTS), [1, 2]);
  assert.deepEqual(matching(/t/, TEXTS, 1), [1]);
  assert.deepEqual(matching(/x/, TEXTS), []);
  assert.deepEqual(matching(/t/, []), []);
});

test('one that would take for ever is given up, and the next one is not', () => {
  assert.equal(matching(/^(a+)+$/, TEXTS), null);
  assert.deepEqual(matching(/^a+!$/, TEXTS), [3]);
});
