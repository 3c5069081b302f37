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

/** What a sample can tell besides figures; not all of it can be tested. */
export type SampleProperty =
  | ChangingProperty
  | ('uid' | 'euid' | 'gid' | 'security' | 'fstype' | 'checksum-type')
  /** How a program has ended, and what it said. */
  | 'status-text'
  /** What a path is instead of what the entry says. */
  | 'other-type'
  /** \`up\`, \`down\`: of a network interface. */
  | 'link-state';

/** What one look at a service has found. */
export interface Sample {
  readonly exists: boolean;
  readonly figures: Readonly<Partial<Record<Resource, Figure>>>;
  readonly properties: Readonly<Partial<Record<SampleProperty, string>>>;
  /** Outcomes of the tests that had to go and ask, by the rule's index. */
  readonly probes: ReadonlyMap<number, ProbeOutcome>;
  /** Figures that are only shown. */
  readonly shown?: Readonly<Partial<Record<ShownFigure, number>>>;
  /** What tests of traffic compare with their limits, by the rule's index; null: not known yet. */
  readonly traffic?: ReadonlyMap<number, number | null>;
}

/** Bytes, counts and times that no test asks about: `disk-read-bytes` and its like count since ever. */
export type ShownFigure =
  | `${'read' | 'write' | 'download' | 'upload'}-bytes${'' | '-per-second'}`
  | `disk-${'read' | 'write'}-${'bytes' | 'operations'}`
  | `${'read' | 'write'}-ms-per-operation`
  | `${'download' | 'upload'}-${'packets' | 'packets-per-second' | 'errors'}`
  | `file-descriptors-${'limit' | 'hard-limit'}`
  | ('block-bytes' | 'space-total' | 'space-free-users' | 'inodes-total')
  | `${'accessed' | 'changed' | 'modified'}-ms`
  | ('link-errors' | 'link-bits-per-second');

/** One of which nothing is known. */
export const UNKNOWN_FIGURE: Figure = { absolute: null, percent: null, operationsPerSecond: null };

/** A figure that was sampled. @param absolute null: only the share is known */
export function figure(
  absolute: number | null,
  percent: number | null = null,
  operationsPerSecond: number | null = null,
): Figure {
  return { absolute, percent, operationsPerSecond };
}

export const EMPTY_SAMPLE: Sample = { exists: false, figures: {}, properties: {}, probes: new Map() };
