/** What a client of a load asks for, whatever the protocol. */
export type Operation =
  | { readonly kind: 'get'; readonly keys: readonly string[] }
  | { readonly kind: 'gets'; readonly key: string }
  | { readonly kind: 'gat'; readonly key: string; readonly exptime: number }
  | {
      readonly kind: 'set' | 'add' | 'replace' | 'append' | 'prepend';
      readonly key: string;
      readonly value: Buffer;
      readonly flags?: number;
      readonly exptime?: number;
    }
  | { readonly kind: 'cas'; readonly key: string; readonly value: Buffer; readonly cas: bigint }
  | { readonly kind: 'incr' | 'decr'; readonly key: string }
  | { readonly kind: 'touch'; readonly key: string; readonly exptime: number }
  | { readonly kind: 'delete'; readonly key: string };

export interface FoundValue {
  readonly key: string;
  readonly flags: number;
  readonly value: Buffer;
  /** 0 where it was not asked for. */
  readonly cas: bigint;
}

/** `done` is what the operation is for: found (for a get with several keys always), stored, deleted, touched, counted. */
export type Outcome = 'done' | 'notStored' | 'exists' | 'notFound' | 'noMemory';

export interface Reply {
  readonly outcome: Outcome;
  readonly values: readonly FoundValue[];
  /** After `incr` and `decr`. */
  readonly number: number;
}

/** A protocol as a client writes and reads it. */
export interface Dialect {
  readonly name: 'text' | 'binary' | 'meta';
  encode(operation: Operation): Buffer;
  /**
   * @returns the reply to an operation that begins at `at`, and where it ends; null when it is not all there yet
   * @throws Error when what is there is no reply to it
   */
  parse(operation: Operation, bytes: Buffer, at: number): { reply: Reply; end: number } | null;
}

const NO_VALUES: readonly FoundValue[] = [];

/** A reply without values. */
export function plainReply(outcome: Outcome, number = 0): Reply {
  return { outcome, values: NO_VALUES, number };
}
