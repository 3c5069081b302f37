import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { type ClusterDescription, parseClusterFile } from './cluster-file.ts';
import { filePlan } from './file-plan.ts';
import { type LeftBehind, readLeftBehind, settled, writeLeftBehind } from './left-behind.ts';
import type { PlannedService } from './plan.ts';
import {
  begun,
  keyMoves,
  leftAfter,
  type Moves,
  moveLines,
  movesAfter,
  nextLeave,
  readMoves,
  withMoves,
  withoutMoves,
  writeMoves,
} from './resharding.ts';
import { statePath, writeState } from './state-directory.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-moves-'));
after(() => rmSync(directory, { recursive: true }));

const ONE = '  - { name: one, replication-port: 1, twins: [{ port: 11 }, { port: 12 }] }\n';
const TWO = '  - { name: two, replication-port: 2, twins: [{ port: 21 }, { port: 22 }] }\n';
const THREE = '  - { name: three, replication-port: 3, twins: [{ port: 31 }] }\n';
const USERS = '  - { name: users, port: 120 }\n';
const NOW = 1_800_000_000.5;

function cluster(shards: string, proxies = USERS, more = ''): ClusterDescription {
  return parseClusterFile('c.yml', `${more}shards:\n${shards}proxies:\n${proxies}`);
}

function routeOf(description: ClusterDescription, proxy = 'users'): unknown {
  const text = servicesOf(description).find(({ name }) => name === proxy)?.configuration?.text ?? '{}';
  return JSON.parse(text, (key, value: unknown) => (key === 'pools' ? undefined : value)).route;
}

function servicesOf(description: ClusterDescription): readonly PlannedService[] {
  return filePlan(description, {
    command: ['T'],
    host: null,
    asRoot: false,
    stateDirectory: '/state',
    secretFile: null,
    serving: new Map(),
  }).services;
}

/** What moves when one file follows another. */
function change(
  before: ClusterDescription,
  next: ClusterDescription,
  moves: Moves = new Map(),
  now: number = NOW,
): { moves: Moves; lines: string[] } {
  const lines: string[] = [];
  return { moves: movesAfter(before, next, moves, now, lines), lines };
}

test('a shard that joins has its keys carried over: announced, then begun', () => {
  const [before, joined] = [cluster(ONE), cluster(ONE + TWO)];
  const { moves, lines } = change(before, joined);
  assert.deepEqual(lines, [
    'keys of users that lie elsewhere from now on are carried over from one as they are asked for, for 60 min',
    'what keys of users leave behind in one is deleted when they have moved',
  ]);
  const begunLines: string[] = [];
  const settled = begun(joined, moves, NOW + 30, begunLines);
  assert.match(
    begunLines.join(),
    /^keys of users move from one to one, two, from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d$/,
  );
  assert.deepEqual(settled.get('users'), {
    ...moves.get('users'),
    startSeconds: 1_800_000_036,
    endSeconds: 1_800_003_636,
    isAnnounced: false,
  });
  assert.equal(begun(joined, settled, NOW + 60, []).get('users')?.startSeconds, 1_800_000_036);
  const server = (pool: string, port: number): object => ({
    type: 'server',
    pool,
    server: `127.0.0.1:${port}`,
  });
  const shard = (...children: [string, number][]): object => ({
    type: 'shard',
    distribution: 'modulo',
    children: children.map(([name, port]) => ({ name, route: server(name, port) })),
  });
  assert.deepEqual(routeOf(withMoves(joined, settled, NOW)), {
    type: 'reshard',
    from: { type: 'mirror', main: shard(['one', 11]), backup: shard(['one', 12]) },
    to: {
      type: 'mirror',
      main: shard(['one', 11], ['two', 21]),
      backup: shard(['one', 12], ['two', 22]),
    },
    start: 1_800_000_036,
    for: '3600s',
    tail: '65s',
  });
  assert.deepEqual(routeOf(withMoves(joined, settled, NOW + 4000)), routeOf(joined), 'it is over');
  assert.deepEqual(moveLines(settled, NOW + 4000), []);
  const [startAtMs, endAtMs] = [1_800_000_036_000, 1_800_003_636_000];
  const told = { pool: 'users', from: ['one'], to: ['one', 'two'] };
  assert.deepEqual(keyMoves(moves, NOW), [{ ...told, phase: 'announced', startAtMs: null, endAtMs: null }]);
  for (const [phase, seconds] of [
    ['before', 10],
    ['moving', 40],
    ['after', 3640],
  ] as const)
    assert.deepEqual(keyMoves(settled, NOW + seconds), [{ ...told, phase, startAtMs, endAtMs }]);
  assert.deepEqual(keyMoves(settled, NOW + 3710), []);
  assert.match(moveLines(settled, NOW + 100).join(), /^keys of users move from one to one, two, until /);
});

