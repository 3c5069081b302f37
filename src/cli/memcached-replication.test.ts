import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { NODE_OPTIONS_DEFAULT, type ReplicationOptions } from '../node/options.ts';
import { parseMemcached } from './memcached-options.ts';

function replication(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ReplicationOptions {
  const line = parseMemcached({ program: 'memcached', words, directory: '/here', environment }, true);
  assert.ok(line.kind === 'run');
  return line.command.node.replication;
}

const DEFAULT: ReplicationOptions = { ...NODE_OPTIONS_DEFAULT.replication, port: 11212 };
const SECRET = 'sixteen bytes and more';
const VARIABLE = 'TWINCACHED_REPLICATION_SECRET';

test('the secret is in a file or in the environment', () => {
  assert.deepEqual(replication(['--replication-secret-file', 'secret']), {
    ...DEFAULT,
    secretFile: '/here/secret',
  });
  assert.deepEqual(replication([], { [VARIABLE]: SECRET }), { ...DEFAULT, secret: SECRET });
});

test('certificates, and what is compressed', () => {
  const words = ['--replication-tls-chain=c', '--replication-tls-key', '/k', '--replication-tls-ca', 'a/a'];
  assert.deepEqual(replication([...words, '--replication-compress', '1024']), {
    ...DEFAULT,
    tls: { chainFile: '/here/c', keyFile: '/k', authoritiesFile: '/here/a/a' },
    compressBytesMin: 1024,
  });
});

for (const [words, environment, message] of [
  [
    ['--replication-secret-file', 'f'],
    { [VARIABLE]: SECRET },
    `the secret of the twins is given twice: --replication-secret-file and ${VARIABLE}`,
  ],
  [
    ['--replication-tls-chain', 'f'],
    {},
    'TLS between twins needs certificate, key and authority: --replication-tls-key is missing',
  ],
  [
    ['--replication-tls-chain', 'f', '--replication-tls-key', 'f'],
    {},
    'TLS between twins needs certificate, key and authority: --replication-tls-ca is missing',
  ],
  [
    ['--replication-tls-ca', 'f'],
    {},
    'TLS between twins needs certificate, key and authority: --replication-tls-chain is missing',
  ],
  [
    ['--replication-secret-file='],
    {},
    'Invalid value "" for --replication-secret-file: a file name is needed',
  ],
  [
    ['--replication-compress', '63'],
    {},
    'Invalid value "63" for --replication-compress: a whole number from 64 to 32768 is needed',
  ],
  [
    ['--replication-compress=1k'],
    {},
    'Invalid value "1k" for --replication-compress: a whole number from 64 to 32768 is needed',
  ],
] as const) {
  test(`refused: ${words.join(' ')}`, () => {
    assert.throws(
      () => replication(words, environment),
      (error) => {
        assert.ok(error instanceof StartError);
        assert.deepEqual([error.message, error.exitCode], [message, 1]);
        assert.ok(!error.message.includes(SECRET));
        return true;
      },
    );
  });
}
