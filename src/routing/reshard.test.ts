import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld, WALL_START_MS, type WorldClient } from '../../testing/route-world.ts';
import { MAGENT_MANNER } from './client-manner.ts';
import { ROUTING_SETTINGS_DEFAULT } from './settings.ts';
import { type RouteTree, treePlan } from './tree-plan.ts';

const START_SECONDS: number = WALL_START_MS / 1000 + 10;
const END_SECONDS: number = START_SECONDS + 100;

const OLD = 0;
const NEW = 1;

function server(connection: number): RouteTree {
  return { type: 'server', connections: [connection] };
}

/** A world in which all keys move from server 0 to server 1, `second` seconds after they begin to. */
function moving(
  second: number,
  {
    threads = 1,
    from = server(OLD),
    to = server(NEW),
    returnWaitMs = 0,
  }: { threads?: number; from?: RouteTree; to?: RouteTree; returnWaitMs?: number } = {},
): { world: RouteWorld; client: WorldClient } {
  const tree: RouteTree = { type: 'reshard', from, to, startSeconds: START_SECONDS, endSeconds: END_SECONDS };
  const world = new RouteWorld({
    mains: 3,
    backups: 0,
    threads,
    settings: { returnWaitMs },
    plan: (destinations, context) => treePlan(destinations, tree, context),
  }).start();
  for (const each of world.servers) each.knowsMeta = true;
  world.run((10 + second) * 1000 - world.timeline.nowMs);
  return { world, client: world.client() };
}

function put(world: RouteWorld, place: number, values: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(values))
    world.servers[place]!.values.set(key, { value, flags: '3', cas: 7, exptime: '0' });
}

function values(world: RouteWorld, place: number): Record<string, string> {
  return Object.fromEntries([...world.servers[place]!.values].map(([key, { value }]) => [key, value]));
}

function seen(world: RouteWorld, place: number): string[] {
  return world.servers[place]!.seen.splice(0);
}

function block(key: string, text: string): string {
  return `VALUE ${key} 3 ${text.length}\r\n${text}\r\n`;
}

/** Answers of a server wait so long, and it does what it is asked when it answers. */
function slow(world: RouteWorld, place: number, hearMs: number): void {
  world.servers[place]!.hearMs = hearMs;
}

const MARK = 'twincached: on its way from its old place';

test('reshard: what is found in the old place is answered and carried over, with flags and the time that it has left', () => {
  const { world, client } = moving(1);
  put(world, OLD, { a: 'old', b: 'older', c: 'oldest' });
  world.servers[OLD]!.values.get('b')!.exptime = '77';
  world.servers[OLD]!.values.get('c')!.exptime = '3000000';
  put(world, NEW, { n: 'new' });
  const answer = `${block('a', 'old')}${block('n', 'new')}${block('b', 'older')}${block('c', 'oldest')}END\r\n`;
  assert.equal(world.ask(client, 'get a n none b c\r\n'), answer);
  assert.deepEqual(values(world, NEW), { n: 'new', a: 'old', b: 'older', c: 'oldest' });
  const moved = world.servers[NEW]!.values;
  assert.deepEqual([moved.get('b')!.exptime, moved.get('b')!.flags], ['77', '3']);
  // Servers take more than 30 days for a time since 1970.
  assert.equal(moved.get('c')!.exptime, String(START_SECONDS + 1 + 3_000_000));
  seen(world, OLD);
  assert.equal(world.ask(client, 'get a b c n\r\n').length, answer.length);
  assert.deepEqual(seen(world, OLD), [], 'they have moved');
  assert.match(
    world.router.statistics('pools'),
    /STAT reshard_carried 3\r\nSTAT reshard_not_carried 0\r\nSTAT reshard_under_way 0\r\n/,
  );
  world.nothingLeft();
});

