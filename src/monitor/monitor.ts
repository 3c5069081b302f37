import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ClusterOperation } from '../checks/cluster-operation.ts';
import { type ClusterControl, type ClusterStatus, clusterState } from '../checks/cluster-status.ts';
import { eventTitle, type ServiceEvent } from '../checks/event-kinds.ts';
import { type EventLevel, EventLog, type LogEvent } from '../checks/event-log.ts';
import { type KeyMoves, NO_KEY_MOVES } from '../checks/key-moves.ts';
import type { ServiceCommand } from '../checks/service-machine.ts';
import type { RuleFinding } from '../checks/service-rules.ts';
import type { ServerAccess } from '../net/server-door.ts';
import { PAGE_BYTES } from '../system/host-figures.ts';
import { readProcessEntry } from '../system/proc-table.ts';
import { adoptProcess } from './adopted-process.ts';
import type { ChildListener, SupervisedChild } from './child-process.ts';
import { type ClusterAlertSettings, ClusterAlerts } from './cluster-alerts.ts';
import type { ServiceDefinition } from './service-definition.ts';
import { ServiceRunner } from './service-runner.ts';
import { type SpareCommand, SpareProcess } from './spare-process.ts';
import { TwinWatch } from './twin-watch.ts';

/** How many events, and how many lines of children's output, a status carries. */
const STATUS_EVENTS_MAX = 60;

/** Events, and lines of output, that are kept. */
const EVENTS_MAX = 500;

const SAMPLE_INTERVAL_MS = 1000;

export interface MonitorOptions {
  /** The cluster's name. */
  readonly cluster: string;
  /** Names must differ, and `after` must name services of this list. */
  readonly services: readonly ServiceDefinition[];
  /** What a monitor before this one has told, oldest first. */
  readonly events?: readonly LogEvent[];
  /** The system's unless given. */
  readonly clock?: Clock;
  readonly random?: Random;
  /** Of which program a process is kept that has loaded everything, to be the next one of its services that must be started; see `keepSpare`. None unless given. */
  readonly spare?: SpareCommand | null;
  /** Processes of services that run already, by name: they are taken over as they are, instead of the first start. None unless given. */
  readonly running?: ReadonlyMap<string, number>;
  /** Who is told of what happens; nobody unless given. */
  readonly alerts?: ClusterAlertSettings | null;
  /** Where alerts are kept that could not be sent; unless given they are lost, and counted. */
  readonly alertQueue?: string | null;
}

/** By whom a command is that is a part of something larger, which is told as a whole. */
export const BY_CLUSTER = 'the cluster';

const NOBODY: ClusterAlertSettings = { targets: [], mailServers: [], from: null };

const SYSTEM_CLOCK: Clock = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };
const SYSTEM_RANDOM: Random = { below: (bound) => Math.floor(Math.random() * bound) };

/**
 * The parent of a cluster's processes on this host: starts them, restarts what dies or hangs, stops them in order.
 *
 * It does nothing before `startAll`; after `stopAll` no process, timer or socket of its is left.
 */
export class Monitor implements ClusterControl {
  readonly #options: Required<Pick<MonitorOptions, 'cluster' | 'clock' | 'random'>>;
  readonly #spare: SpareProcess | null;
  readonly #running: Map<string, number>;
  readonly #alerts: ClusterAlerts;
  #tellsAnybody: boolean;
  /** By name, in the order in which they are shown. */
  #runners = new Map<string, ServiceRunner>();
  readonly #log: EventLog;
  readonly #changeListeners = new Set<() => void>();
  readonly #eventListeners = new Set<(event: LogEvent) => void>();
  readonly #startedMs: number;
  readonly #watch: TwinWatch = new TwinWatch(() => this.#changed());
  #sampler: NodeJS.Timeout | null = null;
  #changePending = false;
  #operation: ClusterOperation | null = null;
  #serving: Readonly<Record<string, string>> = {};
  #closing = false;
  /**
   * Restarts a service because a rule says so; as an operator's command would, unless somebody else takes care of it, with its twins in mind.
   */
  onRestartWanted: (service: string, why: string) => void = (service, why) => {
    this.command(service, 'restart', `a rule: ${why}`);
  };

