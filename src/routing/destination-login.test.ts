import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import { serverFigureLines } from './destination-figure-lines.ts';

const LOGIN = { words: 'shop s3cret', source: 'users.txt' };

function world(): RouteWorld {
  const made = new RouteWorld({ mains: 1, backups: 0, settings: { returnWaitMs: 0 } });
  made.servers[0]!.login = LOGIN.words;
  return made;
}

function figures(made: RouteWorld): ReadonlyMap<string, string> {
  return new Map(
    serverFigureLines(made.router.destinations).map((line) => {
      const [name = '', ...value] = line.split(' ');
      return [name, value.join(' ')];
    }),
  );
}

test('a server that wants a login is given it on every connection, in however many pieces it answers', () => {
  for (const cut of [(text: string): string[] => [text], (text: string): string[] => [...text]]) {
    const made = new RouteWorld({ mains: 1, backups: 0, cut });
    const [server] = made.servers;
    server!.login = LOGIN.words;
    made.login = LOGIN;
    made.start();
    const client = made.client();
    assert.equal(made.ask(client, 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
    server!.hangUp();
    assert.equal(made.ask(client, 'get a\r\n', 10), 'VALUE a 0 1\r\n1\r\nEND\r\n');
    assert.deepEqual(server!.loginsTried, [LOGIN.words, LOGIN.words]);
    assert.deepEqual([...server!.values.keys()], ['a'], 'the login is no item');
    assert.deepEqual([...made.log, ...made.warnings], []);
    made.nothingLeft();
  }
});

test('a server that wants none is not told the password', () => {
  const made = world();
  made.servers[0]!.login = null;
  made.login = LOGIN;
  made.start();
  assert.equal(made.ask(made.client(), 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
  assert.deepEqual(made.servers[0]!.loginsTried, []);
  assert.deepEqual([...made.servers[0]!.values.keys()], ['a']);
  made.nothingLeft();
});

test('a login that is refused is told once, with the server and the reason, counted, and tried again with a pause', () => {
  const made = world();
  const [server] = made.servers;
  made.login = { words: 'shop wrong', source: 'users.txt' };
  made.start();
  const client = made.client();
  assert.match(made.ask(client, 'get a\r\n', 100), /^SERVER_ERROR /);
  made.run(3000);
  assert.deepEqual(made.warnings, [
    'server0 is down: cannot log in by users.txt: CLIENT_ERROR authentication failure',
  ]);
  const tries = server!.loginsTried.length;
  assert.ok(tries >= 5 && tries <= 40, `${tries} logins in 3 s`);
  assert.equal(figures(made).get('server_0_state'), 'refused');
  assert.equal(figures(made).get('server_0_refusals'), `${tries}`);
  assert.deepEqual([...server!.values.keys()], []);
  // The password is another one now.
  made.login = LOGIN;
  made.run(1000);
  assert.equal(made.ask(client, 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
  assert.equal(figures(made).get('server_0_state'), 'up');
  assert.deepEqual([made.warnings.slice(1), made.log], [['server0 is up'], []]);
  // It may go wrong again, and that is told again. The connection goes on meanwhile.
  server!.login = 'shop other';
  assert.equal(made.ask(client, 'get a\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  server!.hangUp('ECONNRESET');
  made.run(1000);
  assert.equal(made.warnings.length, 3);
  // It is another matter when nobody is there.
  server!.kill();
  made.run(1000);
  assert.equal(figures(made).get('server_0_state'), 'down');
  made.nothingLeft();
});

test('what cannot be told, or is not given, is told to the operator, also of a server that was away before', () => {
  for (const [login, reason] of [
    [null, 'it wants a login, and none is given'],
    [{ words: null, source: 'users.txt: no such file' }, 'cannot log in: users.txt: no such file'],
  ] as const) {
    const made = world();
    const [server] = made.servers;
    made.login = login;
    server!.mode = 'refusing';
    made.start();
    made.run(1000);
    server!.mode = 'up';
    made.run(1000);
    assert.deepEqual(made.log, ['server0 is down: ECONNREFUSED']);
    assert.deepEqual(made.warnings, [`server0 is down: ${reason}`]);
    assert.deepEqual(server!.loginsTried, []);
    assert.equal(figures(made).get('server_0_state'), 'refused');
    made.nothingLeft();
  }
});

test('who takes a login and then still says that it wants one is refused, not asked for ever', () => {
  const made = world();
  const [server] = made.servers;
  made.login = LOGIN;
  server!.login = null;
  server!.versionLine = 'CLIENT_ERROR unauthenticated';
  made.start();
  made.run(1000);
  assert.deepEqual(made.warnings, [
    'server0 is down: cannot log in by users.txt: CLIENT_ERROR unauthenticated',
  ]);
  assert.ok(server!.connections < 20, `${server!.connections}`);
  made.nothingLeft();
});

test('of a strange answer only the beginning is told, and nothing that a terminal would take for an order', () => {
  const made = world();
  made.login = LOGIN;
  made.servers[0]!.login = null;
  let answer = 'CLIENT_ERROR unauthenticated';
  Object.defineProperty(made.servers[0], 'versionLine', { get: () => answer });
  made.servers[0]!.errorLine = `CLIENT_ERROR \u001b[2J${'x'.repeat(1000)}`;
  made.start();
  answer = 'VERSION 1.6.45';
  const [line = ''] = made.warnings;
  assert.match(line, /: CLIENT_ERROR \?\[2Jx+$/);
  assert.ok(line.length < 300, `${line.length}`);
});

test('of a server that is not believed the operator is warned once, until it is up', () => {
  const made = world();
  const [server] = made.servers;
  server!.login = null;
  made.start();
  server!.kill();
  made.run(1000);
  assert.deepEqual([made.warnings, made.log], [[], ['server0 is down: ECONNREFUSED']]);
  server!.mode = 'untrusted';
  made.run(3000);
  assert.deepEqual(made.warnings, ['server0 is down: EPROTO']);
  assert.equal(figures(made).get('server_0_state'), 'down');
  server!.mode = 'up';
  made.run(1000);
  assert.deepEqual(made.warnings, ['server0 is down: EPROTO', 'server0 is up']);
  made.nothingLeft();
});
