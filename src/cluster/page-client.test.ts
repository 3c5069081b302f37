import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { credentials } from '../../testing/certificates.ts';
import { FakeCluster, serviceOf } from '../../testing/fake-cluster.ts';
import { StartError } from '../base/start-error.ts';
import { Dashboard, type DashboardOptions } from '../dashboard/dashboard.ts';
import { HttpAccess, userWithPassword } from '../dashboard/http-access.ts';
import type { MonitorRecord } from './monitor-record.ts';
import { askPage, type PageAt } from './page-client.ts';

const KEY = 'k'.repeat(64);

/** A page that nobody sees without a password, and how a command finds it. */
async function open(t: TestContext, options: DashboardOptions, certificate: string | null): Promise<PageAt> {
  const dashboard = new Dashboard(new FakeCluster([serviceOf('node-1')]), {
    access: new HttpAccess({
      // A network that this machine is not in.
      networks: [{ address: '192.0.2.0', bits: 24 }],
      users: [userWithPassword('ops', 'secret', false)],
      needsNoUser: false,
      isReadOnly: false,
    }),
    commandKey: KEY,
    ...options,
  });
  const pagePort = await dashboard.start(0);
  t.after(() => dashboard.stop());
  const record: MonitorRecord = {
    cluster: 'test',
    host: null,
    file: null,
    pid: process.pid,
    startedAfterBootMs: 0,
    pagePort,
    pageAddress: '127.0.0.1',
    pageCertificate: certificate,
    key: KEY,
  };
  return { pagePort, record };
}

test('the key opens a page that is closed to everybody else', async (t) => {
  const page = await open(t, {}, null);
  const known = await askPage(page, 'GET', '/status.json', '');
  assert.deepEqual([known.code, known.text.includes('"cluster": "test"')], [200, true]);
  assert.equal((await askPage({ ...page, record: null }, 'GET', '/status.json', '')).code, 403);
});

test('over TLS the key is shown to nobody but who has the certificate', async (t) => {
  const tls = credentials('server');
  const page = await open(t, { tls }, tls.cert);
  assert.equal((await askPage(page, 'GET', '/status.json', '')).code, 200);
  const other = await open(t, { tls }, credentials('renewed').cert);
  await assert.rejects(askPage(other, 'GET', '/status.json', ''), (error) => {
    assert.ok(error instanceof StartError);
    assert.match(error.message, /^127\.0\.0\.1:\d+: what answers does not have the monitor's certificate$/);
    return true;
  });
});

test('where nobody listens, that is said', async () => {
  await assert.rejects(
    askPage({ pagePort: 1, record: null }, 'GET', '/', ''),
    /^StartError: no monitor runs at 127\.0\.0\.1:1$/,
  );
});
