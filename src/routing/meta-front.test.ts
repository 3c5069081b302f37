import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld, type WorldClient } from '../../testing/route-world.ts';

/** Two servers that answer every meta command with these lines in turn. */
function world(
  replies: readonly string[],
  cut?: (text: string) => string[],
): { world: RouteWorld; client: WorldClient } {
  const made = new RouteWorld({ mains: 2, backups: 0, ...(cut === undefined ? {} : { cut }) }).start();
  for (const server of made.servers) {
    let next = 0;
    server.metaReply = () => replies[next++ % replies.length] ?? 'EN\r\n';
  }
  return { world: made, client: made.client() };
}

/** Pieces of every length, at places that a number decides. */
function cuts(seed: number): (text: string) => string[] {
  return (text) => {
    const pieces: string[] = [];
    for (let at = 0, step = seed; at < text.length; step = (step * 7 + 3) % 23) {
      pieces.push(text.slice(at, at + 1 + step));
      at += 1 + step;
    }
    return pieces;
  };
}

test('commands are passed on with single spaces and without q, values too', () => {
  const { world: made, client } = world(['HD\r\n']);
  made.ask(
    client,
    'mg  a   v  q k O1\r\nms a 1 T0 q\r\nx\r\nmd a q\r\nma a q N0\r\nme a\r\nms q 1 q\r\nx\r\nmg q q\r\n',
  );
  const seen = made.servers.flatMap(({ seen: lines }) => lines).sort();
  assert.deepEqual(seen, ['ma a N0', 'md a', 'me a', 'mg a v k O1', 'mg q', 'ms a 1 T0', 'ms q 1'].sort());
  made.nothingLeft();
});

test('a quiet command says what memcached says of it, and no more', () => {
  for (const [line, reply, said] of [
    ['mg a q', 'EN\r\n', ''],
    ['mg a q', 'HD\r\n', 'HD\r\n'],
    ['mg a v q', 'VA 2 c1\r\nxy\r\n', 'VA 2 c1\r\nxy\r\n'],
    ['mg a v q', 'SERVER_ERROR out of memory\r\n', 'SERVER_ERROR out of memory\r\n'],
    ['ms a 1 q\r\nx', 'HD\r\n', ''],
    ['ms a 1 q\r\nx', 'NS\r\n', 'NS\r\n'],
    ['md a q', 'HD\r\n', ''],
    ['md a q', 'NF\r\n', 'NF\r\n'],
    ['ma a v q', 'VA 1\r\n5\r\n', ''],
    ['ma a q', 'EX\r\n', 'EX\r\n'],
  ] as const) {
    const { world: made, client } = world([reply]);
    assert.equal(made.ask(client, `${line}\r\nmn\r\n`), `${said}MN\r\n`, line);
    made.nothingLeft();
  }
});

test('answers come in the order of the requests, with mn behind what it follows, however they are cut', () => {
  for (let seed = 0; seed < 40; seed++) {
    const { world: made, client } = world(['HD c7\r\n'], cuts(seed));
    made.servers[seed % 2]!.delayMs = 30;
    client.send('mg a c\r\nmg b c q\r\nmd a q\r\nmn\r\nget a\r\nmg b c\r\nmn\r\n');
    made.run(200);
    assert.equal(client.take(), 'HD c7\r\nHD c7\r\nMN\r\nEND\r\nHD c7\r\nMN\r\n', `seed ${seed}`);
    made.nothingLeft();
  }
});

test('values of any size pass, in their turn or while they come', () => {
  for (const size of [0, 1, 100, 40_000, 300_000]) {
    for (const seed of [1, 5]) {
      const value = 'v'.repeat(size);
      const large = size > 1000;
      const { world: made, client } = world([`VA ${size} f0\r\n${value}\r\n`], (text) =>
        large ? (text.match(/[\s\S]{1,7000}/g) ?? []) : cuts(seed)(text),
      );
      made.servers[0]!.delayMs = 10;
      client.send('mg a v f\r\nmg b v f\r\nmg a v f\r\n');
      made.run(500);
      assert.equal(client.take(), `VA ${size} f0\r\n${value}\r\n`.repeat(3), `${size} bytes`);
      made.nothingLeft();
    }
  }
});

test('a key in base64 lies where its plain text lies', () => {
  const { world: made, client } = world(['HD\r\n']);
  for (const key of ['foo', 'a', 'another key'.replace(' ', '-'), 'k1', 'k2', 'k3', 'k4']) {
    for (const server of made.servers) server.seen.length = 0;
    const base64 = Buffer.from(key).toString('base64');
    made.ask(client, `mg ${key} v\r\nmg ${base64} b v\r\nms ${base64} 1 b\r\nx\r\n`);
    const places = made.servers.filter(({ seen }) => seen.length > 0);
    assert.equal(places.length, 1, key);
    assert.deepEqual(places[0]!.seen, [`mg ${key} v`, `mg ${base64} b v`, `ms ${base64} 1 b`]);
  }
  made.nothingLeft();
});

test('what is harmless to do twice is asked of the backup when the main is lost, and nothing else', () => {
  for (const [line, isSafe] of [
    ['mg a v', true],
    ['md a', true],
    ['md a C5', false],
    ['ma a', false],
    ['ms a 1\r\nx', true],
    ['ms a 1 MR\r\nx', true],
    ['ms a 1 MA\r\nx', false],
    ['ms a 1 ME\r\nx', false],
    ['ms a 1 C5\r\nx', false],
  ] as const) {
    const made = new RouteWorld({ mains: 1, backups: 1 });
    for (const server of made.servers) {
      server.replicating = true;
      server.metaReply = () => 'HD\r\n';
    }
    made.start();
    const client = made.client();
    made.servers[0]!.delayMs = 10;
    client.send(`${line}\r\n`);
    made.run(2);
    made.servers[0]!.kill();
    made.run(100);
    assert.equal(
      client.take(),
      isSafe ? 'HD\r\n' : 'SERVER_ERROR BACKEND SERVER RESET OR CLOSE CONNECTION\r\n',
      line,
    );
    made.nothingLeft();
  }
});

test('stock servers are both written, and asked as for a get', () => {
  const made = new RouteWorld({ mains: 1, backups: 1 }).start();
  for (const server of made.servers) server.metaReply = () => 'HD\r\n';
  const client = made.client();
  assert.equal(made.ask(client, 'ms a 1\r\nx\r\nmd a\r\nma a\r\nmg a\r\n'), 'HD\r\nHD\r\nHD\r\nHD\r\n');
  assert.deepEqual(made.servers[0]!.seen, ['ms a 1', 'md a', 'ma a', 'mg a']);
  assert.deepEqual(made.servers[1]!.seen, ['ms a 1', 'md a', 'ma a']);
});

test('a line that cannot be passed on is refused here, and its value dropped', () => {
  const { world: made, client } = world(['HD\r\n']);
  assert.equal(
    made.ask(client, 'mg\r\nms a x\r\nmg a q q\r\nms a 2 q q\r\nxy\r\nma a q q\r\nmn\r\n'),
    [
      'CLIENT_ERROR bad command line format',
      'CLIENT_ERROR bad command line format',
      'CLIENT_ERROR duplicate flag',
      'CLIENT_ERROR duplicate flag',
      'CLIENT_ERROR invalid or duplicate flag',
      'MN\r\n',
    ].join('\r\n'),
  );
  assert.deepEqual(
    made.servers.flatMap(({ seen }) => seen),
    [],
  );
});
