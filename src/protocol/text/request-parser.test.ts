import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CAS_WIDE,
  LINE_ERROR,
  nextKey,
  parsePlainSet,
  parseTextLine,
  TextRequest,
} from './request-parser.ts';
import { VERB, VERB_SPELLINGS, verbAt } from './verbs.ts';

function parse(line: string): { request: TextRequest; bytes: Uint8Array } {
  // The line stands in the midst of other bytes, as it does in a transport's buffer.
  const bytes = Uint8Array.from(Buffer.from(`junk${line}\nget x`, 'latin1'));
  const request = new TextRequest();
  parseTextLine(bytes, 4, 4 + line.length, request);
  return { request, bytes };
}

function keysOf(line: string): { keys: string[]; error: number } {
  const { request, bytes } = parse(line);
  const keys: string[] = [];
  if (request.error === LINE_ERROR.none) {
    do keys.push(Buffer.from(bytes.subarray(request.keyStart, request.keyEnd)).toString('latin1'));
    while (nextKey(bytes, request));
  }
  return { keys, error: request.error };
}

test('every command is found by its spelling and by nothing near it', () => {
  for (const [verb, text] of VERB_SPELLINGS) {
    const at = (word: string): number => verbAt(Buffer.from(word), 0, word.length);
    assert.equal(at(text), verb);
    assert.notEqual(at(`${text}x`), verb);
    assert.notEqual(at(text.toUpperCase()), verb);
    assert.notEqual(at(text.slice(0, -1)), verb);
  }
  assert.equal(verbAt(Buffer.from(''), 0, 0), VERB.unknown);
});

test('retrieval lines give their keys in order', () => {
  assert.deepEqual(keysOf('get a'), { keys: ['a'], error: 0 });
  assert.deepEqual(keysOf('get a\r'), { keys: ['a'], error: 0 });
  assert.deepEqual(keysOf('get  a   b a '), { keys: ['a', 'b', 'a'], error: 0 });
  assert.deepEqual(keysOf('gets k\tt \u0001\u00ff'), { keys: ['k\tt', '\u0001\u00ff'], error: 0 });
  assert.deepEqual(keysOf(`get ${'k'.repeat(250)}`), { keys: ['k'.repeat(250)], error: 0 });
});

test('a key that is missing or too long is an error of the whole line', () => {
  assert.equal(keysOf('get').error, LINE_ERROR.format);
  assert.equal(keysOf('get ').error, LINE_ERROR.format);
  assert.equal(keysOf(`get ${'k'.repeat(251)}`).error, LINE_ERROR.format);
  assert.equal(keysOf(`get a ${'k'.repeat(251)} b`).error, LINE_ERROR.format);
  assert.equal(keysOf(`delete ${'k'.repeat(251)}`).error, LINE_ERROR.format);
});

test('storage lines', () => {
  const { request } = parse('set key 4294967295 -1 12 noreply\r');
  assert.equal(request.verb, VERB.set);
  assert.equal(request.error, LINE_ERROR.none);
  assert.deepEqual(
    [request.flags, request.exptime, request.valueBytes, request.noreply],
    [4294967295, -1, 12, true],
  );
  assert.equal(parse('set k 0 0 5 junk').request.error, LINE_ERROR.none);
  assert.equal(parse('cas k 0 0 5 9007199254740991').request.cas, 9007199254740991);
  assert.equal(parse('cas k 0 0 5 18446744073709551615').request.cas, CAS_WIDE);
  assert.equal(parse('cas k 0 0 5').request.error, LINE_ERROR.format);
});

test('a wrong storage line keeps a usable length, so that its value can be dropped', () => {
  for (const line of [
    'set k -1 0 5',
    'set k x 0 5',
    'set k 0 x 5',
    `set ${'k'.repeat(251)} 0 0 5`,
    'cas k 0 0 5 x',
    'set k 4294967296 0 5',
    'set k 0 2147483648 5',
  ]) {
    const { request } = parse(line);
    assert.equal(request.error, LINE_ERROR.format, line);
    assert.equal(request.valueBytes, 5, line);
  }
  for (const line of [
    'set',
    'set k',
    'set k 0 0',
    'set k 0 0 -1',
    'set k 0 0 x',
    'set k 0 0 2147483646',
    'set k 0 0 0x10',
  ]) {
    const { request } = parse(line);
    assert.equal(request.error, LINE_ERROR.format, line);
    assert.equal(request.valueBytes, -1, line);
  }
  assert.equal(parse('set k 0 0 2147483645').request.valueBytes, 2147483645);
});

test('delete takes nothing but a 0 and noreply behind its key', () => {
  for (const line of ['delete k', 'delete k 0', 'delete k noreply', 'delete k 0 noreply'])
    assert.equal(parse(line).request.error, LINE_ERROR.none, line);
  for (const line of ['delete k 1', 'delete k 0 0', 'delete k x noreply', 'delete k 00'])
    assert.equal(parse(line).request.error, LINE_ERROR.deleteUsage, line);
});

