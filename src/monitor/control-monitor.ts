import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import { Reminders, recipients } from '../checks/alert-routing.ts';
import type { EntryMachine } from '../checks/entry-machine.ts';
import {
  type EntryControl,
  type EntryStatus,
  type MonitorFacts,
  statusWords,
} from '../checks/entry-status.ts';
import { EntrySupervisor, type NamedAction } from '../checks/entry-supervisor.ts';
import { eventTitle, type ServiceEvent } from '../checks/event-kinds.ts';
import { EventLog, type LogEvent } from '../checks/event-log.ts';
import { encodeState, initialMemory, type SavedEntry, type SavedState } from '../checks/saved-state.ts';
import type { ServiceCommand } from '../checks/service-machine.ts';
import type { ControlTree, ServiceEntry } from '../control/tree.ts';
import { readHost } from '../system/host-figures.ts';
import type { OrphanAdoption } from '../system/orphan-adoption.ts';
import { readingOnce, readProcessTable } from '../system/proc-table.ts';
import type { Alert } from './alert-message.ts';
import type { AlertSender } from './alert-sender.ts';
import { EntryRunner } from './entry-runner.ts';
import { EventPrograms } from './event-programs.ts';
import { type FileReader, fileReader } from './file-reader.ts';
import type { HostView } from './process-sample.ts';

/** How often it is looked whether processes are still there that cannot tell of their end. */
const WATCH_MS = 100;
/** The same while something starts or stops. */
const WATCH_CLOSELY_MS = 20;

/** Events that pages and commands can see. */
const EVENTS_SHOWN_MAX = 200;

export interface ControlMonitorOptions {
  readonly tree: ControlTree;
  readonly facts: Omit<
    MonitorFacts,
    'uptimeSeconds' | 'version' | 'pid' | 'cycleSeconds' | 'startDelaySeconds'
  >;
  readonly clock: Clock;
  readonly random: Random;
  readonly cycleSeconds: number;
  readonly startDelaySeconds: number;
  readonly bootId: string;
  readonly saved: SavedState | null;
  readonly adoption: OrphanAdoption | null;
  readonly alerts: AlertSender;
  /** Processes that Node waits for itself: those that are started here are added to it. */
  readonly ownChildren: Set<number>;
  readonly log: (level: 'debug' | 'info' | 'warning' | 'error', service: string, text: string) => void;
  /** Whether what each test has found is logged, too. */
  readonly tellsTests?: boolean;
  /** Looks at files; the system's unless given. */
  readonly reader?: FileReader;
  /** Keeps the state for the next monitor. */
  readonly save: (text: string) => void;
}

/**
 * Runs a control file: carries out what the state machines of its entries decide, and tells them what becomes of it. Nothing here waits for anything
 * else: every entry is looked at by itself, and a program that hangs hangs alone.
 *
 * Services outlive their monitor, as monit's do: `stop` ends the watching, not what is watched.
 */
export class ControlMonitor implements EntryControl {
  readonly #options: ControlMonitorOptions;
  readonly #supervisor: EntrySupervisor;
  readonly #runners: ReadonlyMap<string, EntryRunner>;
  readonly #events: EventLog = new EventLog();
  readonly #reminders: Reminders = new Reminders();
  readonly #programs: EventPrograms;
  readonly #startedMs: number;
  readonly #onChildEnd: () => void;
  #cycleTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #dueTimer: NodeJS.Timeout | undefined;
  #settling: NodeJS.Immediate | null = null;
  #isRunning = false;
  /** By name, as it was when it was written down last. */
  readonly #lastSaved: Map<string, SavedEntry> = new Map();
  #view: HostView | null = null;

