/**
 * A short text that one thread writes and others read, in shared memory: the replication's statistics, which only thread 0
 * knows, but any thread may be asked for.
 *
 * A sequence lock (Lameter 2005): the writer makes the sequence odd, writes, makes it even; a reader that saw an odd or a
 * changed sequence reads again. The writer never waits.
 */

/** Text beyond this is cut. */
const TEXT_BYTES_MAX = 16 * 1024;
const HEAD_BYTES = 12;
const AS_OF = 2;
const READ_TRIES_MAX = 100;
const READ_PAUSE_MS = 1;

/** One end of a bulletin. */
export class Bulletin {
  readonly #head: Int32Array;
  readonly #text: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#head = new Int32Array(buffer, 0, HEAD_BYTES / 4);
    this.#text = new Uint8Array(buffer, HEAD_BYTES);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD_BYTES + TEXT_BYTES_MAX);
  }

  /**
   * Replaces the text (latin-1). Only one thread may do this.
   *
   * @param asOfMs when it was true, by `processMs`: whoever is stopped between looking and writing has written what is old
   */
  write(text: string, asOfMs: number): void {
    const length = Math.min(text.length, TEXT_BYTES_MAX);
    Atomics.add(this.#head, 0, 1);
    for (let i = 0; i < length; i++) this.#text[i] = text.charCodeAt(i);
    Atomics.store(this.#head, 1, length);
    Atomics.store(this.#head, AS_OF, asOfMs);
    Atomics.add(this.#head, 0, 1);
  }

  /** How long ago what stands there was true; 0 before the first time. */
  get ageMs(): number {
    return ageOf(Atomics.load(this.#head, AS_OF));
  }

  /**
   * The present text, and how old it is: empty, and 0, before the first write or when the writer never stands still. The age is that of this very text, seen when it has
   * been read: after a stop of the whole process the reader may have what was written before, and the writer have written anew.
   */
  read(): { readonly text: string; readonly ageMs: number } {
    for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
      const before = Atomics.load(this.#head, 0);
      if (before % 2 !== 0) {
        // On a busy machine the writer may have lost its processor in the middle: the reader gives it its own for a moment.
        Atomics.wait(this.#head, 0, before, READ_PAUSE_MS);
        continue;
      }
      const length = Atomics.load(this.#head, 1);
      const asOfMs = Atomics.load(this.#head, AS_OF);
      let text = '';
      for (let i = 0; i < length; i++) text += String.fromCharCode(this.#text[i]!);
      if (Atomics.load(this.#head, 0) === before) return { text, ageMs: ageOf(asOfMs) };
    }
    return { text: '', ageMs: 0 };
  }
}

function ageOf(asOfMs: number): number {
  return asOfMs === 0 ? 0 : (processMs() - asOfMs) | 0;
}

/** Milliseconds of a clock that all threads share, and that never goes back; 32 bits of them, never 0. */
export function processMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds * 1000 + Math.floor(nanoseconds / 1e6)) | 1;
}