test('reshard: a change of the configuration goes on counting what is carried over, another move begins anew', () => {
  const { world, client } = moving(1);
  put(world, OLD, { a: 'old', b: 'older' });
  world.ask(client, 'get a\r\n');
  const reconfigure = (endSeconds: number): void =>
    world.router.reconfigure({
      settings: ROUTING_SETTINGS_DEFAULT,
      servers: ['server0', 'server1', 'server2'],
      manner: MAGENT_MANNER,
      plan: (destinations, context) => {
        const times = { startSeconds: START_SECONDS, endSeconds };
        return treePlan(
          destinations,
          { type: 'reshard', from: server(OLD), to: server(NEW), ...times },
          context,
        );
      },
    });
  const carried = (): string => /reshard_carried (\d+)/.exec(world.router.statistics('pools'))?.[1] ?? '';
  slow(world, OLD, 50);
  client.send('get b\r\n');
  world.run(60);
  // What is under way ends below the tree before.
  reconfigure(END_SECONDS);
  world.run(500);
  assert.equal(carried(), '2');
  reconfigure(END_SECONDS + 1);
  assert.equal(carried(), '0');
  world.nothingLeft();
});

test('reshard: a write that is under way when its new place is given up ends there, and then that is left', () => {
  const { world, client } = moving(1);
  put(world, OLD, { a: 'old' });
  slow(world, OLD, 60);
  const leaving = (): string => /servers_leaving (\d+)/.exec(world.router.statistics('pools'))?.[1] ?? '';
  client.send('set a 3 0 1\r\n1\r\n');
  world.run(10);
  world.router.reconfigure({
    settings: ROUTING_SETTINGS_DEFAULT,
    servers: ['server0'],
    manner: MAGENT_MANNER,
    plan: (destinations, context) => treePlan(destinations, server(OLD), context),
  });
  const other = world.client();
  other.send('get b\r\n');
  world.run(50);
  assert.equal(leaving(), '2');
  world.run(1000);
  assert.deepEqual([client.take(), other.take()], ['STORED\r\n', 'END\r\n']);
  assert.deepEqual(values(world, NEW), { a: '1' });
  assert.equal(leaving(), '0');
  assert.deepEqual(
    world.servers.map(({ openConnections }) => openConnections),
    [1, 0, 0],
  );
  world.nothingLeft();
});

test('reshard: an old place that knows no meta commands is asked in plain words', () => {
  const { world, client } = moving(1);
  world.servers[OLD]!.knowsMeta = false;
  put(world, OLD, { a: 'old', b: 'b' });
  assert.equal(world.ask(client, 'get a\r\n'), `${block('a', 'old')}END\r\n`);
  assert.equal(world.ask(client, 'get b\r\n'), `${block('b', 'b')}END\r\n`);
  assert.deepEqual(values(world, NEW), { a: 'old', b: 'b' });
  assert.equal(world.servers[NEW]!.values.get('a')!.exptime, '300');
  assert.deepEqual(seen(world, OLD), ['get a', 'mg a t f v', 'get a', 'get b', 'get b']);
  world.nothingLeft();
});

test('reshard: a key that stays costs nothing', () => {
  const shard = (children: readonly number[]): RouteTree => ({
    type: 'shard',
    hash: 'fnv1a_64',
    distribution: 'modula',
    hashTag: null,
    stopMark: null,
    children: children.map((index) => ({ name: `server${index}`, weight: 1, route: server(index) })),
  });
  const { world, client } = moving(1, { from: shard([0, 1]), to: shard([0, 1, 2]) });
  const keys = Array.from({ length: 60 }, (_, index) => `key${index}`);
  for (const key of keys) for (const place of [0, 1]) put(world, place, { [key]: 'v' });
  const answer = world.ask(client, `get ${keys.join(' ')}\r\n`);
  assert.equal(answer, `${keys.map((key) => block(key, 'v')).join('')}END\r\n`);
  // What has moved between the two that were there before is in both from the beginning, and is found at once.
  const moved = Object.keys(values(world, 2));
  assert.ok(moved.length > 5 && moved.length < 55, `${moved.length} keys moved`);
  const asked = world.servers.flatMap((_, place) => seen(world, place)).join(' ');
  for (const key of keys) {
    const times = asked.split(' ').filter((word) => word === key).length;
    assert.equal(times === 1, !moved.includes(key), `${key} was asked for ${times} times`);
  }
  world.nothingLeft();
});

