import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld, WALL_START_MS, type WorldClient } from '../../testing/route-world.ts';
import { KEY_HASHES } from '../hashing/index.ts';
import { ByCommandRoute } from './by-command.ts';
import type { Destination } from './destination.ts';
import { DestinationRoute } from './destination-route.ts';
import { ErrorRoute } from './error.ts';
import { FailoverRoute } from './failover.ts';
import { FailoverExptimeRoute } from './failover-exptime.ts';
import { MODULO_PLACEMENT } from './magent-plan.ts';
import { MigrateRoute } from './migrate.ts';
import { MissFailoverRoute } from './miss-failover.ts';
import { NullRoute } from './null.ts';
import { PrefixRoute } from './prefix.ts';
import { RandomRoute } from './random.ts';
import { ReplicateRoute, type Wait } from './replicate.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';
import { ShadowRoute } from './shadow.ts';
import { ShardRoute } from './shard.ts';
import { StripPrefixRoute } from './strip-prefix.ts';
import { WarmUpRoute } from './warm-up.ts';
import { zoneRoute } from './zone.ts';

const HASH = KEY_HASHES.get('murmur')!;

type Tree = (leaves: RouteHandle[], context: RouteContext) => RouteHandle;

function worldWith(servers: number, root: Tree): { world: RouteWorld; client: WorldClient } {
  const world = new RouteWorld({
    mains: servers,
    backups: 0,
    root: (destinations: readonly Destination[], context) =>
      root(
        destinations.map((destination) => new DestinationRoute(destination)),
        context,
      ),
  }).start();
  return { world, client: world.client() };
}

function put(world: RouteWorld, server: number, values: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(values))
    world.servers[server]!.values.set(key, { value, flags: '3', cas: 7, exptime: '0' });
}

function value(world: RouteWorld, server: number, key: string): string | undefined {
  return world.servers[server]!.values.get(key)?.value;
}

function seen(world: RouteWorld): string[][] {
  return world.servers.map((server) => server.seen.splice(0));
}

function block(key: string, text: string, flags = 3): string {
  return `VALUE ${key} ${flags} ${text.length}\r\n${text}\r\n`;
}

function kill(world: RouteWorld, ...servers: number[]): void {
  for (const server of servers) world.servers[server]!.kill();
  world.run(100);
}

const CANNOT = 'SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n';

function replicate(wait: Wait, servers = 3): { world: RouteWorld; client: WorldClient } {
  return worldWith(servers, (leaves, { calls }) => new ReplicateRoute(leaves, wait, calls));
}

test('replicate, all: everyone does it, and the worst answer is the answer', () => {
  const { world, client } = replicate('all');
  assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
  assert.deepEqual(
    world.servers.map((_, index) => value(world, index, 'a')),
    ['1', '1', '1'],
  );
  world.servers[1]!.values.delete('a');
  assert.equal(world.ask(client, 'append a 0 0 1\r\n2\r\n'), 'NOT_STORED\r\n');
  assert.equal(world.ask(client, 'get a\r\n'), 'END\r\n', 'a miss is worse than a hit');
  put(world, 1, { a: 'x' });
  world.servers[0]!.delayMs = 30;
  client.send('get a b a\r\n');
  world.run(20);
  assert.equal(client.take(), '', 'all are waited for');
  world.run(20);
  assert.equal(client.take(), `${block('a', '12', 0)}${block('a', '12', 0)}END\r\n`);
  world.servers[2]!.errorLine = 'SERVER_ERROR out of memory storing object';
  assert.equal(
    world.ask(client, 'set a 0 0 1\r\n1\r\n', 50),
    'SERVER_ERROR out of memory storing object\r\n',
  );
  world.servers[2]!.errorLine = null;
  world.servers[0]!.delayMs = 0;
  kill(world, 1);
  assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\n'), CANNOT);
  assert.equal(world.ask(client, 'get a\r\n'), CANNOT);
  put(world, 0, { n: '1' });
  assert.equal(world.ask(client, 'incr n 1\r\n'), CANNOT);
  assert.equal(value(world, 0, 'n'), '2', 'it counts once, also where nobody can say so');
  world.nothingLeft();
});

