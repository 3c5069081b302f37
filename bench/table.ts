import { type Measurement, median } from './measure.ts';

/** One line of a table: a name, and cells to the right. */
export function row(cells: readonly string[]): string {
  const [name = '', ...rest] = cells;
  return `${name.padEnd(26)}${rest.map((cell) => cell.padStart(12)).join('')}\n`;
}

/** The head of the columns that a load fills. */
export const LOAD_COLUMNS: readonly string[] = [
  '',
  'requests/s',
  'cpu us/req',
  'p50 us',
  'p99 us',
  'p99.9 us',
];

type Pick = (one: Measurement) => number;

/** Medians of one server's rounds. */
export function figures(name: string, all: readonly Measurement[]): string {
  const of = (pick: Pick): number => median(all.map(pick));
  return row([
    name,
    Math.round(of((one) => one.requestsPerSecond)).toString(),
    of((one) => one.cpuMicrosPerRequest).toFixed(2),
    of((one) => one.p50Micros).toFixed(0),
    of((one) => one.p99Micros).toFixed(0),
    of((one) => one.p999Micros).toFixed(0),
  ]);
}

/** Each figure of one server over another's: the median of the rounds' ratios, so that a machine that slows down in between does not count. */
export function ratios(name: string, ours: readonly Measurement[], original: readonly Measurement[]): string {
  const of = (pick: Pick): string => median(ours.map((one, i) => pick(one) / pick(original[i]!))).toFixed(2);
  return row([
    name,
    of((one) => one.requestsPerSecond),
    of((one) => one.cpuMicrosPerRequest),
    of((one) => one.p50Micros),
    of((one) => one.p99Micros),
    of((one) => one.p999Micros),
  ]);
}

/** A line of two figures that are compared. @param digits behind the point */
export function compared(name: string, ours: number, original: number | null, digits: number): string {
  if (original === null) return row([name, ours.toFixed(digits), '', '']);
  const ratio = original === 0 ? '-' : (ours / original).toFixed(2);
  return row([name, ours.toFixed(digits), original.toFixed(digits), ratio]);
}
