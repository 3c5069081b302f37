import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { NODE_OPTIONS_DEFAULT, type ReplicationOptions } from '../node/options.ts';
import { parseMemcached } from './memcached-options.ts';

function replication(words: readonly string[], replicates = true): ReplicationOptions {
  const line = parseMemcached({ program: 'memcached', words, directory: '/', environment: {} }, replicates);
  assert.ok(line.kind === 'run');
  return line.command.node.replication;
}

const DEFAULT: ReplicationOptions = { ...NODE_OPTIONS_DEFAULT.replication, port: 11212 };

for (const [words, expected] of [
  [['--acks', '0'], { acks: 0 }],
  [['--acks=7'], { acks: 7 }],
  [['--ack-timeout', '1'], { ackTimeoutMs: 1 }],
  [['--ack-timeout', '60000'], { ackTimeoutMs: 60_000 }],
  [['--acks', '1', '--ack-refuse'], { acks: 1, ackRefuses: true }],
  [['--min-replicas', '7'], { replicasMin: 7 }],
  [['--replication-backlog', '64k'], { backlogBytes: 65_536 }],
  [['--replication-backlog', '65536'], { backlogBytes: 65_536 }],
  [['--replication-backlog', '1G'], { backlogBytes: 1024 ** 3 }],
  [['--no-legacy-twins'], { takesLegacy: false }],
] as const) {
  test(`${words.join(' ')} is taken`, () => {
    assert.deepEqual(replication(words), { ...DEFAULT, ...expected });
  });
}

for (const words of [
  ['--acks', '8'],
  ['--acks', '-1'],
  ['--acks', 'one'],
  ['--acks', ''],
  ['--ack-timeout', '0'],
  ['--ack-timeout', '60001'],
  ['--ack-timeout', '1.5'],
  ['--min-replicas', '8'],
  ['--min-replicas', 'x'],
  ['--replication-backlog', '65535'],
  ['--replication-backlog', '63k'],
  ['--replication-backlog', '1025m'],
  ['--replication-backlog', '4 m'],
  ['--replication-backlog', 'm'],
]) {
  test(`${words.join(' ')} is refused with the option's name`, () => {
    assert.throws(
      () => replication(words),
      (error) =>
        error instanceof StartError &&
        error.message.includes(words[0] ?? '?') &&
        !error.message.includes('\n'),
    );
  });
}

for (const option of ['--acks', '--min-replicas']) {
  test(`${option} without twins is refused, and with them it is not`, () => {
    assert.throws(() => replication([option, '1'], false), {
      message: `${option} needs twins: give -X PORT, the replication port, or -x HOST, a twin`,
    });
    assert.doesNotThrow(() => replication([option, '0'], false));
    assert.doesNotThrow(() => replication([option, '1', '-X', '11212'], false));
    assert.doesNotThrow(() => replication([option, '1', '-x', '127.0.0.1'], false));
    assert.doesNotThrow(() => replication([option, '1'], true));
  });
}