test('reshard: a server is the same by whichever of its connections', () => {
  const pair = (connections: number[]): RouteTree => ({ type: 'server', connections });
  const tree: RouteTree = {
    type: 'reshard',
    from: pair([0]),
    to: pair([1]),
    startSeconds: START_SECONDS,
    endSeconds: END_SECONDS,
  };
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    names: ['same', 'same'],
    plan: (destinations, context) => treePlan(destinations, tree, context),
  });
  world.servers[1] = world.servers[0]!;
  world.start().run(11_000);
  put(world, 0, { n: '1' });
  assert.equal(world.ask(world.client(), 'incr n 1\r\n'), '2\r\n');
  world.nothingLeft();
});

test('reshard: a set takes the place of what has been carried over, so that nobody misses it meanwhile', () => {
  const { world, client } = moving(1);
  put(world, OLD, { a: 'old' });
  assert.equal(world.ask(client, 'set a 3 0 3\r\nnew\r\n'), 'STORED\r\n');
  assert.deepEqual(seen(world, OLD), ['get a', 'mg a t f v', 'delete a']);
  assert.deepEqual([values(world, OLD), values(world, NEW)], [{}, { a: 'new' }]);
  seen(world, NEW);
  assert.equal(world.ask(client, 'set a 3 0 5\r\nnewer\r\n'), 'STORED\r\n');
  assert.deepEqual(seen(world, OLD), ['delete a']);
  assert.deepEqual(seen(world, NEW), ['gets a', 'set a 3 0 5']);
  world.nothingLeft();
});

test('reshard: a delete is done in both places, and has found what either had', () => {
  const { world, client } = moving(1);
  put(world, OLD, { a: 'old' });
  put(world, NEW, { b: 'new' });
  const answers = world.ask(client, 'delete a\r\ndelete b\r\ndelete c\r\n');
  assert.equal(answers, 'DELETED\r\nDELETED\r\nNOT_FOUND\r\n');
  assert.deepEqual([values(world, OLD), values(world, NEW)], [{}, {}]);
  world.nothingLeft();
});

test('reshard: what needs the value finds it in the new place, and leaves none in the old one', () => {
  const { world, client } = moving(1);
  put(world, OLD, { n: '5', a: 'a', t: 't', g: 'g', x: 'x' });
  assert.equal(world.ask(client, 'incr n 2\r\n'), '7\r\n');
  assert.equal(world.ask(client, 'append a 0 0 1\r\nb\r\n'), 'STORED\r\n');
  assert.equal(world.ask(client, 'touch t 50\r\n'), 'TOUCHED\r\n');
  assert.equal(world.ask(client, 'gat 50 g none\r\n'), `${block('g', 'g')}END\r\n`);
  assert.equal(world.ask(client, 'add x 0 0 1\r\ny\r\n'), 'NOT_STORED\r\n');
  assert.equal(world.ask(client, 'add y 3 0 1\r\ny\r\nincr none 1\r\n'), 'STORED\r\nNOT_FOUND\r\n');
  assert.deepEqual(values(world, OLD), {});
  assert.deepEqual(values(world, NEW), { n: '7', a: 'ab', t: 't', g: 'g', x: 'x', y: 'y' });
  world.nothingLeft();
});

