import type { TextRequest } from '../protocol/text/request-parser.ts';

/**
 * The words behind a command's name, for commands that nobody sends by the thousand. A `noreply` that the command heeds is not among
 * them.
 */
export function commandWords(request: TextRequest, input: Uint8Array): string[] {
  let text = '';
  for (let i = request.argumentsStart; i < request.lineEnd; i++) text += String.fromCharCode(input[i]!);
  const words = text.split(' ').filter((word) => word !== '');
  if (request.noreply) words.pop();
  return words;
}

/** An unsigned number of 32 bits in decimal; null for anything else. */
export function unsignedWord(word: string | undefined): number | null {
  if (word === undefined || !/^\+?\d{1,10}$/.test(word)) return null;
  const value = Number(word);
  return value <= 0xffffffff ? value : null;
}

/** A signed number of 32 bits in decimal; null for anything else. */
export function signedWord(word: string | undefined): number | null {
  if (word === undefined || !/^[+-]?\d{1,10}$/.test(word)) return null;
  const value = Number(word);
  return value >= -0x80000000 && value <= 0x7fffffff ? value : null;
}

/** A decimal fraction; null for anything else. */
export function fractionWord(word: string | undefined): number | null {
  if (word === undefined || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) return null;
  const value = Number(word);
  return Number.isFinite(value) ? value : null;
}
