import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { parseConfiguration } from '../proxy/configuration-file.ts';
import { check } from './check.ts';
import { parseClusterFile } from './cluster-file.ts';
import { filePlan } from './file-plan.ts';
import { LOOPBACK_PAGE } from './page-settings.ts';
import type { ClusterPlan } from './plan.ts';
import { plannedFiles } from './planned-cluster.ts';

const EXAMPLES = new URL('../../../examples/', import.meta.url);

const SHARD =
  'shards:\n  - name: one\n    replication-port: 11111\n    twins: [{ port: 11221 }, { port: 11222 }]\n';
const PROXY = 'proxies:\n  - { name: users, port: 12000 }\n';
const ONE = `${SHARD}${PROXY}`;

function plan(
  text: string,
  host: string | null = null,
  serving: readonly [string, string][] = [],
): ClusterPlan {
  return filePlan(parseClusterFile('c.yml', text), {
    command: ['T'],
    host,
    asRoot: false,
    stateDirectory: '/state',
    secretFile: null,
    serving: new Map(serving),
  });
}

function lines(text: string, host: string | null = null): string[] {
  return plan(text, host).services.map(({ argv }) => argv.join(' '));
}

test('a pair and a proxy, with every default', () => {
  assert.deepEqual(lines(SHARD + PROXY), [
    'T memcached -v -p 11221 -l 127.0.0.1 -m 64 -t 1 -x 127.0.0.1 -X 11111',
    'T memcached -v -p 11222 -l 127.0.0.1 -m 64 -t 1 -x 127.0.0.1 -X 11111',
    'T proxy -c /state/users.yml',
  ]);
  const { name, entry, pagePort, services } = plan(SHARD + PROXY);
  assert.deepEqual([name, entry, pagePort], ['cluster', 'users', 2812]);
  assert.deepEqual(
    services.map((service) => service.after),
    [[], [], ['one-a', 'one-b']],
  );
});

test('every key is heeded, and each host has its part', () => {
  const text = `name: shop
hosts: { a: 10.0.0.1, b: 10.0.0.2 }
defaults: { memory: 1G, threads: 2 }
shards:
  - name: one
    replication-port: 11111
    memory: 100M
    threads: 4
    options: [-c, "2048"]
    twins: [{ host: a, port: 11211 }, { host: b, port: 11211 }]
  - name: alone
    replication-port: 11112
    twins: [{ host: a, port: 11212 }]
proxies:
  - { name: inner, host: a, port: 11300, to: [one], threads: 3, clients: 100, title: of one }
  - { name: users, host: b, port: 12000, to: [inner] }
page: { port: 2900 }
`;
  assert.deepEqual(lines(text, 'a'), [
    'T memcached -v -p 11211 -l 10.0.0.1 -m 100 -t 4 -x 10.0.0.2 -X 11111 -c 2048',
    'T memcached -v -p 11212 -l 10.0.0.1 -m 1024 -t 2 -X 11112',
    'T proxy -c /state/inner.yml',
  ]);
  assert.deepEqual(lines(text, 'b'), [
    'T memcached -v -p 11211 -l 10.0.0.2 -m 100 -t 4 -x 10.0.0.1 -X 11111 -c 2048',
    'T proxy -c /state/users.yml',
  ]);
  assert.equal(plan(text).pagePort, 2900);
  assert.deepEqual(plan(text, 'b').services.at(-1)?.after, [], 'what runs elsewhere is stopped elsewhere');
});

/** What a proxy of a plan is told. */
function configurationOf(made: ClusterPlan, name: string): { route: unknown; [key: string]: unknown } {
  const text = made.services.find((service) => service.name === name)?.configuration?.text ?? '';
  parseConfiguration(`${name}.yml`, text, { read: () => '' });
  // Cast: our own writer's text; a wrong shape fails the assertions that follow.
  return JSON.parse(text) as { route: unknown };
}

