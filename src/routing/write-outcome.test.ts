import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERB } from '../protocol/text/verbs.ts';
import { leavesTheSame } from './write-outcome.ts';

test('which answers of two servers mean that they have the same item', () => {
  const same = (verb: number, one: string, other: string): boolean => {
    const [first, second] = [`..${one}\r\n`, `.${other}\r\n`].map((text) => Buffer.from(text));
    assert.ok(first !== undefined && second !== undefined);
    const there = leavesTheSame(verb, first, 2, first.length, second, 1, second.length);
    assert.equal(leavesTheSame(verb, second, 1, second.length, first, 2, first.length), there);
    return there;
  };
  for (const [verb, one, other, expected] of [
    [VERB.set, 'STORED', 'STORED', true],
    [VERB.set, 'STORED', 'SERVER_ERROR out of memory storing object', false],
    [VERB.cas, 'STORED', 'EXISTS', false],
    [VERB.cas, 'EXISTS', 'EXISTS', true],
    [VERB.add, 'NOT_STORED', 'STORED', false],
    [VERB.incr, '10', '11', false],
    [VERB.incr, '10', '10', true],
    [VERB.incr, '1', '10', false],
    [VERB.delete, 'DELETED', 'NOT_FOUND', true],
    [VERB.delete, 'DELETED', 'SERVER_ERROR busy', false],
    [VERB.touch, 'TOUCHED', 'NOT_FOUND', true],
    [VERB.metaSet, 'HD c5 kx', 'HD c77 kx', true],
    [VERB.metaSet, 'HD', 'EX', false],
    [VERB.metaSet, 'NS', 'HD', false],
    [VERB.metaDelete, 'HD', 'NF', true],
    [VERB.metaDelete, 'HD', 'EX', false],
    [VERB.metaArithmetic, 'VA 2 c5\r\n10', 'VA 2 c6\r\n10', true],
    [VERB.metaArithmetic, 'VA 2 c5\r\n10', 'VA 2 c5\r\n11', false],
    [VERB.metaArithmetic, 'HD', 'NF', false],
  ] as const)
    assert.equal(same(verb, one, other), expected, `${one} | ${other}`);
});
