import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../testing/wait.ts';
import { namesMeant, PATTERN_LENGTH_MAX } from './name-pattern.ts';

const NAMES = ['memcache12211', 'Memcache12212', 'proxy', `${'a'.repeat(60)}!`];

function meant(pattern: string): string[] | null {
  const found = namesMeant(pattern, NAMES);
  return found === null ? null : [...found];
}

test('a pattern means whole names, whatever their case', async () => {
  // A machine that has no time for us may call it too long once.
  await until('it is said in time', () => meant('memcache.*') !== null);
  assert.deepEqual(meant('memcache.*'), NAMES.slice(0, 2));
  assert.deepEqual(meant('memcache'), []);
  assert.deepEqual(meant('proxy|nobody'), ['proxy']);
  assert.deepEqual(meant('('), []);
});

test('one that would take for ever is given up, and so is one that is too long', async () => {
  assert.equal(meant('(a+)+'), null);
  assert.equal(meant('x'.repeat(PATTERN_LENGTH_MAX + 1)), null);
  await until('one of the bound is not', () => meant('x'.repeat(PATTERN_LENGTH_MAX))?.length === 0);
});
