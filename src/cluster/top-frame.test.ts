import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf, proxyStatsOf, serviceOf } from '../../testing/fake-cluster.ts';
import type { ClusterStatus, NodeStats } from '../checks/cluster-status.ts';
import { sortedServices, TOP_COLUMNS, TOP_VIEW_START, type TopView, topFrame } from './top-frame.ts';
import { keysIn, type TopKey, viewAfter } from './top-keys.ts';
import { readTopPicture, type TopPicture } from './top-picture.ts';

const STATS: NodeStats = {
  version: '1',
  currItems: 10,
  totalItems: 20,
  bytes: 1024 * 1024,
  limitMaxbytes: 64 * 1024 * 1024,
  maxConnections: 1024,
  currConnections: 3,
  getHits: 3,
  getMisses: 1,
  evictions: 0,
  getsPerSecond: 200,
  setsPerSecond: 1,
  hitsPerSecond: 180,
  evictionsPerSecond: 0,
  requestsPerSecond: 1234,
  replication: {
    replication_peer_0_lag_ms: '3',
    replication_peer_1_lag_ms: '12',
    replication_peer_1_lag_changes: '7',
    replication_peer_0_sync_percent: '100',
  },
};

const STATUS: ClusterStatus = {
  ...clusterOf([
    serviceOf('one-a', { stats: STATS }),
    serviceOf('one-b', {
      stats: { ...STATS, requestsPerSecond: 5, getsPerSecond: 0 },
      state: 'failing',
      reason: 'no \x1b[2Janswer',
    }),
    serviceOf('users', { role: 'proxy', process: null }),
  ]),
  events: [{ sequence: 1, atMs: 0, service: 'one-b', level: 'warning', text: 'it hangs' }],
};

function picture(status: unknown = STATUS): TopPicture {
  const found = readTopPicture(JSON.stringify(status));
  assert.ok(found !== null);
  return found;
}

const PLAIN = { columns: 300, rows: 24, hasColours: false };

test('pools of a proxy stand behind it, and are no processes', () => {
  const proxy = proxyStatsOf({
    requestsPerSecond: 40,
    requests: 90,
    open: 2,
    p50Micros: 100,
    p99Micros: 2500,
  });
  const pools = [
    { name: 'sessions', address: '127.0.0.1:1', answers: true, stats: proxy, shards: [] },
    { name: 'pages', address: '127.0.0.1:2', answers: false, stats: null, shards: [] },
  ];
  const found = picture(clusterOf([serviceOf('users', { role: 'proxy', proxy, pools })]));
  const lines = topFrame(found, { ...TOP_VIEW_START, selected: 'users/pages' }, PLAIN);
  assert.match(lines[0] ?? '', / 1 of 1 up /);
  assert.deepEqual(
    lines.flatMap(
      (line) => /^(users\S*) +(up|running|no answer) +(\S+) .* (\S+) +\S+ *$/.exec(line)?.slice(1) ?? [],
    ),
    [
      'users',
      'running',
      '40',
      '2.50',
      'users/sessions',
      'up',
      '40',
      '2.50',
      'users/pages',
      'no answer',
      '–',
      '–',
    ],
  );
  const details = topFrame(found, { ...TOP_VIEW_START, page: 'details', selected: 'users/sessions' }, PLAIN);
  assert.ok(details.some((line) => /^address +127\.0\.0\.1:1$/.test(line)));
});

