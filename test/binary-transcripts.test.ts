import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Random, seededRandom } from '../src/base/random.ts';
import { clientSession } from '../src/engine/client-session.ts';
import type { NodeContext } from '../src/engine/node-context.ts';
import { parseSaslUsers } from '../src/engine/sasl.ts';
import {
  type BinaryTranscript,
  type CasNames,
  differenceOfReplies,
  isComplete,
  parseReplies,
  readBinaryTranscripts,
} from '../testing/binary-transcripts.ts';
import { MemoryConnection, PieceFeeder } from '../testing/memory-connection.ts';
import { memoryNodeContext } from '../testing/node-context.ts';
import { AS_ROOT, freePorts, MEMCACHED, run } from '../testing/processes.ts';
import { RawSocket } from '../testing/raw-socket.ts';
import { startNode, TRANSPORTS } from '../testing/servers.ts';
import { until } from '../testing/wait.ts';

const FOLDER = fileURLToPath(new URL('../../test/transcripts/binary', import.meta.url));
const transcripts = readBinaryTranscripts(FOLDER);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

function bytesOfRound(round: BinaryTranscript['rounds'][number], names: CasNames): string {
  return round.sent.map((make) => make(names)).join('');
}

/** One cache for all, as a server has: it is flushed before each transcript. */
const plain = memoryNodeContext();

/** Plays a transcript to a session of ours; `pieceBytes` says how long the next piece is. */
function play(transcript: BinaryTranscript, pieceBytes: (rest: number) => number): void {
  const connection = new MemoryConnection();
  const { users } = transcript;
  const list = users === null ? null : parseSaslUsers(Buffer.from(users, 'latin1'));
  plain.cache.tick(Date.now());
  plain.cache.flushAll(0);
  const context: NodeContext = {
    ...plain,
    reports: { ...plain.reports, settings: () => [['maxbytes', 67108864]] },
    sasl: list === null ? null : { users: () => list },
  };
  const session = clientSession(context, connection, () => {});
  const feeder = new PieceFeeder(session);
  const names: CasNames = new Map();
  for (const round of transcript.rounds) {
    const bytes = Buffer.from(bytesOfRound(round, names), 'latin1');
    for (let at = 0; at < bytes.length && !connection.ended; ) {
      const count = Math.min(pieceBytes(bytes.length - at), bytes.length - at);
      feeder.push(bytes.subarray(at, at + count));
      at += count;
    }
    const reply = connection.take();
    const { replies, used } = parseReplies(reply);
    assert.equal(used, reply.length, 'whole replies');
    assert.equal(differenceOfReplies(round, replies, names), null);
  }
  session.closed(null);
  assert.equal(connection.ended, transcript.closed, 'closed');
}

/** Mostly short pieces, sometimes long ones, so that cuts fall everywhere but a megabyte does not take a million pieces. */
function randomPieces(random: Random): () => number {
  return () => (random.below(4) === 0 ? 1 + random.below(50_000) : 1 + random.below(20));
}

describe('binary transcripts, our session', () => {
  for (const transcript of transcripts) {
    test(`${transcript.name}: in one chunk`, () => play(transcript, (rest) => rest));
    test(`${transcript.name}: byte by byte`, () => play(transcript, bytewise()));
    test(`${transcript.name}: cut at random`, () => {
      for (let i = 0; i < 3; i++) {
        const pieces = randomPieces(seededRandom(SEED + i));
        assert.doesNotThrow(() => play(transcript, pieces), `SEED=${SEED + i}`);
      }
    });
  }
});

/** Single bytes, save that the far inside of a long value comes at once. */
function bytewise(): (rest: number) => number {
  let sent = 0;
  return (rest) => {
    const count = sent > 3000 && rest > 3000 ? rest - 300 : 1;
    sent += count;
    return count;
  };
}

const NOOP = 0x0a;
const FLUSH_QUIETLY = 0x18;

function bare(opcode: number, opaque: number): string {
  const bytes = Buffer.alloc(24);
  bytes[0] = 0x80;
  bytes[1] = opcode;
  bytes.writeUInt32BE(opaque, 12);
  return bytes.toString('latin1');
}

const BEGIN = 0xbe91;
const END = 0xe4d;

/** Plays a transcript to a server, which is emptied first; a no-op behind it shows that no reply is left. */
async function playTo(port: number, transcript: BinaryTranscript): Promise<void> {
  const socket = await RawSocket.connect(port);
  try {
    await socket.send(bare(FLUSH_QUIETLY, 0) + bare(NOOP, BEGIN));
    await socket.read(24);
    let from = 24;
    const names: CasNames = new Map();
    for (const [index, round] of transcript.rounds.entries()) {
      const isLast = index === transcript.rounds.length - 1;
      const marks = isLast && !transcript.closed;
      await socket.send(bytesOfRound(round, names) + (marks ? bare(NOOP, END) : ''));
      const isMark = (reply: { opcode: number; opaque: number }): boolean =>
        reply.opcode === NOOP && reply.opaque === END;
      const replies = await until('the replies', () => {
        const found = parseReplies(socket.received.slice(from));
        if (marks) return found.replies.some(isMark) ? found : null;
        return isLast
          ? socket.isClosed && found
          : (isComplete(round, found.replies) || socket.isClosed) && found;
      });
      from += replies.used;
      assert.equal(
        differenceOfReplies(
          round,
          replies.replies.filter((reply) => !isMark(reply)),
          names,
        ),
        null,
      );
    }
    assert.equal(from, socket.received.length, 'whole replies');
  } finally {
    socket.vanish(false);
  }
}

function withServer(start: () => Promise<{ port: number; kill: () => Promise<unknown> }>): () => number {
  let port = 0;
  let kill = async (): Promise<unknown> => null;
  before(async () => {
    ({ port, kill } = await start());
  });
  after(() => kill());
  return () => port;
}

for (const transport of TRANSPORTS)
  describe(`binary transcripts, our node on ${transport}`, () => {
    const port = withServer(async () => {
      const node = await startNode(['-t', '2'], transport);
      return { port: node.port, kill: () => node.process.kill() };
    });
    for (const transcript of transcripts)
      test(transcript.name, { skip: transcript.users === null ? false : 'needs a server with SASL' }, () =>
        playTo(port(), transcript),
      );
  });

describe('binary transcripts, the installed memcached', {
  skip: MEMCACHED === null ? 'memcached is not installed' : false,
}, () => {
  const port = withServer(async () => {
    const [free = 0] = await freePorts(1);
    const server = run(MEMCACHED ?? '', ['-l', '127.0.0.1', '-p', String(free), ...AS_ROOT]);
    await until('memcached answers', async () => {
      (await RawSocket.connect(free)).vanish(false);
      return true;
    });
    return { port: free, kill: () => server.kill() };
  });
  for (const transcript of transcripts) {
    const skip = transcript.differs && 'memcached 1.6.18 differs';
    test(transcript.name, { skip: skip || (transcript.users !== null && 'needs a server with SASL') }, () =>
      playTo(port(), transcript),
    );
  }
});
