import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { controlAccess, type SystemUsers } from './control-access.ts';
import type { HttpAccess } from './http-access.ts';
import { FAILURES_MAX } from './login-failures.ts';
import { MONIT_TOKEN_LIFETIME_MS, SecurityTokens } from './session-token.ts';

async function access(allow: string, warnings: string[] = [], system?: SystemUsers): Promise<HttpAccess> {
  const { httpd } = controlTree(`set httpd port 2812 ${allow}`).settings;
  assert.ok(httpd !== null);
  return controlAccess(httpd, (text) => warnings.push(text), system);
}

function login(user: string): string {
  return `Basic ${Buffer.from(user).toString('base64')}`;
}

test('hosts and users must both be satisfied where both are named', async () => {
  const both = await access('allow 10.0.0.0/8 allow admin:secret allow view:"only" readonly');
  const kind = (address: string, user?: string): string =>
    both.decide(address, user === undefined ? undefined : login(user), 0).kind;
  assert.equal(kind('10.1.2.3', 'admin:secret'), 'granted');
  assert.equal(kind('::ffff:10.1.2.3', 'admin:secret'), 'granted');
  assert.equal(kind('11.1.2.3', 'admin:secret'), 'refused-host');
  assert.equal(kind('10.1.2.3'), 'unauthorized');
  assert.equal(kind('10.1.2.3', 'admin:wrong'), 'unauthorized');
  assert.equal(kind('10.1.2.3', 'nobody:secret'), 'unauthorized');
  assert.deepEqual(both.decide('10.1.2.3', login('view:only'), 0), {
    kind: 'granted',
    user: 'view',
    isReadOnly: true,
  });
  assert.equal(both.decide(null, login('admin:secret'), 0).kind, 'granted');
});

test('hosts alone, users alone, and nobody', async () => {
  assert.equal((await access('allow 127.0.0.1')).decide('127.0.0.1', undefined, 0).kind, 'granted');
  assert.equal((await access('allow a:b')).decide('8.8.8.8', login('a:b'), 0).kind, 'granted');
  assert.equal((await access('')).decide('127.0.0.1', undefined, 0).kind, 'refused-host');
  const readOnly = (await access('read-only allow a:b')).decide('1.1.1.1', login('a:b'), 0);
  assert.deepEqual(readOnly, { kind: 'granted', user: 'a', isReadOnly: true });
});

test('what cannot be checked is told, and lets nobody in', async () => {
  const warnings: string[] = [];
  const none = await access(
    'allow @no-such-group allow md5 /nonexistent/file allow nosuchhost.invalid',
    warnings,
  );
  assert.equal(warnings.length, 3);
  assert.equal(none.decide('127.0.0.1', login('root:root'), 0).kind, 'refused-host');
});

test('members of a group log in as the system has it; a right password is known for a minute', async () => {
  let nowMs = 0;
  let asked = 0;
  let word = 'one';
  const system: SystemUsers = {
    members: (group) => (group === 'ops' ? ['ann', 'bob'] : null),
    check: () => (user, password) => {
      asked++;
      return user === 'ann' && password === word;
    },
    nowMs: () => nowMs,
  };
  const warnings: string[] = [];
  const groups = await access('allow @ops read-only allow @others', warnings, system);
  assert.deepEqual(warnings, ['allow @others: there is no such group; passed over']);
  const kind = (user: string): string => groups.decide('1.1.1.1', login(user), 0).kind;
  const ann = { kind: 'granted', user: 'ann', isReadOnly: true };
  for (let times = 0; times < 3; times++)
    assert.deepEqual(groups.decide('1.1.1.1', login('ann:one'), 0), ann);
  assert.equal(asked, 1);
  assert.equal(kind('bob:one'), 'unauthorized');
  assert.equal(kind('cat:one'), 'unauthorized');
  assert.equal(asked, 2);
  word = 'two';
  nowMs = 59_999;
  assert.equal(kind('ann:one'), 'granted');
  nowMs = 60_000;
  assert.equal(kind('ann:one'), 'unauthorized');
  assert.equal(kind('ann:two'), 'granted');
  const none = await access('allow @ops', warnings, { ...system, check: () => null });
  assert.equal(none.decide('1.1.1.1', login('ann:two'), 0).kind, 'refused-host');
  assert.match(warnings.at(-1) ?? '', /^allow @ops: there is no PAM here/);
});

