import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { Reminders, recipients } from './alert-routing.ts';
import type { ServiceEvent } from './event-kinds.ts';

const { settings, services } = controlTree(`
set alert all@x
set alert most@x but not on { instance, action }
set alert few@x only on { timeout }
check process x with pidfile /x
  alert own@x only on { connection } with reminder on 3 cycles
  noalert all@x
  alert most@x only on { pid }`);

function addresses(name: ServiceEvent['name'], isOfEntry = true): string {
  const entry = isOfEntry ? (services[0] ?? null) : null;
  return recipients({ name }, entry, settings.alerts)
    .map(({ address }) => address)
    .join(' ');
}

test('an event is told to those who want it', () => {
  assert.equal(addresses('connection'), 'own@x');
  assert.equal(addresses('pid'), 'most@x');
  assert.equal(addresses('timeout'), 'few@x');
  assert.equal(addresses('connection', false), 'all@x most@x');
  assert.equal(addresses('instance', false), 'all@x');
});

test('a failure is told again until it is over', () => {
  const reminders = new Reminders();
  const target = services[0]?.alerts[0];
  assert.ok(target !== undefined);
  const event: ServiceEvent = { name: 'connection', state: 'failed', description: '', action: 'alert' };
  reminders.told('x', event, target);
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map(() => reminders.cycle().length),
    [0, 0, 1, 0, 0, 1],
  );
  reminders.told('x', { ...event, state: 'succeeded' }, target);
  assert.deepEqual(
    [1, 2, 3].map(() => reminders.cycle().length),
    [0, 0, 0],
  );
  reminders.told('x', event, target);
  reminders.forget('x');
  assert.deepEqual(
    [1, 2, 3].map(() => reminders.cycle().length),
    [0, 0, 0],
  );
});
