/** What guards links in tests, with the node's own cryptography and compression. */
import { DeflateLinkCodec } from '../../src/node/link-codec.ts';
import { HmacLinkSecret } from '../../src/node/link-secret.ts';
import { type LinkSafety, UNGUARDED } from '../../src/replication/link-safety.ts';

/** Twins must know this. */
export function guardedBy(secret: string): LinkSafety {
  return { ...UNGUARDED, secret: new HmacLinkSecret(secret) };
}

/** @param bodyBytesMin shorter bodies are sent as they are; Infinity: compressed frames are understood only */
export function compressing(bodyBytesMin: number): LinkSafety {
  return { ...UNGUARDED, codec: new DeflateLinkCodec(), compressBytesMin: bodyBytesMin };
}

/** Of every fourth simulated life: with a secret, and whatever can be compressed is. */
export const GUARDED: LinkSafety = {
  ...compressing(1),
  secret: guardedBy('the secret of the simulated twins').secret,
};
