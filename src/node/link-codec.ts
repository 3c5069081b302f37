import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { LinkCodec } from '../replication/link-safety.ts';

/** Larger than any body of a frame, so that each comes out in one piece. */
const CHUNK_BYTES: number = 40 * 1024;

/** DEFLATE (RFC 1951) on its fastest level; each frame for itself. */
export class DeflateLinkCodec implements LinkCodec {
  deflate(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
    // A copy: zlib is not made for memory that other threads write to.
    const packed = deflateRawSync(bytes.slice(start, end), {
      level: constants.Z_BEST_SPEED,
      chunkSize: CHUNK_BYTES,
    });
    return packed.length < end - start ? packed : null;
  }

  inflate(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
    try {
      const options = { chunkSize: CHUNK_BYTES, maxOutputLength: target.length };
      const found = inflateRawSync(bytes.slice(start, end), options);
      target.set(found);
      return found.length;
    } catch {
      // What it throws says why; all of it means that the peer is no twin, or a broken one.
      return -1;
    }
  }
}
