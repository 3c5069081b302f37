import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Random, seededRandom } from '../src/base/random.ts';
import { clientSession } from '../src/engine/client-session.ts';
import { MemoryConnection, PieceFeeder } from '../testing/memory-connection.ts';
import { memoryNodeContext } from '../testing/node-context.ts';
import { AS_ROOT, freePorts, MEMCACHED, type Running, run } from '../testing/processes.ts';
import { differenceOf, readTranscripts, type Transcript } from '../testing/transcripts.ts';
import { until } from '../testing/wait.ts';

const transcripts = ['text', 'meta'].flatMap((folder) =>
  readTranscripts(fileURLToPath(new URL(`../../test/transcripts/${folder}`, import.meta.url))),
);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** Plays a transcript to a session of ours; `pieceBytes` says how long the next piece is. */
function play(
  transcript: Transcript,
  pieceBytes: (rest: number) => number,
): { reply: string; ended: boolean } {
  const connection = new MemoryConnection();
  const session = clientSession(memoryNodeContext(), connection, () => {});
  const feeder = new PieceFeeder(session);
  const bytes = Buffer.from(transcript.sent, 'latin1');
  for (let at = 0; at < bytes.length && !connection.ended; ) {
    const count = Math.min(pieceBytes(bytes.length - at), bytes.length - at);
    feeder.push(bytes.subarray(at, at + count));
    at += count;
  }
  session.closed(null);
  return { reply: connection.take(), ended: connection.ended };
}

function check(transcript: Transcript, outcome: { reply: string; ended: boolean }): void {
  assert.equal(differenceOf(outcome.reply, transcript.expected), null);
  assert.equal(outcome.ended, transcript.closed, 'closed');
}

/** Mostly short pieces, sometimes long ones, so that cuts fall everywhere but a megabyte does not take a million pieces. */
function randomPieces(random: Random): () => number {
  return () => (random.below(4) === 0 ? 1 + random.below(50_000) : 1 + random.below(20));
}

// First, because a process with the memory of some thousand caches, most of them waiting to be collected, may not start another one.
describe('transcripts, the installed memcached', {
  skip: MEMCACHED === null ? 'memcached is not installed' : false,
}, () => {
  let server: Running;
  let port = 0;
  before(async () => {
    [port = 0] = await freePorts(1);
    server = run(MEMCACHED ?? '', ['-l', '127.0.0.1', '-p', String(port), ...AS_ROOT]);
    await until('memcached answers', async () => (await exchange('version\r\n', true)).startsWith('VERSION'));
  });
  after(() => server.kill());

  /** Sends bytes, then a marker whose reply shows that all was answered. */
  const exchange = (sent: string, closes: boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      const marker = 'get end-of-transcript-marker gone\r\nversion\r\n';
      let reply = '';
      socket.setEncoding('latin1');
      socket.on('error', reject);
      socket.on('data', (text: string) => {
        reply += text;
        const end = reply.lastIndexOf('END\r\nVERSION ');
        if (end >= 0 && reply.endsWith('\r\n')) {
          reply = reply.slice(0, end);
          socket.destroy();
        } else if (closes && /^VERSION/.test(reply)) socket.destroy();
      });
      socket.on('close', () => resolve(reply));
      socket.write(closes ? sent : `flush_all noreply\r\n${sent}${marker}`, 'latin1');
    });

  for (const transcript of transcripts) {
    test(transcript.name, { skip: transcript.differs ? 'memcached 1.6.18 differs' : false }, async () => {
      assert.equal(
        differenceOf(await exchange(transcript.sent, transcript.closed), transcript.expected),
        null,
      );
    });
  }
});

describe('transcripts, our session', () => {
  for (const transcript of transcripts) {
    test(`${transcript.name}: in one chunk`, () =>
      check(
        transcript,
        play(transcript, (rest) => rest),
      ));
    if (transcript.sent.length < 5000) {
      test(`${transcript.name}: byte by byte`, () =>
        check(
          transcript,
          play(transcript, () => 1),
        ));
    }
    test(`${transcript.name}: cut at random`, () => {
      for (let i = 0; i < 5; i++) {
        const pieces = randomPieces(seededRandom(SEED + i));
        assert.doesNotThrow(() => check(transcript, play(transcript, pieces)), `SEED=${SEED + i}`);
      }
    });
  }
});