  constructor(options: ControlMonitorOptions) {
    this.#options = options;
    const { tree, clock, random, saved, bootId, facts, ownChildren, tellsTests = false } = options;
    this.#startedMs = clock.monotonicMs();
    const { limits, onReboot } = tree.settings;
    this.#supervisor = new EntrySupervisor(tree, { limits, random, cores: readHost().cores, tellsTests });
    const remembered = new Map<string, SavedEntry>();
    for (const machine of this.#supervisor.machines) {
      const memory = initialMemory(machine.entry, onReboot, saved, bootId);
      machine.recall(memory);
      remembered.set(machine.entry.name, memory);
    }
    const onChild = (pid: number, isAlive: boolean): void => {
      if (isAlive) ownChildren.add(pid);
      else ownChildren.delete(pid);
    };
    const reader = options.reader ?? fileReader(limits.networkTimeoutMs);
    this.#runners = new Map(
      this.#supervisor.machines.map((machine) => [
        machine.entry.name,
        new EntryRunner(machine, {
          limits,
          monitorId: facts.id,
          hostName: facts.hostName,
          wallMs: () => clock.wallMs(),
          remembered: remembered.get(machine.entry.name) ?? { process: null, startMark: '' },
          onChild,
          nowMs: () => clock.monotonicMs(),
          reader,
          feed: (input) => {
            // What ends after the watching has is for the monitor that has taken over, and acts alone.
            if (this.#isRunning)
              this.#perform(this.#supervisor.step(machine.entry.name, input, clock.monotonicMs()));
          },
        }),
      ]),
    );
    this.#programs = new EventPrograms({
      outputBytesMax: limits.programOutputBytes,
      onChild,
      log: (level, service, text) => this.#tell(level, service, text),
    });
    this.#onChildEnd = () => {
      this.#options.adoption?.reap(ownChildren);
      this.#observeAll();
    };
  }

  /** Begins to watch; what is to run and does not is started. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    process.on('SIGCHLD', this.#onChildEnd);
    const begin = (): void => {
      if (!this.#isRunning) return;
      this.#cycle();
      this.#watchAgain();
    };
    const { startDelaySeconds } = this.#options;
    if (startDelaySeconds > 0) this.#cycleTimer = setTimeout(begin, startDelaySeconds * 1000);
    else begin();
  }

  /** Ends the watching; the services go on. */
  stop(): void {
    this.#isRunning = false;
    process.off('SIGCHLD', this.#onChildEnd);
    for (const timer of [this.#cycleTimer, this.#watchTimer, this.#dueTimer]) clearTimeout(timer);
    if (this.#settling !== null) clearImmediate(this.#settling);
    this.#settling = null;
    this.#save();
  }

  /** What the next monitor begins with. */
  get state(): SavedState {
    const services = new Map<string, SavedEntry>();
    for (const [name, { saved }] of this.#runners) services.set(name, saved);
    return { bootId: this.#options.bootId, services };
  }

  wake(): void {
    if (this.#isRunning) this.#cycle();
  }

  command(names: readonly string[], command: ServiceCommand): void {
    for (const name of names) {
      this.#tell('info', name, `${command} on user request`);
      if (command === 'stop' || command === 'unmonitor') this.#reminders.forget(name);
    }
    this.#perform(this.#supervisor.command(names, command, this.#nowMs()));
    this.#watchAgain();
    this.#save();
  }

  /** Something that concerns the monitor itself: it was started, reloaded, stopped. @param action monit's word for it */
  instanceEvent(description: string, action: 'start' | 'stop'): void {
    const system = this.#supervisor.machines.find(({ entry }) => entry.type === 'system')?.entry;
    if (system !== undefined)
      this.#event(system, { name: 'instance', state: 'changed', description, action });
  }

  facts(): MonitorFacts {
    return {
      ...this.#options.facts,
      version: TWINCACHED_VERSION,
      pid: process.pid,
      uptimeSeconds: Math.floor((this.#nowMs() - this.#startedMs) / 1000),
      cycleSeconds: this.#options.cycleSeconds,
      startDelaySeconds: this.#options.startDelaySeconds,
    };
  }

  entries(): readonly EntryStatus[] {
    return this.#supervisor.machines.map((machine) => this.#status(machine));
  }

  events(): readonly LogEvent[] {
    return this.#events.newestOwn(EVENTS_SHOWN_MAX);
  }

  #status(machine: EntryMachine): EntryStatus {
    const { entry, state, isMonitored, nextStartMs } = machine;
    const runner = this.#runners.get(entry.name);
    const pending = this.#supervisor.pending(entry.name);
    const text = statusWords(machine);
    const isInitial = state === 'initializing' || state === 'starting';
    return {
      entry,
      statusText: pending === null ? text : `${text} - ${pending} pending`,
      monitoringText:
        state === 'gave-up' || !isMonitored
          ? 'Not monitored'
          : isInitial
            ? 'Initializing'
            : machine.isWaiting
              ? 'Waiting'
              : 'Monitored',
      state,
      reason: machine.reason,
      failures: machine.failures,
      isMonitored,
      pending,
      onReboot: entry.onReboot ?? this.#options.tree.settings.onReboot,
      pid: machine.pid,
      restarts: machine.restarts,
      sample: machine.sample,
      sampledAtMs: runner?.sampledAtMs ?? null,
      output: runner?.output ?? '',
      nextStartSeconds:
        nextStartMs === null ? null : Math.max(0, Math.round((nextStartMs - this.#nowMs()) / 1000)),
    };
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  #cycle(): void {
    clearTimeout(this.#cycleTimer);
    this.#cycleTimer = setTimeout(() => this.#cycle(), this.#options.cycleSeconds * 1000);
    this.#view = null;
    const now = new Date(this.#options.clock.wallMs());
    const calendar = {
      minute: now.getMinutes(),
      hour: now.getHours(),
      dayOfMonth: now.getDate(),
      month: now.getMonth() + 1,
      dayOfWeek: now.getDay(),
    };
    readingOnce(() => {
      for (const runner of this.#runners.values()) runner.observe(true);
      for (const { entry } of this.#supervisor.machines)
        this.#perform(this.#supervisor.step(entry.name, { type: 'cycle', calendar }, this.#nowMs()));
    });
    for (const { service, event, target } of this.#reminders.cycle())
      this.#options.alerts.send(this.#alert(service, event), target);
    void this.#options.alerts.retry();
    this.#save();
  }

  /** Looks at the host once for all entries of a cycle. */
  #hostView(): HostView {
    this.#view ??= { atMs: this.#nowMs(), host: readHost(), processes: readProcessTable() };
    return this.#view;
  }

  #observeAll(): void {
    if (!this.#isRunning) return;
    for (const runner of this.#runners.values()) runner.observe(false);
  }

  #watchAgain(): void {
    clearTimeout(this.#watchTimer);
    if (!this.#isRunning) return;
    const isBusy = this.#supervisor.machines.some(
      ({ state }) => state === 'starting' || state === 'stopping' || state === 'initializing',
    );
    this.#watchTimer = setTimeout(
      () => {
        for (const runner of this.#runners.values()) runner.watch();
        this.#watchAgain();
      },
      isBusy ? WATCH_CLOSELY_MS : WATCH_MS,
    );
  }

  /** Node's timers may fire a little early; the machines then just ask for the rest of the time. */
  #arm(): void {
    clearTimeout(this.#dueTimer);
    const dueMs = this.#supervisor.dueMs();
    if (!this.#isRunning || dueMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(1, Math.ceil(dueMs - this.#nowMs()));
    this.#dueTimer = setTimeout(() => {
      // What is there by now is not to be missed by a deadline.
      this.#observeAll();
      this.#perform(this.#supervisor.tick(this.#nowMs()));
    }, waitMs);
  }

  #perform(actions: readonly NamedAction[]): void {
    for (const { name, action } of actions) {
      const runner = this.#runners.get(name);
      if (runner === undefined) continue;
      switch (action.type) {
        case 'run':
          this.#tell('info', name, `${action.role}: '${action.call.argv.join(' ')}'`);
          runner.run(action.role, action.call);
          this.#watchAgain();
          break;
        case 'abandon-start':
          runner.abandonStart();
          break;
        case 'signal':
          runner.signal(action.pid, action.signal);
          break;
        case 'sample':
          void runner.sample(action.serial, this.#hostView(), this.#options.clock.wallMs());
          break;
        case 'exec':
          this.#exec(name, action.call, action.event);
          break;
        case 'event':
          this.#event(runner.machine.entry, action.event);
          break;
        case 'log':
          if (action.level === 'debug') this.#options.log('debug', name, action.text);
          else this.#tell(action.level, name, action.text);
          break;
      }
    }
    // A look alone changes nothing that is remembered; whatever else was done must outlast a crash from now on.
    if (actions.some(({ action }) => action.type !== 'sample')) this.#save();
    this.#settle();
  }

  /** Once for all that happens in one turn: with many entries each of these looks at all of them. */
  #settle(): void {
    this.#settling ??= setImmediate(() => {
      this.#settling = null;
      if (!this.#isRunning) return;
      this.#save();
      this.#arm();
    });
  }

  #event(entry: ServiceEntry, event: ServiceEvent): void {
    const level = event.state === 'failed' ? 'error' : 'info';
    const title = eventTitle(event.name, event.state);
    this.#tell(
      level,
      entry.name,
      `${title}: ${event.description}${event.action === 'alert' ? '' : `; ${event.action}`}`,
    );
    const alert = this.#alert(entry.name, event);
    for (const target of recipients(event, entry, this.#options.tree.settings.alerts)) {
      this.#reminders.told(entry.name, event, target);
      this.#options.alerts.send(alert, target);
    }
  }

  #alert(service: string, event: ServiceEvent): Alert {
    return { service, event, atMs: this.#options.clock.wallMs(), hostName: this.#options.facts.hostName };
  }

  #exec(name: string, call: Parameters<EntryRunner['run']>[1], event: ServiceEvent): void {
    const environment = this.#runners.get(name)?.processEnvironment() ?? {};
    void this.#programs.run(call, this.#alert(name, event), environment);
  }

  #tell(level: 'info' | 'warning' | 'error', service: string, text: string): void {
    this.#events.add(this.#options.clock.wallMs(), service, level, text);
    this.#options.log(level, service, text);
  }

  /** Many times in each cycle, so it looks for what has changed before it writes anything down. */
  #save(): void {
    let isChanged = false;
    for (const [name, { saved }] of this.#runners) {
      if (this.#lastSaved.get(name) === saved) continue;
      this.#lastSaved.set(name, saved);
      isChanged = true;
    }
    if (isChanged) this.#options.save(encodeState(this.state));
  }
}
