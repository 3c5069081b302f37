import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { parseConfiguration } from './configuration-file.ts';
import type { ProxyConfiguration } from './configuration-meaning.ts';
import { configurationJsonSchema, ROUTE_DEPTH_MAX, SERVERS_MAX } from './configuration-schema.ts';

function read(text: string): ProxyConfiguration {
  return parseConfiguration('proxy.yaml', text, {
    read: (path) => {
      if (path.endsWith('.pem')) return `PEM of ${path}`;
      if (path.endsWith('.users')) return path === 'no.users' ? 'ann\n' : 'ann:secret\n';
      throw new Error('no such file or directory');
    },
    nameOf: (path) => `/etc/${path}`,
    tlsMistake: ({ chain }) => (chain === 'PEM of bad.pem' ? 'PEM routines: no start line' : null),
  });
}

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    assert.ok(error instanceof StartError, String(error));
    assert.equal(error.exitCode, 1);
    return error.message;
  }
  return 'accepted';
}

/** A file of one pool and this route. */
function routed(route: string): string {
  return `listen: :22101\npools:\n  a: { servers: [h1:1, "h2:2*3"] }\n  b: { servers: [h3:3] }\nroute:\n${route.replaceAll(/^/gm, '  ')}\n`;
}

/** The tree, with the servers numbered as the file has them: a front has only those that it needs. */
function tree(route: string): unknown {
  const [pool] = read(routed(route)).pools;
  assert.ok(pool?.routing.kind === 'tree');
  const places = pool.servers.map(({ host }) => Number(host.slice(1)) - 1);
  const numbered = (key: string, value: unknown): unknown =>
    key === 'connections' && Array.isArray(value) ? value.map((position) => places[position]) : value;
  return JSON.parse(JSON.stringify(pool.routing.tree, numbered));
}

const PLACEMENT = { hash: 'fnv1a_64', distribution: 'ketama', hashTag: null, stopMark: null };
const SHARD_A = {
  type: 'shard',
  ...PLACEMENT,
  children: [
    { name: 'h1:1', weight: 1, route: { type: 'server', connections: [0] } },
    { name: 'h2:2', weight: 3, route: { type: 'server', connections: [1] } },
  ],
};
const SHARD_B = {
  type: 'shard',
  ...PLACEMENT,
  children: [{ name: 'h3:3', weight: 1, route: { type: 'server', connections: [2] } }],
};

test('the smallest file', () => {
  const { pools, threads, connectionsMax, needsTls } = read(
    'listen: 127.1:22101\npools: { a: { servers: [h] } }',
  );
  assert.deepEqual(
    { threads, connectionsMax, needsTls },
    { threads: 1, connectionsMax: 4096, needsTls: false },
  );
  const [pool] = pools;
  assert.deepEqual(pool?.listen, [{ host: '127.0.0.1', port: 22101 }]);
  assert.deepEqual(pool.servers, [{ host: 'h', port: 11211, text: 'h', name: 'h', weight: 1 }]);
});

test('a server may want something else than the rest of its pool, and a pool than all', () => {
  const { pools, needsTls } = read(`
listen: :1
transport: portable
defaults: { login-file: all.users }
pools:
  a:
    login-file: pool.users
    servers: [one, { address: two, login-file: own.users }, { address: three, tls: { server-certificate: own.pem } }]
  b: { servers: [four] }
route: { type: failover, children: [a, b] }
`);
  assert.deepEqual(
    pools[0]?.servers.map(({ loginFile, tls }) => [loginFile, tls?.files?.pinned]),
    [
      ['/etc/pool.users', undefined],
      ['/etc/own.users', undefined],
      ['/etc/pool.users', '/etc/own.pem'],
      ['/etc/all.users', undefined],
    ],
  );
  assert.equal(needsTls, true);
  const { needsTls: needs } = read('listen: :1\ntransport: portable\npools: { a: { servers: [h] } }');
  assert.equal(needs, true, 'servers with TLS may come later');
});