test('reshard: a cas token is the new place’s, and one of the old place is worth nothing', () => {
  const { world, client } = moving(1);
  put(world, OLD, { a: 'old' });
  const got = world.ask(client, 'gets a none\r\n');
  const token = /^VALUE a 3 3 (\d+)\r\nold\r\nEND\r\n$/.exec(got)?.[1];
  assert.equal(token, String(world.servers[NEW]!.values.get('a')!.cas), got);
  assert.notEqual(token, '7');
  assert.equal(world.ask(client, 'cas a 3 0 1 7\r\nx\r\n'), 'EXISTS\r\n');
  assert.equal(world.ask(client, `cas a 3 0 1 ${token}\r\nx\r\n`), 'STORED\r\n');
  assert.deepEqual([values(world, OLD), values(world, NEW)], [{}, { a: 'x' }]);
  put(world, OLD, { m: 'meta' });
  assert.equal(world.ask(client, 'mg m v f\r\nmg none v\r\n'), 'VA 4 f3\r\nmeta\r\nEN\r\n');
  world.nothingLeft();
});

test('reshard: a delete while a value is on its way leaves nothing behind, whenever it comes', () => {
  for (let afterMs = 0; afterMs < 120; afterMs += 3) {
    const { world, client } = moving(1, { threads: 2 });
    put(world, OLD, { a: 'old' });
    slow(world, OLD, 20);
    slow(world, NEW, 10);
    const other = world.client(1);
    client.send('get a\r\n');
    world.run(afterMs);
    other.send('delete a\r\n');
    world.run(200);
    assert.equal(other.take(), 'DELETED\r\n');
    assert.deepEqual([values(world, OLD), values(world, NEW)], [{}, {}], `${afterMs} ms after the get`);
    assert.equal(world.ask(client, 'get a\r\n', 200).replace(block('a', 'old'), ''), 'END\r\nEND\r\n');
    world.nothingLeft();
  }
});

test('reshard: a set while a value is on its way stands, and a get at the same time never misses', () => {
  for (let afterMs = 0; afterMs < 120; afterMs += 3) {
    const { world, client } = moving(1, { threads: 2 });
    put(world, OLD, { a: 'old' });
    slow(world, OLD, 20);
    slow(world, NEW, 10);
    const other = world.client(1);
    client.send('get a\r\n');
    world.run(afterMs);
    other.send('set a 3 0 3\r\nnew\r\n');
    for (let count = 0; count < 30; count++) {
      client.send('get a\r\n');
      world.run(5);
    }
    world.run(200);
    assert.equal(other.take(), 'STORED\r\n');
    assert.deepEqual([values(world, OLD), values(world, NEW)], [{}, { a: 'new' }], `${afterMs} ms`);
    const got = client.take();
    assert.match(got, /^(VALUE a 3 3\r\n(old|new)\r\nEND\r\n){31}$/, `${afterMs} ms`);
    assert.doesNotMatch(got, /new[\s\S]*old/, 'the old value came back');
    world.nothingLeft();
  }
});

test('reshard: a mark is no value, and goes away when there is none', () => {
  const { world, client } = moving(1);
  const mark = { value: MARK, flags: '2008391754', cas: 9, exptime: '10' };
  for (const key of ['a', 'b', 'c']) world.servers[NEW]!.values.set(key, mark);
  put(world, OLD, { b: 'old' });
  assert.equal(world.ask(client, 'get a b\r\n'), `${block('b', 'old')}END\r\n`);
  assert.equal(world.ask(client, 'add c 3 0 1\r\nc\r\n'), 'STORED\r\n');
  assert.deepEqual(values(world, NEW), { a: MARK, b: 'old', c: 'c' });
  assert.equal(world.ask(client, 'gets a\r\n'), 'END\r\n');
  assert.deepEqual(values(world, NEW), { b: 'old', c: 'c' });
  // That of a proxy whose clock is behind.
  world.run(101_000);
  world.servers[NEW]!.values.set('a', mark);
  assert.equal(
    world.ask(client, 'get a b\r\ngets a\r\nmg a v\r\n'),
    `${block('b', 'old')}END\r\nEND\r\nEN\r\n`,
  );
  world.nothingLeft();
});

