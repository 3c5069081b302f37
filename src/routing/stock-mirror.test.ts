import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  RouteWorld,
  type ScriptedServer,
  type WorldClient,
  type WorldOptions,
} from '../../testing/route-world.ts';
import { MISSED_KEYS_MAX } from './side-repair.ts';

/** A main and a backup of stock memcached. */
function stock(options: Partial<WorldOptions> = {}): {
  world: RouteWorld;
  main: ScriptedServer;
  backup: ScriptedServer;
  client: WorldClient;
} {
  const world = new RouteWorld({ mains: 1, backups: 1, ...options }).start();
  const [main, backup] = world.servers;
  assert.ok(main !== undefined && backup !== undefined);
  return { world, main, backup, client: world.client() };
}

function read(world: RouteWorld, client: WorldClient, key: string): string | null {
  const reply = world.ask(client, `get ${key}\r\n`);
  return /^VALUE \S+ \d+ \d+\r\n(.*)\r\nEND\r\n$/.exec(reply)?.[1] ?? null;
}

test('a main that comes back empty is not believed: what the backup has is read there, and added to the main', () => {
  const { world, main, backup, client } = stock();
  assert.equal(world.ask(client, 'set a 7 0 1\r\n1\r\nset b 0 0 1\r\n2\r\n'), 'STORED\r\nSTORED\r\n');
  main.kill();
  world.run(10);
  main.restart();
  world.run(1000);
  assert.equal(read(world, client, 'a'), '1');
  world.run(10);
  assert.deepEqual(main.values.get('a')?.value, '1');
  assert.equal(main.values.get('a')?.flags, '7');
  assert.deepEqual(
    main.seen.filter((line) => line.startsWith('add')),
    ['add a 7 300 1'],
  );
  assert.equal(main.values.has('b'), false, 'nobody has read it');
  // And now the backup dies: what was read or written since is on the main.
  assert.equal(world.ask(client, 'set c 0 0 1\r\n3\r\n'), 'STORED\r\n');
  backup.kill();
  world.run(10);
  assert.equal(read(world, client, 'a'), '1');
  assert.equal(read(world, client, 'c'), '3');
  assert.equal(world.ask(client, 'set a 0 0 1\r\n4\r\n'), 'STORED\r\n');
  backup.restart();
  world.run(1000);
  assert.equal(read(world, client, 'a'), '4', 'the main is believed again');
  assert.equal(main.seen.at(-1), 'get a');
  world.nothingLeft();
});

test('a main that was only cut off keeps what is stale, and is not read', () => {
  const { world, main, client } = stock();
  assert.equal(world.ask(client, 'set a 0 0 3\r\nold\r\n'), 'STORED\r\n');
  main.kill();
  world.run(10);
  assert.equal(world.ask(client, 'set a 0 0 3\r\nnew\r\n'), 'STORED\r\n');
  main.mode = 'up';
  world.run(1000);
  assert.equal(read(world, client, 'a'), 'new');
  // What counts is told by the side that is believed.
  assert.equal(world.ask(client, 'set n 0 0 1\r\n5\r\n'), 'STORED\r\n');
  main.values.delete('n');
  assert.equal(world.ask(client, 'incr n 1\r\n'), '6\r\n');
  world.nothingLeft();
});

