/**
 * Takes frames apart. Every length is checked against the bounds and against the frame that it stands in before it is used, so
 * whatever bytes a peer sends, nothing outside its own frame is read. Works on the transport's buffer; copies nothing, keeps nothing.
 */
import { ITEM_BYTES_MAX, KEY_BYTES_MAX } from '../base/limits.ts';
import { wordsOf } from '../base/word-view.ts';
import {
  ACK_BYTES,
  DELETE_FIXED_BYTES,
  FLUSH_BYTES,
  FRAME,
  FRAME_BODY_BYTES_MAX,
  FRAME_FLAG,
  frameChecksum,
  GREETING,
  HEADER_BYTES,
  HELLO_BYTES,
  HELLO_FLAG,
  type Hello,
  LOST_BYTES,
  MARK_FIXED_BYTES,
  NODE_ID_BYTES,
  NONCE_BYTES,
  PIECE_BYTES_MAX,
  PING_BYTES,
  POSITION_BYTES,
  PROOF_BYTES,
  RESUME_FIXED_BYTES,
  SET_FIXED_BYTES,
  SET_MARK,
  SET_MARKS_ALL,
  SLOT_BYTES,
  STAMP_BYTES,
  SYNC_END_BYTES,
  setFixedBytes,
  THREADS_MAX,
  TOUCH_FIXED_BYTES,
  WANT_BYTES,
} from './frames.ts';
import type { LinkCodec } from './link-safety.ts';

/** What the next bytes are. */
export const READ = {
  /** A frame; its kind and fields are set. */
  frame: 0,
  /** Not all of it is there yet. */
  partial: 1,
  /** No frame of ours: the connection is of no use any more. `reason` says why. */
  malformed: 2,
} as const;
export type Read = (typeof READ)[keyof typeof READ];

const NOTHING = new Uint8Array(0);

/** Versions and counters are below 2^53. */
const HIGH_WORD_MAX = 0x1fffff;

/**
 * Compares what has come so far with the greeting line.
 *
 * @returns `partial` while it is a beginning of it, `frame` when it is whole, `malformed` when it is something else
 */
export function readGreeting(bytes: Uint8Array, start: number, end: number): Read {
  const count = Math.min(end - start, GREETING.length);
  for (let i = 0; i < count; i++) {
    if (bytes[start + i] !== GREETING.charCodeAt(i)) return READ.malformed;
  }
  return count === GREETING.length ? READ.frame : READ.partial;
}

/**
 * Reads one frame after another. After `frame` the fields of its kind are valid (until the next call); others keep
 * old contents. Frames of an unknown kind are returned too, with no fields: their reader skips them.
 */
export class FrameReader {
  kind = 0;
  /** Behind the frame. */
  end = 0;
  /** Why bytes are malformed, for the log. */
  reason = '';
  /** Where the fields of the last frame stand: the bytes given, or what a compressed body came to. */
  source: Uint8Array = NOTHING;
  /** Brings compressed bodies back; null: there are none on this link. */
  codec: LinkCodec | null = null;
  #inflated: Uint8Array = NOTHING;
  /** Frames whose checksum was wrong. */
  checksumErrors = 0;

  /** set, delete, touch, win: where the key stands. */
  keyStart = 0;
  keyEnd = 0;
  /** set, delete, flush: the version given; touch, win: that of the item which was touched or won. */
  version = 0;
  /** set, touch: seconds since 1970, 0 for never. */
  exptime = 0;
  /** set, touch: when the item was touched, as a version; 0 for never, or the peer does not know. */
  stamp = 0;
  clientFlags = 0;
  /** set: bits of SET_MARK; with explicitCas a cas id that a client chose, in two halves. */
  marks = 0;
  casHigh = 0;
  casLow = 0;
  /** set: bytes of the whole value. */
  valueBytes = 0;
  /** set (when it carries its value), piece, proof: where the bytes stand. */
  valueStart = 0;
  valueEnd = 0;
  /** flush: lower versions die, from that second since 1970 on. */
  threshold = 0;
  activeAtSeconds = 0;
  /** syncEnd: items sent. */
  items = 0;
  /** ping. */
  changesSent = 0;
  changesReceived = 0;
  wallMs = 0;
  slot = 0;
  /** resume: whether there is a position; it and a mark's: `copyPositions` copies it. */
  hasPosition = false;
  threads = 0;
  tag = 0;
  #positionsStart = 0;
  /** mark: of MARK_FLAG; mark, ack: the serial number. All changes of the peer up to a mark's `version` have been sent. */
  flags = 0;
  serial = 0;
  /** lost, want: one bit for each slot. A want's `version` is the one above which things are wanted. */
  slots = 0;