test('a shard that stays in the file is left by its keys, and so is a server that is none of the cluster', () => {
  const both = cluster(ONE + TWO);
  const left = cluster(ONE + TWO, '  - { name: users, port: 120, to: [two] }\n');
  const { moves } = change(both, left);
  const text = JSON.stringify(routeOf(withMoves(left, moves, NOW)));
  assert.match(text, /^\{"type":"reshard","from":.*"one".*"to":.*"two"/);
  const servers = (list: string): ClusterDescription =>
    cluster(ONE, `${USERS}  - { name: old, port: 121, hash: md5, servers: [${list}] }\n`);
  const other = servers('"10.0.0.1:1"');
  const moved = change(servers('"10.0.0.1:1", "10.0.0.2:1*3"'), other);
  assert.match(
    JSON.stringify(routeOf(withMoves(other, moved.moves, NOW), 'old')),
    /"from":\{.*\{"name":"10\.0\.0\.2:1","weight":3,.*"to":/,
  );
});

test('what has not begun is taken back, or goes elsewhere', () => {
  const [before, joined, more] = [cluster(ONE), cluster(ONE + TWO), cluster(ONE + TWO + THREE)];
  const { moves } = change(before, joined);
  const announced = withMoves(joined, moves, NOW);
  assert.deepEqual(change(announced, before, moves, NOW + 600), { moves: new Map(), lines: [] });
  const further = change(announced, more, moves, NOW + 600).moves.get('users');
  assert.deepEqual(further?.from.to, [{ name: 'one', weight: 1 }], 'that is where they are');
  assert.equal(further?.to.to.length, 3);
  assert.throws(() => change(announced, before, moves, NOW + 86_400), /are on their way/);
});

test('a shard that is gone from the file goes on until its keys have moved', () => {
  const [both, one] = [cluster(ONE + TWO), cluster(ONE)];
  const { moves, lines } = change(both, one);
  assert.ok(lines.includes('two goes on until its keys have moved, and is stopped then'));
  const moving = withMoves(one, moves, NOW);
  assert.deepEqual(
    moving.shards.map(({ name, isLeaving }) => [name, isLeaving]),
    [
      ['one', undefined],
      ['two', true],
    ],
  );
  const titles = servicesOf(moving).map(({ name, title }) => `${name}: ${title}`);
  assert.ok(titles.includes('two-b: twin 2 of two, whose keys leave'), titles.join());
  assert.deepEqual(withoutMoves(moving), one);
  // Another change of the file, and one of the monitor.
  const again = change(moving, cluster(ONE, USERS, 'defaults: { memory: 1G }\n'), moves);
  assert.deepEqual(again.moves, moves);
  const end = moves.get('users')!.endSeconds;
  assert.equal(nextLeave(moves), end + 130);
  assert.deepEqual(withMoves(one, moves, end + 130), one);
  assert.equal(nextLeave(change(cluster(ONE), cluster(ONE + TWO)).moves), null);
});

test('keys do not come back to what still has older ones of them', () => {
  const ring = '  - { name: users, port: 120, distribution: ketama }\n';
  /** What is said when it is not known that anything has been deleted. */
  const refused = (before: string, next: string, proxies: string): string => {
    const [lay, lie] = [cluster(before, proxies), cluster(next, proxies)];
    // They have been in all of them.
    const from = {
      to: ['one', 'two', 'three'].map((name) => ({ name, weight: 1 })),
      placement: { distribution: 'ketama' },
    };
    const places = from.to.map(({ name }) => ({ name, obstacle: null }));
    try {
      movesAfter(lay, lie, new Map(), NOW, [], new Map([['users', [{ from, places }]]]));
      return '';
    } catch (error) {
      assert.ok(error instanceof StartError);
      return (
        /^(.*) still (?:has|have) keys of users from the time before/.exec(error.message)?.[1] ??
        error.message
      );
    }
  };
  assert.deepEqual(
    [USERS, ring].map((proxies) => [
      refused(ONE, ONE + TWO, proxies),
      refused(ONE + TWO, ONE + TWO + THREE, proxies),
      refused(ONE + TWO, ONE, proxies),
      refused(ONE, TWO, proxies),
    ]),
    [
      ['two', 'one, two, three', 'one', 'two'],
      ['two', 'three', 'one', 'two'],
    ],
  );
});

test('what keys leave behind is known from the change on, until it has been deleted or they lie there again', () => {
  const [one, both, three] = [cluster(ONE), cluster(ONE + TWO), cluster(ONE + TWO + THREE)];
  const names = (left: LeftBehind): unknown =>
    (left.get('users') ?? []).map(({ from, places }) => [
      from.to.length,
      places.map(({ name }) => name).join(),
    ]);
  const first = leftAfter(one, both, new Map(), new Map(), NOW);
  assert.deepEqual(names(first), [[1, 'one']]);
  assert.deepEqual(names(leftAfter(both, both, new Map(), first, NOW)), [[1, 'one']]);
  const second = leftAfter(both, three, new Map(), first, NOW);
  assert.deepEqual(names(second), [
    [1, 'one'],
    [2, 'one,two'],
  ]);
  assert.deepEqual(names(settled(second, 'users', 'one', null)), [[2, 'two']]);
  assert.deepEqual(names(leftAfter(three, one, new Map(), second, NOW)), [
    [2, 'one,two'],
    [3, 'one,two,three'],
  ]);
  // What has not begun has moved nothing.
  const { moves } = change(one, both);
  const pending = withMoves(both, moves, NOW);
  assert.deepEqual(leftAfter(pending, one, moves, first, NOW + 60), new Map());
  assert.deepEqual(names(leftAfter(pending, three, moves, first, NOW + 60)), [[1, 'one']]);
});

test('where nobody can tell older keys from others that is told', () => {
  const told = (proxies: string, left: LeftBehind = new Map()): string[] => {
    const lines: string[] = [];
    movesAfter(cluster(ONE + TWO, proxies), cluster(ONE, proxies), new Map(), NOW, lines, left);
    return lines.filter((line) => line.includes('is older'));
  };
  assert.deepEqual(told(USERS), []);
  const older =
    'keys of users come to one as well: should they have been there before, what is left of them there is read, though it is older';
  assert.deepEqual(told(`${USERS}  - { name: odd, port: 121, to: [one], hash: md5 }\n`), [
    `${older} (it has keys of users and odd, which lie by different rules)`,
  ]);
  assert.deepEqual(told(`${USERS}  - { name: odd, port: 121, to: [users], spare: one }\n`), [
    `${older} (it is the spare of odd)`,
  ]);
  const from = { to: [{ name: 'one', weight: 1 }], placement: { distribution: 'modulo' } };
  const refusing = new Map([['users', [{ from, places: [{ name: 'one', obstacle: 'it knows no md' }] }]]]);
  assert.deepEqual(told(USERS, refusing), [`${older} (it knows no md)`]);
});

test('what cannot be carried over is told', () => {
  const layered = '  - { name: inner, port: 119, to: [two] }\n';
  const outer = '  - { name: users, port: 120, to: [one, inner] }\n';
  const gone = change(cluster(ONE + TWO, layered + outer), cluster(ONE + TWO, outer.replace(', inner', '')));
  assert.equal(gone.moves.size, 0);
  assert.match(
    gone.lines.join(),
    /^keys of users that lie elsewhere from now on are misses until they are stored anew: inner is gone from the file; to have them/,
  );
  const ejects = '  - { name: users, port: 120, eject: {} }\n';
  const ejecting = change(cluster(ONE + TWO, ejects), cluster(ONE + TWO + THREE, ejects));
  assert.match(ejecting.lines.join(), /: the pool ejects$/);
  const off = change(cluster(ONE), cluster(ONE + TWO, USERS, 'reshard: false\n'));
  assert.deepEqual([off.moves.size, off.lines], [0, []]);
  const same = change(cluster(ONE), cluster(ONE, USERS, 'defaults: { memory: 1G }\n'));
  assert.deepEqual([same.moves.size, same.lines], [0, []]);
});

test('keys that are on their way go on, and are not sent elsewhere meanwhile', () => {
  const [before, joined, more] = [cluster(ONE), cluster(ONE + TWO), cluster(ONE + TWO + THREE)];
  const moves = begun(joined, change(before, joined).moves, NOW, []);
  const moving = withMoves(joined, moves, NOW);
  assert.deepEqual(
    change(moving, cluster(ONE + TWO, USERS, 'defaults: { memory: 1G }\n'), moves).moves,
    moves,
  );
  for (const next of [more, before])
    assert.throws(
      () => change(moving, next, moves, NOW + 3600),
      (error) =>
        error instanceof StartError &&
        /^keys of users are on their way since the last change of its shards, until \d\d:\d\d:\d\d; change them again then, or write "reshard: false" to have them lost$/.test(
          error.message,
        ),
    );
  assert.equal(change(moving, cluster(ONE, USERS, 'reshard: false\n'), moves).moves.size, 0);
  const later = change(moving, more, moves, NOW + 3700);
  assert.deepEqual(later.moves.get('users')?.from.to, [
    { name: 'one', weight: 1 },
    { name: 'two', weight: 1 },
  ]);
  assert.equal(change(joined, joined, moves, NOW + 3800).moves.size, 0, 'forgotten');
});

test('moves outlive the monitor, as far as the file has them still', (context) => {
  const { XDG_STATE_HOME: home } = process.env;
  process.env['XDG_STATE_HOME'] = directory;
  context.after(() => {
    if (home === undefined) delete process.env['XDG_STATE_HOME'];
    else process.env['XDG_STATE_HOME'] = home;
  });
  const joined = cluster(ONE + TWO);
  const { moves } = change(cluster(THREE + ONE), joined);
  assert.equal(moves.get('users')?.leaving.length, 1);
  assert.equal(writeMoves('kept', 'a', moves), null);
  assert.deepEqual(readMoves('kept', 'a'), moves);
  assert.deepEqual(readMoves('kept', null), new Map());
  const left = leftAfter(cluster(THREE + ONE), joined, new Map(), new Map(), NOW);
  assert.equal(left.size, 1);
  assert.equal(writeLeftBehind('kept', 'a', left), null);
  assert.deepEqual(readLeftBehind('kept', 'a'), left);
  assert.equal(writeState(statePath('kept', 'left-behind', 'b'), '{"users":[{"from":{}}]}'), null);
  assert.deepEqual(readLeftBehind('kept', 'b'), new Map());
  assert.deepEqual(routeOf(withMoves(cluster(TWO), moves, NOW)), routeOf(cluster(TWO)), 'another file');
  for (const text of [
    '',
    '{',
    '[]',
    '{"users":{"from":{}}}',
    '{"users":{"startSeconds":1,"endSeconds":2}}',
  ]) {
    assert.equal(writeState(statePath('kept', 'moves', 'a'), text), null);
    assert.deepEqual(readMoves('kept', 'a'), new Map(), text);
  }
});

test('how long keys are carried over is said by the file', () => {
  assert.deepEqual(cluster(ONE).reshard, { forSeconds: 3600, prepareSeconds: 5 });
  const hosts = 'hosts: { a: 10.0.0.1, b: 10.0.0.2 }\n';
  const shard = '  - { name: one, replication-port: 1, twins: [{ host: a, port: 11 }] }\n';
  const users = '  - { name: users, host: a, port: 120 }\n';
  assert.equal(cluster(shard, users, hosts).reshard?.prepareSeconds, 120);
  assert.deepEqual(cluster(ONE, USERS, 'reshard: { for: 5m, prepare: 1500ms }\n').reshard, {
    forSeconds: 300,
    prepareSeconds: 2,
  });
  assert.throws(
    () => cluster(ONE, USERS, 'reshard: { for: 59s }\n'),
    /59s" is out of bounds; write one from 1m to 720h, such as 1h/,
  );
});
