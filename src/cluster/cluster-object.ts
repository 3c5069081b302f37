import { RoleObject } from '../base/role-life.ts';
import type { ClusterStatus } from '../checks/cluster-status.ts';
import { hostAndPort } from '../net/addresses.ts';
import type { ClusterOptions, RunningCluster } from './embedded-cluster.ts';

/**
 * A whole cluster that belongs to this process: its nodes and proxies are child processes, watched by a monitor that starts dead ones again.
 *
 *     const cluster = new Cluster();
 *     await cluster.start();
 *     // any memcached client on cluster.address; kill a node: process.kill(cluster.status().services[0].pid, 'SIGKILL')
 *     await cluster.stop();
 *
 * It is `twincached up` without the page: nobody else can find it, and it ends with this process.
 */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #role: RoleObject<RunningCluster> = new RoleObject('cluster');

  /** @param options see ClusterOptions; nothing is done with them before `start` */
  constructor(options: ClusterOptions = {}) {
    this.#options = { ...options };
  }

  /** Where clients connect: the proxy named last. @throws Error while the cluster does not run */
  get address(): string {
    const { plan } = this.#role.running;
    const { host, port } = plan.services.find(({ name }) => name === plan.entry)?.probe ?? {};
    return hostAndPort(host ?? '', port ?? 0);
  }

  /** Each process, its state and figures, and the last events. @throws Error while the cluster does not run */
  status(): ClusterStatus {
    return this.#role.running.monitor.status();
  }

  /**
   * Fulfilled when every process serves.
   *
   * @throws StartError when the description is wrong, with a line for each mistake, or a process cannot start; Error when the cluster has been
   *   started already
   */
  start(): Promise<void> {
    return this.#role.start(async () => {
      // Only here: most programs that start a node need no YAML.
      const { runEmbedded } = await import('./embedded-cluster.ts');
      return runEmbedded(this.#options);
    });
  }

  /** Stops everything, proxies before nodes. Does nothing when the cluster does not run. */
  stop(): Promise<void> {
    return this.#role.stop();
  }
}
