import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { numberOption, parseOptions } from './command-options.ts';

const TABLE = { count: { type: 'string' }, loud: { type: 'boolean' } } as const;

function messageOf(argv: readonly string[]): string {
  try {
    numberOption(parseOptions(argv, TABLE), 'count', { min: 1, max: 10 }, 5);
  } catch (error) {
    assert.ok(error instanceof StartError);
    assert.equal(error.exitCode, 1);
    return error.message;
  }
  return '';
}

test('numbers are read within their bounds', () => {
  const read = (...argv: string[]): number =>
    numberOption(parseOptions(argv, TABLE), 'count', { min: 1, max: 10 }, 5);
  assert.equal(read(), 5);
  assert.equal(read('--count', '1'), 1);
  assert.equal(read('--count=10'), 10);
});

test('what is wrong is named in one line', () => {
  for (const bad of ['0', '11', '-1', '1.5', '', ' 1', '1e1', '0x1', '99999999999999999999'])
    assert.equal(
      messageOf([`--count=${bad}`]),
      `option '--count' takes a whole number from 1 to 10, not '${bad}'`,
    );
  assert.match(messageOf(['--nonsense']), /^unknown option '--nonsense'$/);
  assert.match(messageOf(['--count']), /^option '--count <value>' argument missing$/);
  assert.match(messageOf(['--loud=x']), /^option '--loud' does not take an argument$/);
  assert.doesNotMatch(messageOf(['--count', '--loud']), /\n/);
});
