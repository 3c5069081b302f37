import { assert } from '../../src/base/assert.ts';
import { seededRandom } from '../../src/base/random.ts';

export const VALUE_BYTES_MAX = 300_000;
const POOL_STARTS = 1 << 20;

/** Bytes from which the bodies of values are cut, the same in every thread. */
const pool: Buffer = Buffer.alloc(POOL_STARTS + VALUE_BYTES_MAX);
const poolRandom = seededRandom(1);
for (let i = 0; i < pool.length; i += 4) pool.writeUInt32LE(poolRandom.below(0x1_0000_0000 - 1), i);

/** Who wrote a value, and which of its writes it was. */
export interface Stamp {
  readonly writer: number;
  readonly sequence: number;
}

function poolStart(key: string, { writer, sequence }: Stamp): number {
  return (writer * 611_953 + sequence * 7919 + key.length * 31) % POOL_STARTS;
}

function checkOf(key: string, { writer, sequence }: Stamp): number {
  let sum = writer * 31 + sequence;
  for (let i = 0; i < key.length; i++) sum = (sum * 33 + key.charCodeAt(i)) % 9973;
  return sum;
}

/** Client flags that belong to a value; of some 0, which takes another place in the store. */
export function flagsOf(sequence: number): number {
  return sequence % 3 === 0 ? 0 : sequence % 65_536;
}

/** A value of about so many bytes, at least some ten, that says for which key and by whom it was written. */
export function makeValue(key: string, stamp: Stamp, bytes: number): Buffer {
  const tiny = `t${stamp.writer}.${stamp.sequence}.${checkOf(key, stamp)}`;
  const head = `v${key} ${stamp.writer} ${stamp.sequence} ${bytes} `;
  if (bytes < head.length + 8) return Buffer.from(tiny);
  const value = Buffer.allocUnsafe(bytes);
  const start = poolStart(key, stamp);
  pool.copy(value, value.write(head, 'latin1'), start, start + bytes);
  return value;
}

/**
 * Who wrote a value.
 *
 * @throws AssertionError when the value was written for another key, or is not whole
 */
export function stampOf(key: string, value: Buffer): Stamp {
  const head = value.toString('latin1', 0, 120);
  const tiny = /^t(\d+)\.(\d+)\.(\d+)$/.exec(head);
  if (tiny !== null) {
    const stamp = { writer: Number(tiny[1]), sequence: Number(tiny[2]) };
    assert(Number(tiny[3]) === checkOf(key, stamp), `${key} holds ${head}`);
    return stamp;
  }
  const words = /^v(\S+) (\d+) (\d+) (\d+) /.exec(head);
  assert(words !== null, `${key} holds ${JSON.stringify(head)}`);
  assert(words[1] === key, `${key} holds a value of ${words[1]}`);
  assert(
    Number(words[4]) === value.length,
    `${key}: ${words[4]} bytes were stored, ${value.length} came back`,
  );
  const stamp = { writer: Number(words[2]), sequence: Number(words[3]) };
  const start = poolStart(key, stamp);
  const body = words[0].length;
  const isWhole = value.compare(pool, start, start + value.length - body, body) === 0;
  assert(isWhole, `${key}: ${value.length} bytes of ${stamp.writer}.${stamp.sequence} are not all its own`);
  return stamp;
}

/** Bytes to fill a value with that has a meaning of its own in front. */
export function filler(bytes: number): Buffer {
  return pool.subarray(0, bytes);
}
