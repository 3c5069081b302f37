/*
 * Carries out what an operator asks of a running cluster: a changed file, a rolling restart, a switch-over. One order at a time. What is done is
 * done such that clients of a shard with twins notice nothing: proxies are told first, and a node is only stopped while a twin has all that it has.
 */
import { StartError } from '../base/start-error.ts';
import type { ClusterOperations, ClusterOrder, OrderAnswer } from '../checks/cluster-operation.ts';
import type { Monitor } from '../monitor/monitor.ts';
import type { TwinAddress } from '../monitor/service-definition.ts';
import { commandLine } from '../system/proc-table.ts';
import { type AlertSettings, openAlerts } from './alert-settings.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { KeptMoves, type KeysOnTheirWay, wallSeconds } from './kept-moves.ts';
import { writeOut } from './kept-out.ts';
import { changesWants, NodeWants } from './node-wants.ts';
import { OperationProgress } from './operation-progress.ts';
import { twinAddress } from './placed-services.ts';
import type { ClusterPlan, PlannedService } from './plan.ts';
import {
  type ChangedService,
  diffLines,
  type PlanDiff,
  planDiff,
  refusals,
  startsAlike,
} from './plan-diff.ts';
import { type PlanSource, planCluster, writePlannedFiles } from './planned-cluster.ts';
import { busyPortLine, busyPorts } from './port-check.ts';
import type { TakenOut } from './proxy-configuration.ts';
import { begun, type Moves, movesAfter, withMoves, withoutMoves } from './resharding.ts';
import { RestartTurn } from './restart-turn.ts';
import { OperationAborted, ServiceSteps } from './service-steps.ts';
import { writeServing } from './serving-twins.ts';
import { staleTwins } from './stale-twins.ts';
import { changeOut, dependsOnlyOn, type OutRequest, outAfter } from './taken-out.ts';

