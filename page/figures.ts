import { countText, NOTHING } from '../src/dashboard/display-units.ts';

/** `12.3 k/s`; a dash where nothing is known. */
export function rateText(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return NOTHING;
  return `${perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : countText(perSecond)}/s`;
}

export function percentText(percent: number | null | undefined): string {
  if (percent === null || percent === undefined) return NOTHING;
  return `${percent >= 99.95 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}

/** A duration in milliseconds, with the digits that matter. */
export function millisecondsText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NOTHING;
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 100 || ms === 0) return `${ms.toFixed(0)} ms`;
  return ms >= 1 ? `${ms.toFixed(1)} ms` : `${(ms * 1000).toFixed(0)} µs`;
}

export function microsText(micros: number | null | undefined): string {
  return millisecondsText(micros === null || micros === undefined ? null : micros / 1000);
}

/** The time of day of a wall clock, and the day as well when it is not today. */
export function clockText(atMs: number): string {
  const at = new Date(atMs);
  const time = at.toTimeString().slice(0, 8);
  if (at.toDateString() === new Date().toDateString()) return time;
  const twoDigits = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())} ${time}`;
}
