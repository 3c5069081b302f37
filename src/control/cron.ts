/** A minute of the calendar, in the time of the host. */
export interface CalendarMinute {
  readonly minute: number;
  readonly hour: number;
  /** From 1. */
  readonly dayOfMonth: number;
  /** From 1. */
  readonly month: number;
  /** 0: Sunday. */
  readonly dayOfWeek: number;
}

const FIELD_BOUNDS = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of the month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12 },
  { name: 'day of the week', min: 0, max: 7 },
] as const;

/** What is wrong with a cron line of five fields (`*`, numbers, `a-b`, lists with commas); null: nothing. */
export function cronObjection(line: string): string | null {
  const fields = line.trim().split(/\s+/);
  if (fields.length !== FIELD_BOUNDS.length)
    return `a schedule has five fields (minute, hour, day of the month, month, day of the week), not ${fields.length}`;
  for (const [index, { name, min, max }] of FIELD_BOUNDS.entries()) {
    for (const part of (fields[index] ?? '').split(',')) {
      if (part === '*') continue;
      const [, from, to] = /^(\d{1,2})(?:-(\d{1,2}))?$/.exec(part) ?? [];
      if (from === undefined) return `'${part}' is no ${name}: only numbers, *, - and , are known`;
      const [first, last] = [Number(from), Number(to ?? from)];
      if (first < min || last > max || first > last)
        return `'${part}' is no ${name}: it must lie between ${min} and ${max}`;
    }
  }
  return null;
}

/** Whether a good cron line means this minute. All five fields must match. */
export function cronMatches(line: string, time: CalendarMinute): boolean {
  const values = [time.minute, time.hour, time.dayOfMonth, time.month, time.dayOfWeek];
  return line
    .trim()
    .split(/\s+/)
    .every((field, index) =>
      field.split(',').some((part) => {
        if (part === '*') return true;
        const [first = 0, last = first] = part.split('-').map(Number);
        const value = values[index] ?? -1;
        return (value >= first && value <= last) || (index === 4 && value === 0 && last === 7);
      }),
    );
}
