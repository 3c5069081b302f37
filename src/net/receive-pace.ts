/** Taking turns less often for a connection that nobody waits for. */

/**
 * So many small pieces within so many milliseconds begin it: 8000 a second. A client that writes here and reads there, one after the other, sends
 * 4000 or 5000; if its twin is left alone until the read wakes it, the read waits until the write has been taken in, 84 us where it is 36.
 */
const PIECES = 16;
const PIECES_MS = 2;
/** A piece that is longer is worth a turn of its own; and so is what has come between two looks, if it is more. */
const SMALL_BYTES = 8192;
const LOOK_BYTES_MAX = 32_768;
/** So many looks that found nothing, one after the other, end it. */
const EMPTY_LOOKS = 6;

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
 */
export class ReceivePace {
  isPaced = false;
  #pieces = 0;
  #sinceMs = 0;
  #emptyLooks = 0;

  /**
   * Notes what was received at once, and decides.
   *
   * @param bytes 0: nothing was there
   * @param nowMs on any clock that does not go back
   * @param isPatient what the session says
   */
  took(bytes: number, nowMs: number, isPatient: boolean): void {
    if (!isPatient || bytes > (this.isPaced ? LOOK_BYTES_MAX : SMALL_BYTES)) this.#stop();
    else if (this.isPaced) {
      this.#emptyLooks = bytes === 0 ? this.#emptyLooks + 1 : 0;
      if (this.#emptyLooks >= EMPTY_LOOKS) this.#stop();
    } else if (bytes > 0) this.#count(nowMs);
  }

  #count(nowMs: number): void {
    if (this.#pieces === 0 || nowMs - this.#sinceMs > PIECES_MS) {
      this.#pieces = 0;
      this.#sinceMs = nowMs;
    }
    this.#pieces++;
    if (this.#pieces < PIECES) return;
    this.isPaced = true;
    this.#emptyLooks = 0;
  }

  #stop(): void {
    this.isPaced = false;
    this.#pieces = 0;
  }
}