test('replicate, majority: what more than half say, at once', () => {
  const { world, client } = replicate('majority');
  put(world, 0, { n: '1' });
  put(world, 1, { n: '1' });
  world.servers[2]!.mode = 'hanging';
  assert.equal(world.ask(client, 'incr n 1\r\n'), '2\r\n');
  assert.equal(world.ask(client, 'get n\r\n'), `${block('n', '2')}END\r\n`);
  assert.equal(world.ask(client, 'get none\r\n'), 'END\r\n');
  world.servers[1]!.values.delete('n');
  assert.equal(
    world.ask(client, 'delete n\r\n', 1500),
    'SERVER_ERROR BACKEND SERVER TIMEOUT\r\n',
    'of three that differ the worst',
  );
  kill(world, 1, 2);
  assert.equal(world.ask(client, 'set n 0 0 1\r\n5\r\n'), CANNOT);
  world.nothingLeft();
});

test('replicate, first: the first answer that is one', () => {
  const { world, client } = replicate('first');
  put(world, 0, { a: 'zero' });
  put(world, 1, { a: 'one' });
  world.servers[0]!.delayMs = 30;
  world.servers[2]!.delayMs = 60;
  assert.equal(world.ask(client, 'get a\r\n', 10), `${block('a', 'one')}END\r\n`);
  assert.equal(world.ask(client, 'set b 0 0 1\r\n1\r\n', 10), 'STORED\r\n');
  world.run(100);
  assert.deepEqual(
    world.servers.map((_, index) => value(world, index, 'b')),
    ['1', '1', '1'],
  );
  kill(world, 1, 2);
  assert.equal(world.ask(client, 'get a\r\n', 100), `${block('a', 'zero')}END\r\n`);
  kill(world, 0);
  assert.equal(world.ask(client, 'get a\r\nset a 0 0 1\r\n1\r\n', 100), `${CANNOT}${CANNOT}`);
  world.nothingLeft();
});

test('replicate, initial and none: the first child, and nobody', () => {
  const initial = replicate('initial');
  initial.world.servers[1]!.mode = 'hanging';
  put(initial.world, 0, { a: '1' });
  assert.equal(
    initial.world.ask(initial.client, 'get a\r\ndelete a\r\n'),
    `${block('a', '1')}END\r\nDELETED\r\n`,
  );
  initial.world.nothingLeft();
  const none = replicate('none');
  assert.equal(none.world.ask(none.client, 'set a 0 0 1\r\n1\r\n'), 'NOT_STORED\r\n');
  assert.equal(none.world.ask(none.client, 'get a\r\ndelete a\r\n'), 'END\r\nNOT_FOUND\r\n');
  assert.ok(seen(none.world).every((lines) => lines.length === 3));
  none.world.nothingLeft();
});

test('replicate over shards: each key has its own choice', () => {
  const { world, client } = worldWith(4, (leaves, { calls }) => {
    const shard = (part: RouteHandle[]): RouteHandle =>
      new ShardRoute(MODULO_PLACEMENT.hash, MODULO_PLACEMENT.distribution(['', '']), part, calls);
    return new ReplicateRoute([shard(leaves.slice(0, 2)), shard(leaves.slice(2))], 'first', calls);
  });
  const keys = Array.from({ length: 12 }, (_, i) => `key${i}`);
  for (const key of keys) world.ask(client, `set ${key} 0 0 ${key.length}\r\n${key}\r\n`);
  kill(world, 0, 3);
  assert.equal(
    world.ask(client, `get ${keys.join(' ')} none\r\n`, 100),
    `${keys.map((key) => block(key, key, 0)).join('')}END\r\n`,
  );
  world.nothingLeft();
});