test('pairs are mirrors, with keys where magent puts them; the twin that was switched to stands in front', () => {
  const server = (pool: string, at: string): unknown => ({
    name: pool,
    route: { type: 'server', pool, server: at },
  });
  const shard = (...children: unknown[]): unknown => ({ type: 'shard', distribution: 'modulo', children });
  const main = server('one', '127.0.0.1:11221');
  const backup = server('one', '127.0.0.1:11222');
  assert.deepEqual(configurationOf(plan(SHARD + PROXY), 'users'), {
    listen: '127.0.0.1:12000',
    threads: 1,
    'clients-max': 51_200,
    pools: { one: { servers: ['127.0.0.1:11221', '127.0.0.1:11222'] } },
    route: { type: 'mirror', main: shard(main), backup: shard(backup) },
  });
  assert.deepEqual(configurationOf(plan(SHARD + PROXY, null, [['one', 'one-b']]), 'users').route, {
    type: 'mirror',
    main: shard(backup),
    backup: shard(main),
  });
  const single = SHARD.replace(', { port: 11222 }', '');
  assert.deepEqual(configurationOf(plan(single + PROXY), 'users').route, shard(main));
  const spare = `${SHARD}proxies:
  - { name: inner, port: 11300 }
  - { name: other, port: 11301 }
  - { name: users, port: 12000, to: [inner], spare: other }
`;
  assert.deepEqual(configurationOf(plan(spare), 'users').route, {
    type: 'mirror',
    main: shard(server('inner', '127.0.0.1:11300')),
    backup: shard({ name: 'inner', route: { type: 'server', pool: 'other', server: '127.0.0.1:11301' } }),
  });
});

test('where there are more than two that can answer, one after the other is asked', () => {
  const three = `hosts: { a: 127.0.0.1, b: 127.0.0.2, c: 127.0.0.3 }
shards:
  - name: one
    replication-port: 11111
    twins: [{ host: a, port: 1 }, { host: b, port: 1 }, { host: c, port: 1 }]
  - name: spare
    replication-port: 11112
    twins: [{ host: a, port: 2 }, { host: b, port: 2 }]
proxies:
  - { name: users, host: a, port: 12000, spare: spare }
`;
  const made = plan(three, null, [['one', 'one-c']]);
  assert.deepEqual(made.services.at(-1)?.argv, ['T', 'proxy', '-c', '/state/users.yml']);
  assert.equal(plannedFiles(made).length, 1);
  const { pools, route } = configurationOf(made, 'users');
  assert.deepEqual(pools, {
    one: { servers: ['127.0.0.3:1', '127.0.0.1:1', '127.0.0.2:1'] },
    spare: { servers: ['127.0.0.1:2', '127.0.0.2:2'] },
  });
  const children = [
    { type: 'failover', pool: 'one' },
    { type: 'failover', pool: 'spare' },
  ];
  assert.deepEqual(route, {
    type: 'shard',
    distribution: 'modulo',
    children: [{ name: 'one', route: { type: 'failover', children } }],
  });
});

test('routes for hot keys stand around all others', () => {
  const { route: root } = configurationOf(plan(SHARD + PROXY), 'users');
  const routeWith = (keys: string): unknown =>
    configurationOf(plan(`${SHARD}proxies:\n  - { name: users, port: 12000, ${keys} }\n`), 'users').route;
  const coalesce = { type: 'coalesce', route: root };
  assert.deepEqual(routeWith('coalesce: false'), root);
  assert.deepEqual(routeWith('coalesce: true'), coalesce);
  assert.deepEqual(routeWith('near-cache: 10s'), { type: 'near-cache', ttl: '10s', route: root });
  assert.deepEqual(routeWith('near-cache: 1ms, coalesce: true'), {
    type: 'near-cache',
    ttl: '1ms',
    route: coalesce,
  });
  for (const time of ['0ms', '10001ms', '11s', '100m', '0.5s'])
    assert.throws(
      () => routeWith(`near-cache: ${time}`),
      /c\.yml:6:45: proxies\[0\]\.near-cache.*; write (a time|one) from 1ms to 10s, such as 100ms$/,
    );
});

