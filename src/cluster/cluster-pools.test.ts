import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { parseConfiguration } from '../proxy/configuration-file.ts';
import { parseClusterFile } from './cluster-file.ts';
import { filePlan } from './file-plan.ts';
import type { PlannedService } from './plan.ts';

/** All that a file has run. */
function servicesOf(text: string): readonly PlannedService[] {
  const { services } = filePlan(parseClusterFile('c.yml', text), {
    command: ['T'],
    host: null,
    asRoot: false,
    stateDirectory: '/state',
    secretFile: null,
    serving: new Map(),
  });
  return services;
}

/** The last one: its proxy. */
function proxyOf(text: string): PlannedService {
  const proxy = servicesOf(text).at(-1);
  assert.ok(proxy !== undefined);
  return proxy;
}

/** What it is told, which it must understand. */
function configurationOf({ configuration }: PlannedService): Readonly<Record<string, unknown>> {
  const text = configuration?.text ?? '';
  parseConfiguration('users.yml', text, { read: () => '' });
  // Cast: our own writer's text; a wrong shape fails the assertions that follow.
  return JSON.parse(text) as Record<string, unknown>;
}

const POOLS = `shards:
  - { name: one, replication-port: 11111, twins: [{ port: 11221 }, { port: 11222 }] }
  - { name: two, replication-port: 11112, twins: [{ port: 11321 }] }
pools:
  - { name: sessions, port: 12000, to: [one], request-timeout: 300ms, return-wait: 5s }
  - { name: pages, port: 12001, to: [two, one], hash: murmur, hash-tag: "{}" }
  - { name: old, port: 12002, servers: ["10.0.0.1:11211*3", 10.0.0.2], distribution: modula, near-cache: 50ms }
proxies:
  - { name: users, pools: [sessions, pages, old] }
`;

test('one proxy serves several pools, each with its port, its servers and its placement', () => {
  const proxy = proxyOf(POOLS);
  const configuration = configurationOf(proxy);
  const server = (pool: string, at: string): unknown => ({ type: 'server', pool, server: at });
  assert.deepEqual(configuration['pools'], {
    'sessions/one': {
      servers: ['127.0.0.1:11221', '127.0.0.1:11222'],
      'request-timeout': '300ms',
      'return-wait': '5s',
    },
    // Nobody stands in for it.
    'pages/two': { servers: ['127.0.0.1:11321'], 'return-wait': '5s' },
    'pages/one': { servers: ['127.0.0.1:11221', '127.0.0.1:11222'] },
    'old/10.0.0.1:11211': { servers: ['10.0.0.1:11211'] },
    'old/10.0.0.2': { servers: ['10.0.0.2'] },
  });
  assert.deepEqual(configuration['fronts'], {
    sessions: {
      listen: '127.0.0.1:12000',
      route: {
        type: 'mirror',
        main: {
          type: 'shard',
          distribution: 'modulo',
          children: [{ name: 'one', route: server('sessions/one', '127.0.0.1:11221') }],
        },
        backup: {
          type: 'shard',
          distribution: 'modulo',
          children: [{ name: 'one', route: server('sessions/one', '127.0.0.1:11222') }],
        },
      },
    },
    pages: {
      listen: '127.0.0.1:12001',
      route: {
        type: 'shard',
        distribution: 'ketama',
        hash: 'murmur',
        'hash-tag': '{}',
        children: [
          { name: 'two', route: { type: 'failover', pool: 'pages/two' } },
          { name: 'one', route: { type: 'failover', pool: 'pages/one' } },
        ],
      },
    },
    old: {
      listen: '127.0.0.1:12002',
      route: {
        type: 'near-cache',
        ttl: '50ms',
        route: {
          type: 'shard',
          distribution: 'modula',
          children: [
            { name: '10.0.0.1:11211', weight: 3, route: server('old/10.0.0.1:11211', '10.0.0.1:11211') },
            { name: '10.0.0.2', route: server('old/10.0.0.2', '10.0.0.2') },
          ],
        },
      },
    },
  });
  assert.deepEqual(
    proxy.ports.map(({ port, purpose }) => [port, purpose]),
    [
      [12000, 'clients of sessions'],
      [12001, 'clients of pages'],
      [12002, 'clients of old'],
    ],
  );
  assert.deepEqual([proxy.probe.port, proxy.title], [12000, 'serves sessions, pages, old']);
  assert.deepEqual(
    proxy.pools?.map(({ name, host, port, shards }) => [
      name,
      host,
      port,
      shards.map(({ keyShare }) => keyShare),
    ]),
    [
      ['sessions', '127.0.0.1', 12000, [1]],
      ['pages', '127.0.0.1', 12001, [0.5, 0.5]],
      ['old', '127.0.0.1', 12002, [0.75, 0.25]],
    ],
  );
  assert.deepEqual(proxy.after, ['one-a', 'one-b', 'two-a']);
  assert.deepEqual(
    proxy.shards?.map(({ name, keyShare }) => [name, keyShare]),
    [
      ['one', 1],
      ['two', 0.5],
      ['10.0.0.1:11211', 0.75],
      ['10.0.0.2', 0.25],
    ],
  );
});