  /** Looks at [start, end). */
  next(bytes: Uint8Array, start: number, end: number): Read {
    if (end - start < HEADER_BYTES) return READ.partial;
    const bodyBytes = u16(bytes, start);
    if (bodyBytes > FRAME_BODY_BYTES_MAX) return this.#malformed(`a frame of ${bodyBytes} bytes`);
    const flags = bytes[start + 3]!;
    if (flags !== 0 && (flags !== FRAME_FLAG.compressed || this.codec === null))
      return this.#malformed(`frame flags ${flags}`);
    const body = start + HEADER_BYTES;
    const frameEnd = body + bodyBytes;
    if (frameEnd > end) return READ.partial;
    this.kind = bytes[start + 2]!;
    if (wordsOf(bytes).getInt32(start + 4, true) !== frameChecksum(bytes, start, bodyBytes)) {
      this.checksumErrors++;
      return this.#malformed(`a frame of kind ${this.kind} with a wrong checksum`);
    }
    this.end = frameEnd;
    this.source = bytes;
    return flags === 0 ? this.#fields(bytes, body, bodyBytes) : this.#compressed(bytes, body, frameEnd);
  }

  /** Of a frame whose body is compressed. However long it says to be in the end, no more than a frame can have is made of it. */
  #compressed(bytes: Uint8Array, start: number, end: number): Read {
    const { codec, kind } = this;
    if (codec === null || (kind !== FRAME.set && kind !== FRAME.piece))
      return this.#malformed(`a compressed frame of kind ${kind}`);
    if (this.#inflated.length === 0) this.#inflated = new Uint8Array(FRAME_BODY_BYTES_MAX);
    const count = codec.inflate(bytes, start, end, this.#inflated);
    if (count < 0) return this.#malformed(`a frame of kind ${kind} that cannot be inflated`);
    this.source = this.#inflated;
    return this.#fields(this.#inflated, 0, count);
  }

  #fields(bytes: Uint8Array, body: number, bodyBytes: number): Read {
    switch (this.kind) {
      case FRAME.set:
        return this.#set(bytes, body, bodyBytes);
      case FRAME.piece:
        if (bodyBytes === 0 || bodyBytes > PIECE_BYTES_MAX)
          return this.#malformed(`a piece of ${bodyBytes} bytes`);
        this.valueStart = body;
        this.valueEnd = body + bodyBytes;
        return READ.frame;
      case FRAME.proof:
        if (bodyBytes !== PROOF_BYTES) return this.#wrongSize(bodyBytes);
        this.valueStart = body;
        return READ.frame;
      case FRAME.delete:
      case FRAME.win:
        if (!this.#key(bytes, body, bodyBytes, DELETE_FIXED_BYTES)) return READ.malformed;
        return this.#version(bytes, body);
      case FRAME.touch:
        return this.#touch(bytes, body, bodyBytes);
      case FRAME.flush:
        if (bodyBytes !== FLUSH_BYTES) return this.#wrongSize(bodyBytes);
        this.threshold = u64(bytes, body + 8);
        if (this.threshold < 0) return this.#malformed('a number beyond 2^53');
        this.activeAtSeconds = u32(bytes, body + 16);
        return this.#version(bytes, body);
      case FRAME.resume:
        if (bodyBytes < RESUME_FIXED_BYTES) return this.#wrongSize(bodyBytes);
        this.hasPosition = bytes[body] === 1;
        this.tag = u32(bytes, body + 4);
        return this.#positions(bytes, body, bodyBytes, RESUME_FIXED_BYTES);
      case FRAME.mark:
        if (bodyBytes < MARK_FIXED_BYTES) return this.#wrongSize(bodyBytes);
        this.flags = bytes[body]!;
        this.serial = u32(bytes, body + 4);
        this.tag = u32(bytes, body + 8);
        if (this.#positions(bytes, body, bodyBytes, MARK_FIXED_BYTES) !== READ.frame) return READ.malformed;
        return this.#version(bytes, body + 12);
      case FRAME.ack:
        if (bodyBytes !== ACK_BYTES) return this.#wrongSize(bodyBytes);
        this.serial = u32(bytes, body);
        return READ.frame;
      case FRAME.lost:
        if (bodyBytes !== LOST_BYTES) return this.#wrongSize(bodyBytes);
        this.slots = bytes[body + NODE_ID_BYTES]!;
        return READ.frame;
      case FRAME.want:
        if (bodyBytes !== WANT_BYTES) return this.#wrongSize(bodyBytes);
        this.slots = bytes[body]!;
        return this.#version(bytes, body + 1);
      case FRAME.refused:
      case FRAME.resumed:
      case FRAME.syncBegin:
      case FRAME.bye:
        return bodyBytes === 0 ? READ.frame : this.#wrongSize(bodyBytes);
      case FRAME.syncEnd:
        if (bodyBytes !== SYNC_END_BYTES) return this.#wrongSize(bodyBytes);
        this.items = u64(bytes, body);
        return this.items < 0 ? this.#malformed('a number beyond 2^53') : READ.frame;
      case FRAME.ping:
        if (bodyBytes !== PING_BYTES) return this.#wrongSize(bodyBytes);
        this.changesSent = u64(bytes, body);
        this.changesReceived = u64(bytes, body + 8);
        this.wallMs = u64(bytes, body + 16);
        if (this.changesSent < 0 || this.changesReceived < 0 || this.wallMs < 0)
          return this.#malformed('a number beyond 2^53');
        return READ.frame;
      case FRAME.slot:
        if (bodyBytes !== SLOT_BYTES) return this.#wrongSize(bodyBytes);
        this.slot = bytes[body]!;
        return this.slot < 8 ? READ.frame : this.#malformed(`node slot ${this.slot}`);
      case FRAME.hello:
        return bodyBytes < HELLO_BYTES ? this.#wrongSize(bodyBytes) : READ.frame;
      default:
        return READ.frame;
    }
  }

  /** The hello that `next` has just found in `bytes`; null when its fields make no sense (`reason`). */
  hello(bytes: Uint8Array, start: number): Hello | null {
    const body = start + HEADER_BYTES;
    const slot = bytes[body + 24]!;
    const flags = bytes[body + 25]!;
    const highestVersion = u64(bytes, body + 28);
    const wallMs = u64(bytes, body + 36);
    if (slot > 7 || highestVersion < 0 || wallMs < 0) {
      this.#malformed('a hello with a number out of range');
      return null;
    }
    return {
      version: bytes[body]! | (bytes[body + 1]! << 8),
      versionMin: bytes[body + 2]! | (bytes[body + 3]! << 8),
      features: u32(bytes, body + 4),
      nodeId: hexadecimal(bytes, body + 8, NODE_ID_BYTES),
      slot,
      fresh: (flags & HELLO_FLAG.fresh) !== 0,
      full: (flags & HELLO_FLAG.full) !== 0,
      slotsUsed: bytes[body + 26]!,
      highestVersion,
      wallMs,
      nonce: hexadecimal(bytes, body + 44, NONCE_BYTES),
    };
  }

  /** The node that the `lost` frame at `start` names. */
  lostNode(bytes: Uint8Array, start: number): string {
    return hexadecimal(bytes, start + HEADER_BYTES, NODE_ID_BYTES);
  }

  /** Copies the positions into `target`, which has room for them. */
  copyPositions(bytes: Uint8Array, target: Float64Array): void {
    for (let i = 0; i < this.threads; i++) target[i] = u64(bytes, this.#positionsStart + i * POSITION_BYTES);
  }

  /** Where they stand, for whoever checks the tag. */
  get positionsStart(): number {
    return this.#positionsStart;
  }

  get positionsEnd(): number {
    return this.#positionsStart + this.threads * POSITION_BYTES;
  }

  #positions(bytes: Uint8Array, body: number, bodyBytes: number, fixedBytes: number): Read {
    const threads = u16(bytes, body + 2);
    if (threads > THREADS_MAX || bodyBytes !== fixedBytes + threads * POSITION_BYTES)
      return this.#wrongSize(bodyBytes);
    this.threads = threads;
    this.#positionsStart = body + fixedBytes;
    for (let i = 0; i < threads; i++) {
      if (u64(bytes, this.#positionsStart + i * POSITION_BYTES) < 0)
        return this.#malformed('a number beyond 2^53');
    }
    return READ.frame;
  }

  #set(bytes: Uint8Array, body: number, bodyBytes: number): Read {
    if (bodyBytes < SET_FIXED_BYTES) return this.#wrongSize(bodyBytes);
    const keyBytes = bytes[body + 20]!;
    const valueBytes = u32(bytes, body + 16);
    if (keyBytes === 0 || keyBytes > KEY_BYTES_MAX) return this.#malformed(`a key of ${keyBytes} bytes`);
    if (valueBytes > ITEM_BYTES_MAX) return this.#malformed(`a value of ${valueBytes} bytes`);
    const marks = bytes[body + 21]!;
    if (marks > SET_MARKS_ALL) return this.#malformed(`set marks ${marks}`);
    const hasCas = (marks & SET_MARK.explicitCas) !== 0;
    const fixedBytes = setFixedBytes(marks);
    const inline = valueBytes <= PIECE_BYTES_MAX ? valueBytes : 0;
    if (bodyBytes !== fixedBytes + keyBytes + inline) return this.#wrongSize(bodyBytes);
    this.stamp = (marks & SET_MARK.touched) === 0 ? 0 : u64(bytes, body + fixedBytes - STAMP_BYTES);
    if (this.stamp < 0) return this.#malformed('a number beyond 2^53');
    this.exptime = u32(bytes, body + 8);
    this.clientFlags = u32(bytes, body + 12);
    this.valueBytes = valueBytes;
    this.marks = marks & ~SET_MARK.touched;
    this.casHigh = hasCas ? u32(bytes, body + 24) : 0;
    this.casLow = hasCas ? u32(bytes, body + 28) : 0;
    this.keyStart = body + fixedBytes;
    this.keyEnd = this.keyStart + keyBytes;
    this.valueStart = this.keyEnd;
    this.valueEnd = this.keyEnd + inline;
    return this.#version(bytes, body);
  }

  /** With a stamp behind the key, or without. */
  #touch(bytes: Uint8Array, body: number, bodyBytes: number): Read {
    const isStamped = bodyBytes === TOUCH_FIXED_BYTES + bytes[body + TOUCH_FIXED_BYTES - 1]! + STAMP_BYTES;
    const rest = isStamped ? bodyBytes - STAMP_BYTES : bodyBytes;
    if (!this.#key(bytes, body, rest, TOUCH_FIXED_BYTES)) return READ.malformed;
    this.stamp = isStamped ? u64(bytes, body + rest) : 0;
    if (this.stamp < 0) return this.#malformed('a number beyond 2^53');
    this.exptime = u32(bytes, body + 8);
    return this.#version(bytes, body);
  }

  /** Of delete, win and touch, whose key length is the last byte of the fixed part. */
  #key(bytes: Uint8Array, body: number, bodyBytes: number, fixedBytes: number): boolean {
    const keyBytes = bodyBytes - fixedBytes;
    if (keyBytes < 1 || keyBytes > KEY_BYTES_MAX || bytes[body + fixedBytes - 1] !== keyBytes) {
      this.#wrongSize(bodyBytes);
      return false;
    }
    this.keyStart = body + fixedBytes;
    this.keyEnd = this.keyStart + keyBytes;
    return true;
  }

  #version(bytes: Uint8Array, at: number): Read {
    const version = u64(bytes, at);
    if (version < 0) return this.#malformed('a number beyond 2^53');
    this.version = version;
    return READ.frame;
  }

  #wrongSize(bodyBytes: number): Read {
    return this.#malformed(`a frame of kind ${this.kind} with ${bodyBytes} bytes`);
  }

  #malformed(reason: string): Read {
    this.reason = reason;
    return READ.malformed;
  }
}

function hexadecimal(bytes: Uint8Array, at: number, count: number): string {
  let digits = '';
  for (let i = 0; i < count; i++) digits += bytes[at + i]!.toString(16).padStart(2, '0');
  return digits;
}

function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

function u32(bytes: Uint8Array, at: number): number {
  return wordsOf(bytes).getUint32(at, true);
}

/** -1 when the number is 2^53 or more. */
function u64(bytes: Uint8Array, at: number): number {
  const high = u32(bytes, at + 4);
  return high > HIGH_WORD_MAX ? -1 : high * 4294967296 + u32(bytes, at);
}
