import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection, PieceFeeder } from '../../testing/memory-connection.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import { COUNTER } from '../store/counters.ts';
import { clientSession } from './client-session.ts';
import { acceptsLogin, loginWords, parseTextUsers, TEXT_USERS_MAX } from './text-logins.ts';

const UNAUTHENTICATED = 'CLIENT_ERROR unauthenticated\r\n';
const BAD_FORMAT = 'CLIENT_ERROR bad authentication token format\r\n';
const BAD_END = 'CLIENT_ERROR bad command line termination\r\n';
const FAILURE = 'CLIENT_ERROR authentication failure\r\n';
const VERSION = 'VERSION 1.6.45\r\n';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

function usersOf(text: string) {
  const users = parseTextUsers(bytes(text));
  assert.ok(typeof users !== 'number', `line ${users}`);
  return users;
}

interface Outcome {
  readonly reply: string;
  readonly ended: boolean;
  readonly attempts: number;
  readonly failures: number;
}

/** What a client that sends `sent` in pieces gets. */
function converse(sent: string, pieceBytes = sent.length): Outcome {
  const connection = new MemoryConnection();
  const context = { ...memoryNodeContext(), logins: { users: usersOf('user:pass\nfoo:b:r\nsp:a b\n') } };
  const session = clientSession(context, connection, () => {});
  const feeder = new PieceFeeder(session);
  for (let at = 0; at < sent.length && !connection.ended; at += pieceBytes) {
    feeder.push(bytes(sent.slice(at, at + pieceBytes)));
  }
  session.closed(null);
  const { counters } = context.cache;
  return {
    reply: connection.take(),
    ended: connection.ended,
    attempts: counters[COUNTER.authCommands] ?? 0,
    failures: counters[COUNTER.authErrors] ?? 0,
  };
}

/** Sent, reply, attempts and failures counted. */
const CASES: readonly (readonly [string, string, number, number])[] = [
  ['set k 0 0 9\r\nuser pass\r\nversion\r\n', `STORED\r\n${VERSION}`, 1, 0],
  [
    'set k 0 0 9\r\nuser pass\r\nset a 0 0 1\r\nx\r\nget a\r\n',
    'STORED\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n',
    1,
    0,
  ],
  ['get abc\r\nversion\r\n', UNAUTHENTICATED + UNAUTHENTICATED, 0, 0],
  ['get / HTTP/1.1\r\n', UNAUTHENTICATED, 0, 0],
  ['set k 0 0 9\r\nuser pasx\r\nset k 0 0 9\r\nuser pass\r\n', `${FAILURE}STORED\r\n`, 2, 1],
  ['set k 0 0 9 noreply\r\nuser pass\r\nversion\r\n', `STORED\r\n${VERSION}`, 1, 0],
  ['set k x y 9 z\nuser pass\r\n', 'STORED\r\n', 1, 0],
  ['  set  k 0 0  9\r\nuser pass\r\n', 'STORED\r\n', 1, 0],
  [`set ${'k'.repeat(300)} 0 0 9\r\nuser pass\r\n`, 'STORED\r\n', 1, 0],
  ['set k 0 0 10\r\nuser  pass\r\n', 'STORED\r\n', 1, 0],
  ['set k 0 0 14\r\nuser pass more\r\n', 'STORED\r\n', 1, 0],
  ['set k 0 0 7\r\nfoo b:r\r\n', 'STORED\r\n', 1, 0],
  ['set k 0 0 6\r\nsp a b\r\n', FAILURE, 1, 1],
  ['set k 0 0 8\r\nuser pas\r\n', FAILURE, 1, 1],
  ['set k 0 0 10\r\nuser passs\r\n', FAILURE, 1, 1],
  ['set k 0 0 8\r\nuserpass\r\n', BAD_FORMAT, 0, 0],
  ['set k 0 0 0\r\n\r\n', BAD_FORMAT, 0, 0],
  ['set k 0 0 3\r\nux \r\n', BAD_FORMAT, 0, 0],
  ['set k 0 0 9\r\nuser passXXget abc\r\n', BAD_END + UNAUTHENTICATED, 0, 0],
  ['set k 0 0 x\r\nset k 0 0\r\nset k 0 0 -1\r\nset k 0 0 4294967296\r\n', UNAUTHENTICATED.repeat(4), 0, 0],
  ['add k 0 0 9\r\nuser pass\r\n', UNAUTHENTICATED + UNAUTHENTICATED, 0, 0],
  [`set k 0 0 16384\r\nuser pass${' '.repeat(16_375)}\r\n`, 'STORED\r\n', 1, 0],
  ['set k 0 0 16385\r\nget abc\r\n', `CLIENT_ERROR auth token too long\r\n${UNAUTHENTICATED}`, 0, 0],
];

