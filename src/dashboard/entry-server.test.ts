/* Monit's page: what is refused, and what is written down of what is not. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { credentials } from '../../testing/certificates.ts';
import { controlTree } from '../../testing/control-entries.ts';
import { FakeEntries } from '../../testing/fake-entries.ts';
import { freePorts } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { StartError } from '../base/start-error.ts';
import { ENTRY_FORM_BYTES_MAX, EntryServer } from './entry-server.ts';
import { HttpAccess } from './http-access.ts';
import { FAILURES_MAX } from './login-failures.ts';

interface Page {
  readonly base: string;
  readonly control: FakeEntries;
  readonly commands: string[];
  readonly log: string[];
}

async function open(t: TestContext): Promise<Page> {
  const [port = 0] = await freePorts(1);
  const tree = controlTree(
    `set httpd port ${port} use address 127.0.0.1 allow admin:sesame allow view:"only" readonly
     check process one with pidfile /one
     check process two with pidfile /two`,
  );
  const { httpd } = tree.settings;
  assert.ok(httpd !== null);
  const log: string[] = [];
  const control = new FakeEntries(tree.services);
  const server = await EntryServer.start(
    { httpd, log: (level, text) => log.push(`${level} ${text}`) },
    control,
  );
  t.after(() => server.stop());
  return { base: `http://127.0.0.1:${port}`, control, commands: control.commands, log };
}

function basic(text: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

const ADMIN = basic('admin:sesame');
const VIEW = basic('view:only');

async function token(base: string, headers: Record<string, string>): Promise<string> {
  const answer = await fetch(`${base}/_ping`, { headers });
  return /securitytoken=([0-9a-f]{32});/.exec(answer.headers.get('set-cookie') ?? '')?.[1] ?? '';
}

test('a request with bad input gets its 4xx, and nothing happens', async (t) => {
  const { base, commands } = await open(t);
  const good = await token(base, ADMIN);
  const fields = { action: 'stop', securitytoken: good };
  const table: readonly (readonly [string, number, RequestInit, string])[] = [
    ['no action', 400, { body: new URLSearchParams({ securitytoken: good }) }, '/one'],
    ['an unknown action', 400, { body: new URLSearchParams({ ...fields, action: 'explode' }) }, '/one'],
    ['an unknown service', 404, { body: new URLSearchParams(fields) }, '/nobody'],
    ['no service', 404, { body: new URLSearchParams(fields) }, '/'],
    ['no service for many', 400, { body: new URLSearchParams(fields) }, '/_doaction'],
    [
      'one unknown of several',
      400,
      { body: new URLSearchParams([...Object.entries(fields), ['service', 'one'], ['service', 'x']]) },
      '/_doaction',
    ],
    ['a path that cannot be decoded', 400, { body: new URLSearchParams(fields) }, '/%ff'],
    ['no token', 403, { body: new URLSearchParams({ action: 'stop' }) }, '/one'],
    [
      'a token that is cut',
      403,
      { body: new URLSearchParams({ ...fields, securitytoken: good.slice(1) }) },
      '/one',
    ],
    [
      'a token without its cookie',
      403,
      { body: new URLSearchParams(fields), headers: { cookie: '' } },
      '/one',
    ],
    ['JSON', 403, { body: JSON.stringify(fields) }, '/one'],
    ['a form that is too long', 413, { body: 'x'.repeat(ENTRY_FORM_BYTES_MAX + 1) }, '/one'],
    [
      'another origin',
      403,
      { body: new URLSearchParams(fields), headers: { origin: 'http://evil.example' } },
      '/one',
    ],
    ['another method', 405, { method: 'PUT', body: new URLSearchParams(fields) }, '/one'],
    ['another user', 403, { body: new URLSearchParams(fields), headers: VIEW }, '/one'],
    ['no user', 401, { body: new URLSearchParams(fields), headers: { authorization: 'Bearer x' } }, '/one'],
    ['an unknown level of report', 400, { method: 'GET' }, '/_report?type=x'],
    ['an unknown group', 400, { method: 'GET' }, '/_status?group=x'],
  ];
  for (const [what, code, request, path] of table) {
    const headers = { ...ADMIN, cookie: `securitytoken=${good}`, ...request.headers };
    const answer = await fetch(base + path, { method: 'POST', redirect: 'manual', ...request, headers });
    assert.equal(answer.status, code, what);
    await answer.text();
  }
  assert.deepEqual(commands, []);
});

test('a pattern of a client that takes for ever is refused, and the next request is answered', async (t) => {
  const { base } = await open(t);
  const ask = (pattern: string): Promise<Response> =>
    fetch(`${base}/_status?service=${encodeURIComponent(pattern)}`, { headers: VIEW });
  const answer = await ask(`${'(.?'.repeat(20)}${')+'.repeat(20)}$^`);
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /takes too long/);
  // A machine that has no time for us may call it too long once.
  await until('a good one is answered', async () => (await ask('o.*')).status === 200);
  assert.equal((await ask('nobody.*')).status, 400);
});

test('who did what, and whence, is in the log; so is who was refused', async (t) => {
  const { base, commands, log } = await open(t);
  const good = await token(base, ADMIN);
  const post = (path: string, fields: string, headers: Record<string, string> = ADMIN): Promise<Response> =>
    fetch(base + path, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(`${fields}&securitytoken=${good}`),
      headers: { ...headers, cookie: `securitytoken=${good}` },
    });
  assert.equal((await post('/one', 'action=restart')).status, 302);
  assert.equal((await post('/_doaction', 'action=stop&service=one&service=TWO')).status, 200);
  assert.equal((await post('/_runtime', 'action=validate')).status, 302);
  assert.equal((await post('/one', 'action=stop', VIEW)).status, 403);
  assert.equal((await post('/one', 'action=stop', basic('admin:wrong'))).status, 401);
  assert.deepEqual(commands, ['restart one', 'stop one two', 'wake']);
  assert.deepEqual(log, [
    "info HttpRequest: restart 'one' requested by user 'admin' -- client [127.0.0.1]",
    "info HttpRequest: stop 'one' 'two' requested by user 'admin' -- client [127.0.0.1]",
    "info HttpRequest: validate requested by user 'admin' -- client [127.0.0.1]",
    "warning HttpRequest: POST /one refused, read-only: user 'view' -- client [127.0.0.1]",
    'error HttpRequest: access denied -- client [127.0.0.1]: wrong user or password',
  ]);
});

test('who may only look sees no buttons; who guesses has to wait', async (t) => {
  const { base } = await open(t);
  assert.match(await (await fetch(`${base}/one`, { headers: ADMIN })).text(), /<button/);
  assert.doesNotMatch(await (await fetch(`${base}/one`, { headers: VIEW })).text(), /<button|<form/);
  const log = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${base}/_viewlog`, { headers })).status;
  assert.deepEqual([await log(ADMIN), await log(VIEW)], [200, 403]);
  for (let count = 0; count < FAILURES_MAX; count++)
    assert.equal((await fetch(`${base}/`, { headers: basic(`admin:${count}`) })).status, 401);
  assert.equal((await fetch(`${base}/`, { headers: ADMIN })).status, 429);
});

test('many services are told at the cost of one look at them', async (t) => {
  const { base, control, commands } = await open(t);
  const good = await token(base, ADMIN);
  control.looks = 0;
  const form = new URLSearchParams({ action: 'stop', securitytoken: good });
  for (let count = 0; count < 1000; count++) form.append('service', 'one');
  const answer = await fetch(`${base}/_doaction`, {
    method: 'POST',
    body: form,
    headers: { ...ADMIN, cookie: `securitytoken=${good}` },
  });
  assert.equal(answer.status, 200);
  assert.equal(control.looks, 1);
  assert.equal(commands[0]?.split(' ').length, 1001);
});

test('whatever a service says, the XML is one', async (t) => {
  const { base, control } = await open(t);
  control.different.set('one', { reason: 'a \u001b[31mred\u001b[0m <end>\0\n' });
  const answer = await fetch(`${base}/_status?format=xml`, { headers: VIEW });
  assert.match(await answer.text(), /<reason>a \ufffd\[31mred\ufffd\[0m &lt;end&gt;\ufffd\n<\/reason>/);
});

/** Opens what a text says, and nothing else. */
async function opened(t: TestContext, text: string): Promise<EntryServer> {
  const { httpd } = controlTree(`${text} allow admin:sesame`).settings;
  assert.ok(httpd !== null);
  const server = await EntryServer.start({ httpd, log: () => {} }, new FakeEntries([]));
  t.after(() => server.stop());
  return server;
}

