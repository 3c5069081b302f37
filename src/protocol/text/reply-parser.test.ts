import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { REPLY, REPLY_LINE_BYTES_MAX, TextReplyParser } from './reply-parser.ts';

const NAMES = new Map<number, string>(Object.entries(REPLY).map(([name, number]) => [number, name]));

/** Parses pieces as a session gets them, what was not consumed in front of the next one; tells what was found. */
function parse(pieces: readonly string[]): string[] {
  const parser = new TextReplyParser();
  const found: string[] = [];
  let rest = Buffer.alloc(0);
  let value = '';
  for (const piece of pieces) {
    // Junk around the window shows a parser that reads beyond it.
    const input = Buffer.concat([
      Buffer.from('\r\nEND'),
      rest,
      Buffer.from(piece, 'latin1'),
      Buffer.from('\r\n'),
    ]);
    const end = input.length - 2;
    let at = 5;
    while (at < end) {
      if (parser.valueRest > 0) {
        const after = parser.takeValue(input, at, end);
        if (after < 0) return [...found, 'bad value end'];
        value += input.toString('latin1', at, after);
        at = after;
        if (parser.valueRest === 0) {
          found.push(`data ${value.slice(0, -2)}`);
          value = '';
        }
        continue;
      }
      const kind = parser.parseLine(input, at, end);
      if (kind === REPLY.incomplete) break;
      if (kind === REPLY.malformed) return [...found, 'malformed'];
      if (kind === REPLY.value)
        found.push(`value ${input.toString('latin1', parser.keyStart, parser.keyEnd)} ${parser.valueBytes}`);
      else found.push(`${NAMES.get(kind)} ${input.toString('latin1', parser.lineStart, parser.lineEnd)}`);
      at = parser.next;
    }
    rest = Buffer.from(input.subarray(at, end));
  }
  if (rest.length > 0 || value.length > 0) found.push('unfinished');
  return found;
}

const CASES: readonly { readonly wire: string; readonly found: readonly string[] }[] = [
  { wire: 'END\r\n', found: ['end END'] },
  { wire: 'VALUE k 0 3\r\nabc\r\nEND\r\n', found: ['value k 3', 'data abc', 'end END'] },
  {
    wire: 'VALUE k 4294967295 0 18446744073709551615\r\n\r\nEND\r\n',
    found: ['value k 0', 'data ', 'end END'],
  },
  // A value may look like anything.
  { wire: 'VALUE k 1 7\r\nEND\r\nx\r\r\nEND\r\n', found: ['value k 7', 'data END\r\nx\r', 'end END'] },
  {
    wire: 'VALUE a 0 1\r\n1\r\nVALUE b 0 2\r\n\r\n\r\nEND\r\n',
    found: ['value a 1', 'data 1', 'value b 2', 'data \r\n', 'end END'],
  },
  { wire: 'STORED\r\nNOT_STORED\r\n', found: ['other STORED', 'other NOT_STORED'] },
  {
    wire: 'EXISTS\r\nERROR\r\nENDING\r\nE\r\n',
    found: ['other EXISTS', 'error ERROR', 'other ENDING', 'other E'],
  },
  { wire: 'ERROR Too many open connections\r\n', found: ['error ERROR Too many open connections'] },
  { wire: 'CLIENT_ERROR bad data chunk\r\n', found: ['clientError CLIENT_ERROR bad data chunk'] },
  { wire: 'SERVER_ERROR out of memory\r\n', found: ['serverError SERVER_ERROR out of memory'] },
  {
    wire: 'STAT a\r\nSTATUS\r\nS\nDELETE\r\n',
    found: ['stat STAT a', 'other STATUS', 'other S', 'other DELETE'],
  },
  { wire: 'END\nENDED\r\nEN\r\n\r\n', found: ['end END', 'other ENDED', 'other EN', 'other '] },
  {
    wire: 'VALUE k 0 1\nx\r\nVALUE k\t 0 1 \r\ny\r\n',
    found: ['value k 1', 'data x', 'value k\t 1', 'data y'],
  },
  {
    wire: 'VALUE k f 1\r\nx\r\nVALUE \xff 0 000000000001\r\ny\r\n',
    found: ['value k 1', 'data x', 'value \xff 1', 'data y'],
  },
  { wire: 'STAT pid 4\r\nSTATUS\r\n', found: ['stat STAT pid 4', 'other STATUS'] },
  { wire: '42\r\n\r\n', found: ['other 42', 'other '] },
  { wire: 'VERSION 1.6.45\r\n', found: ['other VERSION 1.6.45'] },
  { wire: 'DELETED\nTOUCHED\n', found: ['other DELETED', 'other TOUCHED'] },
  { wire: `VALUE ${'k'.repeat(250)} 0 1\r\n1\r\n`, found: [`value ${'k'.repeat(250)} 1`, 'data 1'] },
  { wire: `VALUE ${'k'.repeat(251)} 0 1\r\n1\r\n`, found: ['malformed'] },
  { wire: 'VALUE k\r\n', found: ['malformed'] },
  { wire: 'VALUE  0 1\r\n', found: ['malformed'] },
  { wire: 'VALUE k 0\r\n', found: ['malformed'] },
  { wire: 'VALUE k 0 \r\n', found: ['malformed'] },
  { wire: 'VALUE k 0 x\r\n', found: ['malformed'] },
  { wire: 'VALUE k 0 1x\r\n', found: ['malformed'] },
  { wire: 'VALUE k 0 -1\r\n', found: ['malformed'] },
  { wire: 'VALUE k 0 2147483646\r\n', found: ['malformed'] },
  { wire: 'VALUE k 0 1\r\nab\r\n', found: ['value k 1', 'bad value end'] },
  { wire: 'VALUE k 0 1\r\na\rx', found: ['value k 1', 'bad value end'] },
  { wire: 'STOR', found: ['unfinished'] },
  { wire: 'VALUE k 0 5\r\nab', found: ['value k 5', 'unfinished'] },
];

