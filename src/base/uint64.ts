/**
 * Unsigned 64-bit whole numbers as two unsigned 32-bit halves, for the few places where 53 bits do not do (incr, decr, cas ids
 * that a client made up). BigInt would allocate on each operation.
 */

/** Result of the functions below, overwritten by the next call. `valid` is false when the text was no number. */
export const parsed: { high: number; low: number; valid: boolean } = { high: 0, low: 0, valid: false };

/**
 * Reads decimal digits [start, end) into `parsed`: 1 to 20 digits, at most 2^64 - 1.
 */
export function parseUint64(bytes: Uint8Array, start: number, end: number): void {
  parsed.valid = false;
  const digits = end - start;
  if (digits < 1) return;
  let i = start;
  if (digits <= 15) {
    let value = 0;
    for (; i < end; i++) {
      const digit = bytes[i]! - 48;
      if (digit < 0 || digit > 9) return;
      value = value * 10 + digit;
    }
    parsed.high = Math.floor(value / 4294967296);
    parsed.low = value >>> 0;
    parsed.valid = true;
    return;
  }
  let high = 0;
  let low = 0;
  for (; i < end; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return;
    // Both products stay under 2^36, exact in a double.
    const lowProduct = low * 10 + digit;
    const highProduct = high * 10 + Math.floor(lowProduct / 4294967296);
    if (highProduct > 4294967295) return;
    high = highProduct;
    low = lowProduct >>> 0;
  }
  parsed.high = high;
  parsed.low = low;
  parsed.valid = true;
}

/** Digits of the largest 64-bit number. */
export const UINT64_DIGITS_MAX = 20;

const scratch = new Uint8Array(UINT64_DIGITS_MAX);

/**
 * Writes high * 2^32 + low in decimal at `at`; at most 20 bytes.
 *
 * @returns the index behind the last digit
 */
export function writeUint64(bytes: Uint8Array, at: number, high: number, low: number): number {
  if (high <= 0x1fffff) return writeDecimal(bytes, at, high * 4294967296 + low);
  let digits = UINT64_DIGITS_MAX;
  let h = high;
  let l = low;
  while (h > 0 || l > 0) {
    const remainderHigh = h % 10;
    const whole = remainderHigh * 4294967296 + l;
    h = Math.floor(h / 10);
    l = Math.floor(whole / 10);
    scratch[--digits] = 48 + (whole % 10);
  }
  for (let i = digits; i < UINT64_DIGITS_MAX; i++) bytes[at++] = scratch[i]!;
  return at;
}

const BILLION = 1e9;
const BILLION_DIGITS = 9;

/**
 * Writes a whole number from 0 to 2^53 - 1 in decimal at `at`; at most 16 bytes. A number beyond 31 bits, as every cas id is, is cut once into two
 * that are not, because dividing doubles digit by digit costs several times as much.
 *
 * @returns the index behind the last digit
 */
export function writeDecimal(bytes: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    bytes[at] = 48 + value;
    return at + 1;
  }
  if (value <= 0x7fffffff) return writeDigits(bytes, at, value, digitCount(value));
  // The quotient is below 2^24, so a remainder of all nines is still farther from the next whole number than rounding reaches.
  const high = Math.floor(value / BILLION);
  const behind = writeDigits(bytes, at, high, digitCount(high));
  return writeDigits(bytes, behind, value - high * BILLION, BILLION_DIGITS);
}

/** Decimal digits of a number of 31 bits. */
function digitCount(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  if (value < 1_000_000) return value < 100_000 ? 5 : 6;
  if (value < 100_000_000) return value < 10_000_000 ? 7 : 8;
  return value < BILLION ? 9 : 10;
}

/** Writes the last `count` digits of a number of 31 bits. @returns the index behind them */
function writeDigits(bytes: Uint8Array, at: number, value: number, count: number): number {
  let rest = value | 0;
  for (let i = at + count - 1; i >= at; i--) {
    const quotient = (rest / 10) | 0;
    bytes[i] = 48 + (rest - quotient * 10);
    rest = quotient;
  }
  return at + count;
}
