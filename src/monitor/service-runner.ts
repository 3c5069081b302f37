import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ServiceStatus } from '../checks/cluster-status.ts';
import type { ServiceEvent } from '../checks/event-kinds.ts';
import type { EventLevel } from '../checks/event-log.ts';
import { serviceFigures } from '../checks/service-figures.ts';
import {
  type ServiceAction,
  type ServiceCommand,
  type ServiceInput,
  ServiceMachine,
} from '../checks/service-machine.ts';
import { type RuleFinding, ServiceRules } from '../checks/service-rules.ts';
import { PAGE_BYTES } from '../system/host-figures.ts';
import { type ProcessEntry, readProcessEntry } from '../system/proc-table.ts';
import { couldHaveAnswered, readThreadLooks, type ThreadLook } from '../system/proc-threads.ts';
import { type ChildListener, type SupervisedChild, startChild } from './child-process.ts';
import { CopyProgress } from './copy-progress.ts';
import { LAST_LINES_MAX, lastWords } from './last-words.ts';
import { readStats, type StatsReading } from './node-stats.ts';
import { probe } from './probe.ts';
import { ProxyPools } from './proxy-pools.ts';
import type { ServiceDefinition } from './service-definition.ts';

/** Lines per second of one child that reach the log; a child in a loop must not take the monitor with it. */
export const OUTPUT_LINES_PER_SECOND_MAX = 100;

/** What a runner needs of its surroundings. */
export interface RunnerContext {
  readonly clock: Clock;
  readonly random: Random;
  log(level: EventLevel, text: string): void;
  /** Something has happened that people may want to be told of. */
  event(event: ServiceEvent): void;
  /** A rule has found something, or it is over. */
  found(finding: RuleFinding): void;
  /** Nobody looks at the service any more. */
  forgotten(): void;
  /** Something of the status has changed. */
  changed(): void;
  /** Takes over the service's process if it runs already, left by an earlier monitor; null when it does not. */
  takeRunning(listener: ChildListener): SupervisedChild | null;
  /** Starts a program from a process that waits for that; null when there is none for it. */
  takeSpare(argv: readonly string[], listener: ChildListener): SupervisedChild | null;
}

/** Carries out what the state machine of one service decides: the process, the probes and the timer. */
export class ServiceRunner {
  #definition: ServiceDefinition;
  readonly #context: RunnerContext;
  readonly #machine: ServiceMachine;
  #timer: NodeJS.Timeout | null = null;
  #child: SupervisedChild | null = null;
  #condemned = false;
  #lastLines: string[] = [];
  #linesThisSecond = 0;
  #linesDropped = 0;
  #probeMs: number | null = null;
  #stats: StatsReading | null = null;
  /** Why the present process lets the monitor not in; null: it does. */
  #refusal: string | null = null;
  readonly #proxy: ProxyPools;
  readonly #copy: CopyProgress = new CopyProgress();
  readonly #rules: ServiceRules;
  #sample: { readonly atMs: number; readonly process: ProcessEntry } | null = null;
  #cpuPercent: number | null = null;

  constructor(definition: ServiceDefinition, context: RunnerContext) {
    this.#definition = definition;
    this.#context = context;
    this.#machine = new ServiceMachine(definition.policy, context.random);
    this.#rules = new ServiceRules(definition.rules ?? []);
    this.#proxy = new ProxyPools(definition.pools ?? [], context.clock);
  }

  /** Of the present process. */
  get pid(): number | null {
    return this.#machine.pid;
  }

  get definition(): ServiceDefinition {
    return this.#definition;
  }

