import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERB } from '../protocol/text/verbs.ts';
import { beginsPlainGet, readPlainGet } from './plain-get.ts';
import { ReplyMemory } from './reply-memory.ts';
import { Request } from './request.ts';

const BUDGET_BYTES = 8192;

function read(text: string, before = ''): { keys: string[]; line: string; rest: string } | null {
  const memory = new ReplyMemory(null);
  const budget = { used: 0, max: BUDGET_BYTES, refusals: 0, memory, relieve: () => false };
  const request = new Request(budget);
  request.begin(null, VERB.get, false);
  const input = Uint8Array.from(before + text, (character) => character.charCodeAt(0));
  if (!beginsPlainGet(input, before.length, input.length)) return null;
  const next = readPlainGet(request, input, before.length, input.length);
  if (next < 0) return null;
  const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
  const line = textOf(request.bytes.subarray(0, request.length));
  const keys = Array.from({ length: request.keyCount }, (_, key) =>
    line.slice(request.keyStart[key], request.keyEnd[key]),
  );
  assert.equal(line.slice(0, request.prefixEnd), 'get');
  assert.equal(request.lineKeys, keys.length);
  return { keys, line, rest: textOf(input.subarray(next)) };
}

test('a get in its plain form is read in one pass, with all its keys', () => {
  assert.deepEqual(read('get a\r\n'), { keys: ['a'], line: 'get a\r\n', rest: '' });
  assert.deepEqual(read('get a\r\nget b\r\n', 'END\r\n'), {
    keys: ['a'],
    line: 'get a\r\n',
    rest: 'get b\r\n',
  });
  const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`);
  const line = `get ${keys.join(' ')}\r\n`;
  assert.deepEqual(read(`${line}x`), { keys, line, rest: 'x' });
  const longest = 'k'.repeat(250);
  assert.deepEqual(read(`get ${longest} ${longest}\r\n`)?.keys, [longest, longest]);
});

test('every other line is left to the parser that knows them all', () => {
  for (const text of [
    'gets a\r\n',
    'GET a\r\n',
    'get',
    'get ',
    'get \r\n',
    'get  a\r\n',
    'get a  b\r\n',
    'get a \r\n',
    'get a\n',
    'get a\r',
    'get a\rb\r\n',
    'get a\tb\r\n',
    'get a b',
    'get a b ',
    `get a ${'k'.repeat(251)}\r\n`,
    'get __mcrouter__.version\r\n',
  ])
    assert.equal(read(text), null, JSON.stringify(text));
  // No room for it.
  assert.equal(read(`get ${'k '.repeat(BUDGET_BYTES / 2)}k\r\n`), null);
});
