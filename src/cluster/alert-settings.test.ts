import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { openAlerts } from './alert-settings.ts';
import { parseClusterFile } from './cluster-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-alert-settings-'));
after(() => rmSync(folder, { recursive: true }));

function opened(text: string): {
  readonly alerts: ReturnType<typeof openAlerts>;
  readonly warnings: string[];
} {
  const cluster = parseClusterFile(
    join(folder, 'c.yml'),
    `shards: [{ name: one, replication-port: 1111, twins: [{ port: 1121 }, { port: 1122 }] }]\nproxies: []\n${text}`,
  );
  const warnings: string[] = [];
  return { alerts: openAlerts(cluster.alerts, (line) => warnings.push(line)), warnings };
}

test('secrets are read from files beside the cluster file, and one that everybody can read is told of', () => {
  writeFileSync(join(folder, 'mail'), 'geheim\nmore\n', { mode: 0o600 });
  writeFileSync(join(folder, 'hook'), 'https://hooks.example.com/T0/SECRET\n');
  chmodSync(join(folder, 'hook'), 0o644);
  const { alerts, warnings } =
    opened(`mail: { server: mail.example.com, port: 587, tls: true, user: shop, password-file: mail }
alerts:
  - { webhook-file: hook, events: [timeout], of: [one], remind: 90s }
  - { exec: [bin/page-me, now] }
  - { exec: [logger] }
`);
  assert.deepEqual(alerts.mailServers, [
    {
      host: 'mail.example.com',
      port: 587,
      user: 'shop',
      password: 'geheim',
      usesTls: true,
      timeoutSeconds: 10,
    },
  ]);
  const [hook, program, other] = alerts.targets;
  assert.equal(hook?.target.address, 'https://hooks.example.com/T0/SECRET');
  assert.deepEqual(hook.target.events, ['timeout']);
  assert.equal(hook.target.reminderCycles, 90);
  assert.deepEqual(hook.services, ['one-a', 'one-b']);
  assert.equal(program?.services, null);
  assert.deepEqual(program.program?.argv, [join(folder, 'bin/page-me'), 'now']);
  assert.deepEqual(other?.program?.argv, ['logger']);
  assert.deepEqual(warnings, [
    `everybody on this host can read the URL of a web hook: chmod 600 ${join(folder, 'hook')}`,
  ]);
});

test('what is wrong with such a file is said, and nothing of what it holds', () => {
  writeFileSync(join(folder, 'empty'), '\n');
  writeFileSync(join(folder, 'no-url'), 'SECRET\n');
  for (const [text, message] of [
    ['alerts: [{ webhook-file: none }]', /^cannot read the URL of a web hook: .*\/none: /],
    ['alerts: [{ webhook-file: empty }]', /^the URL of a web hook: .*\/empty: its first line is empty$/],
    [
      'alerts: [{ webhook-file: no-url }]',
      /^the URL of a web hook: .*\/no-url: its first line is no URL of http or https$/,
    ],
    [
      'mail: { server: m, user: u, password-file: . }',
      /^cannot read the password of mail: .*: not an ordinary file$/,
    ],
  ] as const)
    assert.throws(
      () => opened(text),
      (error) => {
        assert.ok(error instanceof StartError);
        assert.match(error.message, message);
        assert.ok(!error.message.includes('SECRET'));
        return true;
      },
      text,
    );
});
