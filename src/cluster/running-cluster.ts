/*
 * A cluster as it runs on this host, while orders change it: its services as they were started, which is not always as the file says by now, and what
 * proxies have been told of whom to ask first and whom not to ask. The monitor, the files that proxies read and what is kept for the next monitor
 * follow from that here, so that an order only says what shall be different.
 */
import type { Monitor } from '../monitor/monitor.ts';
import type { TwinAddress } from '../monitor/service-definition.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { writeOut } from './kept-out.ts';
import { NodeWants } from './node-wants.ts';
import type { OperationProgress } from './operation-progress.ts';
import { twinAddress } from './placed-services.ts';
import type { PlannedService } from './plan.ts';
import { type PlanDiff, startsAlike } from './plan-diff.ts';
import { type PlanSource, planCluster } from './planned-cluster.ts';
import type { TakenOut } from './proxy-configuration.ts';
import type { ServiceSteps } from './service-steps.ts';
import { writeServing } from './serving-twins.ts';

/** How a cluster was planned that is being started. */
export interface StartedCluster extends PlanSource {
  readonly description: ClusterDescription;
  /** Which node of a shard is asked first, where that has been switched. */
  readonly serving: ReadonlyMap<string, string>;
  /** What the plan leaves out of proxies already; nothing unless given. */
  readonly out?: TakenOut;
}

/** Who runs the services, and shows what is asked first. */
export type ServiceKeeper = Pick<Monitor, 'add' | 'remove' | 'use' | 'noteServing'>;

export class RunningCluster {
  /** What the routes are made from. */
  description: ClusterDescription;
  readonly wants: NodeWants = new NodeWants(() => this.#services);
  readonly #monitor: ServiceKeeper;
  readonly #source: PlanSource;
  #services: readonly PlannedService[];
  #serving: ReadonlyMap<string, string>;
  #out: TakenOut;

  constructor(monitor: ServiceKeeper, services: readonly PlannedService[], source: StartedCluster) {
    this.#monitor = monitor;
    this.#source = source;
    this.description = source.description;
    this.#services = services;
    this.#serving = source.serving;
    this.#out = source.out ?? new Map();
    this.noteServing();
  }

  /** As they run now. */
  get services(): readonly PlannedService[] {
    return this.#services;
  }

  /** Which node of a shard is asked first, where that has been switched. */
  get serving(): ReadonlyMap<string, string> {
    return this.#serving;
  }

  /** What is taken out of proxies. */
  get out(): TakenOut {
    return this.#out;
  }

  // Services

  add(service: PlannedService): void {
    this.#monitor.add(service);
    this.#services = [...this.#services, service];
  }

  /** It has been stopped. */
  remove(name: string): void {
    this.#monitor.remove(name);
    this.#services = this.#services.filter((service) => service.name !== name);
  }

  /** The monitor runs it so from its next start on. */
  define(name: string, service: PlannedService): void {
    this.#monitor.use(new Map([[name, service]]));
    this.#replace(name, service);
  }

  #replace(name: string, service: PlannedService): void {
    this.#services = this.#services.map((other) => (other.name === name ? service : other));
  }

