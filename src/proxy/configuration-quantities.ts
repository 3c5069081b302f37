/** Times and sizes as a native configuration writes them; the schema has said already that they have that form. */
import { ConfigurationMistake } from './configuration-mistake.ts';

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `250ms`, `1.5s`. @returns undefined when nothing is written */
export function milliseconds(text: string | undefined): number | undefined {
  const [, number, unit] = /^([\d.]+)([a-z]+)$/.exec(text ?? '') ?? [];
  return number === undefined || unit === undefined ? undefined : Number(number) * (UNITS_MS[unit] ?? 1);
}

/** Whole seconds, at least one. @throws ConfigurationMistake at `path` */
export function seconds(text: string, path: readonly PropertyKey[]): number {
  const ms = milliseconds(text) ?? 0;
  if (ms < 1000 || ms % 1000 !== 0)
    throw new ConfigurationMistake(path, `"${text}" is not a number of whole seconds; write at least 1s`);
  return ms / 1000;
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `64k`, `4m`, or bytes without a unit. */
export function sizeBytes(text: string): number {
  const [, number, unit = ''] = /^(\d+)([a-z]?)$/.exec(text.toLowerCase()) ?? [];
  return Number(number) * (SIZE_UNITS[unit] ?? 1);
}

/** A moment as a date with its zone, or in seconds since 1970. @throws ConfigurationMistake at `path` */
export function startSeconds(start: string | number, path: readonly PropertyKey[]): number {
  if (typeof start === 'number') return start;
  const ms = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(start)
    ? Date.parse(start.replace(' ', 'T'))
    : Number.NaN;
  if (Number.isNaN(ms))
    throw new ConfigurationMistake(
      path,
      `"${start}" is no time; write it with its zone, such as 2026-11-27T18:00:00Z, or in seconds since 1970`,
    );
  return ms / 1000;
}
