/*
 * Carries out what an operator asks of a running cluster: a changed file, a rolling restart, a switch-over. One order at a time. What is done is
 * done such that clients of a shard with twins notice nothing: proxies are told first, and a node is only stopped while a twin has all that it has.
 */
import { StartError } from '../base/start-error.ts';
import type { ClusterOperations, ClusterOrder, OrderAnswer } from '../checks/cluster-operation.ts';
import type { Monitor } from '../monitor/monitor.ts';
import { commandLine } from '../system/proc-table.ts';
import { type AlertSettings, openAlerts } from './alert-settings.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { KeptMoves, type KeysOnTheirWay, wallSeconds } from './kept-moves.ts';
import { changesWants } from './node-wants.ts';
import { OperationProgress } from './operation-progress.ts';
import { twinAddress } from './placed-services.ts';
import type { ClusterPlan, PlannedService } from './plan.ts';
import { diffLines, type PlanDiff, planDiff, refusals } from './plan-diff.ts';
import { planCluster, writePlannedFiles } from './planned-cluster.ts';
import { busyPortLine, busyPorts } from './port-check.ts';
import type { TakenOut } from './proxy-configuration.ts';
import { begun, type Moves, movesAfter, withMoves, withoutMoves } from './resharding.ts';
import { RollingRestart } from './rolling-restart.ts';
import { RunningCluster, type StartedCluster } from './running-cluster.ts';
import { ServiceSteps } from './service-steps.ts';
import { staleTwins } from './stale-twins.ts';
import { changeOut, type OutRequest, outAfter } from './taken-out.ts';

/** What a cluster is made of. */
export interface ClusterSource extends StartedCluster, KeysOnTheirWay {
  /** As it is now; throws a StartError where it cannot be read. */
  readonly read: () => ClusterDescription;
}

export interface ClusterOperatorOptions {
  readonly monitor: Monitor;
  readonly plan: ClusterPlan;
  readonly source: ClusterSource;
  /** Ends the monitor, and with it everything. */
  readonly onDown: () => void;
}

const NO_ALERTS: AlertSettings = { mail: null, receivers: [] };

export class ClusterOperator implements ClusterOperations {
  readonly #monitor: Monitor;
  readonly #onDown: () => void;
  readonly #source: ClusterSource;
  readonly #page: ClusterPlan['page'];
  #alerts: ClusterPlan['alerts'];
  readonly #cluster: RunningCluster;
  readonly #moves: KeptMoves;
  #progress: OperationProgress | null = null;
  #operations = 0;
  /** What else is read again with the file. @returns a line on what has changed; throws a StartError */
  onReload: () => string | null = () => null;
  /** Everything runs for the first time. */
  #isReady = false;

