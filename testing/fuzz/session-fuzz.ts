import assert from 'node:assert/strict';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { clientSession } from '../../src/engine/client-session.ts';
import { createSharedCache } from '../../src/store/cache.ts';
import { MemoryConnection, PieceFeeder } from '../memory-connection.ts';
import { CACHE_OPTIONS, memoryNodeContext } from '../node-context.ts';
import { checkInvariants } from '../store-invariants.ts';
import { differenceOf } from '../transcripts.ts';
import { BinaryRequests } from './binary-requests.ts';
import { damaged, junk } from './mutations.ts';
import { TextRequests } from './text-requests.ts';

/** How a stream of bytes is handed to a session. */
type Cut = 'in one chunk' | 'byte by byte' | 'cut at random';

/** What a session made of a stream. */
interface Outcome {
  readonly reply: string;
  readonly ended: boolean;
}

/** A stream and what is known of it. */
interface Stream {
  readonly bytes: Buffer;
  /** How many no-ops it holds, if each is known to be read as one: no lengths are wrong and nothing is damaged. */
  readonly noops: number | null;
}

/** Small, because each case takes three new caches; nothing is evicted, since each slab class has at least a page. */
const MEMORY_BYTES_MAX = 8 * 1024 * 1024;
const NOW_MS = Date.UTC(2026, 6, 1);
/** Feeding byte by byte offers the rest again with each byte, so it is for short streams. */
const BYTE_BY_BYTE_MAX = 6000;
/**
 * A line beyond 2048 bytes closes the connection if its end has not come by then, so what becomes of it depends on where the stream is
 * cut, here as in memcached. Damaged streams with such lines are not compared.
 */
const LINE_COMPARED_MAX = 2000;

/**
 * One case: a stream of requests, whole or damaged, fed to new sessions in one chunk, byte by byte and cut at random. All must answer the
 * same, nothing may be thrown, every whole request is answered in step, and no chunk of memory is lost when the client goes.
 *
 * @throws AssertionError, or whatever the session threw; the seed replays it
 */
export function fuzzSessions(protocol: 'text' | 'binary', seed: number): void {
  const random = seededRandom(seed);
  const stream = protocol === 'text' ? textStream(random) : binaryStream(random);
  const { bytes, noops } = stream;
  const whole = outcomeOf(bytes, 'in one chunk', random);
  if (noops !== null) {
    const answered = protocol === 'text' ? whole.reply.split('MN\r\n').length - 1 : binaryNoops(whole.reply);
    if (answered !== noops) assert.fail(`${answered} of ${noops} no-ops answered, to ${shown(bytes)}`);
  }
  for (const cut of ['cut at random', 'byte by byte'] as const) {
    if (cut === 'byte by byte' && bytes.length > BYTE_BY_BYTE_MAX) continue;
    const other = outcomeOf(bytes, cut, random);
    if (noops === null && longestLine(bytes) > LINE_COMPARED_MAX) continue;
    const difference = differenceOf(other.reply, whole.reply);
    if (difference === null && other.ended === whole.ended) continue;
    assert.fail(`${cut}, ${difference}, ended ${other.ended} instead of ${whole.ended}, to ${shown(bytes)}`);
  }
}

function textStream(random: Random): Stream {
  const kind = random.below(3);
  const requests = new TextRequests(random, kind === 0 ? 0 : 20);
  const count = 1 + random.below(25);
  let text = '';
  for (let i = 0; i < count; i++) text += kind === 0 ? `${requests.next()}mn\r\n` : requests.next();
  const bytes = Buffer.from(text, 'latin1');
  return kind === 2
    ? { bytes: opening(damaged(bytes, random)), noops: null }
    : { bytes, noops: kind === 0 ? count : null };
}

function binaryStream(random: Random): Stream {
  const kind = random.below(3);
  const requests = new BinaryRequests(random, kind !== 0);
  const packets: Buffer[] = [];
  const count = 1 + random.below(25);
  for (let i = 0; i < count; i++) {
    packets.push(requests.next());
    if (kind === 0) packets.push(requests.noop());
  }
  const bytes = Buffer.concat(packets);
  if (kind !== 2) return { bytes, noops: kind === 0 ? count : null };
  const broken = damaged(bytes, random);
  if (broken.length > 0) broken[0] = 0x80;
  return { bytes: broken, noops: null };
}

/** Takes a reply apart into packets; their opaques never go back. @returns how many answer a no-op */
function binaryNoops(reply: string): number {
  const bytes = Buffer.from(reply, 'latin1');
  let noops = 0;
  let opaque = 0;
  for (let at = 0; at < bytes.length; at += 24 + bytes.readUInt32BE(at + 8)) {
    assert.equal(bytes[at], 0x81);
    assert.ok(bytes.readUInt32BE(at + 12) >= opaque, 'replies come in the order of requests');
    opaque = bytes.readUInt32BE(at + 12);
    if (bytes[at + 1] === 0x0a) noops++;
  }
  return noops;
}

/** The first byte chooses the protocol; a text stream must not begin as a binary one. */
function opening(bytes: Buffer): Buffer {
  if (bytes[0] === 0x80) bytes[0] = 0x81;
  return bytes;
}

function outcomeOf(bytes: Buffer, cut: Cut, random: Random): Outcome {
  const shared = createSharedCache({ ...CACHE_OPTIONS, memoryBytesMax: MEMORY_BYTES_MAX });
  const context = memoryNodeContext({}, shared);
  context.cache.tick(NOW_MS);
  const connection = new MemoryConnection();
  let closed = 0;
  const session = clientSession(context, connection, () => {
    closed++;
  });
  const feeder = new PieceFeeder(session);
  for (let at = 0; at < bytes.length && !connection.ended && !connection.destroyed; ) {
    const length = cut === 'in one chunk' ? bytes.length : cut === 'byte by byte' ? 1 : 1 + random.below(400);
    feeder.push(bytes.subarray(at, at + length));
    at += length;
  }
  session.closed(null);
  assert.equal(closed, 1);
  checkInvariants(shared);
  return { reply: connection.take(), ended: connection.ended || connection.destroyed };
}

export function longestLine(bytes: Buffer): number {
  let longest = 0;
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    longest = Math.max(longest, end - start);
    start = end + 1;
  }
  return Math.max(longest, bytes.length - start);
}

/** A stream as a person can read it and put it into a transcript. */
function shown(bytes: Buffer): string {
  const text = bytes
    .toString('latin1')
    .replace(/(.)\1{20,}/g, (run, one: string) => `{${one}*${run.length}}`);
  return JSON.stringify(text);
}

/** A stream of one protocol, damaged or not, for a server process. */
export function anyStream(random: Random): Buffer {
  const kind = random.below(3);
  if (kind === 0) return junk(random, 1 + random.below(2000));
  return kind === 1 ? textStream(random).bytes : binaryStream(random).bytes;
}