test('a pool that comes, goes or changes is taken over while the proxy serves', () => {
  const starts = (text: string): unknown => proxyOf(text).startsWith;
  const fewer = POOLS.replace('[sessions, pages, old]', '[sessions, pages]').replace(/^.*name: old.*\n/m, '');
  assert.deepEqual(starts(fewer), starts(POOLS));
  assert.deepEqual(starts(POOLS.replace('port: 12001', 'port: 12009')), starts(POOLS));
  assert.notDeepEqual(starts(POOLS.replace('port: 12000', 'port: 12009')), starts(POOLS));
});

test('requests wait longer for what nobody stands in for, and that is not kept waiting long by its monitor', () => {
  const layers =
    'proxies:\n  - { name: inner, port: 12000, to: [one] }\n  - { name: users, port: 12001, to: [inner] }\n';
  const text = POOLS.slice(0, POOLS.indexOf('pools:')) + layers;
  const { pools } = configurationOf(proxyOf(text));
  assert.deepEqual(pools, { inner: { servers: ['127.0.0.1:12000'], 'return-wait': '5s' } });
  assert.deepEqual(
    servicesOf(text).map(({ name, policy }) => [name, policy.settledBackoffMsMax]),
    [
      ['one-a', 30_000],
      ['one-b', 30_000],
      ['two-a', 500],
      ['inner', 500],
      ['users', 500],
    ],
  );
});

test("a proxy's own address may have all that a pool may have", () => {
  const text = `${POOLS.slice(0, POOLS.indexOf('pools:'))}proxies:\n  - { name: users, port: 12000, hash: md5, return-wait: 0s }\n`;
  const { listen, pools, route } = configurationOf(proxyOf(text));
  assert.deepEqual(
    [listen, pools],
    [
      '127.0.0.1:12000',
      {
        one: { servers: ['127.0.0.1:11221', '127.0.0.1:11222'], 'return-wait': '0s' },
        two: { servers: ['127.0.0.1:11321'], 'return-wait': '0s' },
      },
    ],
  );
  assert.match(JSON.stringify(route), /"distribution":"ketama","hash":"md5"/);
});

test('a pool may eject: twins stand side by side below their shard', () => {
  const text = POOLS.replace('to: [two, one]', 'to: [two, one], eject: { failures: 3, retry: 1m }').replace(
    'near-cache: 50ms',
    'eject: {}',
  );
  const { fronts } = configurationOf(proxyOf(text));
  const server = (pool: string, at: string): unknown => ({ type: 'server', pool, server: at });
  // Cast: what was written is looked at, whatever it is.
  const routes = fronts as Readonly<Record<string, { readonly route: unknown }>>;
  assert.deepEqual(routes['pages']?.route, {
    type: 'shard',
    distribution: 'ketama',
    hash: 'murmur',
    'hash-tag': '{}',
    children: [
      { name: 'two', route: server('pages/two', '127.0.0.1:11321') },
      {
        name: 'one',
        route: {
          type: 'mirror',
          main: server('pages/one', '127.0.0.1:11221'),
          backup: server('pages/one', '127.0.0.1:11222'),
        },
      },
    ],
    eject: { failures: 3, retry: '1m' },
  });
  assert.match(JSON.stringify(routes['old']), /"distribution":"modula","children":.*,"eject":\{\}/);
});

