import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterDescription, parseClusterFile } from './cluster-file.ts';
import type { ClusterPlan } from './plan.ts';
import { planDiff } from './plan-diff.ts';
import { planCluster } from './planned-cluster.ts';
import { RunningCluster } from './running-cluster.ts';

// Of the built-in cluster nothing is kept on disk.
const SOURCE = { file: null, directory: '/state', host: null, command: ['T'] };

function described(shards: string): ClusterDescription {
  return parseClusterFile('c.yml', `hosts: { a: 127.0.0.1, b: 127.0.0.2 }\nshards:\n${shards}proxies: []\n`);
}

function shard(name: string, port: number): string {
  return `  - { name: ${name}, replication-port: ${port + 5}, twins: [{ host: a, port: ${port} }, { host: b, port: ${port} }] }\n`;
}

/** A cluster that was started, and what its monitor was told. */
function started(
  description: ClusterDescription,
  serving: ReadonlyMap<string, string> = new Map(),
): { readonly cluster: RunningCluster; readonly told: string[]; readonly plan: ClusterPlan } {
  const told: string[] = [];
  const plan = planCluster(description, SOURCE, serving);
  const monitor = {
    add: ({ name }: { readonly name: string }) => void told.push(`add ${name}`),
    remove: (name: string) => void told.push(`remove ${name}`),
    use: (definitions: ReadonlyMap<string, { readonly name: string }>) => {
      for (const [name, after] of definitions) told.push(`use ${name} as ${after.name}`);
    },
    noteServing: (names: Readonly<Record<string, string>>) =>
      void told.push(`serving ${JSON.stringify(names)}`),
  };
  return {
    cluster: new RunningCluster(monitor, plan.services, { ...SOURCE, description, serving }),
    told,
    plan,
  };
}

test('a node is asked first that was switched to; else the first of its shard', () => {
  const serving = new Map([['two', 'two-b']]);
  const { cluster, told } = started(described(shard('one', 11) + shard('two', 21)), serving);
  const first = cluster.services.filter((service) => cluster.isAskedFirst(service));
  assert.deepEqual(
    first.map(({ name }) => name),
    ['one-a', 'two-b'],
  );
  assert.deepEqual(told, ['serving {"one":"one-a","two":"two-b"}']);
});

test('a shard takes the name of another one that goes: that one makes room, and who was asked first still is', () => {
  const { cluster, told } = started(
    described(shard('one', 11) + shard('two', 21)),
    new Map([['one', 'one-b']]),
  );
  told.length = 0;
  const after = described(shard('two', 11) + shard('three', 31));
  const diff = planDiff(cluster.services, planCluster(after, SOURCE, cluster.serving));
  assert.deepEqual(cluster.rename(diff), ['two-a-leaving', 'two-b-leaving']);
  assert.deepEqual(told, [
    'use one-a as two-a',
    'use one-b as two-b',
    'use two-a as two-a-leaving',
    'use two-b as two-b-leaving',
  ]);
  assert.deepEqual([...cluster.serving], [['two', 'two-b']]);
  for (const service of diff.added) cluster.add(service);
  cluster.description = after;
  for (const name of ['two-b-leaving', 'two-a-leaving']) cluster.remove(name);
  assert.deepEqual(
    cluster.services.map((service) => [service.name, cluster.isAskedFirst(service)]),
    [
      ['two-a', false],
      ['two-b', true],
      ['three-a', true],
      ['three-b', false],
    ],
  );
  told.length = 0;
  cluster.noteServing();
  assert.deepEqual(told, ['serving {"two":"two-b","three":"three-a"}']);
});