  constructor(options: MonitorOptions) {
    const { clock = SYSTEM_CLOCK, random = SYSTEM_RANDOM } = options;
    this.#options = { cluster: options.cluster, clock, random };
    this.#log = new EventLog(EVENTS_MAX, options.events);
    this.#startedMs = clock.monotonicMs();
    const { spare = null } = options;
    this.#spare = spare === null ? null : new SpareProcess(spare, (text) => this.log('', 'warning', text));
    this.#running = new Map(options.running);
    const { alerts = null, alertQueue = null } = options;
    this.#tellsAnybody = alerts !== null && alerts.targets.length > 0;
    this.#alerts = new ClusterAlerts(alerts ?? NOBODY, {
      cluster: options.cluster,
      clock,
      queueDirectory: alertQueue,
      log: (level, service, text) => this.log(service, level, text),
    });
    for (const definition of options.services) this.add(definition);
  }

  /** One more service, not started. Its name must be new. */
  add(definition: ServiceDefinition): void {
    const { clock, random } = this.#options;
    const { name } = definition;
    assert(!this.#runners.has(name), `two services are named ${name}`);
    const runner: ServiceRunner = new ServiceRunner(definition, {
      clock,
      random,
      log: (level, text) => this.log(runner.definition.name, level, text),
      event: (event) => this.#alerts.tell(runner.definition.name, event, runner.processEnvironment()),
      found: (finding) => this.#found(runner, finding),
      forgotten: () => this.#alerts.forget(runner.definition.name),
      changed: () => this.#changed(),
      takeRunning: (listener) => this.#takeRunning(runner.definition.name, listener),
      takeSpare: (argv, listener) => this.#spare?.take(argv, listener) ?? null,
    });
    this.#runners.set(name, runner);
    this.#changed();
  }

  /** What a service wants before it answers; not given: nothing, or there is none of that name. */
  accessTo(name: string): ServerAccess | undefined {
    return this.#runners.get(name)?.definition.probe.access;
  }

  /**
   * Gives services other definitions, and with them perhaps other names, all at once; see ServiceRunner.use.
   *
   * @param definitions by the name of now
   */
  use(definitions: ReadonlyMap<string, ServiceDefinition>): void {
    const renamed = new Map<string, ServiceRunner>();
    for (const [name, runner] of this.#runners) {
      const definition = definitions.get(name);
      if (definition !== undefined) runner.use(definition);
      assert(!renamed.has(runner.definition.name), `two services are named ${runner.definition.name}`);
      renamed.set(runner.definition.name, runner);
    }
    this.#runners = renamed;
    this.#changed();
  }

  /** From now on those are told of what happens. */
  useAlerts(alerts: ClusterAlertSettings): void {
    this.#tellsAnybody = alerts.targets.length > 0;
    this.#alerts.use(alerts);
    this.#changed();
  }

  /** An order to the cluster has been carried out, or has failed. */
  orderEnded(description: string, isDone: boolean): void {
    const state = isDone ? 'succeeded' : 'failed';
    this.#alerts.tell('', { name: 'action', state, description, action: 'alert' });
  }

  #found(runner: ServiceRunner, { event, action, isNew }: RuleFinding): void {
    const { name } = runner.definition;
    const { description } = event;
    const then = action.kind === 'alert' ? '' : `; ${action.kind}`;
    const environment = runner.processEnvironment();
    if (isNew) {
      const level = event.state === 'failed' ? 'warning' : 'info';
      this.log(name, level, `${eventTitle(event.name, event.state)}: ${description}${then}`);
      this.#alerts.tell(name, event, environment);
    }
    if (action.kind === 'restart') this.onRestartWanted(name, description);
    else if (action.kind === 'exec') this.#alerts.run(name, event, action.call, environment);
  }

  /** Shows services in this order; those that are not named come last. */
  arrange(names: readonly string[]): void {
    const arranged = new Map<string, ServiceRunner>();
    for (const name of [...names, ...this.#runners.keys()]) {
      const runner = this.#runners.get(name);
      if (runner !== undefined) arranged.set(name, runner);
    }
    this.#runners = arranged;
    this.#changed();
  }

  /** Forgets a service that is at rest. */
  remove(name: string): void {
    assert(this.#runners.get(name)?.atRest !== false, `${name} is removed while it runs`);
    this.#runners.delete(name);
    this.#alerts.forget(name);
    this.#changed();
  }

  /** Has a service read its files again, if it runs. */
  reload(name: string): void {
    this.#runners.get(name)?.reload();
  }

  #takeRunning(name: string, listener: ChildListener): SupervisedChild | null {
    const pid = this.#running.get(name);
    this.#running.delete(name);
    const child = pid === undefined ? null : adoptProcess(pid, listener);
    if (child !== null) this.log(name, 'info', `runs already, process ${pid}: taken over`);
    return child;
  }

  /** From now on a spare process waits: to be called when all have started, which should not wait for it. */
  keepSpare(): void {
    if (!this.#closing) this.#spare?.keep();
  }

  /** Resident memory of this process, and of the spare one while it waits. */
  get ownMemory(): { readonly monitorBytes: number; readonly spareBytes: number | null } {
    const pid = this.#spare?.pid ?? null;
    const spare = pid === null ? null : readProcessEntry(pid);
    const spareBytes = spare === null ? null : spare.residentPages * PAGE_BYTES;
    return { monitorBytes: process.memoryUsage.rss(), spareBytes };
  }

  /** Of all processes that were started here and have not ended, programs of alerts included. */
  get pids(): readonly number[] {
    const pids = [...this.#runners.values()].map((runner) => runner.pid);
    return [...pids, this.#spare?.pid ?? null, ...this.#alerts.pids].filter((pid) => pid !== null);
  }

  /** True from the moment on when everything is to be stopped. */
  get isClosing(): boolean {
    return this.#closing;
  }

  /** Starts everything at once; proxies wait for nodes by themselves. */
  startAll(): void {
    this.#sampler ??= setInterval(() => {
      for (const runner of this.#runners.values()) runner.everySecond();
      this.#alerts.everySecond();
      this.#watch.look([...this.#runners.values()].map(({ definition }) => definition));
      this.#changed();
    }, SAMPLE_INTERVAL_MS);
    this.#instance(`the monitor of ${this.#options.cluster} starts`);
    for (const runner of this.#runners.values()) runner.command('start');
  }

  /**
   * Stops everything: each service as soon as all that send requests to it are gone, so that no request meets a closed door.
   * Every stop is bounded by its policy's timeout, so this is, too.
   */
  async stopAll(): Promise<void> {
    if (!this.#closing && this.#sampler !== null)
      this.#instance(`the monitor of ${this.#options.cluster} stops`);
    this.#closing = true;
    this.#spare?.close();
    // What was given up might be tried once more.
    for (const runner of this.#runners.values()) if (runner.atRest) runner.command('stop');
    for (;;) {
      const alive = [...this.#runners.values()].filter((runner) => !runner.atRest);
      if (alive.length === 0) break;
      const free = alive.filter(({ definition }) =>
        alive.every((other) => !other.definition.after.includes(definition.name)),
      );
      // A circle of dependencies has no order to keep.
      const stopping = free.length > 0 ? free : alive;
      for (const runner of stopping) runner.command('stop');
      await this.#until(() => stopping.some((runner) => runner.atRest));
    }
    if (this.#sampler !== null) clearInterval(this.#sampler);
    this.#sampler = null;
    await this.#alerts.close();
  }

  #instance(description: string): void {
    const event: ServiceEvent = { name: 'instance', state: 'changed', description, action: 'alert' };
    this.#alerts.tell('', event);
  }

  /** Ends all processes at once with SIGKILL; a `stopAll` under way then ends soon. */
  killAll(): void {
    this.#closing = true;
    this.#alerts.hurry();
    this.#spare?.close();
    for (const runner of this.#runners.values()) runner.killNow();
  }

  command(service: string, command: ServiceCommand, by: string): boolean {
    const runner = this.#runners.get(service);
    if (runner === undefined || this.#closing) return false;
    this.log(service, 'info', `${command} requested by ${by}`);
    if (by !== BY_CLUSTER) {
      const description = `${command} requested by ${by}`;
      this.#alerts.tell(service, { name: 'action', state: 'succeeded', description, action: 'alert' });
    }
    runner.command(command);
    return true;
  }

  status(): ClusterStatus {
    const { clock, cluster } = this.#options;
    const services = [...this.#runners.values()].map((runner) => runner.status());
    const { moves, leftKeys, lines } = this.keyMoves();
    return {
      cluster,
      state: clusterState(services, this.#watch.twins),
      atMs: clock.wallMs(),
      uptimeSeconds: Math.floor((clock.monotonicMs() - this.#startedMs) / 1000),
      services,
      elsewhere: this.#watch.twins,
      serving: this.#serving,
      moves: lines,
      keyMoves: moves,
      leftKeys,
      alerts: this.#tellsAnybody ? this.#alerts.counts : null,
      operation: this.#operation,
      events: this.#log.newestOwn(STATUS_EVENTS_MAX),
      output: this.#log.newestOutput(STATUS_EVENTS_MAX),
    };
  }

  /** For the status: how far an operation is. */
  noteOperation(operation: ClusterOperation): void {
    this.#operation = operation;
    this.#changed();
  }

  /** For the status. */
  keyMoves: () => KeyMoves = () => NO_KEY_MOVES;

  /** For the status: which twin of each shard the proxies ask first. */
  noteServing(serving: Readonly<Record<string, string>>): void {
    this.#serving = serving;
    this.#changed();
  }

  eventsAfter(sequence: number): readonly LogEvent[] {
    return sequence >= this.#log.sequence ? [] : this.#log.after(sequence);
  }

  onChange(callback: () => void): () => void {
    this.#changeListeners.add(callback);
    return () => this.#changeListeners.delete(callback);
  }

  /** Calls back for every event as it is logged; the returned function ends that. */
  onEvent(callback: (event: LogEvent) => void): () => void {
    this.#eventListeners.add(callback);
    return () => this.#eventListeners.delete(callback);
  }

  /** Adds an event to the log. */
  log(service: string, level: EventLevel, text: string): void {
    const event = this.#log.add(this.#options.clock.wallMs(), service, level, text);
    for (const listener of this.#eventListeners) listener(event);
  }

  /** Tells of a change once per turn of the event loop, however many there were. */
  #changed(): void {
    if (this.#changePending) return;
    this.#changePending = true;
    setImmediate(() => {
      this.#changePending = false;
      for (const listener of this.#changeListeners) listener();
    });
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        unsubscribe();
        resolve();
      };
      const unsubscribe = this.onChange(check);
      check();
    });
  }
}
