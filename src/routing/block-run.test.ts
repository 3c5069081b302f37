import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERB } from '../protocol/text/verbs.ts';
import { matchBlocks, matched } from './block-run.ts';
import { ReplyMemory } from './reply-memory.ts';
import { Request } from './request.ts';
import { KEEPER } from './request-owner.ts';

const KEYS = ['a', 'key:2', 'key:22', 'k'.repeat(250)];

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function requestFor(keys: readonly string[]): Request {
  const budget = {
    used: 0,
    max: 100_000,
    refusals: 0,
    memory: new ReplyMemory(null),
    relieve: () => false,
  };
  const request = new Request(budget);
  request.begin(KEEPER, VERB.get, false);
  for (const key of keys) {
    request.reserve(key.length + 1);
    request.append(bytesOf(` ${key}`), 0, key.length + 1);
    request.addKey(request.length - key.length, request.length);
  }
  return request;
}

/** How many blocks are found in a text, and what is left of it. */
function match(text: string, keys: readonly string[] = KEYS, behind = ''): readonly [number, string] {
  const request = requestFor(keys);
  const before = 'END\r\n';
  const input = bytesOf(before + text + behind);
  const end = input.length - behind.length;
  const after = matchBlocks(request, 0, input, before.length, end);
  const rest = text.slice(after - before.length);
  if (after === before.length) return [0, rest];
  assert.equal(matched.keyBehind, matched.count < keys.length ? matched.count : -1);
  const at = request.keepRun(0, matched.keyBehind, after - before.length);
  assert.equal(at, 0);
  request.fillKept(input, before.length, after, at);
  for (let key = 0; key < matched.count; key++) {
    const block = request.reply.subarray(request.blockStart(key), request.blockEnd(key));
    assert.ok(String.fromCharCode(...block).startsWith(`VALUE ${keys[key]} `));
  }
  return [matched.count, rest];
}

const BLOCKS: readonly string[] = KEYS.map(
  (key, i) => `VALUE ${key} ${i * 7} ${i * 3}\r\n${'x\r\n'.repeat(i)}\r\n`,
);
const WHOLE: string = BLOCKS.join('');

test('blocks of the expected keys in their order are found, up to what is something else', () => {
  assert.deepEqual(match(WHOLE), [4, '']);
  assert.deepEqual(match(`${WHOLE}END\r\n`), [4, 'END\r\n']);
  assert.deepEqual(match('VALUE a 4294967295 2 18446744073709551615\r\nab\r\nEND\r\n'), [1, 'END\r\n']);
  const missed = BLOCKS.filter((_, key) => key !== 1).join('');
  assert.deepEqual(match(missed), [1, missed.slice(BLOCKS[0]!.length)]);
  assert.deepEqual(match(BLOCKS[1]!), [0, BLOCKS[1]]);
  // A key that begins as the one that is expected, and one that it begins with.
  assert.deepEqual(match('VALUE ab 0 1\r\nx\r\n'), [0, 'VALUE ab 0 1\r\nx\r\n']);
  assert.deepEqual(match('VALUE a 0 1\r\nx\r\n', ['ab']), [0, 'VALUE a 0 1\r\nx\r\n']);
});

test('a block that is not whole is left, wherever it is cut, and whatever lies behind the end', () => {
  for (let cut = 0; cut < WHOLE.length; cut++) {
    let whole = 0;
    let length = 0;
    while (length + BLOCKS[whole]!.length <= cut) length += BLOCKS[whole++]!.length;
    for (const behind of ['', WHOLE.slice(cut)])
      assert.deepEqual(match(WHOLE.slice(0, cut), KEYS, behind), [whole, WHOLE.slice(length, cut)], `${cut}`);
  }
});

test('lines that a parser has to judge are left to it', () => {
  for (const text of [
    'VALUE a 0 1234567890\r\n',
    'VALUE a  0 1\r\nx\r\n',
    'VALUE a 0 1 \r\nx\r\n',
    'VALUE a 0 1 2 3\r\nx\r\n',
    'VALUE a 0 -1\r\nx\r\n',
    'VALUE a x 1\r\nx\r\n',
    'VALUE a 0\r\nx\r\n',
    'VALUE a 0 1\nx\r\n',
    'VALUE a 0 1\r\nxy\r\n',
    'VALUE a 0 1\r\nx\n\n',
    'VA 1\r\nx\r\n',
    'VERSION 1\r\n',
    'value a 0 1\r\nx\r\n',
  ])
    assert.deepEqual(match(text), [0, text], JSON.stringify(text));
});

test('flags and lengths are those of each block, also where they are much like those of the block before', () => {
  const keys = Array.from({ length: 12 }, (_, i) => `key:${i}`);
  const tails = [
    '0 10',
    '0 10',
    '0 11',
    '1 11',
    '1 1',
    '1 1',
    '1 10',
    '11 0',
    '11 0 7',
    '11 0 7',
    '11 0 8',
    '11 0',
  ];
  const blocks = keys.map(
    (key, i) => `VALUE ${key} ${tails[i]}\r\n${'x'.repeat(Number(tails[i]!.split(' ')[1]))}\r\n`,
  );
  assert.deepEqual(match(blocks.join(''), keys), [12, '']);
  // The same line again, and a value that is longer than it says.
  const wrong = 'VALUE key:1 0 10\r\nxxxxxxxxxxx\r\n';
  assert.deepEqual(match(blocks[0]! + wrong, keys), [1, wrong]);
  // Nothing is read behind the array's end.
  for (let cut = 1; cut < blocks[1]!.length; cut++)
    assert.deepEqual(match(blocks[0]! + blocks[1]!.slice(0, cut), keys), [1, blocks[1]!.slice(0, cut)]);
});