  /** From the next start on it is run so; a process that runs is left alone, and watched as the new definition says. */
  use(definition: ServiceDefinition): void {
    this.#definition = definition;
    this.#machine.usePolicy(definition.policy);
    this.#proxy.use(definition.pools ?? []);
    for (const finding of this.#rules.use(definition.rules ?? [])) this.#context.found(finding);
  }

  /** Has the process read its files again. */
  reload(): void {
    this.#child?.signal('SIGHUP');
  }

  command(command: ServiceCommand): void {
    if (command === 'stop' || command === 'unmonitor') {
      this.#rules.forget();
      this.#context.forgotten();
    }
    this.#feed({ type: 'command', command });
  }

  /** True when there is no process and none is going to be started without a command. */
  get atRest(): boolean {
    return this.#machine.state === 'stopped' || this.#machine.state === 'gave-up';
  }

  /** Stops for good and without courtesy: whatever runs, or is just being started, gets a SIGKILL at once. */
  killNow(): void {
    this.#condemned = true;
    this.#feed({ type: 'command', command: 'stop' });
    this.#child?.signal('SIGKILL');
  }

  /** Once a second: reads /proc, opens the way for more output, and sees how far a node is that starts. */
  everySecond(): void {
    if (this.#machine.state === 'starting') void this.#lookAtCopy();
    this.#linesThisSecond = 0;
    if (this.#linesDropped > 0) {
      this.#context.log('warning', `wrote too much: ${this.#linesDropped} lines dropped`);
      this.#linesDropped = 0;
    }
    const { pid } = this.#machine;
    const process = pid === null ? null : readProcessEntry(pid);
    if (process === null) {
      this.#forgetSample();
      return;
    }
    const nowMs = this.#context.clock.monotonicMs();
    const before = this.#sample;
    this.#cpuPercent =
      before !== null && nowMs > before.atMs
        ? Math.max(0, ((process.cpuMs - before.process.cpuMs) * 100) / (nowMs - before.atMs))
        : null;
    this.#sample = { atMs: nowMs, process };
  }

  status(): ServiceStatus {
    const { name, role, group, title, after, probe: target, shards = [] } = this.definition;
    const machine = this.#machine;
    const nowMs = this.#context.clock.monotonicMs();
    const sample = this.#sample;
    const isRunning = machine.state === 'running';
    return {
      name,
      role,
      group,
      title,
      sendsTo: after,
      address: `${target.host}:${target.port}`,
      state: machine.state,
      reason: machine.reason,
      monitored: machine.monitored,
      pid: machine.pid,
      uptimeSeconds: machine.spawnedMs === null ? null : Math.floor((nowMs - machine.spawnedMs) / 1000),
      restarts: machine.restarts,
      probeMs: this.#probeMs,
      process:
        sample === null
          ? null
          : {
              cpuPercent: this.#cpuPercent,
              residentBytes: sample.process.residentPages * PAGE_BYTES,
              threads: sample.process.threads,
            },
      stats: isRunning ? (this.#stats?.stats ?? null) : null,
      proxy: isRunning ? this.#proxy.stats : null,
      shards,
      pools: this.#proxy.statuses(isRunning),
      findings: this.#rules.findings,
    };
  }

  #feed(input: ServiceInput): void {
    const actions = this.#machine.step(input, this.#context.clock.monotonicMs());
    for (const action of actions) this.#perform(action);
    this.#arm();
    this.#context.changed();
  }

  /** Node's timers may fire a little early; the machine then just asks for the rest of the time. */
  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const dueMs = this.#machine.dueMs();
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(0, Math.ceil(dueMs - this.#context.clock.monotonicMs()));
    this.#timer = setTimeout(() => this.#feed({ type: 'tick' }), waitMs);
  }

  #perform(action: ServiceAction): void {
    switch (action.type) {
      case 'spawn':
        this.#spawn();
        break;
      case 'signal':
        this.#child?.signal(action.signal);
        break;
      case 'probe':
        void this.#probe(action.serial);
        break;
      case 'report':
        this.#context.log(action.level, action.text);
        break;
      case 'event':
        this.#context.event(action.event);
        break;
    }
  }

  #spawn(): void {
    this.#lastLines = [];
    this.#probeMs = null;
    this.#stats = null;
    this.#refusal = null;
    this.#proxy.clear();
    this.#copy.clear();
    this.#rules.startedAnew();
    this.#forgetSample();
    const listener: ChildListener = {
      onSpawned: (pid) => {
        this.#feed({ type: 'spawned', pid });
        if (this.#condemned) child.signal('SIGKILL');
      },
      onSpawnFailed: (reason) => {
        this.#child = null;
        this.#feed({ type: 'spawn-failed', reason });
      },
      onLine: (line) => this.#line(line),
      onExit: (code, signal) => {
        const exited = (): void => {
          this.#child = null;
          this.#probeMs = null;
          this.#forgetSample();
          const words = signal === null ? lastWords(this.#lastLines) : '';
          this.#feed({ type: 'exited', code, signal, lastWords: words });
        };
        // A service that was serving is replaced without a pause; of one that could not start we first read why.
        if (this.#machine.served) exited();
        else void child.outputRead().then(exited);
      },
    };
    const { argv } = this.definition;
    const { takeRunning, takeSpare } = this.#context;
    const child = takeRunning(listener) ?? takeSpare(argv, listener) ?? startChild(argv, listener);
    this.#child = child;
  }

  async #probe(serial: number): Promise<void> {
    const { probe: target, policy, role } = this.definition;
    let isWaiting = false;
    // What was stopped, or hangs otherwise, answers nothing; that can be seen before the probe's time is over.
    let threads: readonly ThreadLook[] | null = null;
    let lookedMs = 0;
    const looks = setInterval(() => {
      const { pid } = this.#machine;
      if (pid === null) return;
      const nowMs = this.#context.clock.monotonicMs();
      const elapsedMs = nowMs - lookedMs;
      const [before, after] = [threads, readThreadLooks(pid)];
      [threads, lookedMs] = [after, nowMs];
      // Who looks late did not get a processor either.
      const isInTime = elapsedMs < 2 * policy.lookMs;
      const couldAnswer =
        isWaiting &&
        isInTime &&
        before !== null &&
        after !== null &&
        couldHaveAnswered(before, after, elapsedMs);
      const isStopped = readProcessEntry(pid)?.state === 'T';
      this.#feed({ type: 'looked-at', serial, isStopped, couldAnswer });
    }, policy.lookMs);
    const result = await probe(target, policy.probeTimeoutMs, role, (is) => {
      isWaiting = is;
    });
    clearInterval(looks);
    if (!result.ok) {
      this.#probeMs = null;
      this.#feed({ type: 'probe-failed', serial, reason: result.reason });
      this.#judge(false);
      return;
    }
    this.#probeMs = result.latencyMs;
    this.#noteRefusal(result.refusal);
    if (result.stats !== null) {
      const nowMs = this.#context.clock.monotonicMs();
      if (role === 'proxy') this.#proxy.read(result.stats, policy.probeTimeoutMs);
      else this.#stats = readStats(result.stats, nowMs, this.#stats);
    }
    this.#feed({ type: 'probe-ok', serial });
    this.#judge(true);
  }

  #noteRefusal(refusal: string | null): void {
    if (refusal === this.#refusal) return;
    this.#refusal = refusal;
    if (refusal === null) this.#context.log('info', 'lets the monitor in again');
    else {
      this.#stats = null;
      this.#context.log('warning', `does not let the monitor in, so its figures are not known: ${refusal}`);
    }
  }

  /** After each probe. @param answered only then is what the service says of itself as it is now */
  #judge(answered: boolean): void {
    const { state, monitored } = this.#machine;
    if (!monitored || (state !== 'running' && state !== 'failing')) return;
    const { probeMs, process, stats, proxy } = this.status();
    const source = answered
      ? { probeMs, process, stats, proxy }
      : { probeMs: null, process, stats: null, proxy: null };
    for (const finding of this.#rules.judge(serviceFigures(source))) this.#context.found(finding);
  }

  /** What programs are told of the process, in monit's words. */
  processEnvironment(): Readonly<Record<string, string>> {
    const { pid } = this.#machine;
    if (pid === null) return {};
    return {
      MONIT_PROCESS_PID: String(pid),
      MONIT_PROCESS_MEMORY: String(
        Math.round(((this.#sample?.process.residentPages ?? 0) * PAGE_BYTES) / 1024),
      ),
      MONIT_PROCESS_CPU_PERCENT: (this.#cpuPercent ?? 0).toFixed(1),
    };
  }

  async #lookAtCopy(): Promise<void> {
    const child = this.#child;
    const text = await this.#copy.look(this.definition.twins);
    if (text !== null && child === this.#child) this.#feed({ type: 'came-nearer', text });
  }

  #line(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > LAST_LINES_MAX) this.#lastLines.shift();
    this.#linesThisSecond += 1;
    if (this.#linesThisSecond <= OUTPUT_LINES_PER_SECOND_MAX) this.#context.log('output', line);
    else this.#linesDropped += 1;
  }

  #forgetSample(): void {
    this.#sample = null;
    this.#cpuPercent = null;
  }
}