test('failover before a proxy that has lost its server for no reason it knows: only what may be done twice goes on', () => {
  const { world, client } = worldWith(2, (leaves) => new FailoverRoute(leaves));
  put(world, 1, { a: '1' });
  world.servers[0]!.errorLine = 'SERVER_ERROR unknown';
  assert.equal(world.ask(client, 'get a\r\n'), `${block('a', '1')}END\r\n`);
  assert.match(world.ask(client, 'incr a 1\r\n'), /^SERVER_ERROR /);
  assert.equal(value(world, 1, 'a'), '1');
  world.nothingLeft();
});

test('miss-failover: a miss goes on, key by key, and so does a delete', () => {
  const { world, client } = worldWith(3, (leaves, { calls }) => new MissFailoverRoute(leaves, true, calls));
  put(world, 0, { a: '0' });
  put(world, 1, { b: '1', a: 'x' });
  put(world, 2, { c: '2' });
  assert.equal(
    world.ask(client, 'get a b c d\r\n'),
    `${block('a', '0')}${block('b', '1')}${block('c', '2')}END\r\n`,
  );
  assert.deepEqual(seen(world), [['get a b c d'], ['get b c d'], ['get c d']]);
  assert.equal(world.ask(client, 'delete c\r\n'), 'DELETED\r\n');
  assert.equal(world.ask(client, 'delete c\r\n'), 'NOT_FOUND\r\n');
  assert.deepEqual(seen(world)[0], ['delete c', 'delete c']);
  assert.equal(world.ask(client, 'set c 0 0 1\r\n9\r\n'), 'STORED\r\n');
  assert.deepEqual(seen(world), [['set c 0 0 1'], [], []]);
  kill(world, 0);
  assert.equal(world.ask(client, 'get b\r\n'), `${block('b', '1')}END\r\n`);
  assert.equal(world.ask(client, 'set b 0 0 1\r\n1\r\n'), CANNOT);
  kill(world, 2);
  assert.equal(world.ask(client, 'get none b\r\n'), `${block('b', '1')}END\r\n`, 'a miss is a miss');
  assert.equal(world.ask(client, 'delete none\r\n'), 'NOT_FOUND\r\n');
  world.nothingLeft();
});

test('miss-failover that does not prefer a miss says what fails', () => {
  const { world, client } = worldWith(2, (leaves, { calls }) => new MissFailoverRoute(leaves, false, calls));
  kill(world, 1);
  assert.equal(world.ask(client, 'get none\r\ndelete none\r\n'), `${CANNOT}${CANNOT}`);
  world.nothingLeft();
});

test('miss-failover within a failover, over shards, with values in pieces', () => {
  const { world, client } = worldWith(4, (leaves, { calls }) => {
    const shard = new ShardRoute(
      MODULO_PLACEMENT.hash,
      MODULO_PLACEMENT.distribution(['', '']),
      leaves.slice(0, 2),
      calls,
    );
    return new FailoverRoute([new MissFailoverRoute([shard, leaves[2]!], true, calls), leaves[3]!]);
  });
  const keys = Array.from({ length: 10 }, (_, i) => `k${i}`);
  for (const [index, key] of keys.entries()) put(world, index % 2 === 0 ? 2 : 3, { [key]: key });
  const even = keys.filter((_, index) => index % 2 === 0);
  assert.equal(
    world.ask(client, `get ${keys.join(' ')}\r\n`),
    `${even.map((key) => block(key, key)).join('')}END\r\n`,
  );
  kill(world, 0, 1, 2);
  const odd = keys.filter((_, index) => index % 2 === 1);
  assert.equal(
    world.ask(client, `get ${keys.join(' ')}\r\n`, 100),
    `${odd.map((key) => block(key, key)).join('')}END\r\n`,
  );
  world.nothingLeft();
});