/** What a cluster is made of. */
export interface ClusterSource extends PlanSource, KeysOnTheirWay {
  /** As it is now; throws a StartError where it cannot be read. */
  readonly read: () => ClusterDescription;
  readonly description: ClusterDescription;
  readonly serving: ReadonlyMap<string, string>;
  /** What the plan leaves out of proxies already; nothing unless given. */
  readonly out?: TakenOut;
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
  #description: ClusterDescription;
  #serving: ReadonlyMap<string, string>;
  #out: TakenOut;
  readonly #moves: KeptMoves;
  /** As they run now. */
  #services: PlannedService[];
  readonly #wants: NodeWants = new NodeWants(() => this.#services);
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
    this.#description = source.description;
    this.#serving = source.serving;
    this.#out = source.out ?? new Map();
    this.#moves = new KeptMoves(source, {
      leave: () => this.#leave(),
      nodeAt: (twin) => this.#wants.addressOf(twinAddress(twin)),
      log: (text) => {
        if (!monitor.isClosing) monitor.log('', 'info', text);
      },
    });
    monitor.keyMoves = () => this.#moves.status;
    this.#services = [...plan.services];
    this.#noteServing();
  }

  /** The start is over: from now on orders are taken. */
  ready(): void {
    this.#isReady = true;
    this.#moves.resume(this.#description);
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
      const progress = this.#begin(order, by, this.#services.length);
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
    const before = this.#description;
    const lines = refusals(before, read);
    if (lines.length > 0) throw new StartError(lines.join('\n'));
    const told: string[] = [];
    const moves = movesAfter(before, read, this.#moves.now, wallSeconds(), told, this.#moves.left);
    const description = withMoves(read, moves, wallSeconds());
    const out = outAfter(this.#out, before, description);
    const plan = planCluster(description, source, this.#serving, out);
    const diff = planDiff(this.#services, plan);
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
    const own = new Set(this.#services.flatMap(portsOf));
    const groups = new Set(this.#services.map(({ group }) => group));
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
      const service = this.#services.find((other) => other.name === name);
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
    await this.#wants.look(this.#description, description);
    const leaving = this.#rename(diff);
    for (const service of this.#services) {
      const asTheyRun = this.#wants.twinsOf(service);
      if (JSON.stringify(asTheyRun) !== JSON.stringify(service)) this.#define(service.name, asTheyRun);
    }
    await this.#startAdded(diff.added, steps, progress);
    // From here on the routes are those of the new file.
    const before = this.#description;
    this.#description = description;
    this.#out = out;
    this.#keepMoves(before, moves, progress);
    const failure = this.#keepOut();
    if (failure !== '') progress.say(`what is taken out of proxies${failure}`);
    await this.#takeOverRoutes(diff.reloaded, steps, progress);
    await this.#restartInTurn(
      diff.restarted.map(({ before }) => before.name),
      (before) => diff.restarted.find(({ after }) => after.name === before.name)?.after ?? before,
      steps,
      progress,
      // They have to be able to follow the nodes.
      diff.restarted.some(({ before, after }) => changesWants(before, after)),
    );
    this.#wants.settle();
    this.#beginMoves(progress);
    await this.#tellProxies(this.#serving, this.#out, steps);
    // Proxies first, so that no request meets a closed door.
    for (const name of leaving.toReversed()) {
      await steps.stop(name);
      this.#monitor.remove(name);
      this.#services = this.#services.filter((service) => service.name !== name);
      progress.step(`${name} is stopped`);
    }
    this.#monitor.arrange(plan.services.map(({ name }) => name));
    this.#noteServing();
  }

  /** All proxies of this monitor know where keys move from, and that it has not begun: now they are told when it does. */
  #beginMoves(progress: OperationProgress): void {
    const lines: string[] = [];
    const moves = begun(this.#description, this.#moves.now, wallSeconds(), lines);
    if (lines.length === 0) return;
    this.#description = withMoves(this.#description, moves, wallSeconds());
    this.#keepMoves(this.#description, moves, progress);
    for (const line of lines) progress.say(line);
  }

  #keepMoves(before: ClusterDescription, moves: Moves, progress: OperationProgress): void {
    const failure = this.#moves.keep(before, this.#description, moves);
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
      await this.#reload(order, by, withoutMoves(this.#description));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      this.#refuse(order, by, error.message);
    }
  }

  /** Names change first, all at once, so that those that come find theirs free. @returns the names of those that go, nodes first */
  #rename({ removed, renewed, reloaded, unchanged, added }: PlanDiff): string[] {
    const definitions = new Map<string, PlannedService>();
    const taken = new Set([...renewed, ...reloaded, ...unchanged].map(({ after }) => after.name));
    for (const { name } of added) taken.add(name);
    const serving = new Map(this.#serving);
    for (const { before, after } of [...renewed, ...reloaded]) {
      // Its configuration is taken over later.
      definitions.set(before.name, { ...after, configuration: before.configuration });
      if (serving.get(before.group) !== before.name) continue;
      serving.delete(before.group);
      serving.set(after.group, after.name);
    }
    const leaving = removed.map((service) => {
      const name = taken.has(service.name) ? `${service.name}-leaving` : service.name;
      definitions.set(service.name, { ...service, name });
      return name;
    });
    this.#monitor.use(definitions);
    this.#services = this.#services.map((service) => definitions.get(service.name) ?? service);
    this.#serving = serving;
    return leaving;
  }

  /** If one of them is of no use, all are taken away again, and nothing has changed. */
  async #startAdded(
    added: readonly PlannedService[],
    steps: ServiceSteps,
    progress: OperationProgress,
  ): Promise<void> {
    const begun: PlannedService[] = [];
    const start = async (service: PlannedService): Promise<void> => {
      if (service.configuration !== null) writePlannedFiles([service.configuration]);
      this.#monitor.add(service);
      begun.push(service);
      this.#services.push(service);
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
        this.#monitor.remove(name);
      }
      this.#services = this.#services.filter((service) => !begun.includes(service));
      throw error;
    }
  }

  async #takeOverRoutes(
    changes: readonly ChangedService[],
    steps: ServiceSteps,
    progress: OperationProgress,
  ): Promise<void> {
    for (const { before, after: planned } of changes) {
      const after = this.#configuredAsNodesRun(planned);
      await steps.takeOver(after, before);
      this.#replace(after.name, after);
      progress.step(`${after.name} has its routes`);
    }
  }

  /**
   * One service after the other: nodes shard by shard, of each the twin last that is asked first; then proxies, those further in first.
   *
   * @param shallBe what a service is when it has been restarted
   * @param areProxiesFirst before the nodes
   */
  async #restartInTurn(
    names: readonly string[],
    shallBe: (now: PlannedService) => PlannedService,
    steps: ServiceSteps,
    progress: OperationProgress,
    areProxiesFirst = false,
  ): Promise<void> {
    const serving = this.#serving;
    const restart = async (service: PlannedService): Promise<void> => {
      // What the proxies have been told meanwhile is part of it.
      const before = this.#services.find(({ name }) => name === service.name) ?? service;
      await this.#restartOne({ before, after: shallBe(before) }, steps, progress);
    };
    const services = this.#services.filter(({ name }) => names.includes(name));
    const proxies = services.filter(({ role }) => role === 'proxy');
    if (areProxiesFirst) for (const proxy of proxies) await restart(proxy);
    const groups = [...new Set(services.map(({ group }) => group))];
    for (const group of groups) {
      const nodes = services.filter((service) => service.group === group && service.role === 'node');
      for (const node of nodes.toSorted(
        (a, b) => Number(this.#isAskedFirst(a)) - Number(this.#isAskedFirst(b)),
      ))
        await restart(node);
      // Where this has moved it.
      if (serving.get(group) !== this.#serving.get(group))
        await this.#serveFrom(group, serving.get(group) ?? null, steps, progress);
    }
    if (!areProxiesFirst) for (const proxy of proxies) await restart(proxy);
  }

  /** With a twin that stands in meanwhile, and while no other one of its shard is restarted, by whomever. */
  async #restartOne(
    { before, after }: ChangedService,
    steps: ServiceSteps,
    progress: OperationProgress,
  ): Promise<void> {
    const { name } = after;
    if (!steps.isWanted(name)) {
      if (after.configuration !== null) writePlannedFiles([after.configuration]);
      this.#define(name, after);
      progress.step(`${name} is stopped, and left so`);
      return;
    }
    if (before.twins.length === 0) return this.#startAnew({ before, after }, steps, progress);
    const turn = this.#hasTwinElsewhere(before) ? new RestartTurn(before.probe, before.twins) : null;
    try {
      if (turn !== null) await steps.takeTurn(turn, name);
      const lone = dependsOnlyOn(this.#description, this.#out, before.name);
      if (lone !== null)
        throw new OperationAborted(
          `${lone.proxy} asks nobody else for the keys of ${before.group}; put ${lone.others.join(' or ')} back first`,
        );
      await steps.twinReady(before);
      await this.#switchAway(before, steps, progress);
      await steps.twinSeen(before, this.#services);
      await this.#startAnew({ before, after }, steps, progress);
    } finally {
      await turn?.release();
    }
  }

  #hasTwinElsewhere({ twins }: PlannedService): boolean {
    const isHere = ({ host, port }: TwinAddress): boolean =>
      this.#services.some(({ probe: own }) => own.host === host && own.port === port);
    return !twins.every(isHere);
  }

  /** If it does not come back as it shall be, it is started as it was. */
  async #startAnew(change: ChangedService, steps: ServiceSteps, progress: OperationProgress): Promise<void> {
    const { before } = change;
    const after = this.#configuredAsNodesRun(this.#wants.twinsOf(change.after));
    const { name, group } = after;
    if (after.configuration !== null) writePlannedFiles([after.configuration]);
    this.#define(name, after);
    try {
      await steps.restart(after);
    } catch (error) {
      if (!(error instanceof OperationAborted) || this.#monitor.isClosing || before === change.after)
        throw error;
      if (before.configuration !== null) writePlannedFiles([before.configuration]);
      this.#define(name, before);
      await steps.restart(before);
      throw new OperationAborted(`${error.message}; it runs as it did before, and nothing behind it is done`);
    }
    for (const other of this.#services.filter((service) => service.group === group && service.name !== name))
      this.#define(other.name, this.#wants.twinsOf(other));
    if (changesWants(before, after)) await this.#tellProxies(this.#serving, this.#out, steps);
    progress.step(`${name} is restarted${after.role === 'node' ? ', in sync' : ''}`);
  }

  #plannedAsNodesRun(serving: ReadonlyMap<string, string>, out: TakenOut): readonly PlannedService[] {
    return planCluster(this.#description, this.#source, serving, out, this.#wants.all).services;
  }

  /** A proxy speaks to nodes as they run, whatever the file says of them already. */
  #configuredAsNodesRun(service: PlannedService): PlannedService {
    if (service.role !== 'proxy') return service;
    const planned = this.#plannedAsNodesRun(this.#serving, this.#out);
    const configuration = planned.find(({ name }) => name === service.name)?.configuration;
    return configuration === undefined ? service : { ...service, configuration };
  }

  // Rolling restart

  #rollingRestart(order: Extract<ClusterOrder, { action: 'rolling-restart' }>, by: string): OrderAnswer {
    for (const wanted of order.names)
      if (!this.#services.some(({ name, group }) => name === wanted || group === wanted))
        throw new StartError(`there is no service and no shard named ${wanted}`);
    const chosen = this.#services.filter(
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
      await this.#restartInTurn(names, (service) => service, steps, progress);
      return `${chosen.length} ${chosen.length === 1 ? 'service' : 'services'} restarted`;
    });
  }

  #isAskedFirst({ group, name }: PlannedService): boolean {
    const shard = this.#description.shards.find((candidate) => candidate.name === group);
    return (this.#serving.get(group) ?? shard?.twins[0]?.name) === name;
  }

  // Switch-over

  #switchover(order: Extract<ClusterOrder, { action: 'switchover' }>, by: string): OrderAnswer {
    const { shard: name } = order;
    const description = this.#description;
    const shard = description.shards.find((candidate) => candidate.name === name);
    if (shard === undefined)
      throw new StartError(
        `there is no shard named ${name}; there is ${description.shards.map((other) => other.name).join(', ')}`,
      );
    if (shard.twins.length < 2) throw new StartError(`${name} has one node only`);
    const names = shard.twins.map((twin) => twin.name);
    const now = this.#serving.get(name) ?? names[0]!;
    const to = order.to ?? names[(names.indexOf(now) + 1) % names.length]!;
    if (!names.includes(to))
      throw new StartError(`${to} is no twin of ${name}; write one of ${names.join(', ')}`);
    return this.#run(order, by, 1, async (steps, progress) => {
      if (to === now) return `${to} is asked first already`;
      await this.#serveFrom(name, to, steps, progress);
      return `${to} is asked first`;
    });
  }

  /** Before a twin is stopped that proxies ask first. */
  async #switchAway(
    service: PlannedService,
    steps: ServiceSteps,
    progress: OperationProgress,
  ): Promise<void> {
    const shard = this.#description.shards.find(({ name }) => name === service.group);
    if (shard === undefined || !this.#isAskedFirst(service)) return;
    const other = shard.twins.find(({ name }) => name !== service.name);
    if (other !== undefined) await this.#serveFrom(shard.name, other.name, steps, progress);
  }

  /** @param to null: as if nothing had ever been switched */
  async #serveFrom(
    shardName: string,
    to: string | null,
    steps: ServiceSteps,
    progress: OperationProgress,
  ): Promise<void> {
    const description = this.#description;
    const source = this.#source;
    const shard = description.shards.find(({ name }) => name === shardName);
    if (shard === undefined) return;
    const target = shard.twins.find(({ name }) => name === to) ?? shard.twins[0];
    if (target === undefined) return;
    const [probe, ...twins] = [target, ...shard.twins.filter((twin) => twin !== target)].map((twin) =>
      this.#wants.addressOf(twinAddress(twin)),
    );
    if (probe !== undefined) await steps.inSync({ name: target.name, probe, twins });
    const serving = new Map(this.#serving);
    if (to === null) serving.delete(shardName);
    else serving.set(shardName, to);
    await this.#tellProxies(serving, this.#out, steps);
    this.#serving = serving;
    this.#noteServing();
    // What is built in forgets everything when it is stopped.
    const failure = source.file === null ? null : writeServing(description.name, source.host, serving);
    progress.say(
      `proxies ask ${target.name} first${failure === null ? '' : ` (not kept for the next start: ${failure})`}`,
    );
  }

  /** Proxies take over who is asked first, and who is not asked. */
  async #tellProxies(
    serving: ReadonlyMap<string, string>,
    out: TakenOut,
    steps: ServiceSteps,
  ): Promise<void> {
    const planned = this.#plannedAsNodesRun(serving, out);
    for (const before of this.#services) {
      const after = planned.find(({ name }) => name === before.name);
      if (after === undefined || before.role !== 'proxy') continue;
      const { configuration, shards = [], pools } = after;
      if (configuration === null || configuration.text === before.configuration?.text) continue;
      // It is about to be restarted with all of it.
      if (!startsAlike(before, after)) continue;
      const next = { ...before, configuration, shards, ...(pools === undefined ? {} : { pools }) };
      await steps.takeOver(next, before);
      this.#define(before.name, next);
    }
  }

  // Taking nodes out of proxies

  #takeOutOrPutBack(order: ClusterOrder & OutRequest, by: string): OrderAnswer {
    const { action, node } = order;
    const here = new Set(this.#services.flatMap(({ role, name }) => (role === 'proxy' ? [name] : [])));
    const { out, proxies, standIns } = changeOut(this.#description, here, this.#out, order);
    return this.#run(order, by, proxies.length, async (steps, progress) => {
      if (standIns !== null) {
        const nodes = standIns.map((twin) => this.#wants.addressOf(twinAddress(twin)));
        await steps.mayBeAsked(nodes);
      }
      await this.#tellProxies(this.#serving, out, steps);
      this.#out = out;
      const failure = this.#keepOut();
      for (const proxy of proxies)
        progress.step(
          `${proxy} ${action === 'take-out' ? 'does not ask' : 'asks'} ${node}${action === 'take-out' ? '' : ' again'}`,
        );
      return action === 'take-out'
        ? `${node} is taken out of ${proxies.join(', ')}${failure}`
        : `${node} is asked again${failure}`;
    });
  }

  /** What is out stays so for the next monitor. @returns what to add where it cannot be kept, or '' */
  #keepOut(): string {
    // What is built in forgets everything when it is stopped.
    if (this.#source.file === null) return '';
    const failure = writeOut(this.#description.name, this.#source.host, this.#out);
    return failure === null ? '' : ` (not kept for the next start: ${failure})`;
  }

  // What runs

  /** The monitor runs it so from its next start on. */
  #define(name: string, service: PlannedService): void {
    this.#monitor.use(new Map([[name, service]]));
    this.#replace(name, service);
  }

  #replace(name: string, service: PlannedService): void {
    this.#services = this.#services.map((other) => (other.name === name ? service : other));
  }

  #noteServing(): void {
    const names = new Set(this.#services.map(({ group }) => group));
    const pairs = this.#description.shards
      .filter(({ name, twins }) => names.has(name) && twins.length > 1)
      .map(({ name, twins }) => [name, this.#serving.get(name) ?? twins[0]!.name] as const);
    this.#monitor.noteServing(Object.fromEntries(pairs));
  }
}

function portsOf({ ports }: PlannedService): string[] {
  return ports.map(({ host, port }) => `${host} ${port}`);
}
