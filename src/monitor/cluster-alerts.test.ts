import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { until } from '../../testing/wait.ts';
import type { ServiceEvent } from '../checks/event-kinds.ts';
import type { AlertTarget, EventName } from '../control/tree.ts';
import { type ClusterAlertSettings, ClusterAlerts, type ClusterAlertTarget } from './cluster-alerts.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-cluster-alerts-'));
after(() => rmSync(folder, { recursive: true }));

const DEAD: ServiceEvent = { name: 'nonexist', state: 'failed', description: 'died', action: 'restart' };
const BACK: ServiceEvent = {
  name: 'nonexist',
  state: 'succeeded',
  description: 'is running',
  action: 'alert',
};

/** A program that writes what it was told into a file. */
function writer(
  name: string,
  different: Partial<AlertTarget> = {},
  services: readonly string[] | null = null,
): ClusterAlertTarget {
  const script = `echo "$MONIT_SERVICE $MONIT_EVENT" >> ${folder}/${name}`;
  return {
    target: {
      address: `exec ${name}`,
      events: null,
      isExclusion: false,
      reminderCycles: 0,
      format: { from: null, replyTo: null, subject: null, message: null },
      ...different,
    },
    program: { argv: ['/bin/sh', '-c', script], user: null, group: null, timeoutMs: null },
    services,
  };
}

function alertsOf(...targets: readonly ClusterAlertTarget[]): {
  readonly alerts: ClusterAlerts;
  readonly settings: ClusterAlertSettings;
  readonly log: string[];
} {
  const settings = { targets, mailServers: [], from: null };
  const log: string[] = [];
  const alerts = new ClusterAlerts(settings, {
    cluster: 'shop',
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    queueDirectory: null,
    log: (_, service, text) => log.push(`${service}: ${text}`),
  });
  return { alerts, settings, log };
}

const heard = (name: string): string[] =>
  existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').trim().split('\n') : [];

test('each hears of his services and of his events, and of the whole by the name of the cluster', async () => {
  const events: readonly EventName[] = ['instance'];
  const { alerts } = alertsOf(
    writer('all'),
    writer('of-one', {}, ['one-a']),
    writer('of-monitor', { events }),
  );
  alerts.tell('one-a', DEAD);
  await until('two', () => alerts.counts.sent === 2);
  alerts.tell('two-a', DEAD);
  await until('one more', () => alerts.counts.sent === 3);
  alerts.tell('', { name: 'instance', state: 'changed', description: 'starts', action: 'alert' });
  await until('two more', () => alerts.counts.sent === 5);
  assert.deepEqual(heard('all'), [
    'one-a Does not exist',
    'two-a Does not exist',
    'shop Monit instance changed',
  ]);
  assert.deepEqual(heard('of-one'), ['one-a Does not exist']);
  assert.deepEqual(heard('of-monitor'), ['shop Monit instance changed']);
});

test('what goes on is told again, over a reload too, until it is over or nobody wants to hear of it', async () => {
  const { alerts, settings } = alertsOf(writer('again', { reminderCycles: 3 }));
  const seconds = (count: number): void => {
    for (let second = 0; second < count; second++) alerts.everySecond();
  };
  const sent = (count: number): Promise<unknown> => until(`${count}`, () => alerts.counts.sent === count);
  alerts.tell('one-a', DEAD);
  await sent(1);
  seconds(2);
  alerts.use({ ...settings, targets: [writer('again', { reminderCycles: 3 })] });
  seconds(1);
  await sent(2);
  alerts.tell('one-a', BACK);
  await sent(3);
  seconds(10);
  alerts.tell('one-a', DEAD);
  await sent(4);
  alerts.forget('one-a');
  seconds(10);
  alerts.tell('one-a', DEAD);
  await sent(5);
  alerts.use({ ...settings, targets: [] });
  seconds(10);
  alerts.tell('one-a', DEAD);
  await alerts.close();
  assert.equal(alerts.counts.sent, 5);
  assert.equal(heard('again').length, 5);
});

test('a program that fails is counted and told of', async () => {
  const target = writer('never');
  const program = { argv: ['/bin/false'], user: null, group: null, timeoutMs: null };
  const { alerts, log } = alertsOf({ ...target, program });
  alerts.tell('one-a', DEAD);
  await until('it failed', () => alerts.counts.failed === 1);
  assert.deepEqual(log, ["one-a: exec: '/bin/false'", ': alert by /bin/false failed: exit status 1']);
  assert.deepEqual(alerts.pids, []);
});