test('everything that may be said of pools', () => {
  const { pools, threads, connectionsMax, needsTls } = read(`
threads: 4
clients-max: 100
defaults: { request-timeout: 2s, hash: murmur, health: { pause-max: 1s } }
pools:
  a:
    servers:
      - "[::1]:11211*7"
      - /run/cache.sock
      - { address: cache.example, name: third, weight: 2 }
    connections: 2
    request-timeout: 250ms
    connect-timeout: 1.5s
    return-wait: 2.5s
    queue-calls: 10
    queue-bytes: 1m
    hash-tag: "{}"
    health: { pause-min: 10ms, flap-window: 0s, flap-pause-max: 5m, fail-open: 0.5 }
  b:
    servers: [x:1]
    stop-mark: "|#|"
    distribution: modula
    tls: { authority: ca.pem, certificate: own.pem, key: key.pem }
    login-file: ann.users
fronts:
  one: { listen: ["*:22101", "/run/proxy.sock 660"], route: a, backlog: 64 }
  two: { listen: "[::1]:22102", route: b }
`);
  assert.deepEqual([threads, connectionsMax, needsTls], [4, 100, true]);
  const [one, two] = pools;
  assert.deepEqual(
    [one?.name, one?.listen, one?.unixPath, one?.unixMode, one?.backlog],
    ['one', [{ host: null, port: 22101 }], '/run/proxy.sock', 0o660, 64],
  );
  assert.deepEqual([two?.name, two?.listen, two?.backlog], ['two', [{ host: '::1', port: 22102 }], 1024]);
  assert.deepEqual(
    one?.servers.map(({ host, port, name, weight }) => [host, port, name, weight]),
    [
      ['::1', 11211, '[::1]:11211', 7],
      ['::1', 11211, '[::1]:11211', 7],
      ['/run/cache.sock', 0, '/run/cache.sock', 1],
      ['/run/cache.sock', 0, '/run/cache.sock', 1],
      ['cache.example', 11211, 'third', 2],
      ['cache.example', 11211, 'third', 2],
    ],
    'only the servers that its route leads to',
  );
  assert.deepEqual(
    two?.servers.map(({ host, port, name, weight }) => [host, port, name, weight]),
    [['x', 1, 'x:1', 1]],
  );
  assert.deepEqual(two?.servers.at(-1)?.tls, {
    chain: 'PEM of own.pem',
    key: 'PEM of key.pem',
    authorities: 'PEM of ca.pem',
    pinned: null,
    files: { chain: '/etc/own.pem', key: '/etc/key.pem', authorities: '/etc/ca.pem', pinned: null },
  });
  assert.equal(two?.servers.at(-1)?.loginFile, '/etc/ann.users');
  assert.ok(one?.routing.kind === 'tree' && two?.routing.kind === 'tree');
  assert.deepEqual([one.routing.settingsOf, two.routing.settingsOf], [[0, 0, 0, 0, 0, 0], [1]]);
  assert.deepEqual(one.routing.settings, [
    {
      flapWindowMs: 0,
      requestTimeoutMs: 250,
      connectTimeoutMs: 1500,
      returnWaitMs: 2500,
      queueCallsMax: 10,
      queueBytesMax: 1048576,
      backoffMsMin: 10,
      backoffMsMax: 1000,
      flapBackoffMsMax: 300_000,
      failOpenShare: 0.5,
    },
    { flapWindowMs: 10_000, requestTimeoutMs: 2000, backoffMsMax: 1000 },
  ]);
  const [a, b] = [one.routing.tree, two.routing.tree];
  assert.ok(a.type === 'shard' && b.type === 'shard');
  assert.deepEqual([a.hash, a.hashTag, a.distribution, a.stopMark], ['murmur', '{}', 'ketama', null]);
  assert.deepEqual([b.hash, b.hashTag, b.distribution, b.stopMark], ['murmur', null, 'modula', '|#|']);
  assert.deepEqual(
    a.children.map(({ route }) => route),
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ].map((connections) => ({ type: 'server', connections })),
  );
});

