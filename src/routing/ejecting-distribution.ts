import type { Distribution } from '../hashing/distribution.ts';
import { DESTINATION, type Destination } from './destination.ts';

/** When servers are taken out of a distribution, and put back. */
export interface EjectionRules {
  /** So many failures in a row, without an answer between them, and a server is out. */
  readonly failureLimit: number;
  /** It stays out for so long, at least. */
  readonly retryMs: number;
  /** It comes back only when it answers; nobody's request has to try. */
  readonly probes: boolean;
  /** Nobody is out while none of the others is up: there is nobody who could take the keys, and whoever returns first finds its own. Not given: no. */
  readonly needsOthers?: boolean;
}

/** What holds the keys of one server of a list: the connections of that, or of each of two twins. */
export type Shard = readonly (readonly Destination[])[];

/** What it is given of its surroundings. */
export interface EjectionHost {
  nowMs(): number;
  /** Grows with each failure of any server. */
  readonly failureSerial: number;
}

/**
 * A distribution over the servers that are not ejected, made anew whenever one goes or comes: twemproxy's `auto_eject_hosts`.
 *
 * twemproxy puts a server back untested, so each of its returns to a dead server costs so many errors as the limit says. With `probes` the health
 * machine of the destination decides: it dials and asks by itself.
 */
export class EjectingDistribution implements Distribution {
  /** Times that a server was taken out. */
  ejections = 0;
  readonly mayBeEmpty = true;
  /** By position: on the router's clock, until when it is out; 0: it is in. */
  readonly #outUntilMs: Float64Array;
  /** By position: on the router's clock, when it was taken out last; 0: never. */
  readonly #ejectedAtMs: Float64Array;
  readonly #shards: readonly Shard[];
  readonly #make: (isLive: (position: number) => boolean) => Distribution;
  readonly #rules: EjectionRules;
  readonly #host: EjectionHost;
  #current: Distribution;
  #seenSerial = -1;
  #out = 0;
  #nextReturnMs = Number.POSITIVE_INFINITY;

  /**
   * @param shards what holds the keys of each server, by its position
   * @param make a distribution over the servers that are live
   */
  constructor(
    shards: readonly Shard[],
    make: (isLive: (position: number) => boolean) => Distribution,
    rules: EjectionRules,
    host: EjectionHost,
  ) {
    this.#shards = shards;
    this.#make = make;
    this.#rules = rules;
    this.#host = host;
    this.#outUntilMs = new Float64Array(shards.length);
    this.#ejectedAtMs = new Float64Array(shards.length);
    this.#current = make(() => true);
  }

  pick(hash: number): number {
    const host = this.#host;
    if (host.failureSerial !== this.#seenSerial || (this.#out > 0 && host.nowMs() >= this.#nextReturnMs))
      this.#review();
    return this.#current.pick(hash);
  }

  /** Whether a server is out now. */
  isOut(position: number): boolean {
    return this.#outUntilMs[position]! > 0;
  }

  /** The same after what has just failed. */
  isOutNow(position: number): boolean {
    if (this.#host.failureSerial !== this.#seenSerial) this.#review();
    return this.isOut(position);
  }

  /** How many are out. */
  get outCount(): number {
    return this.#out;
  }

  /** How long ago a server was taken out last, in milliseconds; null: never. */
  ejectedAgoMs(position: number): number | null {
    const atMs = this.#ejectedAtMs[position]!;
    return atMs === 0 ? null : this.#host.nowMs() - atMs;
  }

  #review(): void {
    const nowMs = this.#host.nowMs();
    this.#seenSerial = this.#host.failureSerial;
    let changed = false;
    this.#out = 0;
    this.#nextReturnMs = Number.POSITIVE_INFINITY;
    for (let position = 0; position < this.#shards.length; position++) {
      if (this.#look(position, nowMs)) changed = true;
      const outUntilMs = this.#outUntilMs[position]!;
      if (outUntilMs === 0) continue;
      this.#out++;
      this.#nextReturnMs = Math.min(
        this.#nextReturnMs,
        this.#rules.probes ? Math.max(nowMs + 1, outUntilMs) : outUntilMs,
      );
    }
    if (this.#out > 0 && this.#rules.needsOthers === true && !this.#isAnyIn()) {
      this.#outUntilMs.fill(0);
      this.#out = 0;
      changed = true;
    }
    if (changed) this.#current = this.#make((position) => this.#outUntilMs[position] === 0);
  }

  /** Whether a server that is in can take requests now. */
  #isAnyIn(): boolean {
    return this.#shards.some((shard, position) => this.#outUntilMs[position] === 0 && isUp(shard));
  }

  /** @returns whether the server has gone or come */
  #look(position: number, nowMs: number): boolean {
    const { failureLimit, probes, retryMs } = this.#rules;
    const shard = this.#shards[position]!;
    if (this.#outUntilMs[position]! > 0) {
      if (nowMs < this.#outUntilMs[position]! || (probes && !isUp(shard))) return false;
      this.#outUntilMs[position] = 0;
      forgive(shard);
      return true;
    }
    if (failuresOf(shard) < failureLimit) return false;
    // One that was redialled at once and answers is none to be taken out.
    if (probes && isUp(shard)) return false;
    if (this.#rules.needsOthers === true && !this.#isAnyIn()) return false;
    // 0 says that it is in.
    this.#outUntilMs[position] = Math.max(nowMs + retryMs, Number.MIN_VALUE);
    this.#ejectedAtMs[position] = nowMs;
    this.ejections++;
    forgive(shard);
    return true;
  }
}

function isUp(shard: Shard): boolean {
  return shard.some((node) => node.some((destination) => destination.state === DESTINATION.up));
}

function forgive(shard: Shard): void {
  for (const node of shard) for (const destination of node) destination.figures.forgiven();
}

/** Of twins both have to fail. */
function failuresOf(shard: Shard): number {
  let least = Number.POSITIVE_INFINITY;
  for (const node of shard) {
    let failures = 0;
    for (const destination of node) failures += destination.figures.failuresInRow;
    least = Math.min(least, failures);
  }
  return least;
}
