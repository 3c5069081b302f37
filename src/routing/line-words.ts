/** Where words stand in lines of the text protocol that a parser of ours has found whole. */

const SPACE = 32;
const CR = 13;

/** Where the word ends that begins at `start`: at a blank or at the end of the line, of which there must be one. */
export function wordEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] !== SPACE && bytes[at] !== CR) at++;
  return at;
}
