import type { Random } from '../base/random.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { KeyChooser } from './key-chooser.ts';
import type { Latencies } from './latencies.ts';
import type { LoadPlan } from './load-plan.ts';
import { type RequestWriter, requestWriter } from './request-writers.ts';

/** Requests in flight on one connection of an open loop; beyond it they wait at the client, and their latency grows all the same. */
const OPEN_LOOP_DEPTH = 1024;

/** What all connections of a load thread share. */
export class LoadShared {
  readonly plan: LoadPlan;
  readonly random: Random;
  readonly latencies: Latencies;
  readonly nowMicros: () => number;
  readonly wrong: (message: string) => void;
  readonly writer: RequestWriter;
  readonly chooser: KeyChooser;
  readonly isOpenLoop: boolean;
  /** Latencies are recorded, requests counted. */
  isMeasuring = false;
  requests = 0;
  /** Replies that have come, whether they are measured or not. */
  replies = 0;
  isStopping = false;

  constructor(
    plan: LoadPlan,
    random: Random,
    latencies: Latencies,
    isOpenLoop: boolean,
    nowMicros: () => number,
    wrong: (message: string) => void,
  ) {
    this.plan = plan;
    this.random = random;
    this.latencies = latencies;
    this.isOpenLoop = isOpenLoop;
    this.nowMicros = nowMicros;
    this.wrong = wrong;
    this.writer = requestWriter(plan, random);
    this.chooser = new KeyChooser(plan, random);
  }
}

/**
 * One client connection. In a closed loop it keeps `depth` requests in flight, and sends the next when a reply is complete; in an open loop it
 * sends when it is told to. It first stores its share of the keys, so that every get is a hit.
 */
export class LoadSession implements Session {
  readonly #shared: LoadShared;
  readonly #connection: Connection;
  readonly #onFilled: () => void;
  /** Requests in flight, oldest first, as a ring: reply length (negative: of a get), and the time that latency counts from. */
  readonly #replyBytes: Int32Array;
  readonly #sinceMicros: Float64Array;
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
    const depth = shared.isOpenLoop ? OPEN_LOOP_DEPTH : shared.plan.depth;
    this.#replyBytes = new Int32Array(depth);
    this.#sinceMicros = new Float64Array(depth);
  }

  opened(): void {
    this.#fill();
  }

  /** Lets a closed loop run, once all connections have stored their keys. */
  begin(): void {
    this.#isFilled = true;
    if (this.#shared.isOpenLoop) return;
    this.#sendAll();
    this.#connection.flush();
  }

  /**
   * Sends one request of an open loop.
   *
   * @param dueMicros when it should have been sent: latency counts from there, so that a server that is slow cannot slow the clock
   * @returns false when too many are in flight
   */
  sendDue(dueMicros: number): boolean {
    if (this.#inFlight === this.#replyBytes.length) return false;
    this.#sendOne(dueMicros);
    this.#connection.flush();
    return true;
  }

  feed(input: Uint8Array, start: number, end: number): number {
    const shared = this.#shared;
    const { getReplyFirst, setReplyFirst, replyLast } = shared.writer;
    let at = start;
    const nowMicros = shared.nowMicros();
    while (at < end && this.#inFlight > 0) {
      const tagged = this.#replyBytes[this.#first]!;
      const length = Math.abs(tagged);
      if (this.#seen === 0 && input[at] !== (tagged < 0 ? getReplyFirst : setReplyFirst)) {
        shared.wrong(
          `unexpected reply: ${Buffer.from(input.subarray(at, Math.min(end, at + 60))).toString('latin1')}`,
        );
        this.#connection.destroy();
        return end;
      }
      if (!this.#isFilled && replyLast !== null) {
        // memcached now and then has no memory for an item of a cache that is full: what it says then is longer.
        const last = input.subarray(at, end).indexOf(replyLast);
        this.#seen += last < 0 ? end - at : last + 1;
        at = last < 0 ? end : at + last + 1;
        if (last < 0) break;
      } else {
        const count = Math.min(length - this.#seen, end - at);
        this.#seen += count;
        at += count;
        if (this.#seen < length) break;
        if (replyLast !== null && input[at - 1] !== replyLast)
          shared.wrong('a reply does not end where it should');
      }
      this.#seen = 0;
      shared.replies++;
      if (shared.isMeasuring) {
        shared.requests++;
        shared.latencies.record(nowMicros - this.#sinceMicros[this.#first]!);
      }
      this.#first = this.#first + 1 === this.#replyBytes.length ? 0 : this.#first + 1;
      this.#inFlight--;
    }
    if (!this.#isFilled) this.#fill();
    else if (!shared.isOpenLoop) this.#sendAll();
    return at;
  }

  closed(error: ConnectionError | null): void {
    if (!this.#shared.isStopping)
      this.#shared.wrong(`connection lost: ${error?.message ?? 'closed by the server'}`);
  }

  #fill(): void {
    const { plan, isStopping } = this.#shared;
    while (!isStopping && this.#inFlight < plan.depth && this.#nextKey < this.#lastKey) {
      this.#send(this.#nextKey++, false, 0);
    }
    if (this.#inFlight === 0) this.#onFilled();
  }

  #sendAll(): void {
    const { plan, isStopping, nowMicros } = this.#shared;
    if (isStopping || this.#inFlight === plan.depth) return;
    const now = nowMicros();
    while (this.#inFlight < plan.depth) this.#sendOne(now);
  }

  #sendOne(sinceMicros: number): void {
    const { plan, random, chooser } = this.#shared;
    const isGet = plan.getShare >= 1 || random.below(1000) < plan.getShare * 1000;
    this.#send(chooser.next(), isGet, sinceMicros);
  }

  #send(key: number, isGet: boolean, sinceMicros: number): void {
    const { writer } = this.#shared;
    if (isGet) writer.writeGet(this.#connection.output, key);
    else writer.writeSet(this.#connection.output, key);
    const slot = (this.#first + this.#inFlight) % this.#replyBytes.length;
    this.#replyBytes[slot] = isGet ? -writer.getReplyBytes : writer.setReplyBytes;
    this.#sinceMicros[slot] = sinceMicros;
    this.#inFlight++;
  }
}
