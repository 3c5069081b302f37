import { deflateRawSync } from 'node:zlib';
import type { Random } from '../../src/base/random.ts';
import {
  FRAME,
  FRAME_FLAG,
  HEADER_BYTES,
  type Hello,
  LINK_VERSION,
  LINK_VERSION_MIN,
  PIECE_BYTES_MAX,
  SET_MARK,
  seal,
  writeHello,
} from '../../src/replication/frames.ts';
import { FEATURE } from '../../src/replication/link-safety.ts';
import { MemoryConnection } from '../memory-connection.ts';
import { junk } from './mutations.ts';

const KEYS: readonly string[] = ['a', 'b', 'num', 'k:1', '\0\x80\xff', 'k'.repeat(250)];
const VALUE_BYTES: readonly number[] = [0, 1, 90, 1000, PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1, 70_000];
const EXPTIMES: readonly number[] = [0, 0, 1, 4_000_000_000, 0xffffffff];
/** Around what the store of a test gives, and beyond what it may believe. */
const VERSIONS: readonly number[] = [0, 1, 1.0e14, 2 ** 52, 2 ** 53 - 1];

/** Makes the frames of one stream as a twin may send them; every one of them has a right checksum. */
export class LinkFrames {
  readonly #random: Random;
  /** Whoever does not understand it ends the link at the first of them. */
  readonly #compresses: boolean;
  #versions = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#compresses = random.below(4) === 0;
  }

  hello(change: Partial<Hello> = {}): Buffer {
    const { output } = new MemoryConnection();
    writeHello(output, {
      version: LINK_VERSION,
      versionMin: LINK_VERSION_MIN,
      features: this.#pick([FEATURE.compression, FEATURE.compression, 0, 0xffffffff - FEATURE.secret]),
      nodeId: 'ee'.repeat(16),
      slot: this.#random.below(8),
      fresh: this.#random.below(2) === 0,
      full: this.#random.below(4) === 0,
      slotsUsed: this.#random.below(256),
      highestVersion: this.#pick(VERSIONS),
      wallMs: this.#random.below(2) === 0 ? Date.UTC(2026, 5, 1) : 0,
      nonce: 'dd'.repeat(16),
      ...change,
    });
    return Buffer.from(output.bytes.slice(output.start, output.at));
  }

  /** What a twin says first behind its hello. */
  resume(): Buffer {
    const body = Buffer.alloc(8 + 8);
    body[0] = this.#random.below(2);
    body.writeUInt16LE(1, 2);
    body.writeUInt32LE(this.#random.below(2 ** 31), 4);
    return frame(FRAME.resume, body);
  }

  /** One frame, or those of a value; now and then one that stands where it should not. */
  next(): Buffer {
    const random = this.#random;
    switch (random.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return this.#set();
      case 5:
        return this.#keyed(this.#pick([FRAME.delete, FRAME.win]), []);
      case 6:
        return this.#keyed(FRAME.touch, [this.#pick(EXPTIMES)], random.below(3) > 0);
      case 7:
        return frame(
          FRAME.flush,
          numbers(this.#version(), this.#version(), this.#pick(EXPTIMES)).subarray(0, 20),
        );
      case 8:
        return frame(this.#pick([FRAME.syncBegin, FRAME.resumed]), Buffer.alloc(0));
      case 9:
        return Buffer.concat([
          frame(FRAME.syncBegin, Buffer.alloc(0)),
          this.#set(),
          frame(FRAME.syncEnd, numbers(1)),
        ]);
      case 10:
        return frame(FRAME.ping, numbers(random.below(1000), random.below(1000), random.below(1e9) * 4000));
      case 11:
        return this.#mark();
      case 12:
        return frame(FRAME.lost, Buffer.concat([junk(random, 16), Buffer.of(random.below(256))]));
      case 13:
        return frame(FRAME.want, Buffer.concat([Buffer.of(random.below(256)), numbers(this.#version())]));
      case 14:
        return frame(FRAME.slot, Buffer.of(random.below(8)));
      default:
        return this.#odd();
    }
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)]!;
  }

  #version(): number {
    return this.#random.below(4) === 0 ? this.#pick(VERSIONS) : 1.3e13 + 8 * ++this.#versions;
  }

  #set(): Buffer {
    const random = this.#random;
    const key = Buffer.from(this.#pick(KEYS), 'latin1');
    const value = Buffer.alloc(this.#pick(VALUE_BYTES), `${random.below(100)} `);
    const marks = random.below(4) === 0 ? random.below(32) : 0;
    const cas = (marks & SET_MARK.explicitCas) === 0 ? Buffer.alloc(0) : junk(random, 8);
    const stamp = (marks & SET_MARK.touched) === 0 ? Buffer.alloc(0) : numbers(this.#version());
    const fixed = Buffer.alloc(24);
    numbers(this.#version()).copy(fixed);
    fixed.writeUInt32LE(this.#pick(EXPTIMES), 8);
    fixed.writeUInt32LE(random.below(2 ** 31), 12);
    fixed.writeUInt32LE(value.length, 16);
    fixed[20] = key.length;
    fixed[21] = marks;
    const isInline = value.length <= PIECE_BYTES_MAX;
    const frames = [
      this.#sent(FRAME.set, Buffer.concat([fixed, cas, stamp, key, isInline ? value : Buffer.alloc(0)])),
    ];
    if (!isInline) {
      for (let at = 0; at < value.length; at += PIECE_BYTES_MAX) {
        frames.push(this.#sent(FRAME.piece, value.subarray(at, at + PIECE_BYTES_MAX)));
      }
      // Now and then one piece is missing, or comes twice.
      if (random.below(6) === 0)
        frames.splice(1, random.below(2), ...(random.below(2) === 0 ? frames.slice(1, 2) : []));
    }
    return Buffer.concat(frames);
  }

  /** As it is, or compressed. */
  #sent(kind: number, body: Buffer): Buffer {
    const packed =
      this.#compresses && this.#random.below(2) === 0 ? deflateRawSync(body, { level: 1 }) : body;
    return packed.length < body.length ? frame(kind, packed, FRAME_FLAG.compressed) : frame(kind, body);
  }

  #keyed(kind: number, words: readonly number[], isStamped = false): Buffer {
    const key = Buffer.from(this.#pick(KEYS), 'latin1');
    const fixed = numbers(this.#version());
    const rest = Buffer.alloc(4 * words.length);
    for (const [i, word] of words.entries()) rest.writeUInt32LE(word, 4 * i);
    const stamp = isStamped ? numbers(this.#version()) : Buffer.alloc(0);
    return frame(kind, Buffer.concat([fixed, rest, Buffer.of(key.length), key, stamp]));
  }

  #mark(): Buffer {
    const random = this.#random;
    const fixed = Buffer.alloc(20);
    fixed[0] = random.below(4);
    const threads = this.#pick([0, 1, 1, 4, 512]);
    fixed.writeUInt16LE(threads, 2);
    fixed.writeUInt32LE(random.below(2 ** 31), 4);
    numbers(this.#version()).copy(fixed, 12);
    return frame(
      FRAME.mark,
      Buffer.concat([fixed, ...Array.from({ length: threads }, () => numbers(random.below(1e9)))]),
    );
  }

  /** Of any kind, with any body, but with a right checksum. */
  #odd(): Buffer {
    const random = this.#random;
    const bytes = this.#pick([0, 1, 4, 8, 9, 16, 17, 20, 32, 60, 300, 33_000, 36_864, 36_865, 65_535]);
    const flags = random.below(8) === 0 ? random.below(4) : 0;
    return frame(random.below(24), junk(random, bytes), flags);
  }
}

/** Numbers as frames have them, of eight bytes each. */
function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [i, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * i);
  return bytes;
}

function frame(kind: number, body: Buffer, flags = 0): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + body.length);
  body.copy(bytes, HEADER_BYTES);
  seal(bytes, 0, kind, body.length, flags);
  return bytes;
}
