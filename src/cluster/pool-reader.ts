/** What the pools of a cluster file mean. */
import type { CheckedYaml, Path } from '../proxy/checked-yaml.ts';
import { ConfigurationMistake } from '../proxy/configuration-mistake.ts';
import { serverOf } from '../proxy/pool-meaning.ts';
import { MODULO } from '../routing/tree-plan.ts';
import type { ClusterEntry, ProxyEntry } from './cluster-schema.ts';
import type { PlacedPool, PlacedProxy, PlacedServer, PlacedShard, Target } from './placed-services.ts';
import { targetsOf } from './placed-services.ts';
import { type PoolEntry, type RoutesEntry, routesShape } from './pool-schema.ts';

type Named = ReadonlyMap<string, PlacedShard | PlacedProxy>;

export class PoolReader {
  readonly #yaml: CheckedYaml;
  readonly #entry: ClusterEntry;
  /** By name, with their place in the file. */
  readonly #pools: Map<string, { readonly entry: PoolEntry; readonly path: Path }> = new Map();
  readonly #served: Set<string> = new Set();

  /** @throws StartError two pools of one name */
  constructor(yaml: CheckedYaml, entry: ClusterEntry) {
    this.#yaml = yaml;
    this.#entry = entry;
    for (const [index, pool] of (entry.pools ?? []).entries()) {
      const path = ['pools', index];
      if (this.#pools.has(pool.name))
        throw yaml.mistake([...path, 'name'], `there are two pools named ${pool.name}; write another name`);
      this.#pools.set(pool.name, { entry: pool, path });
    }
  }

  /**
   * What a proxy serves.
   *
   * @param path of the proxy
   * @param named what stands further up in the file
   * @throws StartError
   */
  of(entry: ProxyEntry, path: Path, named: Named): readonly PlacedPool[] {
    const { name, port, pools: names } = entry;
    if (names === undefined) {
      if (port === undefined)
        throw this.#yaml.mistake(
          path,
          `${name} has neither a port nor pools; write "port:", or "pools:" and a list`,
        );
      return [this.#pool({ ...entry, port }, path, named)];
    }
    for (const key of ['port', ...Object.keys(routesShape)])
      if (key in entry)
        throw this.#yaml.mistake(
          [...path, key],
          `${name} has pools, so "${key}:" belongs to one of them; write it there`,
        );
    const pools = names.map((poolName, index) => {
      const at = [...path, 'pools', index];
      const found = this.#pools.get(poolName);
      if (found === undefined)
        throw this.#yaml.mistake(
          at,
          `there is no pool named ${poolName}; write ${this.#pools.size === 0 ? 'it under "pools:"' : `one of ${[...this.#pools.keys()].join(', ')}`}`,
        );
      if (names.indexOf(poolName) < index)
        throw this.#yaml.mistake(at, `${poolName} stands here twice; leave one of them out`);
      if (poolName === name)
        throw this.#yaml.mistake(at, `a pool cannot have the name of its proxy; write another one`);
      this.#served.add(poolName);
      return this.#pool(found.entry, found.path, named);
    });
    this.#checkHotKeys(pools);
    return pools;
  }

  /** @throws StartError for a pool that no proxy serves */
  checkServed(): void {
    for (const [name, { path }] of this.#pools)
      if (!this.#served.has(name))
        throw this.#yaml.mistake(path, `no proxy serves the pool ${name}; write "pools: [${name}]" at one`);
  }

  #pool(entry: PoolEntry, path: Path, named: Named): PlacedPool {
    const { name, port, spare } = entry;
    const to = this.#targets(entry, path, named);
    if (to.length === 0)
      throw this.#yaml.mistake(path, 'nothing is left to send to; write "to:" and a list of shards');
    return {
      name,
      port,
      to,
      spare: spare === undefined ? null : this.#find(spare, [...path, 'spare'], named),
      placement: this.#placement(entry, path),
      times: {
        ...(entry['request-timeout'] === undefined ? {} : { 'request-timeout': entry['request-timeout'] }),
        ...(entry['return-wait'] === undefined ? {} : { 'return-wait': entry['return-wait'] }),
      },
      nearCache: entry['near-cache'] ?? null,
      coalesces: entry.coalesce ?? false,
      eject: this.#eject(entry, path, to.length),
    };
  }

  #targets({ to, servers, spare }: RoutesEntry, path: Path, named: Named): Target[] {
    if (servers !== undefined) {
      if (to !== undefined)
        throw this.#yaml.mistake(
          [...path, 'servers'],
          'a pool has either "to:" or "servers:"; leave one of them out',
        );
      return servers.map((text, index) =>
        this.#server(text, [...path, 'servers', index], servers.slice(0, index)),
      );
    }
    if (to !== undefined)
      return to.map((name, index) => {
        const at = [...path, 'to', index];
        if (to.indexOf(name) < index)
          throw this.#yaml.mistake(at, `${name} stands here twice; leave one of them out`);
        return this.#find(name, at, named);
      });
    return [...named.values()].filter(({ kind, name }) => kind === 'shard' && name !== spare);
  }

