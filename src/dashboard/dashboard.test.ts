import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { FakeCluster, serviceOf } from '../../testing/fake-cluster.ts';
import { until } from '../../testing/wait.ts';
import { StartError } from '../base/start-error.ts';
import type { ClusterOrder, OrderAnswer } from '../checks/cluster-operation.ts';
import { Dashboard } from './dashboard.ts';
import { FORM_BYTES_MAX } from './page-gate.ts';

interface Page {
  readonly cluster: FakeCluster;
  readonly port: number;
  readonly base: string;
}

async function open(t: TestContext): Promise<Page> {
  const cluster = new FakeCluster([
    serviceOf('node-1'),
    serviceOf('proxy', { role: 'proxy', sendsTo: ['node-1'] }),
  ]);
  const dashboard = new Dashboard(cluster);
  const port = await dashboard.start(0);
  t.after(() => dashboard.stop());
  return { cluster, port, base: `http://127.0.0.1:${port}` };
}

/** Sends raw bytes and reads until the server closes. */
async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  let text = '';
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => {});
  socket.write(request);
  await once(socket, 'close');
  return text;
}

/** A browser: has fetched the page, keeps its cookie and token. */
async function visit(base: string): Promise<{ readonly cookie: string; readonly token: string }> {
  const answer = await fetch(`${base}/`);
  const html = await answer.text();
  const cookie = answer.headers.get('set-cookie')?.split(';')[0];
  const token = /name="securitytoken" value="([0-9a-f]{64})"/.exec(html)?.[1];
  assert.ok(cookie !== undefined && token !== undefined);
  return { cookie, token };
}

function post(
  url: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields), headers });
}

/** An open event stream and what has come. */
async function listen(t: TestContext, port: number): Promise<{ readonly socket: Socket; text(): string }> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  let text = '';
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => {});
  socket.write('GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  t.after(() => socket.destroy());
  await until('the head of the answer', () => text.includes('\r\n\r\n'));
  return { socket, text: () => text };
}

test('page, style, script, JSON and ping are there, with headers that keep strangers out', async (t) => {
  const { base } = await open(t);
  for (const [path, type, part] of [
    ['/', 'text/html; charset=utf-8', '<title>test – twincached</title>'],
    ['/?x=1', 'text/html; charset=utf-8', 'node-1'],
    ['/page.css', 'text/css; charset=utf-8', 'color-scheme'],
    ['/page.js', 'text/javascript; charset=utf-8', 'EventSource'],
    ['/status.json', 'application/json', '"cluster": "test"'],
    ['/_ping', 'text/plain; charset=utf-8', 'pong\n'],
  ] as const) {
    const answer = await fetch(base + path);
    assert.equal(answer.status, 200, path);
    assert.equal(answer.headers.get('content-type'), type);
    assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.ok((await answer.text()).includes(part), path);
  }
  const head = await fetch(`${base}/`, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), '');
});

test('the page loads nothing from elsewhere', async (t) => {
  const { base } = await open(t);
  for (const path of ['/', '/page.css', '/page.js']) {
    // The names of SVG and HTML look like addresses, and nobody follows them; the licences at the end name people.
    const text = (await (await fetch(base + path)).text())
      .replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, '')
      .replace(/\/\*! With parts of[\s\S]*$/, '');
    const found = /https?:|["'(]\/\/[a-z]|@import|url\((?!#)/.exec(text);
    assert.equal(found && text.slice(found.index - 40, found.index + 40), null, path);
  }
});

test('what is not known is refused', async (t) => {
  const { base, port } = await open(t);
  assert.equal((await fetch(`${base}/nothing`)).status, 404);
  assert.equal((await fetch(`${base}/%ff`)).status, 404);
  assert.equal((await fetch(`${base}/`, { method: 'DELETE' })).status, 405);
  assert.match(
    await raw(port, 'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n'),
    /^HTTP\/1.1 421 /,
  );
  assert.match(await raw(port, 'no http at all\r\n\r\n'), /^HTTP\/1.1 400 /);
});

test('a button works with the session and token of the page', async (t) => {
  const { cluster, base } = await open(t);
  const { cookie, token } = await visit(base);
  const fields = { action: 'restart', securitytoken: token };
  const answer = await post(`${base}/node-1`, fields, { cookie, origin: base });
  assert.equal(answer.status, 303);
  assert.equal(answer.headers.get('location'), '/');
  assert.deepEqual(cluster.commands, ['restart node-1']);
  assert.equal(cluster.lastBy, 'the page from 127.0.0.1');
  await (await fetch(`${base}/`, { headers: { cookie } })).text();
  assert.equal(
    (await post(`${base}/node-1`, fields, { cookie })).status,
    303,
    'a second tab does not spoil the first one',
  );
});