test('the page: where, who, whence, and with which certificate', () => {
  const text = `hosts: { a: 10.0.0.1, b: 10.0.0.2 }
shards:
  - { name: one, replication-port: 11111, twins: [{ host: a, port: 11221 }, { host: b, port: 11221 }] }
proxies: []
page:
  port: 2900
  address: host
  users:
    - { name: admin, role: admin, password-file: secrets/admin }
    - { name: view, role: read-only, password-environment: VIEW_PASSWORD }
  allow: [10.0.0.0/8, "fd00::/8"]
  tls: { cert: page.crt, key: /etc/page.key }
  audit-log: audit.log
`;
  const cluster = parseClusterFile('/etc/c/c.yml', text);
  const options = {
    command: [],
    asRoot: false,
    stateDirectory: '/state',
    secretFile: null,
    serving: new Map<string, string>(),
  };
  assert.deepEqual(filePlan(cluster, { ...options, host: 'b' }).page, {
    address: '10.0.0.2',
    users: [
      { name: 'admin', isReadOnly: false, password: { kind: 'file', path: '/etc/c/secrets/admin' } },
      { name: 'view', isReadOnly: true, password: { kind: 'variable', name: 'VIEW_PASSWORD' } },
    ],
    networks: [
      { address: '10.0.0.0', bits: 8 },
      { address: 'fd00::', bits: 8 },
    ],
    tls: { certFile: '/etc/c/page.crt', keyFile: '/etc/page.key' },
    auditLog: '/etc/c/audit.log',
  });
  assert.equal(filePlan(cluster, { ...options, host: null }).page?.address, '10.0.0.1');
  assert.deepEqual(plan(SHARD + PROXY).page, LOOPBACK_PAGE);
});

test('limits are words of nodes and keys of proxies, the closest to a service first', () => {
  const text = `limits:
  nodes: { connections: 4096, max-item-size: 8M, listen-backlog: 2048 }
  proxies: { clients: 100, queue-bytes: 64M, queue-calls: 500, request-timeout: 250ms }
shards:
  - name: one
    replication-port: 11111
    limits: { max-item-size: 16M, replication-backlog: 1G }
    options: [-R, "40"]
    twins: [{ port: 11221 }]
proxies:
  - { name: inner, port: 12000, clients: 70, limits: { request-timeout: 2s } }
  - { name: users, port: 12001, limits: { listen-backlog: 9, connect-timeout: 1s } }
`;
  const made = plan(text);
  assert.equal(
    lines(text)[0],
    'T memcached -v -p 11221 -l 127.0.0.1 -m 64 -t 1 -X 11111 -c 4096 -I 16m -b 2048 --replication-backlog 1024m -R 40',
  );
  const { backlog, defaults, 'clients-max': clients } = configurationOf(made, 'users');
  assert.deepEqual(
    [backlog, clients, defaults],
    [
      9,
      100,
      {
        'request-timeout': '250ms',
        'connect-timeout': '1s',
        'queue-calls': 500,
        'queue-bytes': '64m',
      },
    ],
  );
  const inner = configurationOf(made, 'inner');
  assert.equal(inner['clients-max'], 70);
  assert.deepEqual(inner['defaults'], {
    'request-timeout': '2s',
    'queue-calls': 500,
    'queue-bytes': '64m',
  });
});

test('rules are of those that have their figure, and count the looks of each', () => {
  const text = `watch: { every: 2s, timeout: 1s, restarts: { most: 4, within: 10m } }
shards:
  - { name: one, replication-port: 11111, twins: [{ port: 11221 }, { port: 11222 }] }
  - { name: lone, replication-port: 11112, watch: { every: 500ms, failures: 5 }, twins: [{ port: 11223 }] }
proxies:
  - { name: users, port: 12000 }
rules:
  - { if: memory > 1G, for: 30s, do: restart }
  - { if: not in-sync, for: 3 cycles }
  - { of: [users], if: latency > 50ms, times: 3, within: 1m }
  - { of: [users], if: errors > 0/s, times: 5, within: 5 cycles }
  - { of: [lone, users], if: requests < 1/s, exec: [bin/quiet, now] }
`;
  const cluster = parseClusterFile('/etc/c.yml', text);
  const rules = [...cluster.rules].map(([name, own]) => [
    name,
    ...own.map(
      ({ condition, times, cycles, action }) =>
        `${condition.figure} ${times === cycles ? '' : `${times}/`}${cycles} ${action.kind}`,
    ),
  ]);
  assert.deepEqual(rules, [
    ['one-a', 'memory 15 restart', 'in-sync 3 alert'],
    ['one-b', 'memory 15 restart', 'in-sync 3 alert'],
    ['lone-a', 'memory 60 restart', 'requests 1 exec'],
    ['users', 'memory 15 restart', 'latency 3/30 alert', 'errors 5 alert', 'requests 1 exec'],
  ]);
  const [policy, own] = cluster.shards.map((shard) => shard.policy);
  assert.deepEqual(
    [policy?.probeIntervalMs, policy?.probeTimeoutMs, policy?.restartLimit],
    [2000, 1000, { restarts: 4, withinMs: 600_000, retryMs: null }],
  );
  assert.deepEqual([own?.probeIntervalMs, own?.probeTimeoutMs, own?.probeFailuresMax], [500, 1000, 5]);
});

