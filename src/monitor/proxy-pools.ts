import type { Clock } from '../base/clock.ts';
import type { ProxyPoolStatus, ProxyStats } from '../checks/cluster-status.ts';
import { probe } from './probe.ts';
import { ProxyReadings } from './proxy-stats.ts';
import type { PoolDefinition } from './service-definition.ts';

/** A pool that is not at the address where the proxy is probed. */
interface OtherPool {
  definition: PoolDefinition;
  readonly readings: ProxyReadings;
  /** Null until it was asked. */
  answers: boolean | null;
  /** One question at a time, however long it takes. */
  isAsked: boolean;
}

/**
 * What a proxy says of itself, by pools. Each is asked at its own address, because none of them tells of the others; whether the proxy lives is seen at the
 * first address alone.
 */
export class ProxyPools {
  readonly #clock: Clock;
  #definitions: readonly PoolDefinition[];
  /** Of the address where the proxy is probed. */
  readonly #own: ProxyReadings = new ProxyReadings();
  #others: readonly OtherPool[];

  /** @param definitions the one where the proxy is probed first; empty: it has no other address */
  constructor(definitions: readonly PoolDefinition[], clock: Clock) {
    this.#clock = clock;
    this.#definitions = definitions;
    this.#others = definitions.slice(1).map(newPool);
  }

  /** Pools by other definitions; what was read of those that stay where they are is kept. */
  use(definitions: readonly PoolDefinition[]): void {
    this.#definitions = definitions;
    this.#others = definitions.slice(1).map((definition) => {
      const known = this.#others.find((other) => placeOf(other.definition) === placeOf(definition));
      if (known === undefined) return newPool(definition);
      known.definition = definition;
      return known;
    });
  }

  /** For a new process. */
  clear(): void {
    this.#own.clear();
    // An answer that is under way belongs to the process before.
    this.#others = this.#others.map(({ definition }) => newPool(definition));
  }

  /**
   * The proxy has answered a probe: reads that, and asks its other pools.
   *
   * @param lines as `ProxyReadings.read` has them
   * @param timeoutMs for each of the others
   */
  read(lines: ReadonlyMap<string, string>, timeoutMs: number): void {
    this.#own.read(lines, this.#clock.monotonicMs());
    for (const pool of this.#others) if (!pool.isAsked) void this.#ask(pool, timeoutMs);
  }

  async #ask(pool: OtherPool, timeoutMs: number): Promise<void> {
    pool.isAsked = true;
    const { host, port } = pool.definition;
    const result = await probe({ host, port, stats: false }, timeoutMs, 'proxy');
    pool.isAsked = false;
    pool.answers = result.ok;
    if (!result.ok) pool.readings.fellSilent();
    else if (result.stats !== null) pool.readings.read(result.stats, this.#clock.monotonicMs());
  }

  /** All pools together; null until something was read. */
  get stats(): ProxyStats | null {
    if (this.#others.length === 0) return this.#own.stats;
    return ProxyReadings.together([this.#own, ...this.#others.map(({ readings }) => readings)]);
  }

  /** Each of several pools, as the status has them. @param isRunning of a process that does not run nothing is known */
  statuses(isRunning: boolean): readonly ProxyPoolStatus[] {
    return this.#definitions.map(({ name, host, port, shards }, index) => {
      const other = this.#others[index - 1];
      const answers = isRunning ? (other === undefined ? true : other.answers) : null;
      const { stats } = other?.readings ?? this.#own;
      return { name, address: `${host}:${port}`, answers, stats: answers === true ? stats : null, shards };
    });
  }
}

function newPool(definition: PoolDefinition): OtherPool {
  return { definition, readings: new ProxyReadings(), answers: null, isAsked: false };
}

function placeOf({ host, port }: PoolDefinition): string {
  return `${host} ${port}`;
}