for (const { wire, found } of CASES) {
  test(`reply ${JSON.stringify(wire.slice(0, 50))}: in one piece, byte by byte, at random cuts`, () => {
    assert.deepEqual(parse([wire]), found);
    assert.deepEqual(parse([...wire]), found);
    fc.assert(
      fc.property(fc.array(fc.nat(wire.length), { maxLength: 6 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), wire.length];
        assert.deepEqual(parse(at.slice(1).map((to, i) => wire.slice(at[i], to))), found);
      }),
      { numRuns: 30 },
    );
  });
}

test('a reply line may be as long as the bound and not longer', () => {
  const longest = `SERVER_ERROR ${'x'.repeat(REPLY_LINE_BYTES_MAX - 13)}`;
  assert.deepEqual(parse([`${longest}\r\n`]), [`serverError ${longest}`]);
  assert.deepEqual(parse([...longest, '\r\n']), [`serverError ${longest}`]);
  assert.deepEqual(parse([`${longest}xx\r\n`]), ['malformed']);
  assert.deepEqual(parse([...longest, 'x', 'x', 'x']), ['malformed']);
});

test('the VA line of a meta command announces a value, and other lines do not', () => {
  const parser = new TextReplyParser();
  for (const [line, valueBytes] of [
    ['VA 5 f0 c1', 5],
    ['VA 0', 0],
    ['VA 2147483645', 2147483645],
    ['VA 2147483646', null],
    ['VA', null],
    ['VA ', null],
    ['VA x', null],
    ['VA 5x', null],
    ['HD 5', null],
    ['VB 5', null],
  ] as const) {
    const bytes = Uint8Array.from(Buffer.from(`${line}\r\n`, 'latin1'));
    parser.reset();
    assert.equal(parser.parseLine(bytes, 0, bytes.length), REPLY.other, line);
    assert.equal(parser.metaValue(bytes), valueBytes !== null, line);
    if (valueBytes !== null)
      assert.deepEqual([parser.valueBytes, parser.valueRest], [valueBytes, valueBytes + 2]);
  }
});
