/* Who may see the page, and who may press its buttons. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FakeCluster, serviceOf } from '../../testing/fake-cluster.ts';
import type { IpNetwork } from '../control/ip-networks.ts';
import { Dashboard } from './dashboard.ts';
import { HttpAccess, userWithPassword } from './http-access.ts';
import { FAILURES_MAX } from './login-failures.ts';
import { LOGIN_IDLE_MS, LOGIN_LIFETIME_MS, LOGINS_MAX, LoginSessions } from './login-sessions.ts';
import { type AuditRecord, FORM_BYTES_MAX } from './page-gate.ts';

interface Page {
  readonly cluster: FakeCluster;
  readonly base: string;
  readonly audit: AuditRecord[];
}

async function open(t: TestContext, networks: readonly IpNetwork[] | null = null): Promise<Page> {
  const cluster = new FakeCluster([serviceOf('node-1')]);
  const audit: AuditRecord[] = [];
  const dashboard = new Dashboard(cluster, {
    access: new HttpAccess({
      networks,
      users: [userWithPassword('admin', 'sesame', false), userWithPassword('view', 'look:here', true)],
      needsNoUser: false,
      isReadOnly: false,
    }),
    audit: (record) => audit.push(record),
    metrics: async () => 'metrics\n',
  });
  const port = await dashboard.start(0);
  t.after(() => dashboard.stop());
  return { cluster, base: `http://127.0.0.1:${port}`, audit };
}

const ADMIN = { authorization: `Basic ${Buffer.from('admin:sesame').toString('base64')}` };
const VIEW = { authorization: `Basic ${Buffer.from('view:look:here').toString('base64')}` };

interface Session {
  readonly cookie: string;
  readonly user: string;
  readonly role: string;
  readonly token: string | null;
}

/** What a page's script does before it changes something. */
async function session(base: string, headers: Record<string, string>): Promise<Session> {
  const answer = await fetch(`${base}/session.json`, { headers });
  assert.equal(answer.status, 200);
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  // Cast: our own program's answer; a wrong shape fails the assertions that follow.
  return { cookie, ...((await answer.json()) as Omit<Session, 'cookie'>) };
}

function post(
  url: string,
  fields: Record<string, string>,
  headers: Record<string, string>,
): Promise<Response> {
  return fetch(url, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields), headers });
}

function logIn(base: string, name: string, password: string): Promise<Response> {
  return post(`${base}/_login`, { name, password }, {});
}

test('without a name and a password nothing is shown but where to log in', async (t) => {
  const { base } = await open(t);
  for (const path of [
    '/',
    '/status.json',
    '/events',
    '/metrics',
    '/_ping',
    '/session.json',
    '/page.js',
    '/x',
  ]) {
    const answer = await fetch(base + path, { headers: { accept: 'application/json' } });
    assert.equal(answer.status, 401, path);
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic realm="twincached"/);
    assert.doesNotMatch(await answer.text(), /node-1/);
  }
  const script = await fetch(`${base}/status.json`, { headers: { 'sec-fetch-dest': 'empty' } });
  assert.equal(script.headers.get('www-authenticate'), null, 'a script must not open a window');
  const browser = await fetch(`${base}/`, { redirect: 'manual', headers: { accept: 'text/html,*/*' } });
  assert.deepEqual([browser.status, browser.headers.get('location')], [303, '/_login']);
  const login = await (await fetch(`${base}/_login`)).text();
  assert.match(login, /<form method="post" action="\/_login">/);
  assert.doesNotMatch(login, /node-1/);
  assert.equal((await fetch(`${base}/_login.css`)).status, 200);
});

test('an admin acts, and it is written down who and whence', async (t) => {
  const { base, cluster, audit } = await open(t);
  const { cookie, token, user, role } = await session(base, ADMIN);
  assert.deepEqual([user, role], ['admin', 'admin']);
  assert.ok(token !== null);
  const headers = { ...ADMIN, cookie };
  assert.equal(
    (await post(`${base}/node-1`, { action: 'restart', securitytoken: token }, headers)).status,
    303,
  );
  assert.deepEqual(cluster.commands, ['restart node-1']);
  assert.equal(cluster.lastBy, 'admin from 127.0.0.1');
  assert.deepEqual(audit, [
    { action: 'restart', target: 'node-1', user: 'admin', address: '127.0.0.1', outcome: 'done' },
  ]);
});