test('every type of route', () => {
  const server = (...connections: number[]): unknown => ({ type: 'server', connections });
  const cases: readonly (readonly [string, unknown])[] = [
    ['{ type: shard, pool: a }', SHARD_A],
    ['{ type: shard, pool: a, distribution: modulo }', { ...SHARD_A, distribution: 'modulo' }],
    [
      '{ type: shard, children: [{ name: x, route: a }, { name: y, route: b, weight: 2 }] }',
      {
        type: 'shard',
        ...PLACEMENT,
        children: [
          { name: 'x', weight: 1, route: SHARD_A },
          { name: 'y', weight: 2, route: SHARD_B },
        ],
      },
    ],
    ['{ type: server, pool: a, server: "h2:2" }', server(1)],
    ['{ type: mirror, main: a, backup: b }', { type: 'mirror', main: SHARD_A, backup: SHARD_B }],
    [
      '{ type: failover, children: [a, b] }',
      { type: 'failover', children: [SHARD_A, SHARD_B], standInSeconds: null },
    ],
    [
      '{ type: failover, pool: a, stand-in-exptime: 1m }',
      { type: 'failover', children: [server(0), server(1)], standInSeconds: 60 },
    ],
    ['{ type: miss-failover, pool: b }', { type: 'miss-failover', children: [server(2)], prefersMiss: true }],
    ['{ type: coalesce, route: a }', { type: 'coalesce', route: SHARD_A, waitersMax: 1024, hotGets: 128 }],
    [
      '{ type: coalesce, route: b, waiters: 7, hot-gets: 0 }',
      { type: 'coalesce', route: SHARD_B, waitersMax: 7, hotGets: 0 },
    ],
    [
      '{ type: near-cache, route: a }',
      {
        type: 'near-cache',
        route: SHARD_A,
        ttlMs: 100,
        itemsMax: 1024,
        bytesMax: 4 * 1024 * 1024,
        valueBytesMax: 64 * 1024,
        hotGets: 16,
      },
    ],
    [
      '{ type: near-cache, route: { type: coalesce, route: b }, ttl: 1.5s, items: 5, bytes: 1m, value-bytes: "100", hot-gets: 0 }',
      {
        type: 'near-cache',
        route: { type: 'coalesce', route: SHARD_B, waitersMax: 1024, hotGets: 128 },
        ttlMs: 1500,
        itemsMax: 5,
        bytesMax: 1024 * 1024,
        valueBytesMax: 100,
        hotGets: 0,
      },
    ],
    ['{ type: replicate, pool: a }', { type: 'replicate', children: [server(0), server(1)], wait: 'all' }],
    [
      '{ type: replicate, pool: b, wait: first }',
      { type: 'replicate', children: [server(2)], wait: 'first' },
    ],
    ['{ type: random, pool: b }', { type: 'random', children: [server(2)] }],
    [
      '{ type: warm-up, cold: a, warm: b }',
      { type: 'warm-up', cold: SHARD_A, warm: SHARD_B, exptimeSeconds: null },
    ],
    [
      '{ type: prefix, routes: { "u:": a }, strip: true }',
      {
        type: 'prefix',
        routes: [['u:', SHARD_A]],
        otherwise: { type: 'error', message: 'NO ROUTE FOR THIS KEY' },
        strip: true,
      },
    ],
    [
      '{ type: shadow, route: a, shadow: b, fraction: 0.25 }',
      { type: 'shadow', route: SHARD_A, shadow: SHARD_B, from: 0, to: 0.25, queueMax: 1024 },
    ],
    [
      '{ type: migrate, from: a, to: b, start: "2026-11-27T18:00:00Z", interval: 1h }',
      { type: 'migrate', from: SHARD_A, to: SHARD_B, startSeconds: 1795802400, intervalSeconds: 3600 },
    ],
    [
      '{ type: reshard, from: a, to: b, start: "2026-11-27T18:00:00Z", for: 1h }',
      { type: 'reshard', from: SHARD_A, to: SHARD_B, startSeconds: 1795802400, endSeconds: 1795806000 },
    ],
    [
      '{ type: reshard, from: a, to: b, start: 1795802400, for: 1h, tail: 3m }',
      {
        type: 'reshard',
        from: SHARD_A,
        to: SHARD_B,
        startSeconds: 1795802400,
        endSeconds: 1795806000,
        tailSeconds: 180,
      },
    ],
    [
      '{ type: zone, local: west, zones: { west: a, east: b } }',
      {
        type: 'zone',
        zones: [
          ['west', SHARD_A],
          ['east', SHARD_B],
        ],
        local: 'west',
        alsoOnMiss: false,
      },
    ],
    [
      '{ type: by-command, commands: { reads: b, delete: a }, default: { type: null } }'.replace(
        'type: null',
        'type: "null"',
      ),
      {
        type: 'by-command',
        commands: [
          ['reads', SHARD_B],
          ['delete', SHARD_A],
        ],
        otherwise: { type: 'null' },
      },
    ],
    ['{ type: error, message: closed }', { type: 'error', message: 'closed' }],
  ];
  for (const [route, expected] of cases) assert.deepEqual(tree(route), expected, route);
});

