import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';
import type { Test } from './tree.ts';

/** Longest time that traffic is added up over, as in monit. */
const TRAFFIC_WINDOW_MS_MAX = 86_400_000;

const WINDOW_UNITS: Readonly<Record<string, number>> = {
  minute: 60_000,
  minutes: 60_000,
  hour: 3_600_000,
  hours: 3_600_000,
  day: 86_400_000,
  days: 86_400_000,
};

/**
 * What is said of an interface without `failed`: `link up|down`, `[total] upload|download ...`.
 *
 * @returns null where something else stands
 */
export function parseTraffic(cursor: Cursor): Test | null {
  if (cursor.takeWord('link') !== null)
    return { kind: 'link', matchesWhen: cursor.expectWord('up', 'down') === 'up' ? 'up' : 'down' };
  const isTotal = cursor.takeWord('total') !== null;
  const word = cursor.takeWord('upload', 'uploaded', 'download', 'downloaded');
  if (word === null) return isTotal ? cursor.fail('expected one of upload, download') : null;
  cursor.takeWord('rate');
  const direction = word.startsWith('upload') ? 'upload' : 'download';
  const operator = cursor.takeOperator();
  const value = cursor.expectNumber('a number');
  if (isTotal) {
    const isPackets = cursor.takeWord('packet', 'packets') !== null;
    const factor = isPackets
      ? 1
      : (cursor.takeByteUnit() ?? cursor.fail('expected B, kB, MB, GB or packets'));
    const unit = isPackets ? 'packets' : 'bytes';
    return {
      kind: 'traffic',
      direction,
      operator,
      limit: value * factor,
      unit,
      withinMs: parseWindow(cursor),
    };
  }
  const isPackets = cursor.takeWord('packet/s', 'packets/s') !== null;
  const factor = isPackets
    ? 1
    : (cursor.takeByteRate() ??
      cursor.takeByteUnit() ??
      cursor.fail('expected B/s, kB/s, MB/s, GB/s or packets/s'));
  return {
    kind: 'traffic',
    direction,
    operator,
    limit: value * factor,
    unit: isPackets ? 'packets' : 'bytes',
    withinMs: null,
  };
}

/** `[in] last [N] UNIT`. @returns milliseconds */
function parseWindow(cursor: Cursor): number {
  cursor.expectWord('last');
  const token = cursor.peek();
  const count = cursor.takeWhole()?.value ?? 1;
  const unit = cursor.expectWord(...Object.keys(WINDOW_UNITS));
  const windowMs = count * (WINDOW_UNITS[unit] ?? 0);
  if (windowMs < 1 || windowMs > TRAFFIC_WINDOW_MS_MAX)
    throw new ControlError(token.place, 'Maximum range for total test is 24 hours', token.text);
  return windowMs;
}
