import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlError } from './control-error.ts';
import { checkedPattern, jsPattern } from './extended-pattern.ts';

/** Patterns and texts, and whether monit finds the one in the other: tried with monit 5.33 and glibc 2.36. */
const FOUND: readonly (readonly [string, string, boolean])[] = [
  ['[]a]+b', ']b', true],
  ['[^]]+z', 'abcz', true],
  ['x[^]]*]y', 'x12]y', true],
  ['[\\.]q', '\\q', true],
  ['a\\.b', 'a.b', true],
  ['a\\.b', 'axb', false],
  ['\\<ERR\\>', 'an ERR x', true],
  ['\\<ERR\\>', 'anERR x', false],
  ['^ab+?$', 'a', true],
  ['^a{,2}$', 'aa', true],
  ['^a{,2}$', 'aaa', false],
  ['^a**$', 'aaa', true],
  ['^(a{2}){3}$', 'aaaaaa', true],
  ['^a{2}{3}$', 'aaaaaa', true],
  ['^a{2}{3}$', 'aaaaaaaa', false],
  ['\\w\\w', 'ab', true],
  ['\\s', 'a b', true],
  ['[\\w]', 'b', false],
  ['[[.a.]]b', 'ab', true],
  ['[[=a=]]b', 'ab', true],
  ['a|', 'x', true],
  ['\\bcat\\b', 'a cat', true],
  ['a\\/b', 'a/b', true],
  ['^$', '', true],
];

for (const [pattern, text, isFound] of FOUND)
  test(`${pattern} ${isFound ? 'is' : 'is not'} in '${text}'`, () => {
    assert.equal(new RegExp(jsPattern(pattern)).test(text), isFound, jsPattern(pattern));
  });

test('classes are spelled out, others than those there are are no patterns', () => {
  assert.match('x7', new RegExp(jsPattern('^[[:alpha:]_][^[:space:][:upper:]]$')));
  assert.doesNotMatch('xX', new RegExp(jsPattern('^[[:alpha:]_][^[:space:][:upper:]]$')));
  const place = { file: 'f', line: 3 };
  for (const pattern of ['[[:nothing:]]', '[a[:constructor:]]', '[a', '*a', '(a', 'a{3,2}', '[z-a]'])
    assert.throws(
      () => checkedPattern(pattern, place),
      (error) => error instanceof ControlError && error.message.startsWith('f:3: Regex parsing error: '),
      pattern,
    );
  assert.equal(checkedPattern('[[:alpha:]]\\.', place), '[[:alpha:]]\\.');
});
