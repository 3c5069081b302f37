import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FAILING_ADDRESSES_MAX,
  FAILURES_FORGOTTEN_MS,
  FAILURES_MAX,
  LoginFailures,
} from './login-failures.ts';

function failing(failures: LoginFailures, address: string, nowMs = 0): void {
  for (let count = 0; count < FAILURES_MAX; count++) failures.add(address, nowMs);
}

test('who guesses has to wait, from the tenth failure until a minute after the first', () => {
  const failures = new LoginFailures();
  for (let count = 1; count < FAILURES_MAX; count++) failures.add('10.0.0.1', count);
  assert.ok(!failures.isTooMany('10.0.0.1', 100));
  failures.add('10.0.0.1', 100);
  assert.ok(failures.isTooMany('10.0.0.1', 100));
  assert.ok(failures.isTooMany('::ffff:10.0.0.1', FAILURES_FORGOTTEN_MS), 'in the clothes of IPv6 as well');
  assert.ok(!failures.isTooMany('10.0.0.2', 100));
  assert.ok(!failures.isTooMany('10.0.0.1', FAILURES_FORGOTTEN_MS + 1));
  assert.equal(failures.addressCount, 0);
});

test('the addresses of one network of IPv6 count as one', () => {
  const failures = new LoginFailures();
  for (let count = 0; count < FAILURES_MAX; count++) failures.add(`2001:db8::${count}`, 0);
  assert.ok(failures.isTooMany('2001:db8:0:0:ffff::1', 0));
  assert.ok(!failures.isTooMany('2001:db8:0:1::1', 0));
});

test('a flood from many addresses does not set back those who have to wait', () => {
  const failures = new LoginFailures();
  failing(failures, '10.0.0.1');
  failures.add('10.0.0.2', 0);
  failures.add('10.0.0.2', 0);
  for (let address = 0; address < 5 * FAILING_ADDRESSES_MAX; address++)
    failures.add(`11.0.${address >> 8}.${address & 255}`, 1);
  assert.equal(failures.addressCount, FAILING_ADDRESSES_MAX);
  assert.ok(failures.isTooMany('10.0.0.1', 2));
  for (let count = 2; count < FAILURES_MAX; count++) failures.add('10.0.0.2', 2);
  assert.ok(failures.isTooMany('10.0.0.2', 2), 'nor those who have begun');
});

test('when all have to wait, the one that has waited longest makes room', () => {
  const failures = new LoginFailures();
  for (let address = 0; address < FAILING_ADDRESSES_MAX; address++)
    failing(failures, `10.0.${address >> 8}.${address & 255}`);
  failures.add('11.0.0.1', 1);
  assert.equal(failures.addressCount, FAILING_ADDRESSES_MAX);
  assert.ok(!failures.isTooMany('10.0.0.0', 1));
  assert.ok(failures.isTooMany('10.0.0.1', 1));
});