test('what a side has missed is mended when it is back, and what clients write meanwhile is not undone', () => {
  const { world, main, backup, client } = stock();
  for (const key of ['a', 'b', 'c', 'd', 'n'])
    assert.equal(world.ask(client, `set ${key} 0 0 3\r\nold\r\n`), 'STORED\r\n');
  main.kill();
  world.run(10);
  for (const key of ['a', 'b', 'c'])
    assert.equal(world.ask(client, `set ${key} 0 0 3\r\nnew\r\n`), 'STORED\r\n');
  assert.equal(world.ask(client, 'delete d\r\n'), 'DELETED\r\n');
  // A moment in which the deletes are on their way and the adds are not.
  main.delayMs = 5;
  main.mode = 'up';
  const { connections } = main;
  for (let i = 0; i < 2000 && main.connections === connections; i++) world.run(1);
  for (let i = 0; i < 40 && !main.seen.includes('delete b'); i++) world.run(1);
  client.send('set b 0 0 5\r\nnewer\r\n');
  world.run(100);
  assert.equal(client.take(), 'STORED\r\n');
  const values = (server: ScriptedServer): string[] =>
    ['a', 'b', 'c', 'd', 'n'].map((key) => server.values.get(key)?.value ?? '-');
  assert.deepEqual(values(main), ['new', 'newer', 'new', '-', 'old']);
  assert.deepEqual(values(main), values(backup));
  // So the backup may die now.
  main.delayMs = 0;
  backup.kill();
  world.run(10);
  assert.equal(read(world, client, 'a'), 'new');
  assert.equal(read(world, client, 'd'), null);
  assert.equal(world.ask(client, 'set a 0 0 4\r\nlast\r\n'), 'STORED\r\n');
  backup.mode = 'up';
  world.run(1000);
  assert.deepEqual(values(main), values(backup), 'the other way round, too');
  world.nothingLeft();
});

test('what a side has missed is not repaired once it is the side that is believed', () => {
  const { world, main, backup, client } = stock();
  const both = (key: string): (string | undefined)[] =>
    [main, backup].map((server) => server.values.get(key)?.value);
  assert.equal(world.ask(client, 'set a 0 0 1\r\n0\r\nset b 0 0 1\r\n0\r\n'), 'STORED\r\nSTORED\r\n');
  main.kill();
  world.run(10);
  assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\nset b 0 0 1\r\n1\r\n'), 'STORED\r\nSTORED\r\n');
  backup.kill();
  world.run(10);
  main.mode = 'up';
  world.run(2000);
  assert.equal(world.ask(client, 'set a 0 0 1\r\n2\r\n'), 'STORED\r\n');
  backup.mode = 'up';
  world.run(2000);
  assert.deepEqual(both('a'), ['2', '2'], 'the main alone has the last write');
  assert.equal(read(world, client, 'a'), '2');
  assert.equal(main.values.has('b'), true, 'stale, but all that a believed side has');
  world.nothingLeft();
});

test('the note of a missed write does not outlive a write that both sides take', () => {
  const { world, main, backup, client } = stock({ settings: { queueCallsMax: 2 } });
  assert.equal(world.ask(client, 'set a 0 0 1\r\n0\r\n'), 'STORED\r\n');
  main.delayMs = 50;
  client.send('get b\r\nget c\r\n');
  world.run(1);
  client.send('set a 0 0 1\r\n1\r\n');
  world.run(100);
  assert.equal(client.take(), 'END\r\nEND\r\nSTORED\r\n');
  assert.equal(main.values.get('a')?.value, '0', 'too much was waiting for the main');
  main.delayMs = 0;
  assert.equal(world.ask(client, 'set a 0 0 1\r\n2\r\n'), 'STORED\r\n');
  // The backup loses all. Were the key still noted, it would be deleted on the main, and looked for on the backup in vain.
  backup.kill();
  world.run(10);
  backup.restart();
  world.run(2000);
  assert.equal(read(world, client, 'a'), '2');
  world.nothingLeft();
});

test('a write that a side did not answer in time, while it answered others, is made good at once', () => {
  const { world, main, client } = stock();
  assert.equal(world.ask(client, 'set a 0 0 1\r\n0\r\n'), 'STORED\r\n');
  const { connections } = main;
  main.delayMs = 990;
  client.send('get b\r\n');
  world.run(300);
  main.delayMs = 1130;
  client.send('set a 0 0 1\r\n1\r\n');
  world.run(900);
  main.delayMs = 0;
  world.run(300);
  assert.equal(client.take(), 'END\r\nSTORED\r\n');
  world.run(3000);
  assert.equal(main.connections, connections, 'it was there all the time');
  assert.ok(main.seen.includes('delete a'));
  assert.equal(main.values.get('a')?.value, '1');
  assert.equal(read(world, client, 'a'), '1');
  world.nothingLeft();
});