  /** There has to be somebody who takes the keys, and it is the others. */
  #eject({ eject, spare }: RoutesEntry, path: Path, count: number): PlacedPool['eject'] {
    if (eject === undefined) return null;
    const at = [...path, 'eject'];
    if (spare !== undefined)
      throw this.#yaml.mistake(at, 'where there is a spare nothing is ejected; leave one of them out');
    if (count < 2)
      throw this.#yaml.mistake(
        at,
        'nobody else could take the keys; write at least two to send to, or leave this out',
      );
    return eject;
  }

  #server(text: string, path: Path, before: readonly string[]): PlacedServer {
    try {
      const { name, weight } = serverOf(text, path);
      if (before.some((other) => serverOf(other, path).name === name))
        throw this.#yaml.mistake(path, `${name} stands here twice; leave one of them out`);
      return { kind: 'server', name, weight };
    } catch (error) {
      if (!(error instanceof ConfigurationMistake)) throw error;
      throw this.#yaml.mistake(path, error.message);
    }
  }

  #find(name: string, at: Path, named: Named): PlacedShard | PlacedProxy {
    const found = named.get(name);
    if (found !== undefined) return found;
    const isLater = this.#entry.proxies.some((other) => other.name === name);
    throw this.#yaml.mistake(
      at,
      isLater
        ? `${name} stands further down; write proxies behind those that they send to`
        : `there is no shard and no proxy named ${name}; write one of ${[...named.keys()].join(', ')}`,
    );
  }

  #placement({ hash, distribution, 'hash-tag': tag }: RoutesEntry, path: Path): PlacedPool['placement'] {
    if (hash !== undefined && distribution === MODULO)
      throw this.#yaml.mistake(
        [...path, 'hash'],
        'modulo has a hash of its own; leave this out, or write "distribution: ketama"',
      );
    return {
      distribution: distribution ?? (hash === undefined ? MODULO : 'ketama'),
      ...(hash === undefined ? {} : { hash }),
      ...(tag === undefined ? {} : { 'hash-tag': tag }),
    };
  }

  /** What answers from copies has to see every write of their keys that comes by this proxy. */
  #checkHotKeys(pools: readonly PlacedPool[]): void {
    for (const pool of pools) {
      if (pool.nearCache === null && !pool.coalesces) continue;
      const key = pool.nearCache === null ? 'coalesce' : 'near-cache';
      const own = targetsOf({ pools: [pool] });
      for (const other of pools) {
        const shared =
          other === pool
            ? undefined
            : targetsOf({ pools: [other] }).find((target) => own.some(({ name }) => name === target.name));
        if (shared === undefined) continue;
        throw this.#yaml.mistake(
          [...(this.#pools.get(pool.name)?.path ?? []), key],
          `${shared.name} is behind ${other.name}, too, whose writes ${key} would not see; serve the two pools by different proxies, or leave it out`,
        );
      }
    }
  }
}
