/**
 * The peer's wall clock as seen from here. Expiry times are moments of a wall clock: between hosts whose clocks differ by minutes an item would be gone on one side
 * when it comes, or live there for minutes too long. So they are turned into this host's time where they come in.
 *
 * What the peer says of its time is late by its way here, which may be seconds when there is much in front of it. So of the last few the one that came quickest counts.
 */
const SAMPLES = 8;
/** Clocks that are this close are taken for equal: which of them is right is not known, and times of expiry are whole seconds. */
const EQUAL_MS = 2000;
/** A shift that has been chosen stays while it is that close to what is seen, lest times of expiry creep. */
const KEPT_MS = 1500;
const SECONDS_MAX = 0xffff_ffff;

export class PeerClock {
  /** By how much it is ahead of ours. */
  offsetMs = 0;
  /** By how much expiry times of the peer are later than the same moments here. */
  shiftSeconds = 0;
  readonly #samples: number[] = [];

  /** The peer has said what time it is. */
  note(peerWallMs: number, wallMs: number): void {
    const samples = this.#samples;
    samples.push(peerWallMs - Math.floor(wallMs));
    if (samples.length > SAMPLES) samples.shift();
    this.offsetMs = Math.max(...samples);
    if (Math.abs(this.offsetMs) < EQUAL_MS) this.shiftSeconds = 0;
    else if (Math.abs(this.offsetMs - this.shiftSeconds * 1000) > KEPT_MS)
      this.shiftSeconds = Math.round(this.offsetMs / 1000);
  }

  /** The moment here at which the peer's clock shows so many seconds since 1970; 0, never, stays. */
  here(seconds: number): number {
    if (seconds === 0 || this.shiftSeconds === 0) return seconds;
    return Math.min(SECONDS_MAX, Math.max(1, seconds - this.shiftSeconds));
  }
}
