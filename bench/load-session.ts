import type { Random } from '../src/base/random.ts';
import type { Connection, ConnectionError, Session } from '../src/base/session.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import { KEY_BYTES, type LoadPlan } from './load-plan.ts';

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const STORED_BYTES = 8;
const END_BYTES = 5;
const V = 86;
const S = 83;
const LF = 10;

/** What all connections of a load thread share: the bytes of requests, made once. */
export class LoadShared {
  readonly plan: LoadPlan;
  readonly random: Random;
  readonly latencies: LatencyHistogram;
  readonly nowMicros: () => number;
  readonly wrong: (message: string) => void;
  /** Behind the key of a set: flags, exptime, length, value. */
  readonly setRest: Uint8Array;
  readonly getReplyBytes: number;
  /** Latencies are recorded, requests counted. */
  isMeasuring = false;
  requests = 0;
  isStopping = false;

  constructor(
    plan: LoadPlan,
    random: Random,
    latencies: LatencyHistogram,
    nowMicros: () => number,
    wrong: (message: string) => void,
  ) {
    this.plan = plan;
    this.random = random;
    this.latencies = latencies;
    this.nowMicros = nowMicros;
    this.wrong = wrong;
    this.setRest = latin1(` 0 0 ${plan.valueBytes}\r\n${'v'.repeat(plan.valueBytes)}\r\n`);
    const blockBytes = `VALUE ${'k'.repeat(KEY_BYTES)} 0 ${plan.valueBytes}\r\n`.length + plan.valueBytes + 2;
    this.getReplyBytes = blockBytes * plan.keysPerGet + END_BYTES;
  }
}

/**
 * One client connection in a closed loop: it keeps `depth` requests in flight, and sends the next when a reply is complete. It first
 * stores its share of the keys, so that every get is a hit and every reply's length is known in advance: a reply is
 * checked by its length, first byte and last byte only, lest the client cost more than the server.
 */
export class LoadSession implements Session {
  readonly #shared: LoadShared;
  readonly #connection: Connection;
  readonly #onFilled: () => void;
  /** Requests in flight, oldest first, as a ring: reply length (negative: of a get) and time sent. */
  readonly #replyBytes: Int32Array;
  readonly #sentMicros: Float64Array;
  #first = 0;
  #inFlight = 0;
  /** Bytes of the oldest reply seen so far. */
  #seen = 0;
  #nextKey: number;
  readonly #lastKey: number;
  #isFilled = false;

  /**
   * @param firstKey with `lastKey`: the keys to store first
   * @param onFilled called when they are stored
   */
  constructor(
    shared: LoadShared,
    connection: Connection,
    firstKey: number,
    lastKey: number,
    onFilled: () => void,
  ) {
    this.#shared = shared;
    this.#connection = connection;
    this.#onFilled = onFilled;
    this.#nextKey = firstKey;
    this.#lastKey = lastKey;
    this.#replyBytes = new Int32Array(shared.plan.depth);
    this.#sentMicros = new Float64Array(shared.plan.depth);
  }

  opened(): void {
    this.#send();
  }

  /** Lets the load run, once all connections have stored their keys. */
  begin(): void {
    this.#isFilled = true;
    this.#send();
    this.#connection.flush();
  }

  feed(input: Uint8Array, start: number, end: number): number {
    const shared = this.#shared;
    let at = start;
    const nowMicros = shared.nowMicros();
    while (at < end && this.#inFlight > 0) {
      const tagged = this.#replyBytes[this.#first]!;
      const length = Math.abs(tagged);
      if (this.#seen === 0 && input[at] !== (tagged < 0 ? V : S)) {
        shared.wrong(
          `unexpected reply: ${Buffer.from(input.subarray(at, Math.min(end, at + 60))).toString('latin1')}`,
        );
        this.#connection.destroy();
        return end;
      }
      const count = Math.min(length - this.#seen, end - at);
      this.#seen += count;
      at += count;
      if (this.#seen < length) break;
      if (input[at - 1] !== LF) shared.wrong('a reply does not end where it should');
      this.#seen = 0;
      if (shared.isMeasuring) {
        shared.requests++;
        shared.latencies.record(nowMicros - this.#sentMicros[this.#first]!);
      }
      this.#first = this.#first + 1 === this.#replyBytes.length ? 0 : this.#first + 1;
      this.#inFlight--;
    }
    this.#send();
    return at;
  }

  closed(error: ConnectionError | null): void {
    if (!this.#shared.isStopping)
      this.#shared.wrong(`connection lost: ${error?.message ?? 'closed by the server'}`);
  }

  #send(): void {
    const shared = this.#shared;
    const { plan, random } = shared;
    if (shared.isStopping) return;
    let nowMicros = 0;
    while (this.#inFlight < plan.depth) {
      let isGet = false;
      let key = 0;
      if (this.#isFilled) {
        isGet = plan.getShare >= 1 || random.below(1000) < plan.getShare * 1000;
        key = random.below(plan.keys);
      } else {
        if (this.#nextKey >= this.#lastKey) {
          if (this.#inFlight === 0) this.#onFilled();
          return;
        }
        key = this.#nextKey++;
      }
      if (nowMicros === 0) nowMicros = shared.nowMicros();
      if (isGet) this.#writeGet(key);
      else this.#writeSet(key);
      const slot = (this.#first + this.#inFlight) % this.#replyBytes.length;
      this.#replyBytes[slot] = isGet ? -shared.getReplyBytes : STORED_BYTES;
      this.#sentMicros[slot] = nowMicros;
      this.#inFlight++;
    }
  }

  #writeGet(firstKey: number): void {
    const { plan, random } = this.#shared;
    const { output } = this.#connection;
    output.reserve(5 + plan.keysPerGet * (KEY_BYTES + 1));
    const { bytes } = output;
    let { at } = output;
    bytes[at] = 103;
    bytes[at + 1] = 101;
    bytes[at + 2] = 116;
    at += 3;
    let key = firstKey;
    for (let i = 0; i < plan.keysPerGet; i++) {
      bytes[at++] = 32;
      at = writeKey(bytes, at, key);
      key = random.below(plan.keys);
    }
    bytes[at] = 13;
    bytes[at + 1] = LF;
    output.at = at + 2;
  }

  #writeSet(key: number): void {
    const { output } = this.#connection;
    const { setRest } = this.#shared;
    output.reserve(4 + KEY_BYTES + setRest.length);
    const { bytes } = output;
    const { at } = output;
    bytes[at] = 115;
    bytes[at + 1] = 101;
    bytes[at + 2] = 116;
    bytes[at + 3] = 32;
    output.at = writeKey(bytes, at + 4, key);
    output.append(setRest, 0, setRest.length);
  }
}

/** Writes `key:` and eight digits. */
function writeKey(bytes: Uint8Array, at: number, key: number): number {
  bytes[at] = 107;
  bytes[at + 1] = 101;
  bytes[at + 2] = 121;
  bytes[at + 3] = 58;
  let rest = key;
  for (let i = at + KEY_BYTES - 1; i >= at + 4; i--) {
    const quotient = (rest / 10) | 0;
    bytes[i] = 48 + rest - quotient * 10;
    rest = quotient;
  }
  return at + KEY_BYTES;
}
