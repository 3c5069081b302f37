/** Taking turns less often for a connection that nobody waits for. */

/** So many small pieces within so many milliseconds begin it: 2000 a second, twice as often as a paced connection is received from. */
const PIECES = 16;
const PIECES_MS = 8;
/** A piece that is longer is worth a turn of its own; and so is what has come between two looks, if it is more. */
const SMALL_BYTES = 8192;
const LOOK_BYTES_MAX = 32_768;
/** So many looks that found nothing, one after the other, end it. */
const EMPTY_LOOKS = 6;
/**
 * Meanwhile the thread has received from others at most so often; and it ends when, in as many looks, others were received from more often than
 * that, which is when they cause the half of the looks.
 */
const OTHERS_MAX_TO_BEGIN = 4;
const OTHERS_MAX = 8;

/** How long a paced connection is left alone. */
export const PACE_MS = 1;

/**
 * Whether a connection is received from when bytes come, or, while they come often and in small pieces, by the clock.
 *
 * A twin that is told of each change is woken for each, and a thread that sleeps is dear to wake: the sender pays for the interrupt that starts
 * another core, the receiver for a whole turn. Network cards and their drivers had the same trouble and have found the same way out
 * (interrupt mitigation; Mogul and Ramakrishnan, "Eliminating Receive Livelock in an Interrupt-driven Kernel", 1997): under load the receiver
 * is not told, and looks by itself. What has been sent lies in the receiver's kernel meanwhile, so the sender's death takes nothing with it;
 * and each turn begins with a look, so no other session of the thread is served by what is older.
 *
 * It is for a thread that this connection alone would wake. One that is woken by others all the time saves little, and they lose: a read right
 * after a write on the twin would wait until the write has been taken in, which could have been done while its reply was on its way.
 */
export class ReceivePace {
  isPaced = false;
  /** Pieces, and while it is paced looks, since `#sinceMs`. */
  #count = 0;
  #sinceMs = 0;
  /** Receives from others by then. */
  #othersBefore = 0;
  #emptyLooks = 0;

  /**
   * Notes what was received at once, and decides.
   *
   * @param bytes 0: nothing was there
   * @param nowMs on any clock that does not go back
   * @param others how often the thread has received from others, so far
   * @param isPatient what the session says
   */
  took(bytes: number, nowMs: number, others: number, isPatient: boolean): void {
    if (!isPatient || bytes > (this.isPaced ? LOOK_BYTES_MAX : SMALL_BYTES)) this.#stop();
    else if (this.isPaced) this.#looked(bytes, nowMs, others);
    else if (bytes > 0) this.#cameByItself(nowMs, others);
  }

  #cameByItself(nowMs: number, others: number): void {
    if (this.#count === 0 || nowMs - this.#sinceMs > PIECES_MS) this.#begin(nowMs, others);
    this.#count++;
    if (this.#count < PIECES) return;
    this.isPaced = others - this.#othersBefore <= OTHERS_MAX_TO_BEGIN;
    this.#begin(nowMs, others);
    this.#emptyLooks = 0;
  }

  #looked(bytes: number, nowMs: number, others: number): void {
    this.#emptyLooks = bytes === 0 ? this.#emptyLooks + 1 : 0;
    this.#count++;
    if (this.#emptyLooks >= EMPTY_LOOKS) this.#stop();
    else if (this.#count === PIECES) {
      if (others - this.#othersBefore > OTHERS_MAX) this.#stop();
      else this.#begin(nowMs, others);
    }
  }

  #begin(nowMs: number, others: number): void {
    this.#count = 0;
    this.#sinceMs = nowMs;
    this.#othersBefore = others;
  }

  #stop(): void {
    this.isPaced = false;
    this.#count = 0;
  }
}