test('who guesses passwords has to wait', async () => {
  const guessed = await access('allow a:b');
  for (let count = 0; count < FAILURES_MAX; count++)
    assert.equal(guessed.decide('1.1.1.1', login(`a:${count}`), count).kind, 'unauthorized');
  assert.equal(guessed.decide('1.1.1.1', login('a:b'), 100).kind, 'too-many-failures');
  assert.equal(guessed.decide('2.2.2.2', login('a:b'), 100).kind, 'granted');
  assert.equal(guessed.decide('1.1.1.1', login('a:b'), 61_000).kind, 'granted');
});

test('passwords of files, as they are or hashed, for all in them or some', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-access-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const md5 = file(
    'md5',
    '# users\nann:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/:rest\nbob:$apr1$x$12YdXEY0/hH4rDNkmZupO0\n',
  );
  const clear = file('clear', 'cat:a:b\n');
  const unknown = file('unknown', 'eve:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n');
  const warnings: string[] = [];
  const files = await access(
    `allow md5 ${md5} ann allow cleartext ${clear} read-only allow crypt ${unknown}`,
    warnings,
  );
  const kind = (user: string): string => files.decide('1.1.1.1', login(user), 0).kind;
  assert.equal(kind('ann:secret'), 'granted');
  assert.equal(kind('ann:secret'), 'granted', 'known by the last one');
  assert.equal(kind('ann:other'), 'unauthorized');
  assert.equal(kind('bob:secret'), 'unauthorized', 'not named');
  assert.equal(kind('cat:a:b'), 'granted');
  assert.equal(kind('eve:secret'), 'unauthorized');
  assert.deepEqual(warnings, [
    `allow crypt ${unknown}: the password of eve has a form that is not known here; passed over`,
  ]);
});

test('users that cannot be read are not the same as none: hosts alone do not open the door then', async () => {
  const warnings: string[] = [];
  const locked = await access('allow 127.0.0.1 allow cleartext /nonexistent/passwords', warnings);
  assert.equal(warnings.length, 1);
  assert.equal(locked.decide('127.0.0.1', undefined, 0).kind, 'refused-host');
});

test('a security token proves itself, for its user alone, and for ten minutes', () => {
  const tokens = new SecurityTokens();
  const token = tokens.newToken('admin', 0);
  assert.match(token, /^[0-9a-f]{32}$/);
  const cookie = `a=b; securitytoken=${token}`;
  assert.ok(tokens.isValid('admin', cookie, token, 0));
  assert.ok(tokens.isValid('admin', cookie, token, MONIT_TOKEN_LIFETIME_MS - 1));
  assert.ok(!tokens.isValid('admin', cookie, token, MONIT_TOKEN_LIFETIME_MS));
  assert.ok(!tokens.isValid('view', cookie, token, 0));
  assert.ok(!tokens.isValid('admin', undefined, token, 0));
  assert.ok(!tokens.isValid('admin', cookie, null, 0));
  const madeUp = 'ffffffff89abcdef0123456789abcdef';
  assert.ok(!tokens.isValid('admin', `securitytoken=${madeUp}`, madeUp, 0));
  const later = `ffffffff${token.slice(8)}`;
  assert.ok(!tokens.isValid('admin', `securitytoken=${later}`, later, 0), 'its time cannot be made longer');
  assert.ok(!new SecurityTokens().isValid('admin', cookie, token, 0));
});
