import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterPlan, localPlan } from './plan.ts';

function plan(portOffset = 0, pagePort: number | null = null, asRoot = false): ClusterPlan {
  return localPlan({ command: ['TWINCACHED'], nodeMemoryMib: 100, portOffset, pagePort, asRoot });
}

function commandLines(of: ClusterPlan): Map<string, string> {
  return new Map(of.services.map(({ name, argv }) => [name, argv.join(' ')]));
}

test('the built-in cluster is started by the command lines that one would type', () => {
  assert.deepEqual(
    [...commandLines(plan())],
    [
      ['node-1a', 'TWINCACHED memcached -v -p 11221 -l 127.0.0.1 -m 100 -x 127.0.0.1 -X 11111'],
      ['node-1b', 'TWINCACHED memcached -v -p 11222 -l 127.0.0.1 -m 100 -x 127.0.0.1 -X 11111'],
      [
        'proxy-1',
        'TWINCACHED magent -D -n 51200 -l 127.0.0.1 -p 11200 -s 127.0.0.1:11221 -b 127.0.0.1:11222',
      ],
      ['node-2a', 'TWINCACHED memcached -v -p 11321 -l 127.0.0.1 -m 100 -x 127.0.0.1 -X 11112'],
      ['node-2b', 'TWINCACHED memcached -v -p 11322 -l 127.0.0.1 -m 100 -x 127.0.0.1 -X 11112'],
      [
        'proxy-2',
        'TWINCACHED magent -D -n 51200 -l 127.0.0.1 -p 11300 -s 127.0.0.1:11321 -b 127.0.0.1:11322',
      ],
      ['proxy', 'TWINCACHED magent -D -n 51200 -l 127.0.0.1 -p 12000 -s 127.0.0.1:11200 -s 127.0.0.1:11300'],
    ],
  );
  assert.equal(plan().pagePort, 2812);
});

test('the offset moves every port, the page only if it was not given', () => {
  const moved = plan(1000);
  assert.equal(
    commandLines(moved).get('proxy-2'),
    'TWINCACHED magent -D -n 51200 -l 127.0.0.1 -p 12300 -s 127.0.0.1:12321 -b 127.0.0.1:12322',
  );
  assert.match(commandLines(moved).get('node-2b') ?? '', /-p 12322 .* -X 12112$/);
  assert.equal(moved.pagePort, 3812);
  assert.equal(plan(1000, 80).pagePort, 80);
  for (const [index, { ports, probe }] of moved.services.entries()) {
    assert.equal(probe.port, ports[0]?.port);
    assert.deepEqual(
      ports.map(({ port }) => port - 1000),
      plan().services[index]?.ports.map(({ port }) => port),
    );
  }
});

test('a user is named only to a cluster that root starts', () => {
  for (const line of commandLines(plan()).values()) assert.ok(!line.includes('-u'));
  for (const line of commandLines(plan(0, null, true)).values()) assert.match(line, / -u root /);
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