test('reshard: what a client asks of a key behind its own write is done behind it', () => {
  const { world, client } = moving(1);
  put(world, OLD, { a: 'old', n: '1' });
  slow(world, OLD, 20);
  const all =
    'set a 3 0 1\r\n1\r\nget a\r\nappend a 3 0 1\r\n2\r\nget a b\r\ndelete a\r\nget a\r\nincr n 1\r\nincr n 1\r\n';
  assert.equal(
    world.ask(client, all, 1000),
    `STORED\r\n${block('a', '1')}END\r\nSTORED\r\n${block('a', '12')}END\r\nDELETED\r\nEND\r\n2\r\n3\r\n`,
  );
  world.nothingLeft();
});

test('reshard: before the time the old place answers, and the new one forgets what is written', () => {
  const { world, client } = moving(-5);
  put(world, OLD, { a: 'old', n: '1' });
  put(world, NEW, { a: 'ahead', b: 'ahead', n: '9' });
  assert.equal(world.ask(client, 'get a b\r\n'), `${block('a', 'old')}END\r\n`);
  assert.deepEqual(seen(world, NEW), []);
  assert.equal(
    world.ask(client, 'set b 3 0 1\r\nb\r\nincr n 1\r\ndelete a\r\n'),
    'STORED\r\n2\r\nDELETED\r\n',
  );
  assert.deepEqual([values(world, OLD), values(world, NEW)], [{ n: '2', b: 'b' }, {}]);
  world.nothingLeft();
});

test('reshard: after the time the new place answers, and for a minute the old one still forgets', () => {
  const { world, client } = moving(101);
  put(world, OLD, { a: 'old', b: 'old' });
  assert.equal(
    world.ask(client, 'get a\r\nset a 3 0 1\r\na\r\nincr b 1\r\n'),
    'END\r\nSTORED\r\nNOT_FOUND\r\n',
  );
  assert.deepEqual([values(world, OLD), values(world, NEW)], [{}, { a: 'a' }]);
  world.run(61_000);
  seen(world, OLD);
  put(world, OLD, { c: 'old' });
  assert.equal(
    world.ask(client, 'set c 3 0 1\r\nc\r\nget c\r\ndelete c\r\n'),
    `STORED\r\n${block('c', 'c')}END\r\nDELETED\r\n`,
  );
  assert.deepEqual(seen(world, OLD), []);
  world.nothingLeft();
});

test('reshard: proxies whose clocks differ read nothing old', () => {
  // A read in the new place is followed by a write of a proxy that is still before its time, and the other way round.
  const { world, client } = moving(1);
  put(world, OLD, { a: 'old' });
  world.ask(client, 'get a\r\n');
  world.servers[OLD]!.values.set('a', { value: 'late', flags: '3', cas: 8, exptime: '0' });
  world.servers[NEW]!.values.delete('a');
  assert.equal(world.ask(client, 'get a\r\n'), `${block('a', 'late')}END\r\n`);
  assert.equal(world.ask(client, 'set a 3 0 1\r\n1\r\n'), 'STORED\r\n');
  assert.equal(values(world, OLD)['a'], undefined, 'nothing that one behind could read');
  world.nothingLeft();
});

test('reshard: an old place that is gone is no error, but for deletes', () => {
  const { world, client } = moving(1);
  put(world, NEW, { a: 'new' });
  world.servers[OLD]!.kill();
  world.run(100);
  assert.equal(world.ask(client, 'get a none\r\n', 3000), `${block('a', 'new')}END\r\n`);
  assert.equal(world.ask(client, 'set b 3 0 1\r\nb\r\n', 3000), 'STORED\r\n');
  assert.equal(world.ask(client, 'append b 3 0 1\r\nb\r\n', 3000), 'STORED\r\n');
  assert.match(world.ask(client, 'delete a\r\n', 3000), /^SERVER_ERROR /);
  assert.deepEqual(values(world, NEW), { b: 'bb' });
  assert.match(world.router.statistics('pools'), /reshard_old_unreached [1-9]/);
  world.servers[OLD]!.restart();
  world.nothingLeft();
});

