import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesMeant, PATTERN_LENGTH_MAX } from './name-pattern.ts';

const NAMES = ['memcache12211', 'Memcache12212', 'proxy', `${'a'.repeat(60)}!`];

function meant(pattern: string): string[] | null {
  const found = namesMeant(pattern, NAMES);
  return found === null ? null : [...found];
}

test('a pattern means whole names, whatever their case', () => {
  assert.deepEqual(meant('memcache.*'), NAMES.slice(0, 2));
  assert.deepEqual(meant('memcache'), []);
  assert.deepEqual(meant('proxy|nobody'), ['proxy']);
  assert.deepEqual(meant('('), []);
});

test('one that would take for ever is given up, and so is one that is too long', () => {
  assert.equal(meant('(a+)+'), null);
  assert.equal(meant('x'.repeat(PATTERN_LENGTH_MAX + 1)), null);
  assert.deepEqual(meant('x'.repeat(PATTERN_LENGTH_MAX)), []);
});