test('so many missed keys are remembered, the latest ones', () => {
  const { world, main, backup, client } = stock();
  world.ask(client, 'set k0 0 0 3\r\nold\r\n');
  world.ask(client, `set k${MISSED_KEYS_MAX} 0 0 3\r\nold\r\n`);
  main.kill();
  world.run(10);
  for (let i = 0; i <= MISSED_KEYS_MAX; i++) client.send(`set k${i} 0 0 3\r\nnew\r\n`);
  world.run(100);
  assert.equal(client.take(), 'STORED\r\n'.repeat(MISSED_KEYS_MAX + 1));
  main.mode = 'up';
  world.run(1000);
  assert.equal(main.values.get(`k${MISSED_KEYS_MAX}`)?.value, 'new');
  assert.equal(main.values.get('k1')?.value, 'new');
  assert.equal(main.values.get('k0')?.value, 'old', 'the oldest one was forgotten');
  assert.equal(backup.values.get('k0')?.value, 'new');
  assert.equal(read(world, client, 'k0'), 'new', 'and is not believed');
  assert.match(world.router.statistics('pools'), /STAT mirror_forgotten 1\r\n/);
  world.run(10);
  assert.equal(main.values.get('k0')?.value, 'new', 'what was read is mended: deleted, then added');
  world.nothingLeft();
});

test('of keys that were forgotten the side that missed their writes is not asked, whatever becomes of the other one', () => {
  const { world, main, backup, client } = stock();
  for (const key of ['k0', 'k1', 'n']) world.ask(client, `set ${key} 7 0 1\r\n5\r\n`);
  main.kill();
  world.run(10);
  for (const key of ['k0', 'k1', 'n']) client.send(`set ${key} 0 0 1\r\n6\r\n`);
  for (let i = 0; i < MISSED_KEYS_MAX; i++) client.send(`set other${i} 0 0 3\r\nnew\r\n`);
  world.run(100);
  client.take();
  main.mode = 'up';
  world.run(1000);
  assert.equal(main.values.get('k0')?.value, '5');
  main.metaReply = () => 'HD\r\n';
  // What is not an overwriting write would make it look new.
  assert.equal(world.ask(client, 'incr n 1\r\n'), '7\r\n');
  world.run(10);
  assert.equal(main.values.get('n')?.value, '7', 'deleted, not counted, and mended with what the backup has');
  backup.kill();
  world.run(10);
  assert.equal(
    world.ask(client, 'get k0 other5 k1\r\nget k0\r\nmg k0 v\r\n', 200),
    'VALUE other5 0 3\r\nnew\r\nEND\r\nEND\r\nEN\r\n',
  );
  assert.match(world.router.statistics('pools'), /STAT mirror_doubted 4\r\n/);
  world.nothingLeft();
});

test('doubts about a server end when it is started anew', () => {
  const { world, main, backup, client } = stock();
  for (const key of ['k0', 'k1']) world.ask(client, `set ${key} 7 0 1\r\n5\r\n`);
  main.kill();
  world.run(10);
  for (const key of ['k0', 'k1']) client.send(`set ${key} 0 0 1\r\n6\r\n`);
  for (let i = 0; i < MISSED_KEYS_MAX; i++) client.send(`set other${i} 0 0 3\r\nnew\r\n`);
  world.run(100);
  client.take();
  main.mode = 'up';
  world.run(1000);
  main.kill();
  world.run(10);
  main.restart();
  world.run(1000);
  assert.equal(main.values.has('k0'), false, 'it has lost everything, and nothing of it is old');
  // Written on both sides since then.
  assert.equal(world.ask(client, 'set k0 0 0 1\r\n7\r\n'), 'STORED\r\n');
  backup.kill();
  world.run(10);
  assert.equal(read(world, client, 'k0'), '7');
  assert.match(world.router.statistics('pools'), /STAT mirror_doubted 0\r\n/);
  // What it misses from now on is doubted again.
  backup.restart();
  world.run(1000);
  world.nothingLeft();
});

