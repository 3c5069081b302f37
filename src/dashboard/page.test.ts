import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf, serviceOf } from '../../testing/fake-cluster.ts';
import { bytesText, countText, durationText } from './display-units.ts';
import { escapeHtml } from './html-text.ts';
import { pageShell } from './page-shell.ts';
import { isLoopbackHost, isSameOrigin } from './request-origin.ts';
import { SessionTokens, TOKEN_LIFETIME_MS } from './session-token.ts';

test('nothing that a service says becomes markup', () => {
  const evil = `<script>alert('1')</script>"&`;
  const status = clusterOf([
    serviceOf('node', {
      title: evil,
      reason: evil,
      address: evil,
      stats: {
        version: evil,
        currItems: 0,
        bytes: 0,
        limitMaxbytes: 0,
        maxConnections: 1024,
        currConnections: 0,
        getHits: 0,
        getMisses: 0,
        evictions: 0,
        totalItems: 0,
        getsPerSecond: null,
        setsPerSecond: null,
        hitsPerSecond: null,
        evictionsPerSecond: null,
        requestsPerSecond: null,
        replication: { [evil]: evil },
      },
    }),
    serviceOf('twin', { group: 'node' }),
  ]);
  const events = [{ sequence: 1, atMs: 0, service: evil, level: 'info', text: evil } as const];
  const snapshot = { ...status, version: evil, cluster: evil };
  const files = { script: '', style: '', mark: 'abc' };
  const page = pageShell({ snapshot, log: events, takesOrders: true }, files, evil);
  assert.equal(page.match(/<script/g)?.length, 2, 'only our own script, and the data');
  assert.ok(!page.includes(evil));
  assert.ok(page.includes(escapeHtml(evil)));
  const data = /id="beginning">(.*)<\/script>/.exec(page)?.[1] ?? '';
  assert.equal(JSON.parse(data).snapshot.services[0].reason, evil);
});

test('numbers are short and carry their unit', () => {
  assert.deepEqual([0, 1023, 1024, 64 * 1024 ** 2, 250 * 1024 ** 3].map(bytesText), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '64.0 MiB',
    '250 GiB',
  ]);
  assert.deepEqual([0, 59.9, 60, 3600, 90_000].map(durationText), [
    '0 s',
    '59 s',
    '1 min 0 s',
    '1 h 0 min',
    '1 d 1 h',
  ]);
  assert.deepEqual([0, 999, 1234, 4_000_000].map(countText), ['0', '999', '1.2 k', '4.0 M']);
});

test('a token belongs to its session, its user and its secret, and ends', () => {
  const tokens = new SessionTokens(2812);
  const session = tokens.newSession();
  const token = tokens.token(session, 'admin', 0);
  assert.ok(tokens.isValid(session, 'admin', token, 0));
  assert.ok(tokens.isValid(session, 'admin', token, TOKEN_LIFETIME_MS - 1));
  assert.ok(!tokens.isValid(session, 'admin', token, TOKEN_LIFETIME_MS));
  assert.ok(
    !tokens.isValid(session, 'admin', `ffffffff${token.slice(8)}`, 0),
    'its time cannot be made longer',
  );
  assert.ok(!tokens.isValid(session, 'view', token, 0));
  assert.ok(!tokens.isValid(tokens.newSession(), 'admin', token, 0));
  assert.ok(!tokens.isValid(session, 'admin', `${token}0`, 0));
  assert.ok(!tokens.isValid(session, 'admin', null, 0) && !tokens.isValid(null, 'admin', token, 0));
  const other = new SessionTokens(2812);
  assert.ok(!other.isValid(session, 'admin', token, 0), 'another process has another secret');
  assert.equal(tokens.sessionOf(`other=1; ${tokens.cookie(session)}`), session);
  assert.equal(new SessionTokens(2813).sessionOf(tokens.cookie(session)), null);
  assert.equal(tokens.sessionOf('twincached_session_2812=<script>'), null);
  assert.equal(tokens.sessionOf(undefined), null);
  assert.doesNotMatch(tokens.cookie(session), /Secure/);
  assert.match(new SessionTokens(2812, true).cookie(session), /; Secure$/);
});

test('only names of this machine are served, only our own page may change something', () => {
  for (const host of [
    'localhost',
    'localhost:2812',
    '127.0.0.1:80',
    '127.1.2.3:1',
    '[::1]:2812',
    'LOCALHOST:1',
  ])
    assert.ok(isLoopbackHost(host), host);
  for (const host of [
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example:2812',
    '10.0.0.1',
    'localhost:x',
  ])
    assert.ok(!isLoopbackHost(host), host);
  const host = 'localhost:2812';
  assert.ok(isSameOrigin({ host }, 'http'));
  assert.ok(isSameOrigin({ host, origin: 'http://localhost:2812', 'sec-fetch-site': 'same-origin' }, 'http'));
  assert.ok(!isSameOrigin({ host, origin: 'http://localhost:2813' }, 'http'));
  assert.ok(!isSameOrigin({ host, origin: 'null' }, 'http'));
  assert.ok(!isSameOrigin({ host, 'sec-fetch-site': 'cross-site' }, 'http'));
  // Served over TLS, the page's own origin is another.
  assert.ok(isSameOrigin({ host, origin: 'https://localhost:2812' }, 'https'));
  assert.ok(!isSameOrigin({ host, origin: 'http://localhost:2812' }, 'https'));
});
