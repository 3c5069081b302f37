import {
  ACKNOWLEDGE_MS,
  HANDSHAKE_MS_MAX,
  LEGACY_SILENCE_MS,
  PARTED_MS_MAX,
  PING_MS,
  SILENCE_MS_MAX,
  STUCK_MS_MAX,
} from './link-times.ts';

/** When a link's peer last did what it is expected to do, and until when it may take for the next time; all on the monotonic clock. */
export class LinkDeadlines {
  /** When the connection was there. */
  connectedMs: number;
  /** When bytes last came from the peer. */
  heardMs: number;
  /** When a ping was sent last. */
  pingedMs: number;
  /** When the peer's kernel had taken all that was sent. */
  takenMs: number;
  /** When the peer acknowledged something last. */
  acknowledgedMs = 0;
  /** Until when what was said last may take to leave; Infinity: nothing was. */
  partedMs: number = Number.POSITIVE_INFINITY;

  constructor(nowMs: number) {
    this.connectedMs = nowMs;
    this.heardMs = nowMs;
    this.pingedMs = nowMs;
    this.takenMs = nowMs;
  }

  connected(nowMs: number): void {
    this.connectedMs = nowMs;
    this.heardMs = nowMs;
  }

  parted(nowMs: number): void {
    this.partedMs = nowMs + PARTED_MS_MAX;
  }

  /** Nothing has come since the connection was there. */
  get hasNotSpoken(): boolean {
    return this.heardMs === this.connectedMs;
  }

  /** Until when a peer must have shown that it speaks our protocol, which a repcached never does. */
  get metMs(): number {
    return this.connectedMs + HANDSHAKE_MS_MAX;
  }

  /** From when on a dialler that has not spoken is taken for a repcached. */
  get legacyMs(): number {
    return this.connectedMs + LEGACY_SILENCE_MS;
  }

  /** When the peer has been silent for too long. */
  get silentMs(): number {
    return this.heardMs + SILENCE_MS_MAX;
  }

  /** When the next ping is due. @param owes the peer has not been told of all that has come from it */
  pingMs(owes: boolean): number {
    return this.pingedMs + (owes ? ACKNOWLEDGE_MS : PING_MS);
  }

  /**
   * When the peer has taken, or acknowledged, nothing for too long.
   *
   * @param isBlocked something waits for the peer's kernel
   * @param oldestMarkMs when the oldest mark was sent that is not acknowledged; negative: there is none
   * @returns Infinity while nothing waits for the peer
   */
  stuckMs(isBlocked: boolean, oldestMarkMs: number): number {
    const takeMs = isBlocked ? this.takenMs + STUCK_MS_MAX : Number.POSITIVE_INFINITY;
    if (oldestMarkMs < 0) return takeMs;
    return Math.min(takeMs, Math.max(oldestMarkMs, this.acknowledgedMs) + STUCK_MS_MAX);
  }
}