test('a value that comes in pieces is added to the side that lacks it as well, unless it is written meanwhile', () => {
  const value = 'x'.repeat(200_000);
  const cut = (text: string): string[] => text.match(/[\s\S]{1,40000}/g) ?? [];
  const { world, main, backup, client } = stock({ cut });
  for (const key of ['a', 'b', 'c'])
    assert.equal(world.ask(client, `set ${key} 7 0 ${value.length}\r\n${value}\r\n`), 'STORED\r\n');
  main.kill();
  world.run(10);
  main.restart();
  world.run(1000);
  backup.pieceDelayMs = 5;
  assert.equal(world.ask(client, 'get a\r\n', 50), `VALUE a 7 ${value.length}\r\n${value}\r\nEND\r\n`);
  assert.deepEqual(main.values.get('a')?.value, value);
  assert.equal(main.values.get('a')?.flags, '7');
  const other = world.client();
  client.send('get b\r\n');
  world.run(10);
  // Its answer comes behind the value.
  backup.delayMs = 50;
  other.send('delete b\r\n');
  world.run(100);
  backup.delayMs = backup.pieceDelayMs = 0;
  assert.equal(other.take(), 'DELETED\r\n');
  assert.equal(main.values.has('b'), false, 'it was read before it was deleted');
  client.take();
  // The server dies in the middle of it.
  backup.bytesUntilBreak = 90_000;
  client.send('get c\r\n');
  world.run(100);
  assert.equal(main.values.has('c'), false);
  assert.match(world.router.statistics('pools'), /STAT mirror_filled 1\r\n/);
  world.nothingLeft();
});

test('a main whose connection broke while nothing was written is believed as before', () => {
  const { world, main, backup, client } = stock();
  assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
  main.hangUp('ECONNRESET');
  world.run(1000);
  assert.equal(read(world, client, 'a'), '1');
  assert.equal(main.seen.at(-1), 'get a');
  assert.equal(backup.seen.at(-1), 'set a 0 0 1');
});

test('of one request each key is read where it is believed', () => {
  const world = new RouteWorld({ mains: 2, backups: 2 }).start();
  const client = world.client();
  const keys = Array.from({ length: 20 }, (_, i) => `key${i}`);
  for (const key of keys)
    assert.equal(world.ask(client, `set ${key} 0 0 ${key.length}\r\n${key}\r\n`), 'STORED\r\n');
  const [first, second, third, fourth] = world.servers;
  first!.kill();
  fourth!.kill();
  world.run(10);
  first!.restart();
  fourth!.restart();
  world.run(1000);
  const all = keys.map((key) => `VALUE ${key} 0 ${key.length}\r\n${key}\r\n`).join('');
  for (const server of world.servers) server.seen.length = 0;
  assert.equal(world.ask(client, `get ${keys.join(' ')}\r\n`), `${all}END\r\n`);
  assert.deepEqual(
    first!.seen.filter((line) => line.startsWith('get')),
    [],
  );
  assert.ok(second!.seen.length > 0 && third!.seen.length > 0);
  assert.deepEqual(fourth!.seen, []);
  world.nothingLeft();
});