test('a file that has no certificate is named, and nothing is open', async (t) => {
  const [port = 0] = await freePorts(1);
  for (const file of ['/etc/hostname', '/nonexistent'])
    await assert.rejects(
      opened(t, `set httpd port ${port} use address 127.0.0.1 ssl { pemfile: ${file} }`),
      (error) => error instanceof StartError && error.message.startsWith(`SSL server PEM file ${file}: `),
    );
  await opened(t, `set httpd port ${port} use address 127.0.0.1`);
});

test('a socket belongs to whom the file says', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-socket-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'monit.sock');
  const { uid, gid } = process.getuid?.() === 0 ? { uid: 65_533, gid: 65_532 } : userInfo();
  await opened(t, `set httpd unixsocket ${path} uid ${uid} gid ${gid} permission 640`);
  const found = statSync(path);
  assert.deepEqual([found.uid, found.gid, found.mode & 0o777], [uid, gid, 0o640]);
});

test('what the page needs is read again, unless it cannot be', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-renewed-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const passwords = join(folder, 'passwords');
  writeFileSync(passwords, 'eve:first\n');
  const [port = 0] = await freePorts(1);
  const server = await opened(t, `set httpd port ${port} use address 127.0.0.1 allow cleartext ${passwords}`);
  const statusOf = async (user: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}/_ping`, { headers: basic(user) })).status;
  assert.equal(await statusOf('eve:first'), 200);
  writeFileSync(passwords, 'eve:second\n');
  assert.equal(await statusOf('eve:second'), 401);
  const log: string[] = [];
  await server.renew((level, text) => log.push(`${level} ${text}`), new FakeEntries([]));
  assert.equal(await statusOf('eve:second'), 200);
  assert.equal(await statusOf('eve:first'), 401);
  assert.equal(log.length, 1);
  // Unless somebody has read them already, because it takes its time.
  const nobody = { networks: null, users: [], needsNoUser: false, isReadOnly: false };
  await server.renew(() => {}, new FakeEntries([]), new HttpAccess(nobody));
  assert.equal(await statusOf('eve:second'), 403);
});

test('a renewed certificate is shown after a reload, and none that is of no use', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-renewed-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const pem = join(folder, 'pem');
  const write = (name: Parameters<typeof credentials>[0]): string => {
    const { cert, key } = credentials(name);
    writeFileSync(pem, `${key}${cert}`);
    return new X509Certificate(cert).fingerprint256;
  };
  const [port = 0] = await freePorts(1);
  const first = write('server');
  const server = await opened(t, `set httpd port ${port} use address 127.0.0.1 ssl { pemfile: ${pem} }`);
  const shown = async (): Promise<string | undefined> => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  assert.equal(await shown(), first);
  const second = write('renewed');
  await server.renew(() => {}, new FakeEntries([]));
  assert.equal(await shown(), second);
  writeFileSync(pem, 'nothing');
  await assert.rejects(
    server.renew(() => {}, new FakeEntries([])),
    StartError,
  );
  assert.equal(await shown(), second);
});
