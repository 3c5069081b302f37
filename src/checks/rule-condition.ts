/** What a rule of a cluster says: `memory > 2G`, `not in-sync`. */
import type { Operator, Unit } from '../control/tree.ts';
import type { Figure } from './sample.ts';
import { FIGURE_KINDS, FIGURE_NAMES, type FigureName, type ServiceFigures } from './service-figures.ts';
import { byteText, compares, type Verdict } from './test-evaluation.ts';

export interface Condition {
  readonly figure: FigureName;
  readonly operator: Operator;
  /** Bytes, percent, milliseconds, a count, or so many per second. */
  readonly limit: number;
  readonly unit: Unit;
}

/** The whole of what may be written, for editors; `parseCondition` says what is wrong in what does not fit. */
export const CONDITION_PATTERN: RegExp = new RegExp(
  `^(not in-sync|(${FIGURE_NAMES.filter((name) => name !== 'in-sync').join('|')}) *(<=?|>=?|!?=) *\\d+(\\.\\d+)?(%|/s|ms|[smhkMG])?)$`,
);

const NOT_IN_SYNC: Condition = { figure: 'in-sync', operator: '<', limit: 1, unit: 'none' };

const OPERATORS: readonly Operator[] = ['<', '<=', '>', '>=', '=', '!='];

interface Suffix {
  readonly unit: Unit;
  readonly factor: number;
}

const SUFFIXES: ReadonlyMap<string, Suffix> = new Map([
  ['', { unit: 'none', factor: 1 }],
  ['%', { unit: 'percent', factor: 1 }],
  ['/s', { unit: 'operations-per-second', factor: 1 }],
  ['ms', { unit: 'milliseconds', factor: 1 }],
  ['s', { unit: 'milliseconds', factor: 1000 }],
  ['m', { unit: 'milliseconds', factor: 60_000 }],
  ['h', { unit: 'milliseconds', factor: 3_600_000 }],
  ['k', { unit: 'bytes', factor: 1024 }],
  ['M', { unit: 'bytes', factor: 1024 ** 2 }],
  ['G', { unit: 'bytes', factor: 1024 ** 3 }],
]);

/** @returns the condition, or what is wrong with it and what to write */
export function parseCondition(text: string): Condition | string {
  if (text === 'not in-sync') return NOT_IN_SYNC;
  const [, name = '', sign = '', digits = '', ending = ''] =
    /^([a-z][a-z-]*) *([<>=!]+) *(\d+(?:\.\d+)?)(\S*)$/.exec(text) ?? [];
  if (name === '')
    return `"${text}" is no condition; write a figure, a comparison and a limit, such as "memory > 2G", or "not in-sync"`;
  const figure = FIGURE_NAMES.find((known) => known === name);
  if (figure === undefined)
    return `there is no figure "${name}"; write one of ${FIGURE_NAMES.filter((known) => known !== 'in-sync').join(', ')}, or "not in-sync"`;
  const { units, example } = FIGURE_KINDS[figure];
  if (units.length === 0) return `${figure} is yes or no; write "${example}"`;
  const operator = OPERATORS.find((known) => known === sign);
  if (operator === undefined) return `"${sign}" is no comparison; write one of ${OPERATORS.join(' ')}`;
  const suffix = SUFFIXES.get(ending);
  if (suffix === undefined || !units.includes(suffix.unit))
    return `"${digits}${ending}" is no limit of ${figure}; write it as in "${example}"`;
  return { figure, operator, limit: Number(digits) * suffix.factor, unit: suffix.unit };
}

/** Judges a condition by the figures of one look. */
export function judgeCondition(
  { figure: name, operator, limit, unit }: Condition,
  figures: ServiceFigures,
): Verdict {
  const found = figures[name];
  const value = found === undefined ? null : valueIn(found, unit);
  if (value === null) return { result: 'unknown', text: 'not known yet' };
  const isMatch = compares(value, operator, limit);
  const result = isMatch ? 'matched' : 'not-matched';
  if (name === 'in-sync') return { result, text: isMatch ? 'is not in sync' : 'is in sync' };
  const words = isMatch ? 'matches' : 'is within';
  return {
    result,
    text: `${name} of ${quantity(value, unit)} ${words} the limit [${name} ${operator} ${quantity(limit, unit)}]`,
  };
}

/** As it is shown: `memory > 2.0 GB`. */
export function conditionText({ figure, operator, limit, unit }: Condition): string {
  return figure === 'in-sync' ? 'not in-sync' : `${figure} ${operator} ${quantity(limit, unit)}`;
}

function valueIn({ absolute, percent, operationsPerSecond }: Figure, unit: Unit): number | null {
  if (unit === 'percent') return percent;
  return unit === 'operations-per-second' ? operationsPerSecond : absolute;
}

function quantity(value: number, unit: Unit): string {
  switch (unit) {
    case 'percent':
      return `${value.toFixed(1)}%`;
    case 'bytes':
      return byteText(value);
    case 'operations-per-second':
      return `${value.toFixed(1)}/s`;
    case 'milliseconds':
      return value < 1000 ? `${Number(value.toFixed(1))} ms` : `${Number((value / 1000).toFixed(1))} s`;
    default:
      return Number.isInteger(value) ? String(value) : value.toFixed(2);
  }
}
