/**
 * Takes what a repcached sends (legacy-writer.ts has the lines) and does it, as if a client of this node had done it: each change gets a version
 * of this node's, so that other twins get it in turn. Nothing is answered. A line that is no command is ignored, as repcached does; but where it
 * is not clear where a value ends nothing more is believed, for the next line might be that value.
 */
import { ITEM_BYTES_MAX, KEY_BYTES_MAX } from '../base/limits.ts';
import { type ItemRef, MARK, RESULT, STORE_MODE } from '../store/cache.ts';
import type { ChangeSender } from './change-sender.ts';
import { GREETING } from './frames.ts';
import type { LegacyCache } from './store-port.ts';

/** A longer line closes the link. */
export const LEGACY_LINE_BYTES_MAX = 1024;
const LF = 10;
const CR = 13;
const SPACE = 32;
/** The first word of our greeting line. */
const GREETING_WORD: string = GREETING.slice(0, GREETING.indexOf(' '));
/** An absolute time that has passed. */
const LONG_AGO = 1;

/** Words that a repcached's first line can begin with. */
const FIRST_WORDS = ['rep ', 'marugoto_end', 'delete ', 'flush_all'] as const;

/** Whether bytes are the beginning of what a repcached says: 'partial' while there are too few to tell. */
export function beginsLegacy(bytes: Uint8Array, start: number, end: number): 'yes' | 'no' | 'partial' {
  for (const word of FIRST_WORDS) {
    const count = Math.min(word.length, end - start);
    let at = 0;
    while (at < count && bytes[start + at] === word.charCodeAt(at)) at++;
    if (at === word.length) return 'yes';
    if (at === count) return 'partial';
  }
  return 'no';
}

export class LegacyReceiver {
  /** The peer's full copy has come to its end. */
  hasEnded = false;
  /** Items and deletes that have come. */
  changes = 0;
  /** Not stored: larger than this node takes, no memory, a key of several words (`wordyKeys`), or what is here is newer than the peer's copy. */
  tooLarge = 0;
  noMemory = 0;
  wordyKeys = 0;
  keptItems = 0;
  /** Why `take` gave up. */
  reason = '';
  readonly #cache: LegacyCache;
  readonly #sender: ChangeSender;
  /** Everything up to this version was on its way to the peer when last there was nothing to send; -1: there has always been something. */
  sentUpTo = -1;
  /** Until the peer's copy has ended, what is here with a higher version stays. */
  readonly #keepAbove: number;
  /** The highest version when the copy began to come: what has a higher one is the peer's, or goes as a change. */
  readonly #keptUpTo: number;

  /** A value that is not all there: bytes to come, the item (0: they are dropped). */
  #restBytes = -1;
  #item: ItemRef = 0;
  #hash = 0;
  #filledBytes = 0;

  constructor(cache: LegacyCache, sender: ChangeSender, keepAbove: number) {
    this.#cache = cache;
    this.#sender = sender;
    this.#keepAbove = keepAbove;
    this.#keptUpTo = cache.highestVersion();
  }

  /** This node let nobody in yet when the two met, so nothing that is here was newer. */
  get tookAll(): boolean {
    return this.#keepAbove === Number.MAX_SAFE_INTEGER;
  }