test('mistakes are told with their place, and with what to write', () => {
  const cases: readonly (readonly [string, string | RegExp])[] = [
    ['', /^proxy\.yaml:1:1: a mapping is needed; write "listen:"/],
    ['- a', /^proxy\.yaml:1:1: a mapping is needed/],
    ['a: [', /^proxy\.yaml:1:\d+: /],
    [
      'listen: :1\npools:\n  {a: b}: { servers: [h:1] }',
      /^proxy\.yaml:3:3: a key is a list, a mapping or an alias; write a word$/,
    ],
    ['a: 1\na: 2', /^proxy\.yaml:2:1: Map keys must be unique/],
    ['pools: {}', 'proxy.yaml:1:1: listen is missing; write "listen: 127.0.0.1:11211", or another address'],
    ['listen: :1', 'proxy.yaml:1:1: pools is missing; write "pools:" and a mapping'],
    [
      'listen: :1\npools: { a: { servers: [x] }, b: { servers: [y] } }',
      'proxy.yaml:1:1: route is missing; write "route:" and the name of a pool, or a mapping with a type',
    ],
    ['listen: x\npools: { a: { servers: [x] } }', 'proxy.yaml:1:9: "x" has no port; write HOST:PORT'],
    [
      'listen: [":1", ":99999"]\npools: { a: { servers: [x] } }',
      'proxy.yaml:1:16: ":99999" is no address: the port is not a number from 0 to 65535; write HOST:PORT or a path',
    ],
    [
      'listen: :1\npools:\n  a: {}',
      'proxy.yaml:3:6: pools.a.servers is missing; write "servers:" and a list',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [] }',
      'proxy.yaml:3:17: pools.a.servers is empty; write at least one server',
    ],
    [
      'listen: :1\npools:\n  a: { servers: ["h:0"] }',
      'proxy.yaml:3:18: "h:0" has the port 0; write the port that the server listens on',
    ],
    [
      'listen: :1\npools:\n  a: { servers: ["h*0"] }',
      'proxy.yaml:3:18: "h*0" has the weight 0; write at least 1, or leave the server out',
    ],
    [
      'listen: :1\npools:\n  a: { servers: ["h h"] }',
      'proxy.yaml:3:18: "h h" is no server: it is neither an address nor a host name; write HOST:PORT, and *WEIGHT behind it if it has one',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [h, h] }',
      'proxy.yaml:3:21: pool a has two servers h; write another name for one of them',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [5] }',
      'proxy.yaml:3:18: pools.a.servers[0]: 5 is not what may stand here; write a text or a mapping',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [h], wieght: 1 }',
      /^proxy\.yaml:3:22: "wieght" is unknown here; write one of servers, hash, /,
    ],
    [
      'listen: :1\npools:\n  a: { servers: [h], hash: sha1 }',
      /^proxy\.yaml:3:28: pools\.a\.hash: "sha1" is none of one_at_a_time, .*; write one of them$/,
    ],
    [
      'listen: :1\npools:\n  a: { servers: [h], request-timeout: 5 }',
      'proxy.yaml:3:39: pools.a.request-timeout is no time; write a number and ms, s, m, h or d, such as 500ms or 2s',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [h], return-wait: 61s }',
      'proxy.yaml:3:35: pools.a.return-wait: "61s" is out of bounds; write a time up to 60s, such as 1s',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [h], connections: 65 }',
      'proxy.yaml:3:35: pools.a.connections: 65 is out of bounds; write a number of at most 64',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [h], tls: { certificate: own.pem, key: none } }',
      'proxy.yaml:3:56: none cannot be read: no such file or directory; write the name of a PEM file',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [h], tls: { key: own.pem } }',
      'proxy.yaml:3:34: a key without a certificate is of no use; write "certificate:", too, or leave it out',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [h], tls: { certificate: bad.pem } }',
      'proxy.yaml:3:27: these files are of no use: PEM routines: no start line; write PEM files with a certificate, and the key that belongs to it',
    ],
    [
      'listen: :1\npools:\n  a: { servers: [{ address: h, login-file: none }] }',
      'proxy.yaml:3:44: none cannot be read: no such file or directory; write the name of a file of users',
    ],
    [
      'listen: :1\ndefaults: { login-file: no.users }\npools:\n  a: { servers: [h] }',
      'proxy.yaml:2:25: no.users has no line user:password; write one into it',
    ],
    [routed('gutter'), 'proxy.yaml:6:3: there is no pool "gutter"; write one of a, b'],
    [routed('{ type: shard }'), 'proxy.yaml:6:3: a shard has a pool or children; write one of the two'],
    [
      routed('{ children: [a] }'),
      /^proxy\.yaml:6:3: route has no type; write "type:" and one of shard, server, /,
    ],
    [
      routed('{ type: warmup }'),
      /^proxy\.yaml:6:11: "warmup" is no type of a route; write one of shard, server, /,
    ],
    [
      routed('{ type: warm-up, cold: a }'),
      'proxy.yaml:6:3: route.warm is missing; write "warm:" and what belongs there',
    ],
    [
      routed('{ type: failover, children: [a, { type: failover, children: [b, c] }] }'),
      'proxy.yaml:6:67: there is no pool "c"; write one of a, b',
    ],
    [
      routed('{ type: zone, zones: { west: a } }'),
      'proxy.yaml:6:3: nobody says where this proxy is; write "zone:" at the top of the file, or "local:" here',
    ],
    [
      routed('{ type: migrate, from: a, to: b, start: tomorrow, interval: 1h }'),
      /^proxy\.yaml:6:43: "tomorrow" is no time; write it with its zone/,
    ],
    [
      routed('{ type: reshard, from: a, to: b, start: 0, for: 59s }'),
      'proxy.yaml:6:51: 59s is too short for keys to move; write at least 1m, such as 1h',
    ],
    [
      routed('{ type: reshard, from: a, to: { type: shard, pool: b, eject: {} }, start: 0, for: 1h }'),
      'proxy.yaml:6:33: keys that are ejected have no place of their own; leave "eject" out while keys move',
    ],
    [
      routed('{ type: reshard, from: { type: miss-failover, pool: a }, to: b, start: 0, for: 1h }'),
      /^proxy\.yaml:6:26: a miss-failover cannot stand below a reshard; write a shard, a server/,
    ],
    [
      routed('{ type: shadow, route: a, shadow: b, keys: [0.5, 0.5] }'),
      'proxy.yaml:6:46: these are no keys; write the lesser share first',
    ],
    [
      routed('{ type: near-cache, route: a, ttl: 11s }'),
      'proxy.yaml:6:38: 11s is out of bounds; write a time from 1ms to 10s, such as 100ms',
    ],
    [
      routed('{ type: near-cache, route: a, bytes: 63k }'),
      'proxy.yaml:6:40: 63k is out of bounds; write a size from 64k to 1g, such as "4m"',
    ],
    [
      routed('{ type: coalesce, route: a, hot-gets: 256 }'),
      'proxy.yaml:6:41: route.hot-gets: 256 is out of bounds; write a number of at most 255',
    ],
    [
      routed('{ type: near-cache, route: { type: error, message: closed } }'),
      'proxy.yaml:6:3: there is no server below this near-cache; leave it out',
    ],
    [
      routed('{ type: failover, children: [{ type: near-cache, route: a }, b] }'),
      'proxy.yaml:6:32: a near-cache below failover does not see what the other routes of that are sent; write it around the failover',
    ],
    [
      routed(
        '{ type: replicate, children: [{ type: prefix, routes: { x: { type: coalesce, route: a } } }, b] }',
      ),
      /^proxy\.yaml:6:\d+: a coalesce below replicate does not see/,
    ],
    [
      routed('{ type: shadow, route: a, shadow: { type: coalesce, route: b }, fraction: 0.5 }'),
      'proxy.yaml:6:37: nobody waits for the answers of a shadow; leave the coalesce out there',
    ],
    [
      routed('{ type: coalesce, route: { type: near-cache, route: a } }'),
      /^proxy\.yaml:6:28: a near-cache below coalesce is asked by one get of many only; write the coalesce below/,
    ],
    [
      routed(
        '{ type: near-cache, route: { type: by-command, commands: {}, default: { type: near-cache, route: a } } }',
      ),
      'proxy.yaml:6:73: this near-cache stands below another one; leave one of them out',
    ],
    [
      routed('{ type: near-cache, route: { type: prefix, routes: { "p:": a }, strip: true } }'),
      'proxy.yaml:6:30: "strip" below a near-cache gives one item two names there; write the near-cache below the prefix',
    ],
    [
      routed('{ type: by-command, commands: { get: { type: near-cache, route: a } }, default: a }'),
      /^proxy\.yaml:6:83: this leads to h1:1 past the near-cache at route\.commands\.get, which would not see what is written here; write a near-cache around both, or here, too$/,
    ],
    [
      'pools: { a: { servers: [h1] } }\nfronts:\n  x: { listen: :1, route: { type: coalesce, route: a } }\n  y: { listen: :2, route: a }',
      /^proxy\.yaml:4:27: this leads to h1:11211 past the coalesce at fronts\.x\.route/,
    ],
    [routed('{ type: by-command, commands: { flush: a }, default: b }'), /^proxy\.yaml:6:\d+: .*flush/],
    [
      `route: a\nfronts: { f: { listen: ":1", route: a } }\npools: { a: { servers: [h] } }`,
      'proxy.yaml:1:8: "route" belongs to a front where there are "fronts"; write it there',
    ],
  ];
  for (const [text, expected] of cases) {
    const told = refusal(text);
    if (typeof expected === 'string') assert.equal(told, expected, text);
    else assert.match(told, expected, text);
  }
});