test('no answer is lost and none is doubled when sides die in turn, in the middle of anything', () => {
  for (let seed = 0; seed < 200; seed++) {
    const { world, main, backup, client } = stock({ seed });
    const servers = [main, backup];
    let asked = 0;
    for (let round = 0; round < 12; round++) {
      const server = servers[(seed + round) % 2]!;
      server.bytesUntilBreak = (seed * 7 + round * 13) % 40;
      for (let i = 0; i < 4; i++, asked++)
        client.send(`set k${i} 0 0 ${String(asked).length}\r\n${asked}\r\n`);
      world.run((seed + round) % 7);
      client.send('get k0 k1 k2 k3 none\r\n');
      world.run(600);
      const reply = client.take();
      const values = [...reply.matchAll(/VALUE k(\d) 0 \d+\r\n(\d+)\r\n/g)].map(([, , value]) =>
        Number(value),
      );
      const failed = reply.includes('SERVER_ERROR');
      if (!failed) {
        assert.equal(reply.match(/STORED/g)?.length, 4, `seed ${seed} round ${round}: ${reply}`);
        assert.deepEqual(values, [asked - 4, asked - 3, asked - 2, asked - 1], `seed ${seed} round ${round}`);
      }
      assert.ok(!failed, `seed ${seed} round ${round}: ${reply}`);
      if (server.mode !== 'up') server.restart();
      server.bytesUntilBreak = -1;
      world.run(600);
    }
    world.nothingLeft();
  }
});

