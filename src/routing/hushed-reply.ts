import { VERB } from '../protocol/text/verbs.ts';

/**
 * Whether a quiet command says nothing when its answer begins with these two bytes: a miss of mg, the success of all others. Errors are told.
 */
export function isHushedReply(verb: number, first: number, second: number): boolean {
  const isSuccess = first === 72 && second === 68; // HD
  if (verb === VERB.metaGet) return first === 69 && second === 78; // EN
  if (verb === VERB.metaArithmetic) return isSuccess || (first === 86 && second === 65); // VA
  return isSuccess;
}
