import type { Output } from '../base/output.ts';
import type { ItemRef } from '../store/cache.ts';
import {
  deleteFrameBytes,
  itemFrameBytes,
  touchFrameBytes,
  writeDelete,
  writeFlush,
  writeItem,
  writeTombstone,
  writeTouch,
  writeWin,
} from './frames.ts';
import type { LinkCache } from './store-port.ts';

/** How changes are put on the wire. Items and tombstones are written with their stripe locked, into room that was reserved before. */
export interface ItemWriter {
  /** There are words for a new expiry time and for a win alone; else a touched item goes whole, and wins not at all. */
  readonly tellsTouches: boolean;
  /** Most bytes of an item, a delete, a touch. */
  itemBytes(keyBytes: number, valueBytes: number): number;
  deleteBytes(keyBytes: number): number;
  touchBytes(keyBytes: number): number;
  item(output: Output, cache: LinkCache, item: ItemRef, keyBytes: number, valueBytes: number): void;
  tombstone(output: Output, cache: LinkCache, item: ItemRef, keyBytes: number): void;
  /** Of the first bytes of `key`; with nothing locked, as all that follow. */
  delete(output: Output, key: Uint8Array, keyBytes: number, version: number): void;
  touch(
    output: Output,
    key: Uint8Array,
    keyBytes: number,
    exptime: number,
    version: number,
    stamp: number,
  ): void;
  win(output: Output, key: Uint8Array, keyBytes: number, version: number): void;
  flush(output: Output, threshold: number, activeAtSeconds: number, version: number): void;
}

/** The frames of our own link. */
export const FRAME_WRITER: ItemWriter = {
  tellsTouches: true,
  itemBytes: itemFrameBytes,
  deleteBytes: deleteFrameBytes,
  touchBytes: touchFrameBytes,
  item: (output, cache, item, keyBytes, valueBytes) => writeItem(output, cache, item, keyBytes, valueBytes),
  tombstone: writeTombstone,
  delete: (output, key, keyBytes, version) => writeDelete(output, key, 0, keyBytes, version),
  touch: writeTouch,
  win: writeWin,
  flush: writeFlush,
};

/** The same for a node that does not know stamps of touches. */
export const UNSTAMPED_WRITER: ItemWriter = {
  ...FRAME_WRITER,
  item: (output, cache, item, keyBytes, valueBytes) =>
    writeItem(output, cache, item, keyBytes, valueBytes, false),
  touch: (output, key, keyBytes, exptime, version) => writeTouch(output, key, keyBytes, exptime, version, 0),
};