for (const [before, after, message] of [
  [
    'pools: [sessions, pages, old]',
    'port: 1, pools: [sessions, pages, old]',
    '9:26: users has pools, so "port:" belongs to one of them; write it there',
  ],
  [
    'pools: [sessions, pages, old]',
    'hash: md5, pools: [sessions, pages, old]',
    '9:26: users has pools, so "hash:" belongs to one of them; write it there',
  ],
  [
    'pools: [sessions, pages, old]',
    'to: [one]',
    '9:5: users has neither a port nor pools; write "port:", or "pools:" and a list',
  ],
  [
    '[sessions, pages, old]',
    '[sessions, pages, others]',
    '9:45: there is no pool named others; write one of sessions, pages, old',
  ],
  [
    '[sessions, pages, old]',
    '[sessions, pages, old, old]',
    '9:50: old stands here twice; leave one of them out',
  ],
  [
    '[sessions, pages, old]',
    '[sessions, pages]',
    '7:5: no proxy serves the pool old; write "pools: [old]" at one',
  ],
  ['name: users', 'name: old', '9:43: a pool cannot have the name of its proxy; write another one'],
  ['name: pages', 'name: sessions', '6:13: there are two pools named sessions; write another name'],
  [
    'port: 12001',
    'port: 12000',
    "9:38: port 12000 of 127.0.0.1 is sessions of users's already; write another one",
  ],
  ['to: [two, one]', 'to: [two, two]', '6:43: two stands here twice; leave one of them out'],
  [
    'to: [two, one]',
    'to: [three]',
    '6:38: there is no shard and no proxy named three; write one of one, two',
  ],
  [
    'to: [two, one]',
    'to: [two], servers: [h]',
    '6:53: a pool has either "to:" or "servers:"; leave one of them out',
  ],
  [
    '10.0.0.2]',
    '"10.0.0.2:x"]',
    '7:61: "10.0.0.2:x" is no server: the port is not a number from 0 to 65535; write HOST:PORT, and *WEIGHT behind it if it has one',
  ],
  ['10.0.0.2]', '10.0.0.1:11211]', '7:61: 10.0.0.1:11211 stands here twice; leave one of them out'],
  [
    'hash: murmur',
    'distribution: modulo, hash: murmur',
    '6:77: modulo has a hash of its own; leave this out, or write "distribution: ketama"',
  ],
  [
    'hash: murmur',
    'hash: sha1',
    /^6:55: pools\[1\]\.hash: "sha1" is none of one_at_a_time, .*; write one of them$/,
  ],
  [
    'request-timeout: 300ms',
    'request-timeout: 11m',
    '5:64: pools[0].request-timeout: "11m" is out of bounds; write one from 1ms to 10m, such as 500ms',
  ],
  [
    'return-wait: 5s',
    'return-wait: 61s',
    '5:84: pools[0].return-wait: "61s" is out of bounds; write one from 0ms to 60s, such as 1s',
  ],
  [
    'return-wait: 5s',
    'coalesce: true',
    '5:81: one is behind pages, too, whose writes coalesce would not see; serve the two pools by different proxies, or leave it out',
  ],
  [
    'to: [one], request',
    'to: [one], eject: {}, request',
    '5:54: nobody else could take the keys; write at least two to send to, or leave this out',
  ],
  [
    'to: [two, one]',
    'to: [two, one], spare: one, eject: {}',
    '6:68: where there is a spare nothing is ejected; leave one of them out',
  ],
  [
    'to: [two, one]',
    'to: [two, one], eject: { failures: 0 }',
    '6:68: pools[1].eject.failures: 0 is out of bounds; write a number of at least 1',
  ],
  [
    'to: [two, one]',
    'to: [two, one], eject: { retry: 25h }',
    '6:65: pools[1].eject.retry: "25h" is out of bounds; write one from 0ms to 24h, such as 30s',
  ],
  [
    'to: [two, one]',
    'to: [two, one], eject: { after: 2 }',
    '6:58: "after" is no key that may stand here; see docs/reference/cluster-file.md',
  ],
] as const)
  test(`a mistake in pools: ${after}`, () => {
    const text = POOLS.replace(before, after);
    assert.notEqual(text, POOLS);
    assert.throws(
      () => parseClusterFile('c.yml', text),
      (error: unknown) => {
        assert.ok(error instanceof StartError);
        const told = error.message.replace(/^c\.yml:/, '');
        if (typeof message === 'string') assert.equal(told, message);
        else assert.match(told, message);
        return true;
      },
    );
  });