test('a stand-in keeps what it is given for a short time', () => {
  const { world, client } = worldWith(3, (leaves, { calls }) => new FailoverExptimeRoute(leaves, 10, calls));
  assert.equal(world.ask(client, 'set a 5 0 1\r\n1\r\n'), 'STORED\r\n');
  kill(world, 0);
  const lines = ['set a 5 0 1', 'set a 5 5 1', 'set a 5 2000000000 1', 'add b 0 -1 1', 'replace a 0 11 1'];
  for (const line of lines) world.ask(client, `${line}\r\nx\r\n`);
  assert.equal(world.ask(client, 'touch a 100\r\nincr a 1\r\nget a\r\n').split('\r\n').at(0), 'TOUCHED');
  assert.deepEqual(seen(world)[1], [
    'set a 5 10 1',
    'set a 5 5 1',
    'set a 5 10 1',
    'add b 0 -1 1',
    'replace a 0 10 1',
    'touch a 10',
    'incr a 1',
    'get a',
  ]);
  kill(world, 1);
  assert.equal(world.ask(client, 'set a 5 0 2\r\n12\r\n'), 'STORED\r\n');
  assert.deepEqual(seen(world)[2], ['set a 5 10 2']);
  kill(world, 2);
  assert.equal(world.ask(client, 'set a 5 0 1\r\n1\r\n', 100), CANNOT);
  world.servers[0]!.restart();
  assert.equal(world.ask(client, 'set a 5 0 1\r\n1\r\n', 100), 'STORED\r\n');
  assert.ok(seen(world)[0]!.every((line) => line === 'set a 5 0 1'));
  world.nothingLeft();
});

function warmUp(exptimeSeconds: number | null): { world: RouteWorld; client: WorldClient } {
  return worldWith(
    2,
    ([cold, warm], { calls }) =>
      new WarmUpRoute(cold!, warm!, { exptimeSeconds, exptimeSecondsUnknown: 300 }, calls),
  );
}

test('warm-up: what the cold side lacks comes from the warm one, and is added', () => {
  const { world, client } = warmUp(60);
  put(world, 0, { a: 'cold' });
  put(world, 1, { a: 'warm', b: 'bbb', c: 'c' });
  assert.equal(
    world.ask(client, 'get a b none c\r\n'),
    `${block('a', 'cold')}${block('b', 'bbb')}${block('c', 'c')}END\r\n`,
  );
  assert.deepEqual(seen(world), [['get a b none c', 'add b 3 60 3', 'add c 3 60 1'], ['get b none c']]);
  assert.equal(value(world, 0, 'b'), 'bbb');
  assert.equal(world.ask(client, 'get b\r\n'), `${block('b', 'bbb')}END\r\n`);
  assert.equal(
    world.ask(client, 'set d 0 0 1\r\n1\r\ndelete a\r\nincr none 1\r\n'),
    'STORED\r\nDELETED\r\nNOT_FOUND\r\n',
  );
  assert.deepEqual(seen(world)[1], []);
  world.nothingLeft();
});

test('warm-up: the exptime is the one that is left on the warm side', () => {
  const { world, client } = warmUp(null);
  put(world, 1, { a: '1', b: '2' });
  world.servers[1]!.values.get('b')!.exptime = '77';
  world.servers[1]!.knowsMeta = true;
  assert.equal(world.ask(client, 'get a b\r\n'), `${block('a', '1')}${block('b', '2')}END\r\n`);
  assert.deepEqual(seen(world), [
    ['get a b', 'add a 3 0 1', 'add b 3 77 1'],
    ['get a b', 'mg a t', 'mg b t'],
  ]);
  assert.equal(world.ask(client, 'gat 500 c\r\n'), 'END\r\n');
  put(world, 1, { c: '3' });
  assert.equal(world.ask(client, 'gat 500 c\r\n'), `${block('c', '3')}END\r\n`);
  assert.deepEqual(seen(world)[0], ['gat 500 c', 'gat 500 c', 'add c 3 500 1']);
  world.nothingLeft();
});

