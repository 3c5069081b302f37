import type { Hello } from './frames.ts';
import type { LegacyCache } from './store-port.ts';

/** What a node knows that its twins must know as well. Kept outside of this room, where there is a cryptographic library. */
export interface LinkSecret {
  /** @returns the PROOF_BYTES bytes that only who knows the secret can make of these words */
  proof(words: string): Uint8Array;
  /** Whether the PROOF_BYTES bytes from `start` are the proof of these words; takes as long for a wrong one as for the right one. */
  isProof(words: string, bytes: Uint8Array, start: number): boolean;
}

/** Makes bytes fewer, and brings them back. */
export interface LinkCodec {
  /** @returns bytes [start, end) compressed, or null when that would not make them fewer; valid until the next call */
  deflate(bytes: Uint8Array, start: number, end: number): Uint8Array | null;
  /**
   * Brings compressed bytes [start, end) back into the beginning of `target`.
   *
   * @returns how many there are; -1 when they are none, or more than `target` holds
   */
  inflate(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number;
}

/** How a node's links are guarded, and what they cost the network. */
export interface LinkSafety {
  /** Null: whoever says hello is a twin. */
  readonly secret: LinkSecret | null;
  /** Null: this node understands no compressed frames. */
  readonly codec: LinkCodec | null;
  /** Frames whose body has so many bytes are compressed where the peer understands it; Infinity: none is. */
  readonly compressBytesMin: number;
  /** Null: a peer that does not say hello is no twin. Else it may be a repcached, and this is the cache as it changes it. */
  readonly legacy: LegacyCache | null;
}

export const UNGUARDED: LinkSafety = {
  secret: null,
  codec: null,
  compressBytesMin: Number.POSITIVE_INFINITY,
  legacy: null,
};

/** Bits of `Hello.features`. */
export const FEATURE = {
  /** The node takes nothing from a peer that does not prove that it knows the secret, and proves that itself. */
  secret: 1,
  /** The node understands compressed frames. */
  compression: 2,
  /** The node tells and understands when items were touched. */
  touchStamps: 4,
} as const;

/** What a node with these means says in its hello. */
export function featuresOf({ secret, codec }: LinkSafety): number {
  const compression = codec === null ? 0 : FEATURE.compression;
  return (secret === null ? 0 : FEATURE.secret) | compression | FEATURE.touchStamps;
}

export function understandsCompression({ features }: Hello): boolean {
  return (features & FEATURE.compression) !== 0;
}

export function understandsStamps({ features }: Hello): boolean {
  return (features & FEATURE.touchStamps) !== 0;
}

/** @returns why two nodes can never agree about a secret, one having it and the other none, or null */
export function secretMismatch({ secret }: LinkSafety, peer: Hello): string | null {
  const peerHasIt = (peer.features & FEATURE.secret) !== 0;
  if (peerHasIt === (secret !== null)) return null;
  return peerHasIt
    ? 'the peer wants a secret and this node has none'
    : 'this node has a secret and the peer has none';
}

/**
 * What a proof is made of. Both nonces are new for each link, so that no proof is of use a second time; the ids and the role of the one that
 * proves are in it, so that none is of use in another direction or between other nodes; and what binds it to the channel, so that whoever has a certificate and sits between
 * the two cannot pass their proofs on. All parts in front of that have fixed lengths.
 *
 * @param isOfDialler whose proof it is
 * @param channelBinding of the connection, as the one that proves or checks sees it; '' without encryption
 */
export function proofWords(
  isOfDialler: boolean,
  dialler: Hello,
  listener: Hello,
  channelBinding = '',
): string {
  const role = isOfDialler ? 'dialler ' : 'listener';
  const words = `twincached link ${role} ${dialler.nonce} ${listener.nonce} ${dialler.nodeId} ${listener.nodeId}`;
  return channelBinding === '' ? words : `${words} ${channelBinding}`;
}
