/**
 * The frames of the link between two nodes: layout, bounds, and the writers.
 *
 * The stream of either direction begins with one line of text (`GREETING`), then frames follow. The line is there because an old
 * peer that speaks text lines ignores an unknown one without harm, so who is at the other end can be found out before a binary
 * byte is sent.
 *
 * A frame is a header of 8 bytes and a body; all numbers are little-endian:
 *
 *     0  u16  bytes of the body, at most FRAME_BODY_BYTES_MAX
 *     2  u8   kind
 *     3  u8   flags (FRAME_FLAG)
 *     4  u32  XXH32 of the body; the four bytes before it are the seed
 *
 * Bodies (u64 is a version or a counter, below 2^53):
 *
 *     hello      see HELLO below
 *     slot       u8 slot
 *     set        u64 version, u32 exptime, u32 client flags, u32 bytes of the value, u8 bytes of the key, u8 marks (SET_MARK), u16 0,
 *                u32 + u32 a cas id that a client chose, upper half first (only with SET_MARK.explicitCas), u64 stamp of the last touch
 *                (only with SET_MARK.touched), key, value
 *     piece      the next bytes of the value of the set before it, which had none of it
 *     delete     u64 version, u8 bytes of the key, key
 *     touch      u64 version of the item that was touched, u32 exptime, u8 bytes of the key, key, u64 stamp of the touch (not for a peer
 *                that does not know stamps: FEATURE.touchStamps)
 *     win        u64 version of the item that a client was told to renew, u8 bytes of the key, key
 *     flush      u64 version of the order, u64 threshold (lower versions die), u32 active at (seconds since 1970; 0: it is in force). A
 *                version of 0: of the flushes in force, whoever ordered them, and the order to come stays
 *     resume     u8 1 if a position follows, u8 0, u16 threads, u32 tag, u64 for each thread: up to where this node has the changes of
 *                the peer's data threads, as the peer's last mark said
 *     resumed    nothing: what changed since that position has been sent, as changes
 *     syncBegin  nothing
 *     syncEnd    u64 items sent
 *     mark       u8 flags (MARK_FLAG), u8 0, u16 threads, u32 serial number, u32 tag, u64 version up to which all changes of the sender
 *                have been sent (0: none is known), u64 for each thread: all changes of that thread before this position have been sent
 *     ack        u32 serial number of the last mark that has come
 *     lost       16 bytes id of a node with which there is no link any more, u8 the slots it had, one bit each
 *     want       u8 slots, one bit each, u64 version: the peer is asked for what it has of those slots above that version
 *     proof      32 bytes, see link-safety.ts
 *     refused    nothing: the proof that has come is not good
 *     ping       u64 changes sent so far, u64 changes received so far, u64 wall clock (ms since 1970)
 *     bye        nothing
 *     parted     nothing: the sender gives this link up, and goes on; who does not know it finds the connection closed a moment later
 *
 * The tag of a mark is the sender's secret (a keyed hash of the positions): who resumes gives it back, so that no position is
 * believed that was not given.
 *
 * A set whose value is at most PIECE_BYTES_MAX carries it; a larger one carries none and is followed by pieces, all of them
 * PIECE_BYTES_MAX long save the last, with no other frame between them. So a receiver needs to hold one frame at most.
 */
import { assert } from '../base/assert.ts';
import type { Output } from '../base/output.ts';
import { wordsOf } from '../base/word-view.ts';
import { xxh32 } from '../base/xxh32.ts';
import type { ItemRef } from '../store/cache.ts';
import { MARKS_SHIFT } from '../store/layout.ts';
import type { LinkCache } from './store-port.ts';

export const FRAME = {
  hello: 1,
  slot: 2,
  set: 3,
  piece: 4,
  delete: 5,
  touch: 6,
  flush: 7,
  syncBegin: 8,
  syncEnd: 9,
  ping: 10,
  bye: 11,
  win: 12,
  resume: 13,
  resumed: 14,
  mark: 15,
  ack: 16,
  lost: 17,
  want: 18,
  proof: 19,
  refused: 20,
  parted: 21,
} as const;

