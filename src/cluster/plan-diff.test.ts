import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterFile } from './cluster-file.ts';
import { filePlan } from './file-plan.ts';
import type { ClusterPlan } from './plan.ts';
import { diffLines, planDiff, refusals } from './plan-diff.ts';
import { staleTwins } from './stale-twins.ts';

const HOSTS = 'hosts: { a: 10.0.0.1, b: 10.0.0.2, c: 10.0.0.3 }\n';
const ONE = '  - { name: one, replication-port: 1, twins: [{ host: a, port: 11 }, { host: b, port: 11 }] }\n';
const TWO = '  - { name: two, replication-port: 2, twins: [{ host: a, port: 12 }, { host: b, port: 12 }] }\n';
const USERS = '  - { name: users, host: a, port: 120 }\n';

function fileOf(shards: string, proxies = USERS, more = ''): string {
  return `${HOSTS}${more}shards:\n${shards}proxies:\n${proxies}`;
}

function plan(text: string): ClusterPlan {
  return filePlan(parseClusterFile('c.yml', text), {
    command: ['T'],
    host: null,
    asRoot: false,
    stateDirectory: '/state',
    secretFile: null,
    serving: new Map(),
  });
}

/** What a change of the file means, in words. */
function change(before: string, after: string): string[] {
  return diffLines(planDiff(plan(before).services, plan(after)));
}

function refused(before: string, after: string): string[] {
  return refusals(parseClusterFile('c.yml', before), parseClusterFile('c.yml', after));
}

test('what is the same is not touched', () => {
  assert.deepEqual(change(fileOf(ONE), fileOf(ONE)), ['3 processes untouched']);
  assert.deepEqual(change(fileOf(ONE), `# a remark\n${fileOf(ONE)}`), ['3 processes untouched']);
});

test('a shard, a twin and a proxy come and go', () => {
  assert.deepEqual(change(fileOf(ONE), fileOf(ONE + TWO)), [
    'start two-a at 10.0.0.1:12, twin 1 of two',
    'start two-b at 10.0.0.2:12, twin 2 of two',
    'users takes over other routes; clients stay connected',
    '2 processes untouched',
  ]);
  assert.deepEqual(change(fileOf(ONE + TWO), fileOf(ONE)), [
    'users takes over other routes; clients stay connected',
    'stop two-a at 10.0.0.1:12',
    'stop two-b at 10.0.0.2:12',
    '2 processes untouched',
  ]);
  const three = ONE.replace('] }', ', { host: c, port: 11 }] }');
  const joins = planDiff(plan(fileOf(ONE)).services, plan(fileOf(three)));
  assert.deepEqual(
    joins.renewed.map(({ after }) => [after.name, after.argv.filter((word) => word === '-x').length]),
    [
      ['one-a', 2],
      ['one-b', 2],
    ],
    'the twins that were there know of it when they are started next',
  );
  assert.deepEqual(change(fileOf(ONE), fileOf(ONE, `${USERS}  - { name: more, host: b, port: 120 }\n`)), [
    'start more at 10.0.0.2:120, in front of one',
    '3 processes untouched',
  ]);
});

test('what only a start takes over is restarted, and the words that change are told', () => {
  assert.deepEqual(change(fileOf(ONE), fileOf(ONE, USERS, 'defaults: { memory: 1G }\n')), [
    'restart one-a: -m 64 becomes 1024',
    'restart one-b: -m 64 becomes 1024',
    '1 process untouched',
  ]);
  assert.deepEqual(change(fileOf(ONE), fileOf(ONE.replace('] }', '], options: [-c, "99"] }'))), [
    'restart one-a: with -c 99',
    'restart one-b: with -c 99',
    '1 process untouched',
  ]);
  assert.deepEqual(change(fileOf(ONE), fileOf(ONE, USERS.replace(' }', ', threads: 2 }'))), [
    'restart users: threads: 1 becomes 2; its clients have to dial again',
    '2 processes untouched',
  ]);
  const lone = ONE.replace(', { host: b, port: 11 }', '');
  assert.deepEqual(change(fileOf(lone), fileOf(lone, USERS, 'defaults: { threads: 2 }\n')), [
    'restart one-a: -t 1 becomes 2; it has no twin: its items are lost',
    '1 process untouched',
  ]);
});

test('a process keeps running under another name', () => {
  const lone = ONE.replace('{ host: a, port: 11 }, ', '');
  assert.deepEqual(change(fileOf(ONE), fileOf(lone)), [
    'users takes over other routes; clients stay connected',
    'one-b becomes one-a; its process goes on',
    'stop one-a at 10.0.0.1:11',
    '1 process untouched',
  ]);
});

test('a node of another shard may not come where a twin was that is still dialled', () => {
  const lone = ONE.replace(', { host: b, port: 11 }', '');
  const [service] = plan(fileOf(lone)).services;
  assert.ok(service !== undefined);
  const two = (port: number, host = 'b'): ClusterPlan['services'] =>
    plan(
      fileOf(`${lone}  - { name: two, replication-port: ${port}, twins: [{ host: ${host}, port: 12 }] }\n`),
    ).services.filter(({ group }) => group === 'two');
  const asStarted = { service, commandLine: 'twincached memcached -v -p 11 -x 10.0.0.2 -X 1' };
  assert.deepEqual(staleTwins(two(1), [asStarted]), [
    'one-a still dials 10.0.0.2:1, where a twin of it was, and would take two-a for it; restart one-a first, or write another replication-port',
  ]);
  assert.deepEqual(staleTwins(two(2), [asStarted]), []);
  assert.deepEqual(staleTwins(two(1, 'c'), [asStarted]), []);
  assert.deepEqual(staleTwins(two(1), [{ service, commandLine: 'twincached memcached -p 11 -X 1' }]), []);
  assert.deepEqual(staleTwins(plan(fileOf(ONE)).services, [asStarted]), [], 'its own shard may');
});

test('what would lose items of twins is refused', () => {
  assert.deepEqual(refused(fileOf(ONE), fileOf(ONE + TWO)), []);
  assert.deepEqual(refused(fileOf(ONE), fileOf(ONE.replace('port: 11 }]', 'port: 13 }]'))), []);
  assert.deepEqual(refused(fileOf(ONE), fileOf(ONE.replaceAll('port: 11 }', 'port: 13 }'))), [
    'all nodes of one would move at once, and its items would be lost; change one after the other, with a reload between',
  ]);
  assert.deepEqual(refused(fileOf(ONE), fileOf(ONE.replace('replication-port: 1', 'replication-port: 3'))), [
    'the replication port of one cannot change while its twins run, for they would not find each other; `twincached down` first',
  ]);
  assert.deepEqual(refused(fileOf(ONE), fileOf(ONE, USERS, 'name: other\n')), [
    'the cluster cluster cannot be called other while it runs; `twincached down` it before the name is changed',
  ]);
});
