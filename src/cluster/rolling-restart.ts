/*
 * Restarts of services of a cluster that serves, one after the other, such that clients of a shard with twins notice nothing: a node is only stopped
 * while a twin has all that it has, proxies ask that one meanwhile, and no other twin of the shard is restarted, by whomever.
 */
import type { Monitor } from '../monitor/monitor.ts';
import { changesWants } from './node-wants.ts';
import type { OperationProgress } from './operation-progress.ts';
import type { PlannedService } from './plan.ts';
import type { ChangedService } from './plan-diff.ts';
import { writePlannedFiles } from './planned-cluster.ts';
import { RestartTurn } from './restart-turn.ts';
import type { RunningCluster } from './running-cluster.ts';
import { OperationAborted, type ServiceSteps } from './service-steps.ts';
import { dependsOnlyOn } from './taken-out.ts';

export class RollingRestart {
  readonly #cluster: RunningCluster;
  readonly #monitor: Pick<Monitor, 'isClosing'>;
  readonly #steps: ServiceSteps;
  readonly #progress: OperationProgress;

  constructor(
    cluster: RunningCluster,
    monitor: Pick<Monitor, 'isClosing'>,
    steps: ServiceSteps,
    progress: OperationProgress,
  ) {
    this.#cluster = cluster;
    this.#monitor = monitor;
    this.#steps = steps;
    this.#progress = progress;
  }

  /**
   * One service after the other: nodes shard by shard, of each the twin last that is asked first; then proxies, those further in first.
   *
   * @param shallBe what a service is when it has been restarted
   * @param areProxiesFirst before the nodes
   */
  async run(
    names: readonly string[],
    shallBe: (now: PlannedService) => PlannedService,
    areProxiesFirst = false,
  ): Promise<void> {
    const cluster = this.#cluster;
    const { serving } = cluster;
    const restart = async (service: PlannedService): Promise<void> => {
      // What the proxies have been told meanwhile is part of it.
      const before = cluster.services.find(({ name }) => name === service.name) ?? service;
      await this.#restartOne({ before, after: shallBe(before) });
    };
    const services = cluster.services.filter(({ name }) => names.includes(name));
    const proxies = services.filter(({ role }) => role === 'proxy');
    if (areProxiesFirst) for (const proxy of proxies) await restart(proxy);
    const groups = [...new Set(services.map(({ group }) => group))];
    for (const group of groups) {
      const nodes = services.filter((service) => service.group === group && service.role === 'node');
      for (const node of nodes.toSorted(
        (a, b) => Number(cluster.isAskedFirst(a)) - Number(cluster.isAskedFirst(b)),
      ))
        await restart(node);
      // Where this has moved it.
      if (serving.get(group) !== cluster.serving.get(group))
        await cluster.serveFrom(group, serving.get(group) ?? null, this.#steps, this.#progress);
    }
    if (!areProxiesFirst) for (const proxy of proxies) await restart(proxy);
  }

  /** With a twin that stands in meanwhile, and while no other one of its shard is restarted. */
  async #restartOne({ before, after }: ChangedService): Promise<void> {
    const cluster = this.#cluster;
    const steps = this.#steps;
    const { name } = after;
    if (!steps.isWanted(name)) {
      if (after.configuration !== null) writePlannedFiles([after.configuration]);
      cluster.define(name, after);
      this.#progress.step(`${name} is stopped, and left so`);
      return;
    }
    if (before.twins.length === 0) return this.#startAnew({ before, after });
    const turn = cluster.hasTwinElsewhere(before) ? new RestartTurn(before.probe, before.twins) : null;
    try {
      if (turn !== null) await steps.takeTurn(turn, name);
      const lone = dependsOnlyOn(cluster.description, cluster.out, before.name);
      if (lone !== null)
        throw new OperationAborted(
          `${lone.proxy} asks nobody else for the keys of ${before.group}; put ${lone.others.join(' or ')} back first`,
        );
      await steps.twinReady(before);
      await cluster.switchAway(before, steps, this.#progress);
      await steps.twinSeen(before, cluster.services);
      await this.#startAnew({ before, after });
    } finally {
      await turn?.release();
    }
  }

  /** If it does not come back as it shall be, it is started as it was. */
  async #startAnew(change: ChangedService): Promise<void> {
    const cluster = this.#cluster;
    const steps = this.#steps;
    const { before } = change;
    const after = cluster.configuredAsNodesRun(cluster.wants.twinsOf(change.after));
    const { name, group } = after;
    if (after.configuration !== null) writePlannedFiles([after.configuration]);
    cluster.define(name, after);
    try {
      await steps.restart(after);
    } catch (error) {
      if (!(error instanceof OperationAborted) || this.#monitor.isClosing || before === change.after)
        throw error;
      if (before.configuration !== null) writePlannedFiles([before.configuration]);
      cluster.define(name, before);
      await steps.restart(before);
      throw new OperationAborted(`${error.message}; it runs as it did before, and nothing behind it is done`);
    }
    cluster.introduceTwins(group, name);
    if (changesWants(before, after)) await cluster.tellProxies(steps);
    this.#progress.step(`${name} is restarted${after.role === 'node' ? ', in sync' : ''}`);
  }
}