test('figures of a status become a table, totals above it, events below it', () => {
  const lines = topFrame(picture(), TOP_VIEW_START, PLAIN);
  assert.match(
    lines[0] ?? '',
    /^test: \S+ {2}2 of 3 up {2}1\.2 k ops\/s {2}hits 89\.9 % {2}2\.0 MiB of 128 MiB/,
  );
  const row = lines.find((line) => line.startsWith('one-a')) ?? '';
  assert.match(row, /running +1\.2 k +90\.0 +12 +1\.5 +50\.0 MiB +10 +1\.0 MiB 2 % +0 +3 +– +0/);
  assert.match(
    lines.find((line) => line.startsWith('one-b')) ?? '',
    /failing +5 +75\.0 .* no {2}\[2Janswer$/,
  );
  assert.match(lines.find((line) => line.startsWith('users')) ?? '', /running +– +– /);
  assert.ok(lines.some((line) => /^\d\d:\d\d:\d\d one-b: it hangs$/.test(line)));
});

test('no frame is larger than its screen, and nothing that a service says moves the cursor', () => {
  for (const page of ['table', 'details', 'help'] as const)
    for (const columns of [1, 2, 20, 80])
      for (const rows of [1, 2, 3, 5, 24]) {
        const view: TopView = { ...TOP_VIEW_START, page, selected: 'one-b', scroll: 1000 };
        const lines = topFrame(picture(), view, { columns, rows, hasColours: false }, 'gone');
        assert.ok(lines.length <= rows);
        for (const line of lines) {
          assert.ok([...line].length <= columns, line);
          assert.doesNotMatch(line, /\p{Cc}/u);
        }
      }
  const coloured = topFrame(
    picture(),
    { ...TOP_VIEW_START, selected: 'one-b' },
    { ...PLAIN, hasColours: true },
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made so.
  assert.doesNotMatch(coloured.join('').replace(/\x1b\[\d*m/g, ''), /\p{Cc}/u);
});

test('an operation under way has a bar, a copy its share', () => {
  const operation = {
    id: 1,
    action: 'rolling-restart',
    state: 'under-way',
    text: 'waits',
    stepsDone: 1,
    stepsTotal: 4,
  };
  const [, line] = topFrame(picture({ ...STATUS, operation }), TOP_VIEW_START, PLAIN);
  assert.equal(line, '[#####...............] rolling-restart, 1 of 4: waits');
  const stats = { ...STATS, replication: { replication_peer_0_sync_percent: '41' } };
  const lines = topFrame(picture(clusterOf([serviceOf('one-a', { stats })])), TOP_VIEW_START, PLAIN);
  assert.match(lines.find((text) => text.startsWith('one-a')) ?? '', /copy 41 %/);
});

test('what is no status is told from one', () => {
  for (const text of ['', 'pong', '[]', '{}', '{"services":1}']) assert.equal(readTopPicture(text), null);
  assert.deepEqual(readTopPicture('{"services":[1,{}],"events":[null]}')?.services.length, 1);
});

test('keys come one by one, whatever the terminal calls them', () => {
  assert.deepEqual(keysIn('\x1b[A\x1bOBjx\x1b[5~q\x03'), ['up', 'down', 'down', 'page-up', 'quit', 'quit']);
  assert.deepEqual(keysIn('\x1b'), ['escape']);
  assert.deepEqual(keysIn('\x1b[1;5C\x1b[99~é'), []);
});

test('keys sort, turn round, choose, open and close', () => {
  const seen = picture();
  const press = (...keys: TopKey[]): TopView =>
    keys.reduce((view, key) => viewAfter(view, key, seen), TOP_VIEW_START);
  const order = (view: TopView): string =>
    sortedServices(seen, view)
      .map(({ name }) => name)
      .join(' ');
  assert.equal(order(press()), 'one-a one-b users');
  assert.equal(order(press('reverse')), 'users one-b one-a');
  assert.equal(order(press('right')), 'one-b one-a users', 'by state');
  assert.equal(order(press('right', 'right')), 'one-a one-b users', 'by rate, the largest first');
  assert.equal(press('left').sort, TOP_COLUMNS.length - 1);
  assert.equal(press('down').selected, 'one-a');
  assert.equal(press('up').selected, 'users');
  assert.equal(press('down', 'down', 'down', 'down').selected, 'users');
  assert.equal(press('end', 'home').selected, 'one-a');
  assert.equal(press('enter').page, 'table', 'nothing is chosen');
  const details = press('down', 'enter');
  assert.equal(details.page, 'details');
  assert.match(
    topFrame(seen, details, { ...PLAIN, rows: 200 }).join('\n'),
    /^stats\.replication\.replication_peer_1_lag_ms +12$/m,
  );
  assert.equal(press('down', 'enter', 'end').scroll > 10, true);
  assert.equal(press('down', 'enter', 'escape').page, 'table');
  assert.equal(press('down', 'escape').selected, null);
  assert.equal(press('help').page, 'help');
  assert.equal(press('help', 'help').page, 'table');
  assert.ok(press('space').isPaused && !press('space', 'space').isPaused);
});

test('the one that is chosen is on the screen, however many there are', () => {
  const many = picture(clusterOf(Array.from({ length: 100 }, (_, index) => serviceOf(`node-${index}`))));
  for (const selected of ['node-0', 'node-50', 'node-99']) {
    const lines = topFrame(many, { ...TOP_VIEW_START, selected }, { ...PLAIN, rows: 12 });
    assert.ok(lines.some((line) => line.startsWith(`${selected} `)));
  }
});
