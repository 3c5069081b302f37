/** Frames that no writer of ours would write, with checksums that are right all the same. */
import { FRAME_BODY_BYTES_MAX, frameChecksum, HEADER_BYTES } from '../../src/replication/frames.ts';

/** @param bodyBytes what the header says of the body's length */
export function frameByHand(
  kind: number,
  body: ArrayLike<number>,
  bodyBytes: number = body.length,
  flags = 0,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bodyBytes, true);
  bytes[2] = kind;
  bytes[3] = flags;
  bytes.set(body, HEADER_BYTES);
  view.setUint32(4, frameChecksum(bytes, 0, body.length), true);
  return bytes;
}

/** Gives the frames in damaged bytes the checksums that they need to be looked at, as far as their lengths lead to one another. */
export function sealAnew(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const bodyBytes = view.getUint16(at, true);
    const end = at + HEADER_BYTES + bodyBytes;
    if (bodyBytes > FRAME_BODY_BYTES_MAX || end > bytes.length) break;
    view.setUint32(at + 4, frameChecksum(bytes, at, bodyBytes), true);
    at = end;
  }
  return bytes;
}
