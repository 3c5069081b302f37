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
        { host: '/run/m.sock', port: 0, text: '/run/m.sock', name: '/run/m.sock', weight: 1 },
        { host: '::1', port: 11213, text: '::1:11213', name: '::1:11213', weight: 1 },
      ],
      timeouts: { requestTimeoutMs: 400, connectTimeoutMs: 400 },
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