for (const [sent, reply, attempts, failures] of CASES) {
  test(`login ${JSON.stringify(sent.length > 60 ? `${sent.slice(0, 60)}…` : sent)}`, () => {
    for (const pieceBytes of [sent.length, 1, 7]) {
      assert.deepEqual(converse(sent, pieceBytes), { reply, ended: false, attempts, failures });
    }
  });
}

test('whoever sends junk is closed without an answer', () => {
  for (const junk of ['\r\n', 'mn\r\n', 'quit\r\n', 'x\n', `\x80\x01\x02\n`, 'x'.repeat(2049)]) {
    for (const pieceBytes of [junk.length, 1]) {
      const { reply, ended } = converse(junk, pieceBytes);
      assert.deepEqual([reply, ended], ['', true], junk.slice(0, 10));
    }
  }
  assert.equal(converse('x'.repeat(2048)).ended, false);
});

test('nothing is executed before the login, whatever the protocol', () => {
  const quiet = bytes('\x80\x11\x00\x01\x08\x00\x00\x00\x00\x00\x00\x0a').toString();
  for (const sent of [`${quiet}\n`, 'flush_all\r\n', 'set a 0 0 1\r\nx\r\n', 'ms a 1\r\nx\r\n']) {
    const { reply } = converse(`${sent}set k 0 0 9\r\nuser pass\r\nget a\r\nstats\r\n`);
    assert.doesNotMatch(reply, /VALUE|STAT cmd_flush [^0]|STAT cmd_set [^0]/);
  }
});

test('a password file has a user on each line, at most eight', () => {
  const show = (text: string): unknown => {
    const users = parseTextUsers(bytes(text));
    if (typeof users === 'number') return users;
    return users.map(({ name, password }) => `${Buffer.from(name)} ${Buffer.from(password)}`);
  };
  assert.deepEqual(show(''), []);
  assert.deepEqual(show('a:b'), ['a b']);
  assert.deepEqual(show('a:b\nc:d:e:\r\n'), ['a b', 'c d:e:']);
  for (const [text, line] of [
    ['nobody\n', 1],
    ['a:b\nnobody', 2],
    ['a:b\n\nc:d\n', 2],
    [':b\n', 1],
    ['a:\n', 1],
    ['a:\r\n', 1],
    ['a\nb:c\n', 1],
    [`a:${'b'.repeat(254)}\n`, 1],
  ] as const)
    assert.equal(show(text), line, JSON.stringify(text));
  assert.equal(usersOf(`a:${'b'.repeat(253)}\n`).length, 1);
  assert.equal(usersOf('u:p\n'.repeat(20)).length, TEXT_USERS_MAX);
});

test('every user of the file can log in, and nobody else', () => {
  const users = usersOf('ann:one\nbob:two\nann:three\n');
  const accepts = (text: string): boolean => {
    const words = loginWords(bytes(text), 0, text.length);
    return words !== null && acceptsLogin(users, bytes(text), words);
  };
  for (const text of ['ann one', 'bob two', 'ann three']) assert.ok(accepts(text), text);
  for (const text of ['ann two', 'bob one', 'an one', 'annn one', 'ann on', 'ann ones', 'ann', '', ' ann '])
    assert.ok(!accepts(text), text);
});
