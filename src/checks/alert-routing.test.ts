import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { Reminders, recipients } from './alert-routing.ts';
import { EntryRules } from './entry-rules.ts';
import type { ServiceEvent } from './event-kinds.ts';
import { EMPTY_SAMPLE, figure } from './sample.ts';

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

test('of two rules with one event the one that goes on failing is told again', () => {
  const reminders = new Reminders();
  const { services: entries, settings: general } = controlTree(`
    set alert ops@x with reminder on 1 cycle
    check process x with pidfile /x if cpu > 50% then alert if memory > 1 MB then alert`);
  const [entry] = entries;
  const [target] = general.alerts;
  assert.ok(entry !== undefined && target !== undefined);
  const rules = new EntryRules(entry, 1);
  const judge = (cpuPercent: number): void => {
    const figures = { cpu: figure(null, cpuPercent), memory: figure(2 ** 21) };
    for (const { event } of rules.judge({ ...EMPTY_SAMPLE, exists: true, figures }, null, 0))
      if (event !== null) reminders.told('x', event, target);
  };
  judge(90);
  assert.equal(reminders.cycle().length, 2);
  judge(10);
  assert.match(
    reminders
      .cycle()
      .map(({ event }) => event.description)
      .join(),
    /^memory of 2\.0 MB matches/,
  );
});