test('warm-up: a warm side without meta commands is asked once', () => {
  const { world, client } = warmUp(null);
  put(world, 1, { a: '1', b: '2' });
  assert.equal(world.ask(client, 'get a\r\n'), `${block('a', '1')}END\r\n`);
  assert.equal(world.ask(client, 'get b\r\n'), `${block('b', '2')}END\r\n`);
  assert.deepEqual(seen(world), [
    ['get a', 'add a 3 300 1', 'get b', 'add b 3 300 1'],
    ['get a', 'mg a t', 'get b'],
  ]);
  world.nothingLeft();
});

test('warm-up: a cas token is the cold side’s', () => {
  const { world, client } = warmUp(60);
  put(world, 0, { a: '0' });
  put(world, 1, { b: '1' });
  const reply = world.ask(client, 'gets a none b\r\n');
  assert.match(reply, /^VALUE a 3 1 7\r\n0\r\nVALUE b 3 1 (\d+)\r\n1\r\nEND\r\n$/);
  assert.equal(world.servers[0]!.values.get('b')!.cas, Number(/b 3 1 (\d+)/.exec(reply)![1]));
  assert.deepEqual(seen(world), [['gets a none b', 'add b 3 60 1', 'gets b'], ['get none b']]);
  world.nothingLeft();
});

test('warm-up and miss-failover: a meta get goes on as a get does', () => {
  const warm = warmUp(60);
  warm.world.servers[0]!.knowsMeta = true;
  put(warm.world, 1, { a: '1' });
  assert.equal(warm.world.ask(warm.client, 'mg a t\r\nmg none t\r\n'), 'HD t60\r\nEN\r\n');
  assert.deepEqual(seen(warm.world), [
    ['mg a t', 'mg none t', 'add a 3 60 1', 'mg none t', 'mg a t'],
    ['get a', 'get none'],
  ]);
  warm.world.nothingLeft();
  const miss = worldWith(2, (leaves, { calls }) => new MissFailoverRoute(leaves, true, calls));
  for (const server of miss.world.servers) server.knowsMeta = true;
  put(miss.world, 1, { a: '1' });
  assert.equal(miss.world.ask(miss.client, 'mg a t\r\nmg none t\r\n'), 'HD t-1\r\nEN\r\n');
  assert.deepEqual(seen(miss.world), [
    ['mg a t', 'mg none t'],
    ['mg a t', 'mg none t'],
  ]);
  miss.world.nothingLeft();
});

test('warm-up: a dead side is no error as long as the other one has the value', () => {
  const { world, client } = warmUp(60);
  put(world, 1, { a: '1' });
  kill(world, 0);
  assert.equal(world.ask(client, 'get a\r\n'), `${block('a', '1')}END\r\n`);
  assert.equal(world.ask(client, 'get none a\r\n', 100), `${CANNOT}`, 'nobody knows whether it is there');
  assert.equal(world.ask(client, 'gets a\r\n', 100), CANNOT);
  world.servers[0]!.restart();
  world.run(1000);
  kill(world, 1);
  assert.equal(world.ask(client, 'get a\r\ngets a\r\n'), 'END\r\nEND\r\n');
  world.nothingLeft();
});

test('prefix: the longest one counts, and a retrieval is split', () => {
  const { world, client } = worldWith(
    3,
    ([users, admins, rest], { calls }) =>
      new PrefixRoute(
        new Map([
          ['user:', users!],
          ['user:admin:', admins!],
        ]),
        rest!,
        calls,
      ),
  );
  put(world, 0, { 'user:1': 'u' });
  put(world, 1, { 'user:admin:1': 'a' });
  put(world, 2, { x: 'x', user: 'y' });
  assert.equal(
    world.ask(client, 'get user:1 user:admin:1 x user\r\n'),
    `${block('user:1', 'u')}${block('user:admin:1', 'a')}${block('x', 'x')}${block('user', 'y')}END\r\n`,
  );
  assert.deepEqual(seen(world), [['get user:1'], ['get user:admin:1'], ['get x user']]);
  world.nothingLeft();
});

