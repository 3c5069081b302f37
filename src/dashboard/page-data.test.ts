import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FakeCluster, serviceOf } from '../../testing/fake-cluster.ts';
import { serveTcp } from '../../testing/tcp-server.ts';
import { until } from '../../testing/wait.ts';
import { Dashboard } from './dashboard.ts';
import { PageData, QUESTIONS_MAX } from './page-data.ts';
import { STREAM_CLIENTS_MAX } from './page-stream.ts';
import { slabClasses } from './slab-table.ts';

async function open(
  t: TestContext,
  cluster: FakeCluster = new FakeCluster([serviceOf('a'), serviceOf('p', { role: 'proxy', sendsTo: ['a'] })]),
): Promise<{ readonly cluster: FakeCluster; readonly base: string }> {
  const dashboard = new Dashboard(cluster);
  const port = await dashboard.start(0);
  t.after(() => dashboard.stop());
  return { cluster, base: `http://127.0.0.1:${port}` };
}

interface Listening {
  text(): string;
  close(): void;
  readonly status: number;
}

async function listen(t: TestContext, url: string): Promise<Listening> {
  const end = new AbortController();
  const response = await fetch(url, { signal: end.signal });
  let text = '';
  t.after(() => end.abort());
  void (async () => {
    const decoder = new TextDecoder();
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true });
  })().catch(() => {});
  return { text: () => text, close: () => end.abort(), status: response.status };
}

test('bad questions are refused, each with a line that says why', async (t) => {
  const { base } = await open(t);
  for (const [path, code, why] of [
    ['/history.json?span=week', 400, /span must be one of hour, day/],
    ['/history.json?after=-1', 400, /after must be milliseconds/],
    ['/history.json?service=nobody', 404, /no service/],
    ['/log.json?after=x', 400, /sequence number/],
    ['/slabs.json', 404, /no node/],
    ['/slabs.json?service=p', 404, /no node/],
    ['/slabs.json?service=%3Cscript%3E', 404, /no node/],
    ['/lookup.json', 400, /Give a key/],
    [`/lookup.json?key=${'k'.repeat(251)}`, 400, /at most 250 bytes/],
    ['/lookup.json?key=a%0d%0aflush_all', 400, /no blanks and no control/],
  ] as const) {
    const answer = await fetch(base + path);
    const text = await answer.text();
    assert.equal(answer.status, code, path);
    assert.match(text, why, path);
    assert.equal(text.split('\n').length, 2, 'one line');
  }
});

test('open pages get a snapshot first, then what changes and what happens', async (t) => {
  const { cluster, base } = await open(t);
  const stream = await listen(t, `${base}/stream`);
  await until('the snapshot', () => /^event: snapshot\ndata: \{.*"cluster":"test"/m.test(stream.text()));
  cluster.become(
    [serviceOf('a', { state: 'failing', reason: '<b>' }), serviceOf('p', { role: 'proxy', sendsTo: ['a'] })],
    'it fails',
  );
  await until('the event', () => stream.text().includes('"it fails"'));
  const changes = /^event: changes\ndata: (.*)$/m.exec(stream.text())?.[1] ?? '';
  assert.deepEqual(JSON.parse(changes), [
    [['state'], 'failing'],
    [['services', 0, 'state'], 'failing'],
    [['services', 0, 'reason'], '<b>'],
  ]);
  const late = await listen(t, `${base}/stream?after=1`);
  await until('its log', () => late.text().includes('event: log'));
  assert.ok(late.text().includes('event: log\ndata: []\n'), 'what it has is not told again');
});

test('the number of open pages is bounded, and without any nothing is watched', async (t) => {
  const { cluster, base } = await open(t);
  const streams: Listening[] = [];
  for (let i = 0; i < STREAM_CLIENTS_MAX; i++) streams.push(await listen(t, `${base}/stream`));
  assert.equal((await listen(t, `${base}/stream`)).status, 503);
  assert.equal(cluster.listeners.size, 1, 'one subscription serves all');
  for (const stream of streams) stream.close();
  await until('nobody watches', () => cluster.listeners.size === 0);
  assert.equal((await listen(t, `${base}/stream`)).status, 200);
});

test('charts are told that there is a new point, and get those that they lack', async (t) => {
  const cluster = new FakeCluster([serviceOf('a')]);
  const data = new PageData(cluster);
  t.after(() => data.stop());
  const ask = (query: string): ReturnType<PageData['answer']> =>
    data.answer('/history.json', new URLSearchParams(query));
  const none = await ask('service=a');
  assert.ok(none?.code === 200 && JSON.stringify(none.value).includes('"atMs":[]'));
  cluster.atMs = 1000;
  data.remember();
  cluster.atMs = 6000;
  data.remember();
  const whole = await ask('service=a');
  assert.ok(whole?.code === 200);
  assert.match(JSON.stringify(whole.value), /"stepMs":5000,"atMs":\[1000,6000\].*"cpuPercent":\[1.5,1.5\]/);
  const rest = await ask('service=a&after=1000');
  assert.ok(rest?.code === 200);
  assert.match(JSON.stringify(rest.value), /"atMs":\[6000\]/);
});

test('only so many questions are under way at a time', async (t) => {
  const sockets: (() => void)[] = [];
  const port = await serveTcp(t, (socket) => sockets.push(() => socket.destroy()));
  const data = new PageData(new FakeCluster([serviceOf('a', { address: `127.0.0.1:${port}` })]));
  const ask = (): ReturnType<PageData['answer']> =>
    data.answer('/lookup.json', new URLSearchParams({ key: 'k' }));
  const waiting = Array.from({ length: QUESTIONS_MAX }, ask);
  assert.equal((await ask())?.code, 503);
  for (const answer of waiting) assert.equal((await answer)?.code, 200);
  assert.equal((await ask())?.code, 200, 'and then there is room again');
  for (const close of sockets) close();
});

test('slab classes are put together from two answers, a node that does not answer is told of', async (t) => {
  const slabs = new Map([
    ['5:chunk_size', '240'],
    ['5:total_pages', '2'],
    ['5:total_chunks', '8738'],
    ['5:used_chunks', '100'],
    ['1:chunk_size', '96'],
    ['active_slabs', '2'],
  ]);
  const items = new Map([
    ['items:5:number', '100'],
    ['items:5:age', '30'],
    ['items:5:age_warm', '50'],
    ['items:5:mem_requested', '20000'],
    ['items:5:evicted', '7'],
    ['items:5:outofmemory', 'x'],
  ]);
  const classes = slabClasses(slabs, items);
  assert.deepEqual(
    classes.map(({ id }) => id),
    [1, 5],
  );
  assert.deepEqual(classes[1], {
    id: 5,
    chunkBytes: 240,
    pages: 2,
    items: 100,
    chunks: 8738,
    usedChunks: 100,
    itemBytes: 20_000,
    ageSeconds: 50,
    evicted: 7,
    evictedUnfetched: 0,
    outOfMemory: 0,
  });
  assert.equal(classes[0]?.ageSeconds, null);
  const { base } = await open(t, new FakeCluster([serviceOf('a', { address: '127.0.0.1:1' })]));
  const answer = await fetch(`${base}/slabs.json?service=a`);
  assert.deepEqual([answer.status, await answer.json()], [200, { service: 'a', classes: null }]);
});
