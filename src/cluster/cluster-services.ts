/** The services of a cluster file by the words that rules and alerts name them with. */
import type { ServiceRole } from '../checks/cluster-status.ts';
import type { ServicePolicy } from '../checks/service-policy.ts';
import type { CheckedYaml, Path } from '../proxy/checked-yaml.ts';

/** Words that stand for several services. */
export const SERVICE_WORDS: ReadonlySet<string> = new Set(['nodes', 'proxies']);

export interface NamedService {
  readonly name: string;
  readonly role: ServiceRole;
  readonly hasTwins: boolean;
  readonly policy: ServicePolicy;
}

/** What there is to be named, and how it is watched. */
interface Watched {
  readonly name: string;
  readonly policy: ServicePolicy;
}

export class ClusterServices {
  readonly all: readonly NamedService[];
  readonly #byWord: ReadonlyMap<string, readonly NamedService[]>;

  constructor(
    shards: readonly (Watched & { readonly twins: readonly { readonly name: string }[] })[],
    proxies: readonly Watched[],
  ) {
    const byWord = new Map<string, readonly NamedService[]>();
    const nodes = shards.flatMap(({ name: shard, twins, policy }) => {
      const own = twins.map(
        ({ name }): NamedService => ({ name, role: 'node', hasTwins: twins.length > 1, policy }),
      );
      for (const node of own) byWord.set(node.name, [node]);
      byWord.set(shard, own);
      return own;
    });
    const others = proxies.map(
      ({ name, policy }): NamedService => ({ name, role: 'proxy', hasTwins: false, policy }),
    );
    for (const proxy of others) byWord.set(proxy.name, [proxy]);
    byWord.set('nodes', nodes);
    byWord.set('proxies', others);
    this.all = [...nodes, ...others];
    this.#byWord = byWord;
  }

  /** Those that are named, each once. @throws StartError when there is no such service */
  chosen(yaml: CheckedYaml, words: readonly string[], path: Path): NamedService[] {
    const chosen = words.flatMap((word, index) => {
      const found = this.#byWord.get(word);
      if (found !== undefined) return found;
      throw yaml.mistake(
        [...path, index],
        `there is nothing named ${word}; write one of ${[...this.#byWord.keys()].join(', ')}`,
      );
    });
    return [...new Set(chosen)];
  }
}