  constructor({ monitor, plan, source, onDown }: ClusterOperatorOptions) {
    this.#monitor = monitor;
    this.#onDown = onDown;
    this.#source = source;
    this.#page = plan.page;
    this.#alerts = plan.alerts;
    this.#cluster = new RunningCluster(monitor, plan.services, source);
    this.#moves = new KeptMoves(source, {
      leave: () => this.#leave(),
      nodeAt: (twin) => this.#cluster.wants.addressOf(twinAddress(twin)),
      log: (text) => {
        if (!monitor.isClosing) monitor.log('', 'info', text);
      },
    });
    monitor.keyMoves = () => this.#moves.status;
  }

  /** The start is over: from now on orders are taken. */
  ready(): void {
    this.#isReady = true;
    this.#moves.resume(this.#cluster.description);
    // The monitor before this one did not come to it.
    if (this.#moves.areAnnounced) void this.#goOn('the start of the monitor');
  }

  /** Whether an order would be refused for another one, or because it is not the time. */
  get isBusy(): boolean {
    return !this.#isReady || this.#monitor.isClosing || this.#progress?.operation.state === 'under-way';
  }

  async order(order: ClusterOrder, by: string): Promise<OrderAnswer> {
    try {
      return await this.#order(order, by);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      return this.#refuse(order, by, error.message);
    }
  }

  #refuse({ action }: ClusterOrder, by: string, reason: string): OrderAnswer {
    this.#monitor.log(
      '',
      'warning',
      `${action} requested by ${by} is refused: ${reason.replaceAll('\n', '; ')}`,
    );
    return { kind: 'refused', reason };
  }

  async #order(order: ClusterOrder, by: string): Promise<OrderAnswer> {
    if (order.action === 'down') {
      this.#moves.stop();
      const progress = this.#begin(order, by, this.#cluster.services.length);
      this.#onDown();
      return { kind: 'begun', operation: progress.operation };
    }
    if (!this.#isReady || this.#monitor.isClosing)
      throw new StartError('the cluster is just being started, or stopped');
    const current = this.#progress?.operation;
    const isDryRun = order.action === 'reload' && order.dryRun;
    if (current?.state === 'under-way' && !isDryRun)
      throw new StartError(`${current.action} is under way (${current.text}), requested by ${current.by}`);
    switch (order.action) {
      case 'reload':
        return this.#reload(order, by);
      case 'rolling-restart':
        return this.#rollingRestart(order, by);
      case 'switchover':
        return this.#switchover(order, by);
      case 'take-out':
      case 'put-back':
        return this.#takeOutOrPutBack(order, by);
    }
  }

  #begin(order: ClusterOrder, by: string, stepsTotal: number): OperationProgress {
    this.#operations += 1;
    const { action } = order;
    this.#progress = new OperationProgress(this.#monitor, { id: this.#operations, action, by, stepsTotal });
    return this.#progress;
  }

  /** Goes on by itself; the status tells how it ends. */
  #run(
    order: ClusterOrder,
    by: string,
    stepsTotal: number,
    work: (steps: ServiceSteps, progress: OperationProgress) => Promise<string>,
  ): OrderAnswer {
    const progress = this.#begin(order, by, stepsTotal);
    work(new ServiceSteps(this.#monitor, progress), progress).then(
      (text) => progress.done(text),
      (error: unknown) => progress.failed(error instanceof Error ? error.message : String(error)),
    );
    return { kind: 'begun', operation: progress.operation };
  }

  // The file

  /** @param read what shall run; by default what the file says now */
  async #reload(
    order: Extract<ClusterOrder, { action: 'reload' }>,
    by: string,
    read: ClusterDescription = this.#source.read(),
  ): Promise<OrderAnswer> {
    const source = this.#source;
    const cluster = this.#cluster;
    const before = cluster.description;
    const lines = refusals(before, read);
    if (lines.length > 0) throw new StartError(lines.join('\n'));
    const told: string[] = [];
    const moves = movesAfter(before, read, this.#moves.now, wallSeconds(), told, this.#moves.left);
    const description = withMoves(read, moves, wallSeconds());
    const out = outAfter(cluster.out, before, description);
    const plan = planCluster(description, source, cluster.serving, out);
    const diff = planDiff(cluster.services, plan);
    await this.#portsAreFree(diff);
    this.#nobodyIsTakenForATwin(diff);
    const warnings: string[] = [];
    const alerts = openAlerts(plan.alerts ?? NO_ALERTS, (text) => warnings.push(text));
    const isTold = JSON.stringify(plan.alerts) !== JSON.stringify(this.#alerts);
    const changes = [
      ...diffLines(diff),
      ...told,
      ...(isTold ? ['alerts go where the file says'] : []),
      ...warnings,
    ];
    if (order.dryRun) return { kind: 'plan', lines: changes };
    // While ports were tried another order may have come.
    if (this.#progress?.operation.state === 'under-way') throw new StartError('another order was faster');
    const line = this.onReload();
    const stepsTotal = diff.added.length + diff.reloaded.length + diff.restarted.length + diff.removed.length;
    return this.#run(order, by, stepsTotal, async (steps, progress) => {
      for (const each of line === null ? changes : [...changes, line]) progress.say(each);
      this.#monitor.useAlerts(alerts);
      this.#alerts = plan.alerts;
      if (JSON.stringify(plan.page) !== JSON.stringify(this.#page))
        progress.say('what the file says of the page is taken over by the next start of the monitor');
      await this.#apply(description, out, moves, plan, diff, steps, progress);
      return stepsTotal === 0 && diff.renewed.length === 0 && !isTold
        ? 'nothing had to be done'
        : 'what runs is as the file says';
    });
  }

  /** Ports that are to be opened, save for those that a service has which is to open them again. */
  async #portsAreFree({ added, restarted }: PlanDiff): Promise<void> {
    const { services } = this.#cluster;
    const own = new Set(services.flatMap(portsOf));
    const groups = new Set(services.map(({ group }) => group));
    const wanted = [...added, ...restarted.map(({ after }) => after)].map((service) => ({
      ...service,
      // Twins on one host share a port for replication, whoever has it.
      ports: service.ports.filter((port) =>
        port.purpose === 'replication'
          ? !groups.has(service.group)
          : added.includes(service) || !own.has(`${port.host} ${port.port}`),
      ),
    }));
    const busy = await busyPorts({ services: wanted, pagePort: null });
    if (busy.length > 0) throw new StartError(busy.map(busyPortLine).join('\n'));
  }

  #nobodyIsTakenForATwin({ added, restarted }: PlanDiff): void {
    const coming = [...added, ...restarted.map(({ after }) => after)];
    const running = this.#monitor.status().services.flatMap(({ name, role, pid }) => {
      const service = this.#cluster.services.find((other) => other.name === name);
      if (service === undefined || role !== 'node' || pid === null) return [];
      return [{ service, commandLine: commandLine(pid) }];
    });
    const lines = staleTwins(coming, running);
    if (lines.length > 0) throw new StartError(lines.join('\n'));
  }

  async #apply(
    description: ClusterDescription,
    out: TakenOut,
    moves: Moves,
    plan: ClusterPlan,
    diff: PlanDiff,
    steps: ServiceSteps,
    progress: OperationProgress,
  ): Promise<void> {
    const cluster = this.#cluster;
    await cluster.wants.look(cluster.description, description);
    const leaving = cluster.rename(diff);
    cluster.introduceTwins();
    await this.#startAdded(diff.added, steps, progress);
    // From here on the routes are those of the new file.
    const { description: before } = cluster;
    cluster.description = description;
    this.#keepMoves(before, moves, progress);
    const failure = cluster.keepOut(out);
    if (failure !== '') progress.say(`what is taken out of proxies${failure}`);
    for (const change of diff.reloaded) {
      await cluster.takeOverRoutes(change.before, change.after, steps);
      progress.step(`${change.after.name} has its routes`);
    }
    await new RollingRestart(cluster, this.#monitor, steps, progress).run(
      diff.restarted.map((change) => change.before.name),
      (now) => diff.restarted.find(({ after }) => after.name === now.name)?.after ?? now,
      // They have to be able to follow the nodes.
      diff.restarted.some((change) => changesWants(change.before, change.after)),
    );
    cluster.wants.settle();
    this.#beginMoves(progress);
    await cluster.tellProxies(steps);
    // Proxies first, so that no request meets a closed door.
    if (leaving.length > 0) await steps.serversLeft(cluster.services);
    for (const name of leaving.toReversed()) {
      await steps.stop(name);
      cluster.remove(name);
      progress.step(`${name} is stopped`);
    }
    this.#monitor.arrange(plan.services.map(({ name }) => name));
    cluster.noteServing();
  }

  /** All proxies of this monitor know where keys move from, and that it has not begun: now they are told when it does. */
  #beginMoves(progress: OperationProgress): void {
    const lines: string[] = [];
    const cluster = this.#cluster;
    const moves = begun(cluster.description, this.#moves.now, wallSeconds(), lines);
    if (lines.length === 0) return;
    cluster.description = withMoves(cluster.description, moves, wallSeconds());
    this.#keepMoves(cluster.description, moves, progress);
    for (const line of lines) progress.say(line);
  }

  #keepMoves(before: ClusterDescription, moves: Moves, progress: OperationProgress): void {
    const failure = this.#moves.keep(before, this.#cluster.description, moves);
    if (failure !== null) progress.say(`where keys move from is not kept for the next start: ${failure}`);
  }

  /** Shards whose keys have moved are stopped, whatever the file says by now. @returns whether it is the time for that */
  #leave(): boolean {
    if (this.#monitor.isClosing) return true;
    if (this.isBusy) return false;
    void this.#goOn('the end of a move');
    return true;
  }

  /** What is to run now, by what the file said last. */
  async #goOn(by: string): Promise<void> {
    const order = { action: 'reload', dryRun: false } as const;
    try {
      await this.#reload(order, by, withoutMoves(this.#cluster.description));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      this.#refuse(order, by, error.message);
    }
  }

  /** If one of them is of no use, all are taken away again, and nothing has changed. */
  async #startAdded(
    added: readonly PlannedService[],
    steps: ServiceSteps,
    progress: OperationProgress,
  ): Promise<void> {
    const cluster = this.#cluster;
    const begun: PlannedService[] = [];
    const start = async (service: PlannedService): Promise<void> => {
      if (service.configuration !== null) writePlannedFiles([service.configuration]);
      cluster.add(service);
      begun.push(service);
      await steps.start(service);
      progress.step(`${service.name} ${service.role === 'node' ? 'serves, in sync' : 'serves'}`);
    };
    try {
      const nodes = added.filter(({ role }) => role === 'node');
      const started = await Promise.allSettled(nodes.map(start));
      for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason;
      // Those further in first.
      for (const proxy of added.filter(({ role }) => role === 'proxy')) await start(proxy);
    } catch (error) {
      if (this.#monitor.isClosing) throw error;
      for (const { name } of begun.toReversed()) {
        await steps.stop(name);
        cluster.remove(name);
      }
      throw error;
    }
  }

  // Rolling restart

  #rollingRestart(order: Extract<ClusterOrder, { action: 'rolling-restart' }>, by: string): OrderAnswer {
    const cluster = this.#cluster;
    for (const wanted of order.names)
      if (!cluster.services.some(({ name, group }) => name === wanted || group === wanted))
        throw new StartError(`there is no service and no shard named ${wanted}`);
    const chosen = cluster.services.filter(
      ({ name, group }) =>
        order.names.length === 0 || order.names.includes(name) || order.names.includes(group),
    );
    const lone = chosen.filter(({ role, twins }) => role === 'node' && twins.length === 0);
    if (lone.length > 0 && !order.force)
      throw new StartError(
        `${lone.map(({ name }) => name).join(', ')}: no twin has the items, a restart would lose them; --force restarts all the same`,
      );
    return this.#run(order, by, chosen.length, async (steps, progress) => {
      const names = chosen.map(({ name }) => name);
      await new RollingRestart(cluster, this.#monitor, steps, progress).run(names, (service) => service);
      return `${chosen.length} ${chosen.length === 1 ? 'service' : 'services'} restarted`;
    });
  }

  // Switch-over

  #switchover(order: Extract<ClusterOrder, { action: 'switchover' }>, by: string): OrderAnswer {
    const { shard: name } = order;
    const cluster = this.#cluster;
    const { shards } = cluster.description;
    const shard = shards.find((candidate) => candidate.name === name);
    if (shard === undefined)
      throw new StartError(
        `there is no shard named ${name}; there is ${shards.map((other) => other.name).join(', ')}`,
      );
    if (shard.twins.length < 2) throw new StartError(`${name} has one node only`);
    const names = shard.twins.map((twin) => twin.name);
    const now = cluster.serving.get(name) ?? names[0]!;
    const to = order.to ?? names[(names.indexOf(now) + 1) % names.length]!;
    if (!names.includes(to))
      throw new StartError(`${to} is no twin of ${name}; write one of ${names.join(', ')}`);
    return this.#run(order, by, 1, async (steps, progress) => {
      if (to === now) return `${to} is asked first already`;
      await cluster.serveFrom(name, to, steps, progress);
      return `${to} is asked first`;
    });
  }

  // Taking nodes out of proxies

  #takeOutOrPutBack(order: ClusterOrder & OutRequest, by: string): OrderAnswer {
    const { action, node } = order;
    const cluster = this.#cluster;
    const here = new Set(cluster.services.flatMap(({ role, name }) => (role === 'proxy' ? [name] : [])));
    const { out, proxies, standIns } = changeOut(cluster.description, here, cluster.out, order);
    return this.#run(order, by, proxies.length, async (steps, progress) => {
      if (standIns !== null) {
        const nodes = standIns.map((twin) => cluster.wants.addressOf(twinAddress(twin)));
        await steps.mayBeAsked(nodes);
      }
      const failure = await cluster.takeOut(out, steps);
      for (const proxy of proxies)
        progress.step(
          `${proxy} ${action === 'take-out' ? 'does not ask' : 'asks'} ${node}${action === 'take-out' ? '' : ' again'}`,
        );
      return action === 'take-out'
        ? `${node} is taken out of ${proxies.join(', ')}${failure}`
        : `${node} is asked again${failure}`;
    });
  }
}

function portsOf({ ports }: PlannedService): string[] {
  return ports.map(({ host, port }) => `${host} ${port}`);
}