/** Bits of a frame's flags. */
export const FRAME_FLAG = {
  /** The body is compressed (link-safety.ts); only of set and piece. The checksum is that of the bytes that are sent. */
  compressed: 1,
} as const;

/** The first line that each side sends. */
export const GREETING = 'twincached link 1\r\n';

/** The version of the frames that this code speaks, and the oldest that it understands. */
export const LINK_VERSION = 1;
export const LINK_VERSION_MIN = 1;

export const HEADER_BYTES = 8;
/** Most bytes of a value that one frame carries. */
export const PIECE_BYTES_MAX: number = 32 * 1024;
/** A larger body closes the connection. Leaves a header and room for growth of the fixed parts beside one piece. */
export const FRAME_BODY_BYTES_MAX: number = PIECE_BYTES_MAX + 4096;

/**
 * Body of a hello: u16 version spoken, u16 oldest version understood, u32 features, 16 bytes node id, u8 slot, u8 flags (HELLO_FLAG),
 * u8 slots in use (one bit each), u8 0, u64 highest version, u64 wall clock (ms since 1970), 16 bytes by chance. More bytes may follow
 * from a later version.
 */
export const HELLO_BYTES = 60;
export const HELLO_FLAG = {
  /** The node has not opened its client port yet: it has given no version to anything. */
  fresh: 1,
  /** The node has as many twins as there can be: who is not one of them need not come. */
  full: 2,
} as const;
export const NODE_ID_BYTES = 16;
export const NONCE_BYTES = 16;

export const SET_FIXED_BYTES = 24;
/** What a cas id that a client chose adds to a set. */
export const SET_CAS_BYTES = 8;
/** What the stamp of a touch adds to a set and to a touch. */
export const STAMP_BYTES = 8;
/**
 * Marks of an item in a set: those of the store (`Cache.marks`), shifted down, and whether it was touched. The second and the last
 * change under the same version, too.
 */
export const SET_MARK = { stale: 1, tokenSent: 2, base64Key: 4, explicitCas: 8, touched: 16 } as const;
export const SET_MARKS_ALL = 31;
export const DELETE_FIXED_BYTES = 9;
export const TOUCH_FIXED_BYTES = 13;
export const FLUSH_BYTES = 20;
export const SYNC_END_BYTES = 8;
export const PING_BYTES = 24;
export const SLOT_BYTES = 1;
/** Of resume and mark, in front of the positions. */
export const RESUME_FIXED_BYTES = 8;
export const MARK_FIXED_BYTES = 20;
export const POSITION_BYTES = 8;
export const MARK_FLAG = {
  /** Somebody waits for the ack. */
  answerAtOnce: 1,
  /** The peer has everything before it, not only these changes: no full copy is under way or due. */
  complete: 2,
} as const;
export const ACK_BYTES = 4;
export const LOST_BYTES: number = NODE_ID_BYTES + 1;
export const WANT_BYTES = 9;
/** Those of HMAC-SHA-256. */
export const PROOF_BYTES = 32;
/** More data threads than this have no place in a mark. */
export const THREADS_MAX = 512;

/** What one node tells the other about itself at the start of a link. */
export interface Hello {
  readonly version: number;
  readonly versionMin: number;
  readonly features: number;
  /**
   * 32 hexadecimal digits; made anew at every start of the process, for nothing outlives it. So it also names the node's stream of
   * changes: a position is of use only to the node that gave it.
   */
  readonly nodeId: string;
  readonly slot: number;
  readonly fresh: boolean;
  readonly full: boolean;
  /** One bit for each slot that the node knows to be taken, its own included. */
  readonly slotsUsed: number;
  readonly highestVersion: number;
  readonly wallMs: number;
  /** 32 hexadecimal digits by chance, for this link alone. */
  readonly nonce: string;
}

