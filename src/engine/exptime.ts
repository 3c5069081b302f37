/** Exptime arguments above this are absolute times, the others are relative to now: 30 days, as in memcached. */
export const RELATIVE_SECONDS_MAX: number = 60 * 60 * 24 * 30;

/** An absolute time that has always passed; what a negative exptime becomes. */
const LONG_AGO = 1;

const UINT32_MAX = 0xffffffff;

/**
 * The absolute expiry time of an exptime argument.
 *
 * @param argument as the client sent it: 0 never, negative at once, up to 30 days relative, above that unix time
 * @param nowSeconds unix time
 * @returns unix seconds, 0 for never; an item is gone when this is at or before now
 */
export function absoluteExptime(argument: number, nowSeconds: number): number {
  if (argument === 0) return 0;
  if (argument < 0) return LONG_AGO;
  return Math.min(argument > RELATIVE_SECONDS_MAX ? argument : nowSeconds + argument, UINT32_MAX);
}

/**
 * The delay of a flush_all argument: 0 and negative mean now, over 30 days is a unix time.
 *
 * @returns whole seconds from now, 0 for at once
 */
export function flushDelaySeconds(argument: number, nowSeconds: number): number {
  const delay = argument > RELATIVE_SECONDS_MAX ? argument - nowSeconds : argument;
  return Math.max(delay, 0);
}