test('numbers of the other commands', () => {
  const incr = parse('incr k 18446744073709551615').request;
  assert.deepEqual([incr.error, incr.deltaHigh, incr.deltaLow], [0, 0xffffffff, 0xffffffff]);
  for (const line of ['incr k x', 'incr k -1', 'decr k 18446744073709551616', 'incr k 1.5'])
    assert.equal(parse(line).request.error, LINE_ERROR.delta, line);
  assert.equal(parse('incr k').request.error, LINE_ERROR.format);
  assert.equal(parse('touch k').request.error, LINE_ERROR.format);
  assert.equal(parse('touch k x').request.error, LINE_ERROR.exptime);
  assert.equal(parse('gat x k').request.error, LINE_ERROR.exptime);
  assert.equal(parse('gat 5').request.error, LINE_ERROR.format);
  assert.equal(parse('gat -1 k').request.exptime, -1);
  assert.equal(parse('flush_all').request.exptime, 0);
  assert.equal(parse('flush_all 10 noreply').request.exptime, 10);
  assert.equal(parse('flush_all noreply').request.noreply, true);
  assert.equal(parse('flush_all x').request.error, LINE_ERROR.exptime);
  assert.equal(parse('verbosity').request.error, LINE_ERROR.format);
  assert.equal(parse('verbosity noreply').request.error, LINE_ERROR.none);
});

test('lines that are no command', () => {
  assert.equal(parse('').request.error, LINE_ERROR.format);
  assert.equal(parse('x').request.error, LINE_ERROR.format);
  assert.equal(parse('foo bar').request.error, LINE_ERROR.unknown);
  assert.equal(parse('GET a').request.error, LINE_ERROR.unknown);
  assert.equal(parse('GET / HTTP/1.1\r').request.error, LINE_ERROR.http);
  assert.equal(parse('get\ta').request.error, LINE_ERROR.unknown);
});

test('noreply counts only as the last word of a command that heeds it', () => {
  assert.equal(parse('get noreply').request.noreply, false);
  assert.equal(parse('stats noreply').request.noreply, false);
  assert.equal(parse('set noreply 0 0 1').request.noreply, false);
  assert.equal(parse('incr k 1 noreply junk').request.noreply, false);
  assert.equal(parse('touch k 1 noreply').request.noreply, true);
  for (const [line, noreply] of [
    ['delete noreply', false],
    ['delete noreply 0', false],
    ['delete noreply noreply', true],
    ['incr noreply 1', false],
    ['incr noreply', false],
    ['touch noreply', false],
  ] as const)
    assert.equal(parse(line).request.noreply, noreply, line);
});

test('no bytes whatever make the parser throw or point outside the line', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom('', 'set ', 'get ', 'cas k 0 0 ', 'gat ', 'incr k '),
      (junk, prefix) => {
        const line = prefix + Buffer.from(junk.filter((byte) => byte !== 10)).toString('latin1');
        const { request } = parse(line);
        const end = 4 + line.length;
        assert.ok(request.lineEnd >= 4 && request.lineEnd <= end);
        if (request.error !== LINE_ERROR.none) return;
        assert.ok(request.keyStart >= 0 && request.keyEnd <= end);
      },
    ),
  );
});

/** What `parsePlainSet` makes of a line and its end. */
function plainSet(line: string, request = new TextRequest()): { request: TextRequest; next: number } {
  const bytes = Uint8Array.from(Buffer.from(`junk${line}`, 'latin1'));
  const next = parsePlainSet(bytes, 4, bytes.length, request);
  return { request, next: next < 0 ? next : next - 4 };
}

test('a plain set is parsed in one pass as any line is', () => {
  const word = fc.oneof(
    fc.constantFrom(
      '',
      '0',
      '1',
      '007',
      '999999999',
      '1000000000',
      '4294967296',
      '-1',
      '+1',
      '5x',
      'noreply',
    ),
    fc.string({ unit: fc.constantFrom('a', '9', '\t', '\u00ff', '\0'), maxLength: 5 }),
    fc.nat().map(String),
    fc.nat({ max: 250 }).map((length) => 'k'.repeat(length + 1)),
  );
  const gap = fc.constantFrom(' ', ' ', ' ', ' ', '  ');
  const tail = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', ' \r\n', ' noreply\r\n', ' 5\r\n', '\r', '');
  fc.assert(
    fc.property(fc.array(fc.tuple(word, gap), { minLength: 3, maxLength: 5 }), tail, (words, end) => {
      const line = `set ${words.map(([text, space], i) => text + (i + 1 < words.length ? space : '')).join('')}${end}`;
      const used = Object.assign(new TextRequest(), { cas: 7, noreply: true, error: 3, valueBytes: 9 });
      const { request, next } = plainSet(line, used);
      if (next < 0) return;
      assert.equal(next, line.length);
      assert.deepEqual(request, parse(line.slice(0, -1)).request);
    }),
    { numRuns: 3000 },
  );
});

test('plain sets are found, and nothing that is not all there', () => {
  const line = `set ${'k'.repeat(250)} 0 999999999 100\r\n`;
  assert.equal(plainSet(line).next, line.length);
  assert.equal(plainSet(`${line}${'v'.repeat(100)}\r\n`).next, line.length);
  for (let cut = 4; cut < line.length; cut++) assert.equal(plainSet(line.slice(0, cut)).next, -1, `${cut}`);
  for (const other of ['set k 0 0 1 noreply\r\n', 'set k 0 -1 1\r\n', 'set  k 0 0 1\r\n', 'set k 0 0 1\n'])
    assert.equal(plainSet(other).next, -1, other);
});