test('who may only look sees no buttons, gets no token, and is refused every action', async (t) => {
  const { base, cluster, audit } = await open(t);
  const page = await (await fetch(`${base}/`, { headers: VIEW })).text();
  assert.match(page, /node-1/);
  assert.doesNotMatch(page, /<button|<form|securitytoken/);
  assert.match(await (await fetch(`${base}/`, { headers: ADMIN })).text(), /<button/);
  const viewer = await session(base, VIEW);
  assert.deepEqual([viewer.user, viewer.role, viewer.token], ['view', 'read-only', null]);
  const admin = await session(base, ADMIN);
  for (const action of ['start', 'stop', 'restart', 'monitor', 'unmonitor', 'explode'])
    for (const cookie of [viewer.cookie, admin.cookie]) {
      const fields = { action, securitytoken: admin.token ?? '' };
      const answer = await post(`${base}/node-1`, fields, { ...VIEW, cookie });
      assert.equal(answer.status, 403, action);
    }
  assert.deepEqual(cluster.commands, []);
  assert.ok(audit.every(({ user, outcome }) => user === 'view' && outcome.startsWith('refused: ')));
  assert.equal(audit.length, 12);
});

test('a browser logs in, acts, and logs out', async (t) => {
  const { base, cluster, audit } = await open(t);
  const wrong = await logIn(base, 'admin', 'guess');
  assert.equal(wrong.status, 403);
  assert.match(await wrong.text(), /role="alert"/);
  const before = `${base.replace(/.*:/, 'twincached_session_')}=${'1'.repeat(32)}`;
  const answer = await post(`${base}/_login`, { name: 'admin', password: 'sesame' }, { cookie: before });
  assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/']);
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  assert.notEqual(cookie, before, 'a session that was there before is not the one that is logged in');
  assert.equal((await fetch(`${base}/status.json`, { headers: { cookie: before } })).status, 401);
  const { token, role } = await session(base, { cookie });
  assert.equal(role, 'admin');
  const fields = { action: 'stop', securitytoken: token ?? '' };
  assert.equal((await post(`${base}/node-1`, fields, { cookie })).status, 303);
  assert.equal((await post(`${base}/_logout`, {}, { cookie, origin: 'http://evil.example' })).status, 403);
  const out = await post(`${base}/_logout`, {}, { cookie });
  assert.deepEqual([out.status, out.headers.get('location')], [303, '/_login']);
  assert.equal((await fetch(`${base}/status.json`, { headers: { cookie } })).status, 401);
  assert.equal((await post(`${base}/node-1`, fields, { cookie })).status, 401);
  assert.deepEqual(cluster.commands, ['stop node-1']);
  assert.deepEqual(
    audit.map(({ action, user, outcome }) => `${user} ${action} ${outcome}`),
    [' login refused: unauthorized', 'admin login done', 'admin stop done', 'admin logout done'],
  );
});

test('a token is of one session and one user', async (t) => {
  const { base, cluster } = await open(t);
  const one = await session(base, ADMIN);
  const login = (await logIn(base, 'admin', 'sesame')).headers.get('set-cookie')?.split(';')[0] ?? '';
  const fields = { action: 'stop', securitytoken: one.token ?? '' };
  assert.equal((await post(`${base}/node-1`, fields, { cookie: login })).status, 403);
  assert.equal((await post(`${base}/node-1`, fields, ADMIN)).status, 403, 'no session');
  assert.deepEqual(cluster.commands, []);
});

test('who guesses has to wait, by form and by header; who has logged in does not notice', async (t) => {
  const { base } = await open(t);
  const cookie = (await logIn(base, 'admin', 'sesame')).headers.get('set-cookie')?.split(';')[0] ?? '';
  for (let count = 0; count < FAILURES_MAX; count++) {
    const authorization = `Basic ${Buffer.from(`admin:${count}`).toString('base64')}`;
    const answer =
      count % 2 === 0
        ? await logIn(base, 'admin', `${count}`)
        : await fetch(`${base}/status.json`, { headers: { authorization } });
    assert.equal(answer.status, count % 2 === 0 ? 403 : 401);
  }
  assert.equal((await logIn(base, 'admin', 'sesame')).status, 429);
  assert.equal((await fetch(`${base}/status.json`, { headers: ADMIN })).status, 429);
  assert.equal((await fetch(`${base}/status.json`, { headers: { cookie } })).status, 200);
});

test('only the networks that are named are served', async (t) => {
  const { base } = await open(t, [{ address: '10.0.0.0', bits: 8 }]);
  for (const path of ['/', '/_login', '/_login.css', '/status.json'])
    assert.equal((await fetch(base + path, { headers: ADMIN })).status, 403, path);
  assert.equal((await logIn(base, 'admin', 'sesame')).status, 403);
  const own = await open(t, [{ address: '127.0.0.0', bits: 8 }]);
  assert.equal((await fetch(`${own.base}/`, { headers: ADMIN })).status, 200);
});

