import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NUTCRACKER_FILES } from '../../testing/nutcracker-files.ts';
import { NutcrackerFileError, parseNutcrackerFile } from './nutcracker-file.ts';
import { POOL_DEFAULT } from './options.ts';

const FILE = 'conf/nutcracker.yml';

for (const { text, refusal } of NUTCRACKER_FILES)
  test(`${JSON.stringify(text)}: ${refusal ?? 'good'}`, () => {
    if (refusal === null) {
      assert.ok(parseNutcrackerFile(FILE, text).length > 0);
      return;
    }
    assert.throws(
      () => parseNutcrackerFile(FILE, text),
      (error) => {
        assert.ok(error instanceof NutcrackerFileError);
        assert.equal(error.message, `${FILE}:${refusal.replace('FILE', FILE)}`);
        return true;
      },
    );
  });

test('a whole file, with every default and every directive', () => {
  const text = `plain:
  listen: 127.0.0.1:22121
  servers:
   - 127.0.0.1:11211:1
   - cache.example:11212:3 second
full:
  listen: /run/n.sock 0600
  hash: murmur
  hash_tag: "{}"
  distribution: modula
  timeout: 400
  backlog: 1024
  preconnect: true
  server_connections: 2
  auto_eject_hosts: true
  server_retry_timeout: 2000
  server_failure_limit: 3
  health_probes: true
  server_return_wait: 700
  servers:
   - /run/m.sock:1
   - ::1:11213:1
`;
  assert.deepEqual(parseNutcrackerFile(FILE, text), [
    {
      ...POOL_DEFAULT,
      name: 'plain',
      listen: [{ host: '127.0.0.1', port: 22121 }],
      unixMode: null,
      backlog: 512,
      servers: [
        { host: '127.0.0.1', port: 11211, text: '127.0.0.1', name: '127.0.0.1', weight: 1 },
        { host: 'cache.example', port: 11212, text: 'cache.example:11212', name: 'second', weight: 3 },
      ],
      timeouts: { requestTimeoutMs: 5000, connectTimeoutMs: 1000 },
      routing: {
        kind: 'nutcracker',
        hash: 'fnv1a_64',
        hashTag: null,
        distribution: 'ketama',
        serverConnections: 1,
        ejection: null,
      },
    },
    {
      ...POOL_DEFAULT,
      name: 'full',
      listen: [],
      unixPath: '/run/n.sock',
      unixMode: 0o600,
      backlog: 1024,
      servers: [
        { host: '/run/m.sock', port: 0, text: '/run/m.sock', name: '/run/m.sock:', weight: 1 },
        { host: '::1', port: 11213, text: '::1:11213', name: '::1:11213', weight: 1 },
      ],
      timeouts: { requestTimeoutMs: 400, connectTimeoutMs: 400, returnWaitMs: 700 },
      routing: {
        kind: 'nutcracker',
        hash: 'murmur',
        hashTag: '{}',
        distribution: 'modula',
        serverConnections: 2,
        ejection: { failureLimit: 3, retryMs: 2000, probes: true },
      },
    },
  ]);
});

/** The servers of a pool, written one a line. */
function servers(...lines: readonly string[]): string {
  return `p:\n  listen: 127.0.0.1:22121\n  servers:\n${lines.map((line) => `   - ${line}\n`).join('')}`;
}

test('a server may be a pair of twins, which stand behind the servers', () => {
  const [pool] = parseNutcrackerFile(
    FILE,
    servers(
      '10.0.0.1:11211+10.0.0.2:11211:1',
      '10.0.0.3:11212:2 third',
      '::1:11213+::2:11214:3 fourth',
      '/run/a+b.sock+/run/c.sock:1',
    ),
  );
  assert.deepEqual(
    pool?.servers.map(({ host, port, name, weight }) => [host, port, name, weight]),
    [
      ['10.0.0.1', 11211, '10.0.0.1', 1],
      ['10.0.0.3', 11212, 'third', 2],
      ['::1', 11213, 'fourth', 3],
      ['/run/a+b.sock', 0, '/run/a+b.sock:', 1],
      ['10.0.0.2', 11211, '10.0.0.1+10.0.0.2', undefined],
      ['::2', 11214, 'fourth+::2:11214', undefined],
      ['/run/c.sock', 0, '/run/a+b.sock:+/run/c.sock', undefined],
    ],
  );
  assert.deepEqual(pool?.routing.kind === 'nutcracker' && pool.routing.twinOf, [0, 2, 3]);
});

for (const [line, what] of [
  ['a:1+b:2+c:3:1', 'has more than two twins in "hostname:port+hostname:port:weight [name]" format string'],
  ['a:1+a:1:1', 'has one server twice in "hostname:port+hostname:port:weight [name]" format string'],
  ['a:1+b:70000:1', 'has an invalid port in "hostname:port:weight [name]" format string'],
  [
    'a+b:2:1',
    'has an invalid "hostname:port:weight [name]"or "/path/unix_socket:weight [name]" format string',
  ],
  [
    'a:1+:1',
    'has an invalid "hostname:port:weight [name]"or "/path/unix_socket:weight [name]" format string',
  ],
  ['a:1+b:2:0', 'has a zero weight in "hostname:port:weight [name]" format string'],
] as const)
  test(`no pair of twins: ${line}`, () => {
    assert.throws(
      () => parseNutcrackerFile(FILE, servers(line)),
      (error) =>
        error instanceof NutcrackerFileError &&
        error.message === `${FILE}:4:6: conf: directive "servers" ${what}`,
    );
  });
