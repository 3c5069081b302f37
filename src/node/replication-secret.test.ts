import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { NODE_OPTIONS_DEFAULT } from './options.ts';
import { type ReplicationSecret, readReplicationSecret, SECRET_BYTES_MIN } from './replication-secret.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-secret-'));
after(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'secret');

function read(text: string | Uint8Array, mode = 0o600): ReplicationSecret {
  writeFileSync(path, text);
  chmodSync(path, mode);
  return readReplicationSecret({ ...NODE_OPTIONS_DEFAULT.replication, secretFile: path });
}

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
  return 'accepted';
}

test('the first line counts, without blanks around it', () => {
  const expected = { secret: 'of sixteen bytes', warnings: [] };
  for (const text of [
    'of sixteen bytes',
    'of sixteen bytes\n',
    '  of sixteen bytes \t\r\n',
    'of sixteen bytes\nmore\n',
  ])
    assert.deepEqual(read(text), expected);
  assert.equal(read('äöüäöüäö').secret, 'äöüäöüäö');
});

test('a file that everybody can read is told of', () => {
  const { warnings } = read('of sixteen bytes', 0o644);
  assert.deepEqual(warnings, [
    `WARNING: everybody on this host can read the secret of the twins: chmod 600 ${path}`,
  ]);
  assert.deepEqual(read('of sixteen bytes', 0o640).warnings, []);
});

test('nothing said, or said in the environment', () => {
  const { replication } = NODE_OPTIONS_DEFAULT;
  assert.deepEqual(readReplicationSecret(replication), { secret: null, warnings: [] });
  assert.equal(
    readReplicationSecret({ ...replication, secret: ' of sixteen bytes ' }).secret,
    'of sixteen bytes',
  );
  for (const secret of ['', 'fifteen bytes!!']) {
    assert.equal(
      refusal(() => readReplicationSecret({ ...replication, secret })),
      `TWINCACHED_REPLICATION_SECRET: the secret of the twins has ${secret.length} bytes; ${SECRET_BYTES_MIN} are needed`,
    );
  }
});

test('what is no secret is refused in one line that does not hold it', () => {
  assert.equal(
    refusal(() => read('fifteen bytes!!\nof sixteen bytes\n')),
    `${path}: the secret of the twins has 15 bytes; 16 are needed`,
  );
  assert.equal(
    refusal(() => read('')),
    `${path}: the secret of the twins has 0 bytes; 16 are needed`,
  );
  assert.equal(
    refusal(() => read(Buffer.alloc(65_537, 'a'))),
    `cannot read the secret of the twins: ${path}: it is larger than 65536 bytes`,
  );
  for (const [secretFile, reason] of [
    [join(directory, 'nowhere'), 'No such file or directory'],
    [directory, 'Is a directory'],
    ['/dev/zero', 'not an ordinary file'],
  ] as const) {
    assert.equal(
      refusal(() => readReplicationSecret({ ...NODE_OPTIONS_DEFAULT.replication, secretFile })),
      `cannot read the secret of the twins: ${secretFile}: ${reason}`,
    );
  }
});
