import type { ChangingProperty, Resource } from '../control/tree.ts';

/** A figure in the units that it has; null: not known (yet). */
export interface Figure {
  /** Bytes, milliseconds, a count, a load; bytes per second of a rate. */
  readonly absolute: number | null;
  readonly percent: number | null;
  /** Of a rate. */
  readonly operationsPerSecond: number | null;
}

/** What came of a connection test, a ping, or a look into a file. */
export interface ProbeOutcome {
  readonly isOk: boolean;
  /** What went wrong, or how it went, as a phrase. */
  readonly text: string;
  /** Null when it failed. */
  readonly responseMs: number | null;
}

/** What one look at a service has found. */
export interface Sample {
  readonly exists: boolean;
  readonly figures: Readonly<Partial<Record<Resource, Figure>>>;
  readonly properties: Readonly<Partial<Record<ChangingProperty | 'euid', string>>>;
  /** Outcomes of the tests that had to go and ask, by the rule's index. */
  readonly probes: ReadonlyMap<number, ProbeOutcome>;
}

export function figure(
  absolute: number | null,
  percent: number | null = null,
  operationsPerSecond: number | null = null,
): Figure {
  return { absolute, percent, operationsPerSecond };
}

export const EMPTY_SAMPLE: Sample = { exists: false, figures: {}, properties: {}, probes: new Map() };
