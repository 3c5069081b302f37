import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cronMatches, cronObjection } from './cron.ts';

const MONDAY = { minute: 30, hour: 8, dayOfMonth: 5, month: 1, dayOfWeek: 1 };

test('a cron line means the minutes that all its fields match', () => {
  assert.ok(cronMatches('* * * * *', MONDAY));
  assert.ok(cronMatches('0,30 8-19 * * 1-5', MONDAY));
  assert.ok(!cronMatches('0,30 9-19 * * 1-5', MONDAY));
  assert.ok(!cronMatches('30 8 * * 0', MONDAY));
  assert.ok(cronMatches('30 8 * * 0', { ...MONDAY, dayOfWeek: 0 }));
  assert.ok(cronMatches('30 8 * * 7', { ...MONDAY, dayOfWeek: 0 }));
  assert.ok(cronMatches('30 8 5 1 *', MONDAY));
  assert.ok(!cronMatches('30 8 6 1 *', MONDAY));
});

test('a bad cron line is named', () => {
  assert.equal(cronObjection('* 8-19 1,15 12 0-7'), null);
  assert.match(cronObjection('* * * *') ?? '', /five fields/);
  assert.match(cronObjection('60 * * * *') ?? '', /'60' is no minute: it must lie between 0 and 59/);
  assert.match(cronObjection('59 24 * * *') ?? '', /hour/);
  assert.match(cronObjection('* * 0 * *') ?? '', /day of the month/);
  assert.match(cronObjection('* * 5-3 * *') ?? '', /day of the month/);
  assert.match(cronObjection('*/5 * * * *') ?? '', /only numbers/);
});
