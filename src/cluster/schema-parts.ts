/** What several parts of a cluster file are made of. */
import { z } from 'zod';

/** For keys that a mapping does not have. */
export const UNKNOWN: { readonly error: string } = {
  error: 'is no key that may stand here; see docs/reference/cluster-file.md',
};

export const port: z.ZodInt = z.int().min(1).max(65_535);

export const name: z.ZodString = z
  .string()
  .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'is no name; write letters, digits, "-", "_" and ".", at most 64')
  .describe('letters, digits, "-", "_" and "."; 64 at most');

const MS_BY_UNIT: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** @param text a time as `time` lets it through */
export function milliseconds(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? [];
  return Number(digits) * (MS_BY_UNIT.get(unit) ?? Number.NaN);
}

/** A time with a unit, from `least` to `most`; both are of the same form. */
export function time(least: string, most: string, example: string): z.ZodString {
  const advice = `write one from ${least} to ${most}, such as ${example}`;
  return z
    .string({ error: (issue) => (issue.input === undefined ? undefined : `is no time; ${advice}`) })
    .regex(/^\d{1,8}(ms|s|m|h)$/, `is no time; ${advice}`)
    .refine((text) => {
      const ms = milliseconds(text);
      return ms >= milliseconds(least) && ms <= milliseconds(most);
    }, `is out of bounds; ${advice}`);
}

/** A size in M or G. */
export function size(example: string): z.ZodString {
  return z
    .string()
    .regex(/^[1-9]\d{0,6}[mMgG]$/, `is no size; write a number with M or G, such as ${example}`);
}

/** @param text a size as `size` lets it through */
export function mebibytes(text: string): number {
  const unit = /g$/i.test(text) ? 1024 : 1;
  return Number.parseInt(text, 10) * unit;
}
