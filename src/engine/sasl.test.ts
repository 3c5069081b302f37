import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { acceptsPlain, parseSaslUsers } from './sasl.ts';

function users(text: string): ReturnType<typeof parseSaslUsers> {
  return parseSaslUsers(Buffer.from(text, 'latin1'));
}

/** Whether a message is accepted, standing in the midst of other bytes. */
function accepts(file: string, message: string): boolean {
  const bytes = Buffer.from(`junk\0${message}\0junk`, 'latin1');
  return acceptsPlain(users(file), bytes, 5, bytes.length - 5);
}

test('the lines of the file', () => {
  const show = (text: string): string[] =>
    users(text).map(({ name, password }) => `${Buffer.from(name)}/${Buffer.from(password)}`);
  assert.deepEqual(show(''), []);
  assert.deepEqual(show('a:b'), ['a/b']);
  assert.deepEqual(show('a:b\nc:d\r\ne:f:\n'), ['a/b', 'c/d', 'e/f']);
  assert.deepEqual(show('\n\nno colon\n:nobody\na:\na::\na:b:c\n'), ['a/', 'a/', 'a/b:c']);
  assert.deepEqual(show('user@realm:pass'), ['user@realm/pass']);
});

test('who may log in', () => {
  const file = 'one:first\ntwo@host:second:\nempty:\n';
  for (const message of [
    '\0one\0first',
    'whoever\0one\0first',
    '\0two\0second',
    '\0two@host\0second',
    '\0one@anywhere\0first',
    '\0one@\0first',
    '\0empty\0',
  ])
    assert.equal(accepts(file, message), true, JSON.stringify(message));
  for (const message of [
    ...[
      '',
      '\0',
      '\0\0',
      'one\0first',
      'one',
      '\0one',
      '\0one\0',
      '\0\0first',
      '\0one\0firs',
      '\0one\0first!',
    ],
    ...['\0one\0second', '\0two\0first', '\0two@\0second', '\0two@hos\0second', '\0on\0first'],
    ...['\0nobody\0first', '\0ONE\0first', '\0one\0first\0', '\0@host\0second', '\0empty\0x'],
  ])
    assert.equal(accepts(file, message), false, JSON.stringify(message));
  assert.equal(accepts('', '\0\0'), false);
});

test('the first line of a name counts', () => {
  assert.equal(accepts('a:1\na:2\n', '\0a\x001'), true);
  assert.equal(accepts('a:1\na:2\n', '\0a\x002'), false);
});

test('an accepted message names a user of the file and the whole password', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '@', 'c'), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word), { maxLength: 4 }), word, word, (entries, name, password) => {
      const file = entries.map(([user, secret]) => `${user}:${secret}\n`).join('');
      const plain = (full: string): string => full.replace(/(?<=.)@.*/, '');
      const first = entries.find(([user]) => user === name || plain(user) === name || user === plain(name));
      assert.equal(accepts(file, `\0${name}\0${password}`), first !== undefined && first[1] === password);
    }),
  );
});