test('several mistakes are told at once', () => {
  assert.equal(refusal('listen: 5\nthreads: 0\npools: { a: { servers: [] } }').split('\n').length, 3);
});

test('bounds', () => {
  const nested = (depth: number): string => {
    let route = 'a';
    for (let i = 0; i < depth; i++) route = `{ type: failover, children: [${route}] }`;
    return routed(route);
  };
  assert.equal(refusal(nested(ROUTE_DEPTH_MAX)), 'accepted');
  assert.match(refusal(nested(ROUTE_DEPTH_MAX + 1)), /stand inside one another more than 30 deep/);
  const many = (count: number): string =>
    `listen: :1\npools: { a: { servers: [${Array.from({ length: count }, (_, i) => `h${i}`).join()}] } }`;
  assert.equal(refusal(many(SERVERS_MAX)), 'accepted');
  assert.match(refusal(many(SERVERS_MAX + 1)), /more than 4096 connections to servers/);
  assert.match(refusal(`# ${'x'.repeat(1024 * 1024)}`), /^proxy\.yaml:1:1: the file is longer than/);
});

test('a shard ejects where it, its pool or the defaults say so; the first that says it counts', () => {
  const rules = { probes: true, needsOthers: true };
  const ejects = (route: string, more = ''): unknown => {
    const text = routed(route).replace('a: { servers: [h1:1, "h2:2*3"]', `$& ${more}`);
    const [pool] = read(text).pools;
    return pool?.routing.kind === 'tree' && pool.routing.tree.type === 'shard'
      ? pool.routing.tree.ejection
      : null;
  };
  assert.equal(ejects('a'), undefined);
  assert.deepEqual(ejects('a', ', eject: {}'), { failureLimit: 2, retryMs: 30_000, ...rules });
  assert.deepEqual(ejects('{ type: shard, pool: a, eject: { failures: 5, retry: 2s } }', ', eject: {}'), {
    failureLimit: 5,
    retryMs: 2000,
    ...rules,
  });
  assert.deepEqual(
    ejects(
      '{ type: shard, eject: { retry: 24h }, children: [{ name: x, route: a }, { name: y, route: b }] }',
    ),
    { failureLimit: 2, retryMs: 86_400_000, ...rules },
  );
  assert.match(
    refusal(routed('{ type: shard, pool: a, eject: { retry: 25h } }')),
    /^proxy\.yaml:6:43: .* out of bounds; write a time up to 24h, such as 30s$/,
  );
  assert.match(
    refusal(routed('{ type: shard, pool: a, eject: { failures: 1001 } }')),
    /^proxy\.yaml:6:46: .*: 1001 is out of bounds; write a number of at most 1000$/,
  );
});

