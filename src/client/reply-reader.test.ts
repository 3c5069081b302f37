import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Reply, ReplyReader } from './reply-reader.ts';

/** What is read of pieces, as plain data; null: the connection cannot be used any more. */
function read(
  pieces: readonly string[],
  isList = false,
): (Omit<Reply, 'items'> & { items: string[] })[] | null {
  const replies: Reply[] = [];
  const reader = new ReplyReader({ isList: () => isList, take: (reply) => replies.push(reply) });
  for (const piece of pieces) if (!reader.push(Buffer.from(piece, 'latin1'))) return null;
  return replies.map((reply) => ({
    ...reply,
    items: reply.items.map(
      ({ key, flags, value, cas }) => `${key} ${flags} ${cas} ${value.toString('latin1')}`,
    ),
  }));
}

const NOTHING = { isError: false, items: [], statistics: [] };

const CASES: readonly { wire: string; isList?: boolean; replies: ReturnType<typeof read> }[] = [
  { wire: 'STORED\r\n', replies: [{ ...NOTHING, line: 'STORED' }] },
  {
    wire: 'VALUE a 5 3\r\nx\r\n\r\nVALUE b 4294967295 0 77\r\n\r\nEND\r\n42\r\n',
    replies: [
      { ...NOTHING, line: 'END', items: ['a 5 null x\r\n', 'b 4294967295 77 '] },
      { ...NOTHING, line: '42' },
    ],
  },
  {
    wire: 'SERVER_ERROR out\r\nEND\r\n',
    replies: [
      { ...NOTHING, line: 'SERVER_ERROR out', isError: true },
      { ...NOTHING, line: 'END' },
    ],
  },
  {
    wire: 'STAT pid 4\r\nSTAT empty\r\nEND\r\n',
    isList: true,
    replies: [{ ...NOTHING, line: 'END', statistics: ['pid 4', 'empty'] }],
  },
  {
    wire: 'memcached agent v0.5\r\nmatrix 1 -> 127.0.0.1:1, pool size 1\r\nEND\r\n',
    isList: true,
    replies: [
      {
        ...NOTHING,
        line: 'END',
        statistics: ['memcached agent v0.5', 'matrix 1 -> 127.0.0.1:1, pool size 1'],
      },
    ],
  },
  {
    wire: 'RESET\r\nOK\r\n',
    isList: true,
    replies: [
      { ...NOTHING, line: 'RESET' },
      { ...NOTHING, line: 'OK' },
    ],
  },
  { wire: 'VALUE k 0 1\r\nab\r\n', replies: null },
  { wire: `${'x'.repeat(2100)}`, replies: null },
];

for (const { wire, isList, replies } of CASES) {
  test(`replies of ${JSON.stringify(wire.slice(0, 40))}: in one piece, byte by byte, at random cuts`, () => {
    assert.deepEqual(read([wire], isList), replies);
    assert.deepEqual(read([...wire], isList), replies);
    fc.assert(
      fc.property(fc.array(fc.nat(wire.length), { maxLength: 6 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), wire.length];
        assert.deepEqual(
          read(
            at.slice(1).map((to, i) => wire.slice(at[i], to)),
            isList,
          ),
          replies,
        );
      }),
      { numRuns: 30 },
    );
  });
}
