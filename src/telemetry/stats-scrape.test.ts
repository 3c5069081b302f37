import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { serveTcp } from '../../testing/tcp-server.ts';
import { ANSWER_BYTES_MAX, scrapeNode } from './stats-scrape.ts';

/** A deadline that no test waits for. */
const LONG_MS = 30_000;

const QUESTIONS = 'stats\r\nstats settings\r\nstats items\r\nstats slabs\r\nstats replication\r\n';

const ANSWERS =
  'STAT version 1.6.18\r\nSTAT libevent 2.1.12 stable\r\nEND\r\n' +
  'STAT maxconns 1024\r\nEND\r\n' +
  'END\r\n' +
  'STAT 1:chunk_size 96\r\nSTAT active_slabs 1\r\nEND\r\n' +
  'ERROR\r\n';

for (const pieceBytes of [1, 7, ANSWERS.length])
  test(`the five answers are told apart, in pieces of ${pieceBytes}`, async (t) => {
    let asked = '';
    const port = await serveTcp(t, (socket) => {
      socket.setNoDelay();
      socket.on('data', (chunk) => {
        asked += chunk.toString('latin1');
        if (asked === QUESTIONS) next();
      });
      const pieces = ANSWERS.match(new RegExp(`[^]{1,${pieceBytes}}`, 'g')) ?? [];
      const next = (): void => {
        const piece = pieces.shift();
        if (piece !== undefined) socket.write(piece, () => setImmediate(next));
      };
    });
    const found = await scrapeNode(to(port), LONG_MS);
    assert.ok(found !== null);
    assert.deepEqual(
      [...found.general],
      [
        ['version', '1.6.18'],
        ['libevent', '2.1.12 stable'],
      ],
    );
    assert.deepEqual([...found.settings], [['maxconns', '1024']]);
    assert.equal(found.items.size, 0);
    assert.equal(found.slabs.get('1:chunk_size'), '96');
    assert.equal(found.replication.size, 0);
    assert.equal(asked, QUESTIONS);
  });

/** How a port of loopback is connected to. */
function to(port: number): (ready: (socket: Socket) => void) => Socket {
  return (ready) => {
    const socket = connect(port, '127.0.0.1');
    return socket.on('connect', () => ready(socket));
  };
}

test('no answer is null: nobody there, hung up in the middle, silent until the time is over', async (t) => {
  const gone = await serveTcp(t, (socket) => socket.end('STAT pid 1\r\nEND\r\n'));
  assert.equal(await scrapeNode(to(gone), LONG_MS), null);
  const silent = await serveTcp(t, () => {});
  assert.equal(await scrapeNode(to(silent), 1), null);
  assert.equal(await scrapeNode(to(1), LONG_MS), null);
});

test('an answer without end is given up at its bound', async (t) => {
  const port = await serveTcp(t, (socket) => socket.write('x'.repeat(ANSWER_BYTES_MAX + 1)));
  assert.equal(await scrapeNode(to(port), LONG_MS), null);
});