test('orders to the cluster come by a form of the page, or from a command that has the key', async (t) => {
  const orders: [ClusterOrder, string][] = [];
  const audit: string[] = [];
  let answer: OrderAnswer = { kind: 'plan', lines: ['start one-c', 'no other change'] };
  const dashboard = new Dashboard(new FakeCluster([serviceOf('node-1')]), {
    operations: {
      order: (order, by) => {
        orders.push([order, by]);
        return Promise.resolve(answer);
      },
    },
    commandKey: 'key-of-commands',
    audit: ({ user, action, target, outcome }) => audit.push(`${user}: ${action} ${target}: ${outcome}`),
  });
  const base = `http://127.0.0.1:${await dashboard.start(0)}`;
  t.after(() => dashboard.stop());
  const { cookie, token } = await visit(base);
  const page = { securitytoken: token };
  const key = { authorization: 'Bearer key-of-commands', accept: 'application/json' };

  const plan = await post(`${base}/_cluster`, { ...page, action: 'reload', 'dry-run': '1' }, { cookie });
  assert.deepEqual([plan.status, await plan.text()], [200, 'start one-c\nno other change\n']);
  assert.deepEqual(orders.pop(), [{ action: 'reload', dryRun: true }, 'the page from 127.0.0.1']);

  const json = await post(`${base}/_cluster`, { action: 'switchover', shard: 'one', operator: 'eve\n' }, key);
  assert.deepEqual([json.status, await json.json()], [200, answer]);
  assert.deepEqual(orders.pop(), [
    { action: 'switchover', shard: 'one', to: null },
    "eve's command from 127.0.0.1",
  ]);

  answer = { kind: 'refused', reason: 'one has no twin' };
  const names = new URLSearchParams({ ...page, action: 'rolling-restart', force: '1' });
  for (const name of ['one', 'users']) names.append('name', name);
  const refused = await fetch(`${base}/_cluster`, { method: 'POST', body: names, headers: { cookie } });
  assert.deepEqual([refused.status, await refused.text()], [409, 'one has no twin\n']);
  assert.deepEqual(orders.pop()?.[0], {
    action: 'rolling-restart',
    names: ['one', 'users'],
    force: true,
  });

  assert.equal((await post(`${base}/_cluster`, { ...page, action: 'explode' }, { cookie })).status, 400);
  assert.equal((await post(`${base}/_cluster`, { ...page, action: 'switchover' }, { cookie })).status, 400);
  for (const authorization of ['Bearer key-of-command', 'Bearer key-of-commandz', 'Basic a2V5', 'Bearer '])
    assert.equal((await post(`${base}/_cluster`, { action: 'down' }, { authorization })).status, 403);
  assert.equal((await post(`${base}/_cluster`, { action: 'down' }, { cookie })).status, 403);
  assert.deepEqual(orders, []);
  assert.deepEqual(audit.slice(0, 4), [
    ': reload dry run: plan',
    'eve: switchover one: plan',
    ': rolling-restart one users: refused: one has no twin',
    ': post /_cluster: refused: The action must be one of reload, rolling-restart, switchover, take-out, put-back, down.',
  ]);
});

test('what does not come from our page changes nothing', async (t) => {
  const { cluster, base, port } = await open(t);
  const { cookie, token } = await visit(base);
  const fields = { action: 'stop', securitytoken: token };
  const own = `twincached_session_${port}=${'0'.repeat(32)}`;
  assert.equal((await post(`${base}/node-1`, fields)).status, 403, 'no session');
  assert.equal((await post(`${base}/node-1`, fields, { cookie: own })).status, 403, 'a made-up session');
  assert.equal(
    (await post(`${base}/node-1`, { action: 'stop', securitytoken: '0'.repeat(32) }, { cookie: own })).status,
    403,
    'an equal pair that was made up',
  );
  assert.equal((await post(`${base}/node-1`, { action: 'stop' }, { cookie })).status, 403, 'no token');
  assert.equal(
    (await post(`${base}/node-1`, fields, { cookie, origin: 'http://evil.example' })).status,
    403,
    'another origin',
  );
  assert.equal((await post(`${base}/node-1`, { ...fields, action: 'explode' }, { cookie })).status, 400);
  assert.equal((await post(`${base}/nobody`, fields, { cookie })).status, 404);
  // Followed to the page, which does nothing of the kind.
  assert.equal((await fetch(`${base}/node-1?action=stop`)).status, 200);
  assert.deepEqual(cluster.commands, []);
});