test('reshard: an old place that comes back in a moment is waited for', () => {
  const { world, client } = moving(1, { returnWaitMs: 1000 });
  put(world, OLD, { a: 'old', b: 'b', n: '1', d: 'd' });
  const old = world.servers[OLD]!;
  world.ask(client, 'get x\r\n');
  const lose = (): void => {
    old.mode = 'refusing';
    old.hangUp('ECONNRESET');
    world.run(10);
  };
  lose();
  const requests = 'get a none\r\ngets b\r\nincr n 1\r\ndelete d\r\n';
  assert.equal(world.ask(client, requests, 200), '');
  old.mode = 'up';
  world.run(2000);
  const [got] = client.take().split('2\r\n');
  assert.match(got!, /^VALUE a 3 3\r\nold\r\nEND\r\nVALUE b 3 1 \d+\r\nb\r\nEND\r\n$/);
  assert.deepEqual(values(world, NEW), { a: 'old', b: 'b', n: '2' });
  lose();
  assert.equal(
    world.ask(client, 'get none\r\nset s 3 0 1\r\ns\r\n', 5000),
    'END\r\nSTORED\r\n',
    'but not for ever',
  );
  old.mode = 'up';
  world.nothingLeft();
});

test('reshard: what cannot get to the new place is not taken out of the old one', () => {
  const { world, client } = moving(1, { returnWaitMs: 1000 });
  put(world, OLD, { n: '1', a: 'a', s: 's' });
  const now = world.servers[NEW]!;
  world.ask(client, 'get x\r\n');
  now.mode = 'refusing';
  now.hangUp('ECONNRESET');
  world.run(10);
  assert.equal(world.ask(client, 'incr n 1\r\nappend a 0 0 1\r\na\r\n', 200), '');
  now.mode = 'up';
  world.run(2000);
  assert.equal(client.take(), '2\r\nSTORED\r\n', 'it was waited for');
  assert.deepEqual(values(world, NEW), { n: '2', a: 'aa' });
  now.kill();
  world.run(5000);
  assert.match(
    world.ask(client, 'set s 0 0 1\r\nx\r\ntouch s 1\r\ngat 1 s\r\n', 5000),
    /^(SERVER_ERROR [A-Z ]+\r\n){3}$/,
  );
  assert.deepEqual(values(world, OLD), { s: 's' });
  // The first that asks for it again has it dialled.
  now.restart();
  assert.equal(world.ask(client, 'append s 0 0 1\r\nx\r\n', 100), 'STORED\r\n');
  assert.equal(values(world, NEW)['s'], 'sx');
  world.nothingLeft();
});

test('reshard: a counter is not lost when the new place is lost while it comes there', () => {
  for (let afterMs = 0; afterMs < 120; afterMs += 3) {
    const { world, client } = moving(1);
    put(world, OLD, { n: '1' });
    slow(world, OLD, 20);
    slow(world, NEW, 10);
    client.send('incr n 1\r\n');
    world.run(afterMs);
    const now = world.servers[NEW]!;
    now.mode = 'refusing';
    now.hangUp('ECONNRESET');
    world.run(2000);
    const answer = client.take();
    assert.match(answer, /^(2|SERVER_ERROR [A-Z ]+)\r\n$/, `${afterMs} ms`);
    now.mode = 'up';
    world.run(2000);
    assert.match(world.ask(client, 'get n\r\n', 200), /^VALUE n 3 1\r\n[12]\r\nEND\r\n$/, `${afterMs} ms`);
    world.nothingLeft();
  }
});

test('reshard: of a value that is too large for the new place no mark is left there', () => {
  const { world, client } = moving(1);
  const large = 'x'.repeat(100);
  put(world, OLD, { a: large, b: large, c: large });
  world.servers[NEW]!.valueBytesMax = 60;
  assert.equal(world.ask(client, 'get a\r\n'), `${block('a', large)}END\r\n`);
  assert.deepEqual([values(world, NEW), values(world, OLD)['a']], [{}, large]);
  assert.equal(world.ask(client, 'get a\r\n'), `${block('a', large)}END\r\n`);
  assert.equal(
    world.ask(client, 'append b 0 0 1\r\nx\r\nset c 3 0 1\r\nc\r\nget b c\r\n'),
    `SERVER_ERROR BACKEND SERVER ERROR\r\nSTORED\r\n${block('b', large)}${block('c', 'c')}END\r\n`,
  );
  assert.deepEqual([values(world, NEW), values(world, OLD)], [{ c: 'c' }, { a: large, b: large }]);
  world.nothingLeft();
});