  /**
   * What was changed here while there was no link, and is to be sent when the peer's copy has ended: versions above the first and up to the second. A node that has
   * just started has nothing of the kind: null. A peer whose copy holds nothing has been started anew.
   */
  get kept(): readonly [above: number, upTo: number] | null {
    return this.tookAll ? null : [this.changes === 0 ? -1 : this.#keepAbove, this.#keptUpTo];
  }

  /** @returns how far it has been taken in; -1 when the connection is of no use any more (`reason`) */
  take(input: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (this.#restBytes >= 0) {
        const next = this.#value(input, at, end);
        if (next < 0) return -1;
        if (next === at) return at;
        at = next;
        continue;
      }
      let lineEnd = at;
      while (lineEnd < end && input[lineEnd] !== LF) lineEnd++;
      if (lineEnd - at > LEGACY_LINE_BYTES_MAX)
        return this.#fail(`a line of more than ${LEGACY_LINE_BYTES_MAX} bytes`);
      if (lineEnd === end) return at;
      const wordsEnd = lineEnd > at && input[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
      if (!this.#line(input, at, wordsEnd)) return -1;
      at = lineEnd + 1;
    }
    return at;
  }

  /** The connection is gone: gives back the memory of a value that will never be whole. */
  close(): void {
    if (this.#item !== 0) this.#cache.abandon(this.#item);
    this.#item = 0;
  }

  #line(input: Uint8Array, start: number, end: number): boolean {
    const words: { readonly start: number; readonly end: number }[] = [];
    for (let at = start; at < end; ) {
      while (at < end && input[at] === SPACE) at++;
      const from = at;
      while (at < end && input[at] !== SPACE) at++;
      if (at > from) words.push({ start: from, end: at });
    }
    const texts = words.map((word) => textOf(input, word.start, word.end));
    const [command = ''] = texts;
    const key = words[1];
    if (command === 'rep') {
      const [flags = '', exptime = '', bytes = '', cas = ''] = texts.slice(Math.max(2, texts.length - 4));
      const valueBytes = wholeNumber(bytes);
      const isWhole = words.length >= 6 && key !== undefined && key.end - key.start <= KEY_BYTES_MAX;
      const numbers = [wholeNumber(flags), wholeNumber(exptime), valueBytes, wholeNumber(cas)];
      if (!isWhole || numbers.some(Number.isNaN) || valueBytes < 0 || valueBytes > ITEM_BYTES_MAX) {
        this.reason = 'a rep line that is none';
        return false;
      }
      if (words.length > 6) {
        // The key has blanks: a client stored it by the binary protocol. A copy that has one must not be refused whole, or there would be no link for ever.
        this.#drop(valueBytes);
        this.wordyKeys++;
        return true;
      }
      this.#cache.meta.setNewCas(0, wholeNumber(cas) >>> 0);
      this.#begin(input, key.start, key.end, wholeNumber(flags) >>> 0, wholeNumber(exptime), valueBytes);
    } else if (command === 'delete') {
      if (key !== undefined && key.end - key.start <= KEY_BYTES_MAX) this.#delete(input, key.start, key.end);
    } else if (command === 'flush_all') {
      this.#flush(wholeNumber(texts[1] ?? '0'));
    } else if (command === 'marugoto_end') {
      this.hasEnded = true;
    } else if (command === GREETING_WORD) {
      this.reason = 'it greets late: no repcached, but a node of ours';
      return false;
    }
    return true;
  }

  #begin(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    flags: number,
    exptime: number,
    valueBytes: number,
  ): void {
    const cache = this.#cache;
    this.#hash = cache.hash(input, keyStart, keyEnd);
    this.#drop(valueBytes);
    if (this.#stays(input, keyStart, keyEnd)) {
      this.keptItems++;
      return;
    }
    this.#item = cache.reserve(
      STORE_MODE.set,
      input,
      keyStart,
      keyEnd,
      this.#hash,
      flags,
      exptime < 0 ? LONG_AGO : exptime,
      valueBytes,
      MARK.explicitCas,
    );
    if (this.#item !== 0) return;
    // A set that fails has removed what was there, which the peer knows to be outdated.
    this.#refused();
    this.#sender.note(this.#hash, cache.lastVersion);
  }

  /** A value begins; unless there is an item for it, it goes nowhere. */
  #drop(valueBytes: number): void {
    this.changes++;
    this.#restBytes = valueBytes;
    this.#filledBytes = 0;
    this.#item = 0;
  }

  #refused(): void {
    if (this.#cache.failure === RESULT.tooLarge) this.tooLarge++;
    else this.noMemory++;
  }

  /** Whether what is here was changed since there was a link, so that the peer's copy does not know of it. */
  #stays(input: Uint8Array, keyStart: number, keyEnd: number): boolean {
    if (this.hasEnded) return false;
    const cache = this.#cache;
    const item = cache.peek(input, keyStart, keyEnd, this.#hash);
    if (item === 0) return false;
    const stays = cache.version(item) > this.#keepAbove;
    cache.release(this.#hash);
    return stays;
  }

  /** @returns how far it has been taken in; -1 when the line end is missing */
  #value(input: Uint8Array, start: number, end: number): number {
    const count = Math.min(this.#restBytes, end - start);
    if (count > 0 && this.#item !== 0) {
      this.#cache.fill(this.#item, this.#filledBytes, input, start, start + count);
    }
    this.#filledBytes += count;
    this.#restBytes -= count;
    const at = start + count;
    if (this.#restBytes > 0 || end - at < 2) return at;
    this.#restBytes = -1;
    if (input[at] !== CR || input[at + 1] !== LF) return this.#fail('a value without its line end');
    const item = this.#item;
    this.#item = 0;
    if (item !== 0) {
      const cache = this.#cache;
      const result = cache.commit(STORE_MODE.set, item, this.#hash, 0, MARK.explicitCas);
      if (result === RESULT.stored) this.#sender.note(this.#hash, cache.lastVersion);
      else this.noMemory++;
    }
    return at + 2;
  }

  #delete(input: Uint8Array, keyStart: number, keyEnd: number): void {
    const cache = this.#cache;
    this.changes++;
    this.#hash = cache.hash(input, keyStart, keyEnd);
    if (this.#stays(input, keyStart, keyEnd)) {
      this.keptItems++;
      return;
    }
    if (cache.delete(input, keyStart, keyEnd, this.#hash, 0) === RESULT.stored) {
      this.#sender.note(this.#hash, cache.lastVersion);
    }
  }

  /** @param atSeconds unix time; 0: now */
  #flush(atSeconds: number): void {
    const cache = this.#cache;
    this.changes++;
    const delaySeconds = Number.isNaN(atSeconds) ? 0 : Math.max(0, atSeconds - cache.nowSeconds);
    cache.flushAll(delaySeconds);
    this.#sender.noteFlush(cache.lastVersion);
  }

  #fail(reason: string): number {
    this.reason = reason;
    return -1;
  }
}

/** The words of a line are at most LEGACY_LINE_BYTES_MAX bytes. */
function textOf(input: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(input[i]!);
  return text;
}

/** NaN for what is no decimal number, or has more digits than any of 64 bits. */
function wholeNumber(text: string): number {
  return /^-?\d{1,20}$/.test(text) ? Number(text) : Number.NaN;
}