test('a form is read up to its bound', async (t) => {
  const { cluster, base, port } = await open(t);
  const { cookie, token } = await visit(base);
  const form = `action=stop&securitytoken=${token}&rest=`;
  const request = (body: string): string =>
    `POST /node-1 HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  assert.match(await raw(port, request(form.padEnd(FORM_BYTES_MAX, 'x'))), /^HTTP\/1.1 303 /);
  assert.match(await raw(port, request(form.padEnd(FORM_BYTES_MAX + 1, 'x'))), /^HTTP\/1.1 413 /);
  assert.deepEqual(cluster.commands, ['stop node-1']);
});

test('a page that does not read is dropped, and the others do not notice', async (t) => {
  const { cluster, port } = await open(t);
  const reader = await listen(t, port);
  const lazy = connect(port, '127.0.0.1');
  let closed = false;
  lazy.on('close', () => {
    closed = true;
  });
  lazy.on('error', () => {});
  lazy.write('GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  lazy.pause();
  t.after(() => lazy.destroy());
  const large = 'x'.repeat(2_000_000);
  let round = 0;
  await until('it is dropped', () => {
    round += 1;
    cluster.become([serviceOf('node-1', { reason: `${large}${round}` })]);
    // Only a socket that is read notices its end.
    if (round > 30) lazy.resume();
    return closed;
  });
  cluster.become([serviceOf('node-1', { reason: 'the end' })]);
  await until('the reader is served', () => reader.text().includes('the end'));
});

test('a busy port is a start error that names it', async (t) => {
  const { port } = await open(t);
  await assert.rejects(new Dashboard(new FakeCluster([])).start(port), (error) => {
    assert.ok(error instanceof StartError);
    assert.equal(error.message, `cannot open port ${port} for the status page: it is in use`);
    return true;
  });
});

test("monit's paths tell scripts how the services are", async (t) => {
  const { cluster, base } = await open(t);
  cluster.become([
    serviceOf('node-1', { group: 'pair 1', address: '127.0.0.1:11221' }),
    serviceOf('node-2', { group: 'pair 1', state: 'failing', reason: 'no answer', probeMs: null }),
    serviceOf('node-3', { state: 'stopped', pid: null, process: null, probeMs: null }),
    serviceOf('proxy', { role: 'proxy', state: 'gave-up', pid: null, process: null }),
  ]);
  const ask = async (path: string): Promise<readonly [number, string, string]> => {
    const answer = await fetch(`${base}${path}`, { redirect: 'manual' });
    return [answer.status, answer.headers.get('content-type') ?? '', await answer.text()];
  };
  const [code, type, summary] = await ask('/_summary?batch=1');
  assert.deepEqual([code, type], [200, 'text/plain; charset=utf-8']);
  const [head, ...lines] = summary.trimEnd().split('\n');
  assert.match(head ?? '', /^Monit \d+\.\d+\.\d+ uptime: 1m$/);
  assert.deepEqual(
    lines.map((line) => line.trim().split(/ {2,}/)),
    [
      ['Service Name', 'Status', 'Type'],
      ['node-1', 'OK', 'Process'],
      ['node-2', 'Connection failed', 'Process'],
      ['node-3', 'Not monitored', 'Process'],
      ['proxy', 'Timeout', 'Process'],
    ],
  );
  const [, , status] = await ask('/_status?group=PAIR%201');
  assert.match(status, /\nProcess 'node-1'\n {2}status +OK\n/);
  assert.match(
    status,
    /port response time +0\.250 ms to 127\.0\.0\.1:11221 type TCP\/IP protocol MEMCACHE\n/,
  );
  assert.match(status, /Process 'node-2'[\s\S]* port response time +FAILED to /);
  assert.doesNotMatch(status, /proxy/);
  const [, xmlType, xml] = await ask('/_status?format=xml');
  assert.equal(xmlType, 'text/xml; charset=utf-8');
  assert.match(xml, /<service type="3"><name>node-2<\/name>/);
  assert.match(xml, /<pid>4711<\/pid>/);
  assert.equal((await ask('/_report?type=down'))[2], '2\n');
  // Patterns are for monit's own command line.
  for (const path of ['/_summary?service=node-.*', '/_status?group=none', '/_report?type=sideways'])
    assert.equal((await ask(path))[0], 400, path);
  const page = await fetch(`${base}/node-1`, { redirect: 'manual' });
  assert.deepEqual([page.status, page.headers.get('location')], [302, '/#service/node-1']);
  assert.equal((await ask('/node-9'))[0], 404);
});