test('a prefix can be taken off on the way to the servers', () => {
  const { world, client } = worldWith(
    2,
    ([a, b], { calls }) =>
      new PrefixRoute(
        new Map<string, RouteHandle>([
          ['a/', new StripPrefixRoute(a!, 2, calls)],
          ['b/', new MissFailoverRoute([new StripPrefixRoute(b!, 2, calls)], true, calls)],
        ]),
        new NullRoute(calls),
        calls,
      ),
  );
  const large = 'x'.repeat(100_000);
  assert.equal(world.ask(client, 'set a/k 1 0 3\r\nabc\r\n'), 'STORED\r\n');
  assert.equal(world.ask(client, `set b/large 1 0 ${large.length}\r\n${large}\r\n`), 'STORED\r\n');
  assert.equal(value(world, 0, 'k'), 'abc');
  assert.equal(
    world.ask(client, 'get b/large a/none a/k c/k\r\n'),
    `${block('b/large', large, 1)}${block('a/k', 'abc', 1)}END\r\n`,
  );
  assert.match(world.ask(client, 'gets a/k\r\n'), /^VALUE a\/k 1 3 \d+\r\nabc\r\nEND\r\n$/);
  assert.equal(
    world.ask(client, 'append a/k 0 0 1\r\nd\r\ndelete a/k\r\nincr a/k 5\r\n'),
    'STORED\r\nDELETED\r\nNOT_FOUND\r\n',
  );
  kill(world, 0);
  assert.equal(world.ask(client, 'get a/k\r\nset a/k 0 0 1\r\n1\r\n', 50), `${CANNOT}${CANNOT}`);
  world.nothingLeft();
});

test('shadow: copies of some keys, bounded, and nobody waits for them', () => {
  let shadow: ShadowRoute | null = null;
  const { world, client } = worldWith(2, ([main, other], { calls }) => {
    shadow = new ShadowRoute(main!, other!, { from: 0, to: 0.5, queueMax: 3 }, HASH, calls);
    return shadow;
  });
  const keys = Array.from({ length: 60 }, (_, i) => `key${i}`);
  for (const key of keys) assert.equal(world.ask(client, `set ${key} 0 0 1\r\n1\r\n`), 'STORED\r\n');
  const copied = [...world.servers[1]!.values.keys()];
  assert.ok(copied.length > 15 && copied.length < 45, `${copied.length} of 60`);
  seen(world);
  assert.equal(world.ask(client, `get ${keys.join(' ')}\r\n`).match(/VALUE/g)?.length, 60);
  assert.deepEqual(seen(world)[1], [`get ${copied.join(' ')}`]);
  world.servers[1]!.mode = 'hanging';
  for (const key of keys) assert.equal(world.ask(client, `delete ${key}\r\n`), 'DELETED\r\n');
  const counters = new Map(shadow!.counters());
  assert.equal(counters.get('shadow_queue'), 3);
  assert.equal(counters.get('shadow_dropped'), copied.length - 3);
  world.nothingLeft();
  assert.equal(new Map(shadow!.counters()).get('shadow_queue'), 0);
});