test('check shows rules and alerts, and nothing of what is secret', () => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-check-'));
  const path = join(directory, 'c.yml');
  writeFileSync(
    path,
    `${ONE}rules:
  - { if: memory > 1G, for: 30s, do: restart }
  - { of: [users], if: errors > 5/s, exec: [bin/page-me, now] }
  - { of: [users], if: latency > 50ms, times: 3, within: 1m }
mail: { server: mail.example.com }
alerts:
  - { mail: ops@example.com, events: [timeout, nonexist], of: [one], remind: 1h }
  - { webhook: "https://u:p@hooks.example.com/services/SECRET" }
  - { webhook-file: hook }
`,
  );
  let out = '';
  assert.equal(check([path], { out: (text) => (out += text), err: () => {} }), 0);
  rmSync(directory, { recursive: true });
  assert.ok(
    out.includes(`
rules:
  if memory > 1.0 GB, at 30 looks in a row: restart (one-a, one-b, users)
  if errors > 5.0/s: exec ${directory}/bin/page-me now (users)
  if latency > 50 ms, at 3 of 60 looks: alert (users)

alerts:
  mail to ops@example.com through mail.example.com; events timeout, nonexist; of one-a, one-b; again each 3600 s
  POST to https://hooks.example.com/...
  POST to the URL in ${directory}/hook
`),
    out,
  );
});

const PAGE = `${ONE}page:\n`;

