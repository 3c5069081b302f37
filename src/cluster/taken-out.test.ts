import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfiguration } from '../proxy/configuration-file.ts';
import { parseClusterFile } from './cluster-file.ts';
import { filePlan } from './file-plan.ts';
import type { TakenOut } from './proxy-configuration.ts';
import { changeOut, dependsOnlyOn, type OutRequest, outAfter } from './taken-out.ts';

const CLUSTER = parseClusterFile(
  'c.yml',
  `shards:
  - { name: one, replication-port: 11111, twins: [{ port: 1 }, { port: 2 }] }
  - { name: two, replication-port: 11112, twins: [{ port: 3 }, { port: 4 }] }
  - { name: lone, replication-port: 11113, twins: [{ port: 5 }] }
proxies:
  - { name: inner, port: 11, to: [one] }
  - { name: users, port: 12, to: [one, two], spare: lone }
  - { name: far, port: 13, to: [two] }
`,
);
const HERE = new Set(['inner', 'users']);

function change(
  out: TakenOut,
  action: OutRequest['action'],
  node: string,
  proxy: string | null = null,
): readonly [out: TakenOut, proxies: readonly string[], standIns: readonly string[] | null] {
  const made = changeOut(CLUSTER, HERE, out, { action, node, proxy });
  return [made.out, made.proxies, made.standIns?.map(({ name }) => name) ?? null];
}

test('a node is taken out of all proxies that send to it, or of one, and put back', () => {
  const [all, told, standIns] = change(new Map(), 'take-out', 'one-a');
  assert.deepEqual([told, standIns], [['inner', 'users'], ['one-b']]);
  const address = new Set(['127.0.0.1:1']);
  assert.deepEqual(
    all,
    new Map([
      ['inner', address],
      ['users', address],
    ]),
  );
  const [less, toldThen, nobody] = change(all, 'put-back', 'one-a', 'inner');
  assert.deepEqual([less, toldThen, nobody], [new Map([['users', address]]), ['inner'], null]);
  // Only those that do not have it out yet.
  assert.deepEqual(change(less, 'take-out', 'one-a')[1], ['inner']);
  assert.deepEqual(change(less, 'put-back', 'one-a')[0], new Map());
});

test('somebody is left to ask for every key', () => {
  const [out] = change(new Map(), 'take-out', 'one-a', 'users');
  assert.equal(dependsOnlyOn(CLUSTER, out, 'one-a'), null);
  assert.equal(dependsOnlyOn(CLUSTER, out, 'two-a'), null);
  assert.deepEqual(dependsOnlyOn(CLUSTER, out, 'one-b'), { proxy: 'users', others: ['one-a'] });
  for (const [action, node, proxy, message] of [
    ['take-out', 'one-b', null, 'users would have nobody to ask for the keys of one; put one-a back first'],
    ['take-out', 'lone-a', null, 'lone-a has no twin, so nobody could be asked for its keys'],
    ['take-out', 'one-c', null, 'there is no node named one-c'],
    ['take-out', 'inner', null, 'there is no node named inner'],
    ['take-out', 'two-a', 'far', 'no proxy named far runs here'],
    ['take-out', 'two-a', 'inner', 'inner sends no requests to two-a'],
    ['take-out', 'one-a', 'users', 'one-a is out already as far as users can tell'],
    ['put-back', 'one-a', 'inner', 'one-a is asked already as far as inner can tell'],
  ] as const)
    assert.throws(() => change(out, action, node, proxy), { message });
});

test('a proxy without a node has its keys where they were, and its shards say so', () => {
  const planned = (out: TakenOut): { servers: unknown; shards: unknown; children: unknown } => {
    const { services } = filePlan(CLUSTER, {
      command: ['T'],
      host: null,
      asRoot: false,
      stateDirectory: '/state',
      secretFile: null,
      serving: new Map([['one', 'one-b']]),
      out,
    });
    const { configuration, shards = [] } = services.find(({ name }) => name === 'users') ?? {};
    const text = configuration?.text ?? '';
    parseConfiguration('users.yml', text, { read: () => '' });
    // Cast: our own writer's text; a wrong shape fails the assertions that follow.
    const made = JSON.parse(text) as {
      pools: { one: { servers: unknown } };
      route: { children: readonly { name: string }[] };
    };
    return {
      servers: made.pools.one.servers,
      children: made.route.children.map(({ name }) => name),
      shards: shards.map(({ name, keyShare, servers }) => [
        name,
        keyShare,
        servers.map((server) => `${server.name}${server.isOut ? ' out' : ''}`).join(', '),
      ]),
    };
  };
  const two = ['two', 0.5, 'two-a, two-b'];
  const lone = ['lone', 0, 'lone-a'];
  assert.deepEqual(planned(new Map()), {
    servers: ['127.0.0.1:2', '127.0.0.1:1'],
    children: ['one', 'two'],
    shards: [['one', 0.5, 'one-b, one-a'], two, lone],
  });
  assert.deepEqual(planned(new Map([['users', new Set(['127.0.0.1:2'])]])), {
    servers: ['127.0.0.1:1'],
    children: ['one', 'two'],
    shards: [['one', 0.5, 'one-a, one-b out'], two, lone],
  });
  // A changed file may leave only what is out: then that is asked.
  assert.deepEqual(planned(new Map([['users', new Set(['127.0.0.1:1', '127.0.0.1:2'])]])).servers, [
    '127.0.0.1:2',
    '127.0.0.1:1',
  ]);
});

test('what is out when another file is taken over', () => {
  const changed = (
    proxies: string,
    twins = '[{ port: 1 }, { port: 2 }]',
  ): ReturnType<typeof parseClusterFile> =>
    parseClusterFile(
      'c.yml',
      `shards:\n  - { name: one, replication-port: 11111, twins: ${twins} }\nproxies:\n${proxies}`,
    );
  const outThen = (after: ReturnType<typeof parseClusterFile>): [string, string[]][] =>
    [...outAfter(out, CLUSTER, after)].map(([name, addresses]) => [name, [...addresses]]);
  const [out] = change(new Map(), 'take-out', 'one-a');
  const users = '  - { name: users, port: 12, to: [one] }\n';
  // A proxy that is gone keeps no node from being restarted.
  assert.deepEqual(outThen(changed(users)), [['users', ['127.0.0.1:1']]]);
  assert.equal(
    dependsOnlyOn(changed(users), outAfter(out, CLUSTER, changed(users)), 'one-b')?.proxy,
    'users',
  );
  assert.deepEqual(outThen(changed('  - { name: other, port: 14, to: [one] }\n')), []);
  assert.deepEqual(outThen(changed('  - { name: clients, port: 12, to: [one] }\n')), [
    ['clients', ['127.0.0.1:1']],
  ]);
  // Of a node that is gone, and comes back later, nobody has said anything.
  assert.deepEqual(outThen(changed(users, '[{ port: 2 }, { port: 6 }]')), []);
  assert.deepEqual(outThen(changed(users, '[{ port: 1 }]')), []);
});