test('migrate: each key moves at its own time; meanwhile deletes go to both', () => {
  const startSeconds = WALL_START_MS / 1000 + 100;
  const { world, client } = worldWith(
    2,
    ([from, to], context) =>
      new MigrateRoute(
        from!,
        to!,
        { startSeconds, intervalSeconds: 50 },
        HASH,
        () => context.wallMs(),
        context.calls,
      ),
  );
  const keys = Array.from({ length: 40 }, (_, i) => `key${i}`);
  const line = `get ${keys.join(' ')}\r\n`;
  const asked = (): number[] => {
    world.ask(client, line);
    return seen(world).map((lines) => lines.flatMap((text) => text.split(' ').slice(1)).length);
  };
  assert.deepEqual(asked(), [40, 0]);
  assert.equal(world.ask(client, 'delete key1\r\n'), 'NOT_FOUND\r\n');
  assert.deepEqual(seen(world), [['delete key1'], []]);
  world.run(150_000);
  const [from, to] = asked();
  assert.ok(from! > 8 && to! > 8, `${from} and ${to} of 40`);
  put(world, 0, { key1: 'x' });
  assert.equal(world.ask(client, 'delete key1\r\n'), 'NOT_FOUND\r\n', 'the worse answer');
  assert.deepEqual(seen(world), [['delete key1'], ['delete key1']]);
  assert.equal(world.servers[0]!.values.size, 0);
  world.run(100_000);
  assert.deepEqual(asked(), [0, 40]);
  kill(world, 0);
  assert.equal(world.ask(client, 'delete key1\r\n'), 'NOT_FOUND\r\n');
  world.nothingLeft();
});

test('zone: the local one first, the others when it fails or, if wanted, misses', () => {
  const build =
    (local: string, miss: boolean): Tree =>
    ([west, east], { calls }) =>
      zoneRoute(
        new Map([
          ['west', west!],
          ['east', east!],
        ]),
        local,
        miss,
        calls,
      );
  const plain = worldWith(2, build('east', false));
  put(plain.world, 0, { a: 'west' });
  put(plain.world, 1, { b: 'east' });
  assert.equal(plain.world.ask(plain.client, 'get a b\r\n'), `${block('b', 'east')}END\r\n`);
  kill(plain.world, 1);
  assert.equal(plain.world.ask(plain.client, 'get a b\r\n'), `${block('a', 'west')}END\r\n`);
  const missing = worldWith(2, build('east', true));
  put(missing.world, 0, { a: 'west' });
  put(missing.world, 1, { b: 'east' });
  assert.equal(
    missing.world.ask(missing.client, 'get a b\r\n'),
    `${block('a', 'west')}${block('b', 'east')}END\r\n`,
  );
});

test('by-command: each command its own way', () => {
  const { world, client } = worldWith(
    3,
    ([reads, deletes, rest], _context) =>
      new ByCommandRoute(
        new Map([
          ['reads', reads!],
          ['delete', deletes!],
        ]),
        rest!,
      ),
  );
  world.ask(client, 'get a\r\ngets a\r\ngat 1 a\r\ndelete a\r\nset a 0 0 1\r\n1\r\nincr a 1\r\n');
  assert.deepEqual(seen(world), [['get a', 'gets a', 'gat 1 a'], ['delete a'], ['set a 0 0 1', 'incr a 1']]);
});

test('random, null and error', () => {
  const random = worldWith(3, (leaves, context) => new RandomRoute(leaves, context.random));
  for (let i = 0; i < 60; i++) random.world.ask(random.client, 'get a\r\n');
  for (const lines of seen(random.world)) assert.ok(lines.length > 8, `${lines.length} of 60`);
  const nothing = worldWith(1, (_leaves, { calls }) => new NullRoute(calls));
  assert.equal(
    nothing.world.ask(
      nothing.client,
      'get a b\r\nset a 0 0 1\r\n1\r\ntouch a 1\r\nset a 0 0 1 noreply\r\n1\r\n',
    ),
    'END\r\nNOT_STORED\r\nNOT_FOUND\r\n',
  );
  nothing.world.nothingLeft();
  const error = worldWith(1, () => new ErrorRoute('closed for today'));
  assert.equal(
    error.world.ask(error.client, 'get a b\r\nset a 0 0 1\r\n1\r\n'),
    'SERVER_ERROR closed for today\r\nSERVER_ERROR closed for today\r\n',
  );
  error.world.nothingLeft();
  const behind = worldWith(1, ([leaf]) => new FailoverRoute([new ErrorRoute('no'), leaf!]));
  assert.equal(behind.world.ask(behind.client, 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
});
