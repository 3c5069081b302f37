import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Random, seededRandom } from '../src/base/random.ts';
import { clientSession } from '../src/engine/client-session.ts';
import { MemoryConnection, PieceFeeder } from '../testing/memory-connection.ts';
import { memoryNodeContext } from '../testing/node-context.ts';
import { AS_ROOT, freePorts, MEMCACHED, type Running, run } from '../testing/processes.ts';
import { startNode, TRANSPORTS } from '../testing/servers.ts';
import { differenceOf, readTranscripts, type Transcript } from '../testing/transcripts.ts';
import { until } from '../testing/wait.ts';

const transcripts = ['text', 'meta'].flatMap((folder) =>
  readTranscripts(fileURLToPath(new URL(`../../test/transcripts/${folder}`, import.meta.url))),
);
const MIB = 1024 * 1024;
/** Of each transcript in each run; the seed is another one each time. */
const RANDOM_PLAYS = 3;
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

const CRAWLER_BUSY = 'BUSY currently processing crawler request';

/** Plays a transcript to a session of ours; `pieceBytes` says how long the next piece is. */
function play(
  transcript: Transcript,
  pieceBytes: (rest: number) => number,
): { reply: string; ended: boolean } {
  const connection = new MemoryConnection();
  // Small where it may be, because each play of each transcript takes a new cache: what the collector has freed of them the C library gives
  // out again, cleared by hand, which for an index that may grow takes longer than a play.
  const memoryBytesMax = transcript.sent.includes('cache_memlimit') ? 64 * MIB : 4 * MIB;
  const context = memoryNodeContext({ memoryBytesMax, hashExpand: false });
  const session = clientSession(context, connection, () => {});
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

interface Server {
  readonly port: number;
  readonly process: Running;
}

async function installed(): Promise<Server> {
  const [port = 0] = await freePorts(1);
  const process = run(MEMCACHED ?? '', ['-l', '127.0.0.1', '-p', String(port), ...AS_ROOT]);
  await until('memcached answers', async () =>
    (await exchange(port, ['version\r\n'], true)).startsWith('VERSION'),
  );
  return { port, process };
}

/** Sends bytes in pieces, then a marker whose reply shows that all was answered. @returns the reply, the marker's left out */
function exchange(port: number, pieces: readonly string[], closes: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const marker = 'get end-of-transcript-marker gone\r\nversion\r\n';
    let reply = '';
    socket.setNoDelay(true);
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
    const all = closes ? pieces : ['flush_all noreply\r\n', ...pieces, marker];
    // Each piece is a send of its own, when the one before it is with the kernel.
    const sendFrom = (index: number): void => {
      if (index < all.length && socket.writable) {
        socket.write(all[index]!, 'latin1', () => sendFrom(index + 1));
      }
    };
    sendFrom(0);
  });
}

/** Plays all transcripts to a server, in one piece and, if `cut`, in several. */
function playToServer(
  title: string,
  start: () => Promise<Server>,
  skip: (transcript: Transcript) => string | false,
  cut: boolean,
): void {
  let server: Server;
  before(async () => {
    server = await start();
  });
  after(() => server.process.kill());
  for (const transcript of transcripts) {
    test(`${transcript.name}: ${title}`, { skip: skip(transcript) }, async () => {
      const { sent, closed, expected } = transcript;
      // memcached's crawler runs by itself now and then, and refuses meanwhile.
      const reply = await until('an answer of a crawler that is not busy', async () => {
        const text = await exchange(server.port, [sent], closed);
        return text.includes(CRAWLER_BUSY) && !expected.includes(CRAWLER_BUSY) ? null : text;
      });
      assert.equal(differenceOf(reply, expected), null);
      // What is sent to a server that has closed may cost the client the reply that is on its way.
      if (!cut || closed) return;
      const random = seededRandom(SEED);
      const pieces: string[] = [];
      for (let at = 0; at < sent.length; at += pieces.at(-1)?.length ?? 0) {
        const length = random.below(2) === 0 ? 1 + random.below(20) : Math.ceil(sent.length / 3);
        pieces.push(sent.slice(at, at + length));
      }
      assert.equal(differenceOf(await exchange(server.port, pieces, closed), expected), null, `SEED=${SEED}`);
    });
  }
}

// Servers first, because a process with the memory of some thousand caches, most of them waiting to be collected, may not start another one.
describe('transcripts, the installed memcached', {
  skip: MEMCACHED === null ? 'memcached is not installed' : false,
}, () => {
  playToServer(
    'memcached',
    installed,
    ({ differs }) => (differs ? 'memcached 1.6.18 differs' : false),
    false,
  );
});

/** Why a transcript is not for a server that goes through them all. */
function ofOneSession({ sent }: Transcript): string | false {
  if (/^watch\b/m.test(sent)) return 'a watcher is answered nothing more';
  if (/^lru_crawler\b/m.test(sent)) return 'depends on pipelining, and on crawls that were asked for before';
  return /^stats conns\b/m.test(sent) ? 'tells of all connections' : false;
}

for (const transport of TRANSPORTS) {
  describe(`transcripts, our node on ${transport}`, () => {
    playToServer(transport, () => startNode([], transport), ofOneSession, true);
  });
}

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
      for (let i = 0; i < RANDOM_PLAYS; i++) {
        const pieces = randomPieces(seededRandom(SEED + i));
        assert.doesNotThrow(() => check(transcript, play(transcript, pieces)), `SEED=${SEED + i}`);
      }
    });
  }
});