test('a read that moves the exptime moves it on both sides, and is answered by one', () => {
  const { world, main, backup, client } = stock();
  for (const server of [main, backup]) server.knowsMeta = true;
  assert.equal(world.ask(client, 'set a 0 9 1\r\n1\r\nset b 0 9 1\r\n2\r\n'), 'STORED\r\nSTORED\r\n');
  const seen = (server: ScriptedServer): readonly string[] => server.seen.splice(0);
  seen(main);
  seen(backup);
  assert.equal(world.ask(client, 'gat 100 a none b\r\n'), 'VALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n2\r\nEND\r\n');
  assert.deepEqual(seen(main), ['gat 100 a none b']);
  assert.deepEqual(seen(backup), ['touch a 100', 'touch none 100', 'touch b 100']);
  assert.equal(world.ask(client, 'gats -1 a\r\n'), 'VALUE a 0 1 1\r\n1\r\nEND\r\n');
  assert.deepEqual(seen(backup), ['touch a -1']);
  assert.match(world.ask(client, 'mg a s v T55 Oq\r\nmn\r\n'), /^VA 1 .*\r\n1\r\nMN\r\n$/);
  assert.deepEqual(seen(backup), ['mg a T55']);
  // A key in base64 is placed by what that stands for, on either side.
  world.ask(client, 'mg YQ== b T7 v\r\nmg a v t\r\nmg T5 v\r\nget a\r\n');
  assert.deepEqual(seen(backup), ['mg YQ== T7 b']);
  seen(main);
  // The side that is not there is not waited for, nor dialled for it; the other one, when it is believed, asks the same of the main.
  backup.kill();
  world.run(10);
  assert.equal(world.ask(client, 'gat 100 a\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  assert.deepEqual([seen(main), seen(backup)], [['gat 100 a'], []]);
  backup.restart();
  world.run(1000);
  main.kill();
  world.run(10);
  assert.equal(world.ask(client, 'set c 0 9 1\r\n3\r\n'), 'STORED\r\n');
  main.restart();
  world.run(1000);
  seen(main);
  assert.equal(world.ask(client, 'gat 100 c\r\n'), 'VALUE c 0 1\r\n3\r\nEND\r\n');
  assert.equal(seen(main).filter((line) => line === 'touch c 100').length, 1);
  world.nothingLeft();
});

test('twins pass on what a read has moved by themselves', () => {
  const { world, main, backup, client } = stock();
  for (const server of [main, backup]) {
    server.replicating = true;
    server.hangUp();
  }
  world.run(1000);
  assert.equal(
    world.ask(client, 'set a 0 9 1\r\n1\r\ngat 100 a\r\n'),
    'STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n',
  );
  assert.deepEqual(backup.seen, []);
  world.nothingLeft();
});

test('a key that cannot stand in a line of text is never sent in one', () => {
  const { world, main, backup, client } = stock();
  for (const server of [main, backup]) server.metaReply = () => 'HD\r\n';
  main.kill();
  world.run(10);
  for (const key of ['a\r\nflush_all', 'a b', 'a', 'b\x01']) {
    const base64 = Buffer.from(key, 'latin1').toString('base64');
    assert.equal(world.ask(client, `ms ${base64} 1 b\r\nx\r\n`), 'HD\r\n');
  }
  main.seen.length = 0;
  // It was only cut off, so what it has is stale.
  main.mode = 'up';
  world.run(1000);
  assert.deepEqual(
    main.seen.filter((line) => !line.startsWith('get ')),
    [
      `md ${Buffer.from('a\r\nflush_all').toString('base64')} b`,
      `md ${Buffer.from('a b').toString('base64')} b`,
      'delete a',
      'delete b\x01',
    ],
  );
  assert.deepEqual(
    backup.seen.filter((line) => !line.startsWith('ms ')),
    ['get a', 'get b\x01'],
  );
  world.nothingLeft();
});

test('what the two sides make different things of is mended on the one that is not believed', () => {
  const { world, main, backup, client } = stock();
  const both = (key: string): readonly (string | undefined)[] => [
    main.values.get(key)?.value,
    backup.values.get(key)?.value,
  ];
  const ask = (text: string): string => {
    const reply = world.ask(client, text);
    world.run(10);
    return reply;
  };
  ask('set a 5 0 1\r\n1\r\nset n 0 0 1\r\n1\r\nset s 0 0 1\r\n1\r\n');
  // Each for itself has evicted, or counted cas ids.
  main.values.delete('a');
  assert.equal(ask('add a 5 0 1\r\n2\r\n'), 'STORED\r\n');
  assert.deepEqual(both('a'), ['2', '2']);
  assert.deepEqual([backup.values.get('a')?.flags, backup.values.get('a')?.exptime], ['5', '300']);
  backup.values.delete('n');
  assert.equal(ask('incr n 1\r\n'), '2\r\n');
  assert.deepEqual(both('n'), ['2', '2']);
  main.values.delete('n');
  assert.equal(ask('incr n 1\r\n'), 'NOT_FOUND\r\n');
  assert.deepEqual(both('n'), [undefined, undefined]);
  backup.values.set('s', { value: 'old', flags: '0', cas: 99, exptime: '0' });
  assert.equal(ask('append s 0 0 1\r\n2\r\n'), 'STORED\r\n');
  assert.deepEqual(both('s'), ['12', 'old2'], 'both say STORED: nobody can tell');
  assert.equal(ask('delete none\r\ntouch none 1\r\n'), 'NOT_FOUND\r\nNOT_FOUND\r\n');
  backup.values.delete('s');
  const seen = backup.seen.length;
  assert.equal(ask('touch s 9\r\ndelete s\r\n'), 'TOUCHED\r\nDELETED\r\n');
  assert.deepEqual(backup.seen.slice(seen), ['touch s 9', 'delete s'], 'it has less, and nothing wrong');
  // What is written while it is mended is not undone.
  main.values.delete('a');
  for (const server of [main, backup]) server.delayMs = 20;
  client.send('add a 0 0 1\r\n3\r\n');
  world.run(30);
  client.send('delete a\r\n');
  world.run(1000);
  assert.equal(client.take(), 'STORED\r\nDELETED\r\n');
  assert.deepEqual(both('a'), [undefined, undefined]);
  world.nothingLeft();
});

test('of two proxies, which may stand before the same servers, nothing is deleted for a different answer', () => {
  for (const agent of [0, 1]) {
    const world = new RouteWorld({ mains: 1, backups: 1 });
    const proxy = world.servers[agent]!;
    proxy.versionLine = 'VERSION memcached agent v0.5';
    proxy.statsReply = 'STAT agent_answer_ms_max 1500\r\nEND\r\n';
    world.start();
    const client = world.client();
    world.servers[1]!.values.set('a', { value: '1', flags: '0', cas: 1, exptime: '0' });
    assert.equal(world.ask(client, 'add a 0 0 1\r\n2\r\n'), 'STORED\r\n');
    world.run(100);
    assert.deepEqual(world.servers[1]!.seen, ['add a 0 0 1']);
    world.nothingLeft();
  }
});
