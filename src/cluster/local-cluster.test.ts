import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfiguration } from '../proxy/configuration-file.ts';
import { filePlan } from './file-plan.ts';
import { localCluster } from './local-cluster.ts';
import type { ClusterPlan, PlannedService } from './plan.ts';

function plan(portOffset = 0, pagePort: number | null = null, asRoot = false): ClusterPlan {
  return filePlan(localCluster({ nodeMemoryMib: 100, portOffset, pagePort }), {
    command: ['TWINCACHED'],
    host: null,
    asRoot,
    stateDirectory: '/state',
    secretFile: null,
    serving: new Map(),
  });
}

function commandLines(of: ClusterPlan): Map<string, string> {
  return new Map(of.services.map(({ name, argv }) => [name, argv.join(' ')]));
}

test('the built-in cluster is two pairs, a proxy in front of each, and one for clients', () => {
  const node = 'TWINCACHED memcached -v -p';
  const more = '-l 127.0.0.1 -m 100 -t 1 -X';
  assert.deepEqual(
    [...commandLines(plan())].map(([name, line]) => [name, line.replace(' -x 127.0.0.1', '')]),
    [
      ['node-1a', `${node} 11221 ${more} 11111`],
      ['node-1b', `${node} 11222 ${more} 11111`],
      ['node-2a', `${node} 11321 ${more} 11112`],
      ['node-2b', `${node} 11322 ${more} 11112`],
      ['proxy-1', 'TWINCACHED proxy -c /state/proxy-1.yml'],
      ['proxy-2', 'TWINCACHED proxy -c /state/proxy-2.yml'],
      ['proxy', 'TWINCACHED proxy -c /state/proxy.yml'],
    ],
  );
  assert.equal(plan().pagePort, 2812);
  assert.equal(plan().entry, 'proxy');
});

test('the offset moves every port, the page only if it was not given', () => {
  const moved = plan(1000);
  assert.match(commandLines(moved).get('node-2b') ?? '', /-p 12322 .* -X 12112$/);
  assert.equal(moved.pagePort, 3812);
  assert.equal(plan(1000, 80).pagePort, 80);
  const servers = ({ configuration }: PlannedService): string[] => {
    const { text = '' } = configuration ?? {};
    if (configuration !== null) parseConfiguration(configuration.path, text, { read: () => '' });
    return text.match(/127\.0\.0\.1:\d+/g) ?? [];
  };
  assert.deepEqual(
    [...new Set(moved.services.flatMap(servers))].map((server) => Number(server.split(':')[1]) - 1000),
    [11200, 11221, 11222, 11300, 11321, 11322, 12000],
  );
  for (const [index, { ports, probe }] of moved.services.entries()) {
    assert.equal(probe.port, ports[0]?.port);
    assert.deepEqual(
      ports.map(({ port }) => port - 1000),
      plan().services[index]?.ports.map(({ port }) => port),
    );
  }
});

test('a user is named only to nodes that root starts', () => {
  for (const line of commandLines(plan()).values()) assert.ok(!line.includes('-u'));
  for (const [name, line] of commandLines(plan(0, null, true)))
    assert.equal(line.includes(' -u root '), name.startsWith('node'));
});

test('every dependency names a service, and nothing depends on itself by a detour', () => {
  const { services, entry } = plan();
  const names = services.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes(entry));
  // The plan lists what is depended on first.
  for (const [index, { after }] of services.entries())
    for (const name of after) assert.ok(names.slice(0, index).includes(name), name);
});
