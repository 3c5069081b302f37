import { createHmac, timingSafeEqual } from 'node:crypto';
import { PROOF_BYTES } from '../replication/frames.ts';
import type { LinkSecret } from '../replication/link-safety.ts';

/** HMAC-SHA-256 (RFC 2104) over the words, with the secret as key. */
export class HmacLinkSecret implements LinkSecret {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  proof(words: string): Uint8Array {
    return createHmac('sha256', this.#secret).update(words).digest();
  }

  isProof(words: string, bytes: Uint8Array, start: number): boolean {
    return timingSafeEqual(this.proof(words), bytes.slice(start, start + PROOF_BYTES));
  }
}