test('the schema for editors names every key of a route', () => {
  const schema = configurationJsonSchema();
  for (const word of [
    'stand-in-exptime',
    'prefer-miss',
    'fail-open',
    'flap-window',
    'stop-mark',
    'by-command',
    'hot-gets',
    'value-bytes',
    'eject',
  ])
    assert.ok(schema.includes(`"${word}"`), word);
  assert.doesNotThrow(() => JSON.parse(schema));
});

test('near-cache and coalesce may stand where they see every write', () => {
  for (const route of [
    '{ type: shard, children: [{ name: x, route: { type: near-cache, route: a } }, { name: y, route: b }] }',
    '{ type: near-cache, route: { type: failover, children: [a, b] } }',
    '{ type: prefix, routes: { "p:": { type: coalesce, route: a } }, default: { type: near-cache, route: a }, strip: true }',
    '{ type: shadow, route: { type: near-cache, route: a }, shadow: b, fraction: 1 }',
  ])
    assert.equal(refusal(routed(route)), 'accepted', route);
  const fronts =
    'pools: { a: { servers: [h1] } }\nfronts:\n  x: { listen: :1, route: { type: coalesce, route: a } }\n';
  assert.equal(refusal(`${fronts}  y: { listen: :2, route: { type: near-cache, route: a } }`), 'accepted');
});

test('flush_all is allowed for all fronts when the file says so', () => {
  const allowed = (text: string): boolean[] =>
    read(text).pools.map(({ routing }) => routing.kind === 'tree' && routing.allowsFlush);
  const fronts =
    'pools:\n  a: { servers: [h1:1] }\nfronts:\n  x: { listen: :1, route: a }\n  y: { listen: :2, route: a }\n';
  assert.deepEqual(allowed(fronts), [false, false]);
  assert.deepEqual(allowed(`flush-all: true\n${fronts}`), [true, true]);
  assert.match(refusal(`flush-all: maybe\n${fronts}`), /^proxy\.yaml:1:12: /);
});
