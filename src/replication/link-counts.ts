import type { Link } from './link.ts';

/*
 * What has come over a link, whichever protocol its peer speaks.
 */

/** Grows while things come in. */
export function received({ receiver, legacy }: Link): number {
  return receiver.changes + (legacy?.changes ?? 0);
}

export function receivedTooLarge({ receiver, legacy }: Link): number {
  return receiver.tooLarge + (legacy?.tooLarge ?? 0);
}

export function receivedNoMemory({ receiver, legacy }: Link): number {
  return receiver.noMemory + (legacy?.noMemory ?? 0);
}

/** Of a repcached: keys that no line can carry, in either direction. */
export function refusedKeys({ legacyWriter, legacy }: Link): number {
  return legacyWriter.refusedKeys + (legacy?.wordyKeys ?? 0);
}