test('a request with bad input gets its 4xx, and nothing happens', async (t) => {
  const { base, cluster } = await open(t);
  const { cookie, token } = await session(base, ADMIN);
  const good = { action: 'stop', securitytoken: token ?? '' };
  const headers: Record<string, string> = { ...ADMIN, cookie };
  const form = { ...headers, 'content-type': 'application/x-www-form-urlencoded' };
  const table: readonly (readonly [string, number, RequestInit, string])[] = [
    ['no action', 400, { body: new URLSearchParams({ securitytoken: good.securitytoken }) }, '/node-1'],
    ['an unknown action', 400, { body: new URLSearchParams({ ...good, action: 'explode' }) }, '/node-1'],
    ['an action of another case', 400, { body: new URLSearchParams({ ...good, action: 'STOP' }) }, '/node-1'],
    ['an unknown service', 404, { body: new URLSearchParams(good) }, '/nobody'],
    ['no service', 404, { body: new URLSearchParams(good) }, '/'],
    ['a service of another case', 404, { body: new URLSearchParams(good) }, '/NODE-1'],
    ['a path that cannot be decoded', 404, { body: new URLSearchParams(good) }, '/%ff'],
    ['a path upwards', 404, { body: new URLSearchParams(good) }, '/x/../../node-1/..%2fnode-1'],
    ['no token', 403, { body: new URLSearchParams({ action: 'stop' }) }, '/node-1'],
    ['a token that is cut', 403, { body: `action=stop&securitytoken=${token?.slice(1)}` }, '/node-1'],
    ['an empty body', 403, { body: '' }, '/node-1'],
    ['JSON', 403, { body: JSON.stringify(good) }, '/node-1'],
    ['bytes', 403, { body: new Uint8Array([0, 255, 38, 61, 37]) }, '/node-1'],
    ['a form that is too long', 413, { body: 'x'.repeat(FORM_BYTES_MAX + 1) }, '/node-1'],
    ['another origin', 403, { body: new URLSearchParams(good), headers: { origin: 'null' } }, '/node-1'],
    [
      'another site',
      403,
      { body: new URLSearchParams(good), headers: { 'sec-fetch-site': 'cross-site' } },
      '/node-1',
    ],
    ['another method', 405, { method: 'PUT', body: new URLSearchParams(good) }, '/node-1'],
    ['a method that has no body', 405, { method: 'DELETE' }, '/node-1'],
    ['a path without a name', 404, { method: 'GET' }, '//'],
    ['an action in the address', 302, { method: 'GET' }, '/node-1?action=stop'],
    ['no name to log in', 403, { body: '' }, '/_login'],
    ['a way out by an address', 405, { method: 'GET' }, '/_logout'],
    ['a header of another sort', 401, { headers: { authorization: 'Bearer x' } }, '/node-1'],
    ['a header that is no base64', 401, { headers: { authorization: 'Basic ***' } }, '/node-1'],
    ['a header without a password', 401, { headers: { authorization: 'Basic YWRtaW4=' } }, '/node-1'],
  ];
  for (const [what, code, request, path] of table) {
    const init = { method: 'POST', redirect: 'manual' as const, ...request };
    const answer = await fetch(base + path, { ...init, headers: { ...form, ...request.headers } });
    assert.equal(answer.status, code, what);
    await answer.text();
  }
  assert.deepEqual(cluster.commands, []);
});

test('logins are bounded in number and in time', () => {
  const logins = new LoginSessions();
  const admin = { user: 'admin', isReadOnly: false };
  logins.add('first', admin, 0);
  assert.equal(logins.find('first', LOGIN_IDLE_MS - 1)?.user, 'admin');
  assert.equal(logins.find('first', 2 * LOGIN_IDLE_MS - 1), null, 'not seen for too long');
  logins.add('second', admin, 0);
  for (let at = 0; at < LOGIN_LIFETIME_MS; at += LOGIN_IDLE_MS / 2) assert.ok(logins.find('second', at));
  assert.equal(logins.find('second', LOGIN_LIFETIME_MS), null, 'for all its life');
  for (let index = 0; index < LOGINS_MAX; index++) logins.add(`${index}`, admin, 0);
  assert.ok(logins.find('0', 1));
  logins.add('more', admin, 2);
  assert.equal(logins.count, LOGINS_MAX);
  assert.ok(logins.find('0', 3), 'seen lately');
  assert.equal(logins.find('1', 3), null, 'seen longest ago');
  assert.equal(logins.find(null, 3), null);
});