/** How far somebody has the changes of a node, as that node said it. */
export interface FeedPosition {
  /** For each data thread of the node, in units of its ring. */
  readonly positions: Float64Array;
  readonly tag: number;
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  wordsOf(bytes).setUint32(at, value, true);
}

function putU64(bytes: Uint8Array, at: number, value: number): void {
  putU32(bytes, at, value >>> 0);
  putU32(bytes, at + 4, Math.floor(value / 4294967296));
}

/** Writes the header in front of a body that stands there. @param flags of FRAME_FLAG */
export function seal(bytes: Uint8Array, at: number, kind: number, bodyBytes: number, flags = 0): void {
  bytes[at] = bodyBytes;
  bytes[at + 1] = bodyBytes >>> 8;
  bytes[at + 2] = kind;
  bytes[at + 3] = flags;
  putU32(bytes, at + 4, frameChecksum(bytes, at, bodyBytes));
}

/** The checksum that the frame at `at` must have. */
export function frameChecksum(bytes: Uint8Array, at: number, bodyBytes: number): number {
  const body = at + HEADER_BYTES;
  return xxh32(bytes, body, body + bodyBytes, wordsOf(bytes).getInt32(at, true));
}

function putHexadecimal(bytes: Uint8Array, at: number, digits: string): void {
  for (let i = 0; 2 * i < digits.length; i++) {
    bytes[at + i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  }
}

/** Seconds since 1970 as 32 bits; later ones (after 2106) are cut to the last. */
function clampSeconds(seconds: number): number {
  return Math.min(seconds, 0xffffffff);
}

export function writeHello(output: Output, hello: Hello): void {
  output.reserve(HEADER_BYTES + HELLO_BYTES);
  const { bytes, at } = output;
  const body = at + HEADER_BYTES;
  bytes[body] = hello.version;
  bytes[body + 1] = hello.version >>> 8;
  bytes[body + 2] = hello.versionMin;
  bytes[body + 3] = hello.versionMin >>> 8;
  putU32(bytes, body + 4, hello.features);
  putHexadecimal(bytes, body + 8, hello.nodeId);
  bytes[body + 24] = hello.slot;
  bytes[body + 25] = (hello.fresh ? HELLO_FLAG.fresh : 0) | (hello.full ? HELLO_FLAG.full : 0);
  bytes[body + 26] = hello.slotsUsed;
  bytes[body + 27] = 0;
  putU64(bytes, body + 28, hello.highestVersion);
  putU64(bytes, body + 36, hello.wallMs);
  putHexadecimal(bytes, body + 44, hello.nonce);
  seal(bytes, at, FRAME.hello, HELLO_BYTES);
  output.at = body + HELLO_BYTES;
}

/** Bytes of a set in front of its key. */
export function setFixedBytes(marks: number): number {
  const casBytes = (marks & SET_MARK.explicitCas) === 0 ? 0 : SET_CAS_BYTES;
  return SET_FIXED_BYTES + casBytes + ((marks & SET_MARK.touched) === 0 ? 0 : STAMP_BYTES);
}

/** Bytes that `writeItem` writes at most for a key and a value of these lengths. */
export function itemFrameBytes(keyBytes: number, valueBytes: number): number {
  const set = HEADER_BYTES + SET_FIXED_BYTES + SET_CAS_BYTES + STAMP_BYTES + keyBytes + valueBytes;
  return valueBytes <= PIECE_BYTES_MAX ? set : set + HEADER_BYTES * Math.ceil(valueBytes / PIECE_BYTES_MAX);
}

/** Bytes that `writeDelete` and `writeWin` write. */
export function deleteFrameBytes(keyBytes: number): number {
  return HEADER_BYTES + DELETE_FIXED_BYTES + keyBytes;
}

/** Bytes that `writeTouch` writes at most. */
export function touchFrameBytes(keyBytes: number): number {
  return HEADER_BYTES + TOUCH_FIXED_BYTES + keyBytes + STAMP_BYTES;
}

/**
 * Writes an item whose stripe is locked, key and value straight from the store. The room, `itemFrameBytes`, must have been
 * reserved before: nothing may be sent while a stripe is locked.
 *
 * @param stamped whether the peer knows stamps of touches
 */
export function writeItem(
  output: Output,
  cache: LinkCache,
  item: ItemRef,
  keyBytes: number,
  valueBytes: number,
  stamped = true,
): void {
  const { bytes, at } = output;
  const inline = valueBytes <= PIECE_BYTES_MAX;
  const stamp = stamped ? cache.touchStamp(item) : 0;
  const marks = (cache.meta.marks(item) >>> MARKS_SHIFT) | (stamp === 0 ? 0 : SET_MARK.touched);
  const fixedBytes = setFixedBytes(marks);
  const body = at + HEADER_BYTES;
  putU64(bytes, body, cache.version(item));
  putU32(bytes, body + 8, clampSeconds(cache.exptime(item)));
  putU32(bytes, body + 12, cache.clientFlags(item));
  putU32(bytes, body + 16, valueBytes);
  bytes[body + 20] = keyBytes;
  bytes[body + 21] = marks;
  bytes[body + 22] = 0;
  bytes[body + 23] = 0;
  if ((marks & SET_MARK.explicitCas) !== 0) {
    putU32(bytes, body + 24, cache.meta.casHigh(item));
    putU32(bytes, body + 28, cache.meta.casLow(item));
  }
  const key = body + fixedBytes;
  if (stamp > 0) putU64(bytes, key - STAMP_BYTES, stamp);
  const value = key + keyBytes;
  if (inline) {
    cache.copyKeyAndValue(item, bytes, key);
    seal(bytes, at, FRAME.set, fixedBytes + keyBytes + valueBytes);
    output.at = value + valueBytes;
    return;
  }
  cache.copyKey(item, bytes, key);
  seal(bytes, at, FRAME.set, fixedBytes + keyBytes);
  // The value is copied in one go behind the room for all headers of its pieces; then each piece moves down to behind its header.
  // A piece never moves up, so going from the first to the last overwrites nothing that is still needed.
  const pieces = Math.ceil(valueBytes / PIECE_BYTES_MAX);
  let source = value + pieces * HEADER_BYTES;
  cache.copyValue(item, bytes, source);
  let target = value;
  for (let rest = valueBytes; rest > 0; ) {
    const piece = Math.min(rest, PIECE_BYTES_MAX);
    const body = target + HEADER_BYTES;
    if (body !== source) bytes.copyWithin(body, source, source + piece);
    seal(bytes, target, FRAME.piece, piece);
    target = body + piece;
    source += piece;
    rest -= piece;
  }
  output.at = target;
}

/** Writes a delete of the key in [keyStart, keyEnd) of `source`. */
export function writeDelete(
  output: Output,
  source: Uint8Array,
  keyStart: number,
  keyEnd: number,
  version: number,
): void {
  writeKeyed(output, FRAME.delete, source, keyStart, keyEnd, version);
}

/** Writes that a client was told to renew the item that has this key and version. */
export function writeWin(output: Output, source: Uint8Array, keyBytes: number, version: number): void {
  writeKeyed(output, FRAME.win, source, 0, keyBytes, version);
}

function writeKeyed(
  output: Output,
  kind: number,
  source: Uint8Array,
  keyStart: number,
  keyEnd: number,
  version: number,
): void {
  const keyBytes = keyEnd - keyStart;
  output.reserve(deleteFrameBytes(keyBytes));
  const { bytes, at } = output;
  const body = at + HEADER_BYTES;
  putU64(bytes, body, version);
  bytes[body + 8] = keyBytes;
  const key = body + DELETE_FIXED_BYTES;
  for (let i = 0; i < keyBytes; i++) bytes[key + i] = source[keyStart + i]!;
  seal(bytes, at, kind, DELETE_FIXED_BYTES + keyBytes);
  output.at = key + keyBytes;
}

/** Writes the delete that a tombstone stands for. The room, `deleteFrameBytes`, must have been reserved. */
export function writeTombstone(output: Output, cache: LinkCache, item: ItemRef, keyBytes: number): void {
  const { bytes, at } = output;
  const body = at + HEADER_BYTES;
  putU64(bytes, body, cache.version(item));
  bytes[body + 8] = keyBytes;
  cache.copyKey(item, bytes, body + DELETE_FIXED_BYTES);
  seal(bytes, at, FRAME.delete, DELETE_FIXED_BYTES + keyBytes);
  output.at = body + DELETE_FIXED_BYTES + keyBytes;
}

/** Writes the new expiry time of the item that has this key and version. @param stamp 0: the peer does not know stamps */
export function writeTouch(
  output: Output,
  source: Uint8Array,
  keyBytes: number,
  exptime: number,
  version: number,
  stamp: number,
): void {
  output.reserve(touchFrameBytes(keyBytes));
  const { bytes, at } = output;
  const body = at + HEADER_BYTES;
  putU64(bytes, body, version);
  putU32(bytes, body + 8, clampSeconds(exptime));
  bytes[body + 12] = keyBytes;
  const key = body + TOUCH_FIXED_BYTES;
  for (let i = 0; i < keyBytes; i++) bytes[key + i] = source[i]!;
  let end = key + keyBytes;
  if (stamp > 0) {
    putU64(bytes, end, stamp);
    end += STAMP_BYTES;
  }
  seal(bytes, at, FRAME.touch, end - body);
  output.at = end;
}

export function writeFlush(
  output: Output,
  threshold: number,
  activeAtSeconds: number,
  version: number,
): void {
  const body = beginFrame(output, FLUSH_BYTES);
  putU64(output.bytes, body, version);
  putU64(output.bytes, body + 8, threshold);
  putU32(output.bytes, body + 16, clampSeconds(activeAtSeconds));
  endFrame(output, FRAME.flush, FLUSH_BYTES);
}

/** @param position null: everything is wanted */
export function writeResume(output: Output, position: FeedPosition | null): void {
  const threads = position === null ? 0 : position.positions.length;
  assert(threads <= THREADS_MAX, 'a position for each thread fits into a frame');
  const count = RESUME_FIXED_BYTES + threads * POSITION_BYTES;
  const body = beginFrame(output, count);
  const { bytes } = output;
  bytes[body] = position === null ? 0 : 1;
  bytes[body + 1] = 0;
  bytes[body + 2] = threads;
  bytes[body + 3] = threads >>> 8;
  putU32(bytes, body + 4, position === null ? 0 : position.tag);
  if (position !== null) putPositions(bytes, body + RESUME_FIXED_BYTES, position.positions, 0, threads);
  endFrame(output, FRAME.resume, count);
}

export function writeResumed(output: Output): void {
  writeEmpty(output, FRAME.resumed);
}

/** @param proof PROOF_BYTES of them */
export function writeProof(output: Output, proof: Uint8Array): void {
  assert(proof.length === PROOF_BYTES, 'a proof has its length');
  const body = beginFrame(output, PROOF_BYTES);
  output.bytes.set(proof, body);
  endFrame(output, FRAME.proof, PROOF_BYTES);
}

export function writeRefused(output: Output): void {
  writeEmpty(output, FRAME.refused);
}

export function writeSyncBegin(output: Output): void {
  writeEmpty(output, FRAME.syncBegin);
}

export function writeSyncEnd(output: Output, items: number): void {
  const body = beginFrame(output, SYNC_END_BYTES);
  putU64(output.bytes, body, items);
  endFrame(output, FRAME.syncEnd, SYNC_END_BYTES);
}

/**
 * Writes a mark. Its tag is not known before the positions stand there, so it is asked for.
 *
 * @param flags of MARK_FLAG
 * @param positions [from, from + threads) of it
 * @param tagOf makes the tag of the positions in [start, end) of the bytes
 */
export function writeMark(
  output: Output,
  flags: number,
  serial: number,
  sentUpTo: number,
  positions: Float64Array,
  from: number,
  threads: number,
  tagOf: PositionTags,
): void {
  assert(threads <= THREADS_MAX, 'a position for each thread fits into a frame');
  const count = MARK_FIXED_BYTES + threads * POSITION_BYTES;
  const body = beginFrame(output, count);
  const { bytes } = output;
  bytes[body] = flags;
  bytes[body + 1] = 0;
  bytes[body + 2] = threads;
  bytes[body + 3] = threads >>> 8;
  putU32(bytes, body + 4, serial);
  putU64(bytes, body + 12, sentUpTo);
  const start = body + MARK_FIXED_BYTES;
  putPositions(bytes, start, positions, from, threads);
  putU32(bytes, body + 8, tagOf.hash(bytes, start, body + count));
  endFrame(output, FRAME.mark, count);
}

/** A keyed hash: the cache's own. */
export interface PositionTags {
  hash(bytes: Uint8Array, start: number, end: number): number;
}

export function writeAck(output: Output, serial: number): void {
  const body = beginFrame(output, ACK_BYTES);
  putU32(output.bytes, body, serial);
  endFrame(output, FRAME.ack, ACK_BYTES);
}

/** @param slots one bit for each slot that the node had */
export function writeLost(output: Output, nodeId: string, slots: number): void {
  const body = beginFrame(output, LOST_BYTES);
  putHexadecimal(output.bytes, body, nodeId);
  output.bytes[body + NODE_ID_BYTES] = slots;
  endFrame(output, FRAME.lost, LOST_BYTES);
}

/** @param slots one bit for each slot */
export function writeWant(output: Output, slots: number, above: number): void {
  const body = beginFrame(output, WANT_BYTES);
  output.bytes[body] = slots;
  putU64(output.bytes, body + 1, above);
  endFrame(output, FRAME.want, WANT_BYTES);
}

export function writePing(
  output: Output,
  changesSent: number,
  changesReceived: number,
  wallMs: number,
): void {
  const body = beginFrame(output, PING_BYTES);
  putU64(output.bytes, body, changesSent);
  putU64(output.bytes, body + 8, changesReceived);
  putU64(output.bytes, body + 16, wallMs);
  endFrame(output, FRAME.ping, PING_BYTES);
}

export function writeSlot(output: Output, slot: number): void {
  const body = beginFrame(output, SLOT_BYTES);
  output.bytes[body] = slot;
  endFrame(output, FRAME.slot, SLOT_BYTES);
}

export function writeBye(output: Output): void {
  writeEmpty(output, FRAME.bye);
}

export function writeParted(output: Output): void {
  writeEmpty(output, FRAME.parted);
}

function putPositions(
  bytes: Uint8Array,
  at: number,
  positions: Float64Array,
  from: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) putU64(bytes, at + i * POSITION_BYTES, positions[from + i]!);
}

/** Makes room for a frame of fixed size. @returns where its body begins in `output.bytes` */
function beginFrame(output: Output, bodyBytes: number): number {
  output.reserve(HEADER_BYTES + bodyBytes);
  return output.at + HEADER_BYTES;
}

/** Finishes the frame whose body has been written. */
function endFrame(output: Output, kind: number, bodyBytes: number): void {
  seal(output.bytes, output.at, kind, bodyBytes);
  output.at += HEADER_BYTES + bodyBytes;
}

function writeEmpty(output: Output, kind: number): void {
  beginFrame(output, 0);
  endFrame(output, kind, 0);
}