test('reshard: before the time the old place is waited for with whatever has not come to it', () => {
  const { world, client } = moving(-5, { returnWaitMs: 1000 });
  put(world, OLD, { n: '5' });
  world.ask(client, 'get x\r\n');
  const old = world.servers[OLD]!;
  old.mode = 'refusing';
  old.hangUp('ECONNRESET');
  world.run(10);
  assert.equal(world.ask(client, 'incr n 1\r\n', 200), '');
  old.mode = 'up';
  world.run(2000);
  assert.equal(client.take(), '6\r\n');
  world.nothingLeft();
});

test('reshard: a new place that is gone is an error, and the old one is not read instead', () => {
  const { world, client } = moving(1);
  put(world, OLD, { a: 'old' });
  world.servers[NEW]!.kill();
  world.run(100);
  assert.match(world.ask(client, 'get a\r\n', 3000), /^SERVER_ERROR /);
  assert.match(world.ask(client, 'get a b\r\n', 3000), /^SERVER_ERROR /);
  assert.deepEqual(seen(world, OLD), []);
  assert.match(world.ask(client, 'gets a\r\n', 3000), /^SERVER_ERROR /);
  assert.match(world.ask(client, 'incr a 1\r\n', 3000), /^SERVER_ERROR /);
  world.servers[NEW]!.restart();
  world.nothingLeft();
});

test('reshard: of several keys those that a new place has that is gone do not take the others along', () => {
  const two: RouteTree = {
    type: 'shard',
    hash: 'md5',
    distribution: 'modula',
    hashTag: null,
    stopMark: null,
    children: [1, 2].map((index) => ({ name: `server${index}`, weight: 1, route: server(index) })),
  };
  const { world, client } = moving(1, { to: two, returnWaitMs: 1000 });
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const key of keys) put(world, OLD, { [key]: key });
  world.ask(client, 'get x y z\r\n');
  const [, , away] = world.servers;
  away!.mode = 'refusing';
  away!.hangUp('ECONNRESET');
  client.send(`get ${keys.join(' ')}\r\n`);
  world.run(200);
  away!.mode = 'up';
  world.run(1000);
  assert.equal(client.take(), `${keys.map((key) => block(key, key)).join('')}END\r\n`);
  assert.ok(Object.keys(values(world, 1)).length > 0 && Object.keys(values(world, 2)).length > 0);
  world.nothingLeft();
});

test('reshard: an old place that says nothing costs a get its time, not its answer', () => {
  const { world, client } = moving(1);
  world.servers[OLD]!.mode = 'hanging';
  put(world, NEW, { a: 'new' });
  assert.equal(world.ask(client, 'get none a\r\n', 5000), `${block('a', 'new')}END\r\n`);
  assert.equal(world.ask(client, 'incr none 1\r\n', 5000), 'NOT_FOUND\r\n');
  world.nothingLeft();
});

test('reshard: of many keys at once not all are carried over, and all are answered', () => {
  const { world, client } = moving(1);
  const keys = Array.from({ length: 1100 }, (_, index) => `k${index}`);
  for (const key of keys) put(world, OLD, { [key]: 'v' });
  assert.equal(
    world.ask(client, `get ${keys.join(' ')}\r\n`),
    `${keys.map((key) => block(key, 'v')).join('')}END\r\n`,
  );
  assert.equal(Object.keys(values(world, NEW)).length, 1024);
  assert.match(world.router.statistics('pools'), /reshard_carried 1024\r\nSTAT reshard_not_carried 76\r\n/);
  world.nothingLeft();
});