  /** Names change first, all at once, so that those that come find theirs free. @returns the names of those that go, nodes first */
  rename({ removed, renewed, reloaded, unchanged, added }: PlanDiff): string[] {
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

  /** Has all services, or those of one shard, know their twins as these run. @param except who knows them already */
  introduceTwins(group: string | null = null, except = ''): void {
    for (const service of this.#services) {
      if (service.name === except || (group !== null && service.group !== group)) continue;
      const asTheyRun = this.wants.twinsOf(service);
      if (JSON.stringify(asTheyRun) !== JSON.stringify(service)) this.define(service.name, asTheyRun);
    }
  }

  /** Whether a twin of a node is run by another monitor. */
  hasTwinElsewhere({ twins }: PlannedService): boolean {
    const isHere = ({ host, port }: TwinAddress): boolean =>
      this.#services.some(({ probe: own }) => own.host === host && own.port === port);
    return !twins.every(isHere);
  }

  // Who is asked first

  isAskedFirst({ group, name }: PlannedService): boolean {
    const shard = this.description.shards.find((candidate) => candidate.name === group);
    return (this.#serving.get(group) ?? shard?.twins[0]?.name) === name;
  }

  /** Has proxies ask a node of a shard first. @param to null: as if nothing had ever been switched */
  async serveFrom(
    shardName: string,
    to: string | null,
    steps: ServiceSteps,
    progress: OperationProgress,
  ): Promise<void> {
    const { name: cluster, shards } = this.description;
    const { file, host } = this.#source;
    const shard = shards.find(({ name }) => name === shardName);
    if (shard === undefined) return;
    const target = shard.twins.find(({ name }) => name === to) ?? shard.twins[0];
    if (target === undefined) return;
    const [probe, ...twins] = [target, ...shard.twins.filter((twin) => twin !== target)].map((twin) =>
      this.wants.addressOf(twinAddress(twin)),
    );
    if (probe !== undefined) await steps.inSync({ name: target.name, probe, twins });
    const serving = new Map(this.#serving);
    if (to === null) serving.delete(shardName);
    else serving.set(shardName, to);
    await this.#tellProxies(serving, this.#out, steps);
    this.#serving = serving;
    this.noteServing();
    // What is built in forgets everything when it is stopped.
    const failure = file === null ? null : writeServing(cluster, host, serving);
    progress.say(
      `proxies ask ${target.name} first${failure === null ? '' : ` (not kept for the next start: ${failure})`}`,
    );
  }

  /** Before a twin is stopped that proxies ask first. */
  async switchAway(service: PlannedService, steps: ServiceSteps, progress: OperationProgress): Promise<void> {
    const shard = this.description.shards.find(({ name }) => name === service.group);
    if (shard === undefined || !this.isAskedFirst(service)) return;
    const other = shard.twins.find(({ name }) => name !== service.name);
    if (other !== undefined) await this.serveFrom(shard.name, other.name, steps, progress);
  }

  /** The status shows which node of each shard is asked first. */
  noteServing(): void {
    const names = new Set(this.#services.map(({ group }) => group));
    const pairs = this.description.shards
      .filter(({ name, twins }) => names.has(name) && twins.length > 1)
      .map(({ name, twins }) => [name, this.#serving.get(name) ?? twins[0]!.name] as const);
    this.#monitor.noteServing(Object.fromEntries(pairs));
  }

  // What proxies know

  /** Proxies take over the routes as they are now. */
  tellProxies(steps: ServiceSteps): Promise<void> {
    return this.#tellProxies(this.#serving, this.#out, steps);
  }

  /** Proxies ask no more than this leaves them. @returns what to add where that cannot be kept for the next monitor, or '' */
  async takeOut(out: TakenOut, steps: ServiceSteps): Promise<string> {
    await this.#tellProxies(this.#serving, out, steps);
    return this.keepOut(out);
  }

  /** What is out stays so for the next monitor; proxies are told with the next routes. @returns what to add where it cannot be kept, or '' */
  keepOut(out: TakenOut): string {
    this.#out = out;
    // What is built in forgets everything when it is stopped.
    if (this.#source.file === null) return '';
    const failure = writeOut(this.description.name, this.#source.host, out);
    return failure === null ? '' : ` (not kept for the next start: ${failure})`;
  }

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
      this.define(before.name, next);
    }
  }

  /** A proxy has the routes of a changed file. @param planned as the file says */
  async takeOverRoutes(before: PlannedService, planned: PlannedService, steps: ServiceSteps): Promise<void> {
    const after = this.configuredAsNodesRun(planned);
    await steps.takeOver(after, before);
    this.#replace(after.name, after);
  }

  /** A proxy speaks to nodes as they run, whatever the file says of them already. */
  configuredAsNodesRun(service: PlannedService): PlannedService {
    if (service.role !== 'proxy') return service;
    const planned = this.#plannedAsNodesRun(this.#serving, this.#out);
    const configuration = planned.find(({ name }) => name === service.name)?.configuration;
    return configuration === undefined ? service : { ...service, configuration };
  }

  #plannedAsNodesRun(serving: ReadonlyMap<string, string>, out: TakenOut): readonly PlannedService[] {
    return planCluster(this.description, this.#source, serving, out, this.wants.all).services;
  }
}
