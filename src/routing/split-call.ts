import type { Call, CallPool } from './call.ts';

/**
 * Takes some keys out of a call, in their order; the call may be left without any; then its first key is -1.
 *
 * @param isOther asked once for each key, in order
 * @returns a call for them; null when there are none
 */
export function splitOff(calls: CallPool, call: Call, isOther: (key: number) => boolean): Call | null {
  const { request } = call;
  const other = calls.copy(call);
  let lastKept = -1;
  let lastOther = -1;
  let key = call.firstKey;
  call.keyCount = other.keyCount = 0;
  call.firstKey = call.cursor = -1;
  while (key >= 0) {
    const next = request.keyNext[key]!;
    request.keyNext[key] = -1;
    if (isOther(key)) {
      if (lastOther < 0) other.firstKey = other.cursor = key;
      else request.keyNext[lastOther] = key;
      lastOther = key;
      other.keyCount++;
    } else {
      if (lastKept < 0) call.firstKey = call.cursor = key;
      else request.keyNext[lastKept] = key;
      lastKept = key;
      call.keyCount++;
    }
    key = next;
  }
  if (other.keyCount > 0) return other;
  calls.release(other);
  return null;
}
