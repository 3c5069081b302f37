/** What comes of a status over the wire, perhaps from another release, so nothing is taken for granted. */
import { isRecord } from '../base/json-record.ts';
import { CLUSTER_ACTIONS } from '../checks/cluster-operation.ts';

/** The part of an operation that a command shows. */
export interface OperationReading {
  readonly id: number;
  readonly action: string;
  readonly state: string;
  readonly text: string;
  readonly stepsDone: number;
  readonly stepsTotal: number;
  readonly lines: readonly string[];
  readonly linesBefore: number;
}

/** A value as text, free of what could move a terminal's cursor. */
export function shownText(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value.replace(/\p{Cc}/gu, ' ') : '';
}

/** @returns null when it is none */
export function readOperation(value: unknown): OperationReading | null {
  if (!isRecord(value)) return null;
  const { id, action, lines } = value;
  if (typeof id !== 'number' || !CLUSTER_ACTIONS.some((known) => known === action) || !Array.isArray(lines))
    return null;
  return {
    id,
    action: shownText(action),
    state: shownText(value['state']),
    text: shownText(value['text']),
    stepsDone: Number(value['stepsDone'] ?? 0),
    stepsTotal: Number(value['stepsTotal'] ?? 0),
    lines: lines.map(shownText),
    linesBefore: Number(value['linesBefore'] ?? 0),
  };
}