for (const [text, message] of [
  [
    `${PAGE}  address: 10.0.0.1\n`,
    '8:12: whoever reaches 10.0.0.1 could stop the cluster; write "users:" with at least one admin, or leave the address out, for this machine alone',
  ],
  [
    `${PAGE}  address: "::"\n  users: []\n`,
    '8:12: whoever reaches :: could stop the cluster; write "users:" with at least one admin, or leave the address out, for this machine alone',
  ],
  [
    `${PAGE}  address: page.example\n`,
    '8:12: "page.example" is no address; write one, or "host" for that of the host',
  ],
  [
    `${PAGE}  users: [{ name: a, role: admin }]\n`,
    '8:11: the user a needs one password; write either "password-file:" or "password-environment:"',
  ],
  [
    `${PAGE}  users: [{ name: a, role: admin, password-file: f, password-environment: V }]\n`,
    '8:11: the user a needs one password; write either "password-file:" or "password-environment:"',
  ],
  [
    `${PAGE}  users: [{ name: a, role: root, password-file: f }]\n`,
    '8:28: page.users[0].role: "root" is none of admin, read-only; write one of them',
  ],
  [
    `${PAGE}  users: [{ name: a, role: admin, password: secret }]\n`,
    '8:35: "password" is no key that may stand here; see docs/reference/cluster-file.md',
  ],
  [
    `${PAGE}  users: [{ name: "a:b", role: admin, password-file: f }]\n`,
    '8:19: page.users[0].name: "a:b" is no name of a user; write up to 64 characters, none of them ":"',
  ],
  [
    `${PAGE}  users: [{ name: a, role: admin, password-file: f }, { name: a, role: read-only, password-file: f }]\n`,
    '8:63: there are two users named a; write another name',
  ],
  [
    `${PAGE}  allow: [10.0.0.0/33]\n`,
    '8:11: "10.0.0.0/33" is no network; write an address, or one with a length, such as 10.0.0.0/8',
  ],
  [`${PAGE}  tls: { cert: c }\n`, '8:8: page.tls.key is missing; write "key:" and a text'],
  ['[]', '1:1: a mapping is needed; write "shards:" and "proxies:", each with a list of what belongs to it'],
  [PROXY, '1:1: shards is missing; write "shards:" and a list'],
  [SHARD, '1:1: proxies is missing; write "proxies:" and a list'],
  [
    `${SHARD}proxies:\n  - { name: users, port: 99999 }\n`,
    '6:26: proxies[0].port: 99999 is out of bounds; write a number of at most 65535',
  ],
  [
    `${SHARD}${PROXY}colour: red\n`,
    '7:1: "colour" is no key that may stand here; see docs/reference/cluster-file.md',
  ],
  [
    `${SHARD}proxies:\n  - { name: users, port: 11221 }\n`,
    "6:26: port 11221 of 127.0.0.1 is one-a's already; write another one",
  ],
  [
    `${SHARD}proxies:\n  - { name: users, port: 1, to: [two] }\n`,
    '6:34: there is no shard and no proxy named two; write one of one',
  ],
  [
    `${SHARD}proxies:\n  - { name: a, port: 1, to: [b] }\n  - { name: b, port: 2 }\n`,
    '6:30: b stands further down; write proxies behind those that they send to',
  ],
  [
    `${SHARD}proxies:\n  - { name: one, port: 1 }\n`,
    '6:13: a proxy would be called one, as is a shard already; write another name',
  ],
  [
    `${SHARD}proxies:\n  - { name: one-a, port: 1 }\n`,
    '6:13: a proxy would be called one-a, as is a node of one already; write another name',
  ],
  [
    `shards:\n  - { name: x-a, replication-port: 3, twins: [{ port: 4 }] }\n  - { name: x, replication-port: 1, twins: [{ port: 2 }] }\nproxies: [{ name: p, port: 5 }]\n`,
    '3:13: a node of x would be called x-a, as is a shard already; write another name',
  ],
  [`${SHARD}proxies:\n  - { name: proxies, port: 1 }\n`, '6:13: proxies are all of them; write another name'],
  [
    `hosts: { a: 127.0.0.1, b: 127.0.0.2 }\n${SHARD}${PROXY}`,
    '5:13: host is missing; write "host:" and one of a, b',
  ],
  [
    SHARD.replace('port: 11221', 'port: 11221, host: x') + PROXY,
    '4:34: there is no host x; write one of local',
  ],
  [
    SHARD.replace('11222 }]', '11222 }, { port: 11223 }]') + PROXY,
    '4:12: of more than two twins each needs an address of its own, for all have the same replication port; write different hosts',
  ],
  [
    SHARD.replace('name: one', 'name: "a b"') + PROXY,
    '2:11: shards[0].name: "a b" is no name; write letters, digits, "-", "_" and ".", at most 64',
  ],
  [
    `${SHARD.replace('    twins', '    memory: lots\n    twins')}${PROXY}`,
    '4:13: shards[0].memory: "lots" is no size; write a number with M or G, such as 64M',
  ],
  [
    `${SHARD}${PROXY}page: { port: 12000 }\n`,
    "7:7: port 12000 of 127.0.0.1 is users's already; write another one",
  ],
  [
    `${ONE}rules: [{ if: hunger > 3 }]\n`,
    /^c\.yml:7:15: there is no figure "hunger"; write one of memory, cpu, .*, or "not in-sync"$/,
  ],
  [`${ONE}rules: [{ if: memory > 3 }]\n`, '7:15: "3" is no limit of memory; write it as in "memory > 2G"'],
  [
    `${ONE}rules: [{ if: memory > 3M, for: soon }]\n`,
    '7:33: rules[0].for: "soon" is no time; write one, such as 30s, or "3 cycles"',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, for: 3 }]\n`,
    '7:33: rules[0].for is no time; write one, such as 30s, or "3 cycles"',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, for: 2h }]\n`,
    '7:33: 2h is longer than 3600 looks at one-a, one each 1000 ms; write less',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, for: 3s, times: 3, within: 5s }]\n`,
    '7:33: it is so all the time, or so many times; write "for:", or "times:" and "within:"',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, times: 3 }]\n`,
    '7:35: 3 times within what time? Write "within: 5m" beside it',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, within: 3s }]\n`,
    '7:36: how often within 3s? Write "times: 3" beside it, or "for:" instead of it',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, times: 4, within: 3s }]\n`,
    '7:35: within 3s there are 3 looks at one-a, so 4 times are never reached; write less, or a longer time',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, times: 4, within: 3601 cycles }]\n`,
    '7:46: 3601 cycles is longer than 3600 looks at one-a, one each 1000 ms; write less',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, times: 0, within: 3s }]\n`,
    '7:35: rules[0].times: 0 is out of bounds; write a number of at least 1',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, do: dance }]\n`,
    '7:32: rules[0].do: "dance" is none of alert, restart; write one of them',
  ],
  [
    `${ONE}rules: [{ if: memory > 3M, do: restart, exec: [a] }]\n`,
    '7:47: a rule does one thing; write "do:" or "exec:", and a second rule',
  ],
  [`${ONE}rules: [{ for: 3s }]\n`, '7:9: rules[0].if is missing; write "if:" and a text'],
  [
    `${ONE}rules: [{ of: [one, two], if: memory > 3M }]\n`,
    '7:21: there is nothing named two; write one of one-a, one-b, one, users, nodes, proxies',
  ],
  [
    `${ONE}rules: [{ of: [users], if: lag > 3s }]\n`,
    '7:15: users, a proxy, has no lag; leave it out, only nodes have it',
  ],
  [
    `${ONE.replace(', { port: 11222 }', '')}rules: [{ if: twins < 1 }]\n`,
    '7:15: nobody here has twins; leave the rule out, or give a shard twins',
  ],
  [
    `${ONE}alerts: [{ events: [timeout] }]\n`,
    '7:10: an alert goes one way; write one of "mail:", "webhook:", "webhook-file:" and "exec:", and further ways as further alerts',
  ],
  [
    `${ONE}alerts: [{ mail: a@b.c }]\n`,
    '7:10: no server sends this mail; write "mail:" and "server:" at the top of the file',
  ],
  [
    `${ONE}alerts: [{ mail: ops }]\n`,
    '7:18: alerts[0].mail: "ops" is no mail address; write one, such as ops@example.com',
  ],
  [
    `${ONE}alerts: [{ webhook: hooks.example }]\n`,
    '7:21: alerts[0].webhook: "hooks.example" is no URL; write one that begins with http:// or https://',
  ],
  [
    `${ONE}alerts: [{ exec: [a], events: [death] }]\n`,
    '7:32: alerts[0].events[0]: "death" is none of nonexist, connection, timeout, resource, action, instance; write one of them',
  ],
  [
    `${ONE}mail: { server: m, user: u }\n`,
    '7:7: a user needs a password; write both "user:" and "password-file:", or neither',
  ],
  [
    `${ONE}mail: { server: m, password: secret }\n`,
    '7:20: "password" is no key that may stand here; see docs/reference/cluster-file.md',
  ],
  [
    `${ONE}watch: { every: 1ms }\n`,
    '7:17: watch.every: "1ms" is out of bounds; write one from 100ms to 10m, such as 1s',
  ],
  [
    `${ONE}watch: { restarts: { most: 3 } }\n`,
    '7:20: watch.restarts.within is missing; write "within:" and a text',
  ],
  [
    `${ONE}limits: { nodes: { max-item-size: 33M } }\n`,
    '7:35: 33M is too large for one, whose nodes have 64M; write 32M at most, or more "memory:"',
  ],
  [
    `${ONE}limits: { nodes: { clients: 33 } }\n`,
    '7:20: "clients" is no key that may stand here; see docs/reference/cluster-file.md',
  ],
  ['shards: [\n', /^c\.yml:2:1: /],
] as const)
  test(`what is wrong is told with its place: ${message}`, () => {
    assert.throws(
      () => parseClusterFile('c.yml', text),
      (error) => {
        assert.ok(error instanceof StartError);
        if (typeof message === 'string') assert.equal(error.message, `c.yml:${message}`);
        else assert.match(error.message, message);
        return true;
      },
    );
  });

test('the examples are good, and check prints who would run where', () => {
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.yml'));
  assert.ok(files.length >= 6);
  for (const name of files) {
    const path = new URL(name, EXAMPLES).pathname;
    assert.ok(plan(readFileSync(path, 'utf8')).services.length >= 2, name);
    let out = '';
    assert.equal(check([path], { out: (text) => (out += text), err: () => {} }), 0);
    assert.match(out, /^cluster [\w-]+: \d+ processes/);
    assert.match(out, /\n {2}twincached memcached -v /);
  }
});

test('check says what is wrong with its arguments and with the file', () => {
  let err = '';
  const run = (...argv: string[]): string => {
    err = '';
    assert.equal(check(argv, { out: () => {}, err: (text) => (err += text) }), 1);
    return err;
  };
  assert.equal(run(), 'twincached check: one cluster file is needed\n');
  assert.equal(
    run('/nowhere.yml'),
    'twincached check: /nowhere.yml: cannot be read: no such file or directory\n',
  );
  const three = new URL('three-hosts.yml', EXAMPLES).pathname;
  assert.equal(run(three, '--host', 'z'), `twincached check: ${three} has no host z; it has a, b, c\n`);
  let schema = '';
  assert.equal(check(['--schema'], { out: (text) => (schema += text), err: () => {} }), 0);
  assert.ok('properties' in JSON.parse(schema));
  assert.ok(schema.includes('"pattern": "^(not in-sync|(memory|'));
});
