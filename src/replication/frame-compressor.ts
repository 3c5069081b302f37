/**
 * Compresses long frames before they are sent. Frames are written whole and in the clear, while the item's lock is held; here they are looked at
 * again once it is released, for compressing takes a hundred times as long as copying.
 */
import type { Output } from '../base/output.ts';
import { FRAME, FRAME_FLAG, HEADER_BYTES, seal } from './frames.ts';
import type { LinkCodec } from './link-safety.ts';

export class FrameCompressor {
  /** Frames that were compressed, and the bytes that need not be sent for that. */
  frames = 0;
  savedBytes = 0;
  readonly #codec: LinkCodec;
  readonly #bodyBytesMin: number;

  /** @param bodyBytesMin shorter bodies stay as they are */
  constructor(codec: LinkCodec, bodyBytesMin: number) {
    this.#codec = codec;
    this.#bodyBytesMin = bodyBytesMin;
  }

  /** Compresses what pays of the frames that have been written from `start` to where the output stands, in their place. */
  compress(output: Output, start: number): void {
    const { bytes, at: end } = output;
    if (end - start < this.#bodyBytesMin) return;
    let target = start;
    for (let at = start; at < end; ) {
      const bodyBytes = bytes[at]! | (bytes[at + 1]! << 8);
      const next = at + HEADER_BYTES + bodyBytes;
      const kind = bytes[at + 2]!;
      const packed = this.#isLong(kind, bodyBytes)
        ? this.#codec.deflate(bytes, at + HEADER_BYTES, next)
        : null;
      if (packed !== null && packed.length < bodyBytes) {
        bytes.set(packed, target + HEADER_BYTES);
        seal(bytes, target, kind, packed.length, FRAME_FLAG.compressed);
        target += HEADER_BYTES + packed.length;
        this.frames++;
        this.savedBytes += bodyBytes - packed.length;
      } else {
        // A frame never moves up, so nothing is overwritten that is still to be looked at.
        if (target !== at) bytes.copyWithin(target, at, next);
        target += next - at;
      }
      at = next;
    }
    output.at = target;
  }

  #isLong(kind: number, bodyBytes: number): boolean {
    return bodyBytes >= this.#bodyBytesMin && (kind === FRAME.set || kind === FRAME.piece);
  }
}
