/*
 * What becomes of one entry of a control file, as a pure state machine: observations, samples and the time go in, actions come out.
 *
 *   initializing --seen--> running <--> (rules: alert, exec, restart, stop, unmonitor)
 *        |                   |  ^
 *        |not seen      gone |  | seen
 *        v                   v  |
 *     starting <--delay-- backing-off      gave-up --after a while--> starting
 *        |  \--not seen in time--> backing-off / gave-up
 *     missing: no rule starts it           stopping: stop program, SIGTERM + SIGCONT, SIGKILL, repeated
 *
 * Where it is quicker than monit, that is on purpose: a death is acted on when it is seen, not in the next cycle; a failing start is tried again
 * after a growing pause; a process that ignores its stop program gets signals. `wanted`, `monitored` and the state are kept apart, so that a service
 * that somebody has stopped does not look like one that was given up.
 *
 * A start program runs only while no process is known to be alive, so there are never two.
 */
import { assert } from '../base/assert.ts';
import type { Action, EventName, Limits, ServiceEntry } from '../control/tree.ts';
import { CheckSchedule } from './check-schedule.ts';
import type { EntryAction, EntryInput, EntryState, ProgramRole } from './entry-inputs.ts';
import type { EntryMachineOptions, EntryMemory } from './entry-options.ts';
import { DEFAULT_ENTRY_POLICY, type EntryPolicy } from './entry-policy.ts';
import { EntryRules } from './entry-rules.ts';
import { EntryTroubles } from './entry-troubles.ts';
import type { EventState, ServiceEvent } from './event-kinds.ts';
import { RestartBackoff } from './restart-backoff.ts';
import { RestartWindow } from './restart-window.ts';
import type { Sample } from './sample.ts';
import { samplePatienceMs } from './sample-patience.ts';
import { SampleRequest } from './sample-request.ts';
import type { ServiceCommand } from './service-machine.ts';
import { StopSequence } from './stop-sequence.ts';

export class EntryMachine {
  readonly entry: ServiceEntry;
  readonly #limits: Limits;
  readonly #policy: EntryPolicy;
  readonly #backoff: RestartBackoff;
  readonly #window: RestartWindow;
  readonly #schedule: CheckSchedule;
  readonly #rules: EntryRules;
  readonly #actions: EntryAction[] = [];
  readonly #troubles = new EntryTroubles((event) => this.#actions.push({ type: 'event', event }));

  #state: EntryState = 'initializing';
  #reason = '';
  #sinceMs = 0;
  #wanted = true;
  #memory: EntryMemory = { isMonitored: false, isWanted: false, restarts: 0 };
  #monitored = true;
  #pid: number | null = null;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #upSinceMs: number | null = null;
  #restarts = 0;
  #giveUps = 0;

  readonly #stopSequence: StopSequence;
  #startAfterStop = false;
  /** The restart program runs: the process may go and come until it has ended. */
  #restartProgram = false;

  readonly #sampleRequest: SampleRequest;
  #lastSample: Sample | null = null;
  #waits = false;

  constructor(entry: ServiceEntry, { limits, cores, random, policy, tellsTests }: EntryMachineOptions) {
    this.entry = entry;
    this.#window = new RestartWindow(Math.max(0, ...entry.restartLimits.map(({ cycles }) => cycles)));
    this.#limits = limits;
    this.#sampleRequest = new SampleRequest(samplePatienceMs(entry, limits));
    this.#policy = policy ?? DEFAULT_ENTRY_POLICY;
    this.#backoff = new RestartBackoff(this.#policy, random);
    this.#schedule = new CheckSchedule(entry.every);
    this.#rules = new EntryRules(entry, cores, tellsTests);
    this.#stopSequence = new StopSequence(entry, limits, this.#policy, this.#actions);
  }

  get state(): EntryState {
    return this.#state;
  }
  /** Why it is in this state, as a phrase; '' when there is nothing to explain. */
  get reason(): string {
    return this.#reason || this.#troubles.silence || this.#rules.why;
  }
  /** Monotonic time of the last change of state. */
  get sinceMs(): number {
    return this.#sinceMs;
  }
  /** An operator, or the file, wants it to run. */
  get isWanted(): boolean {
    return this.#wanted;
  }
  get isMonitored(): boolean {
    return this.#monitored;
  }
  get pid(): number | null {
    return this.#pid;
  }
  /** How often it was started again because it had died, hung or broken a rule. */
  get restarts(): number {
    return this.#restarts;
  }
  /** The last sample of the present process; null when there is none. */
  get sample(): Sample | null {
    return this.#lastSample;
  }
  /** `every` has passed it over in this cycle. */
  get isWaiting(): boolean {
    return this.#waits;
  }
  /** When it is tried again after it was given up, or the next start; null when nothing is planned. */
  get nextStartMs(): number | null {
    return this.#state === 'backing-off' || this.#state === 'gave-up' ? this.#deadlineMs : null;
  }
  /** The same object so long as nothing of it changes. */
  get memory(): EntryMemory {
    const { isMonitored, isWanted, restarts } = this.#memory;
    if (isMonitored !== this.#monitored || isWanted !== this.#wanted || restarts !== this.#restarts)
      this.#memory = { isMonitored: this.#monitored, isWanted: this.#wanted, restarts: this.#restarts };
    return this.#memory;
  }
  /** The events that are failed now, each once. */
  get failures(): readonly EventName[] {
    const names = new Set([...this.#rules.failures, ...this.#troubles.names]);
    const isGone = this.#pid === null && this.#isProcess && this.#monitored && this.#rules.isWanted;
    if (isGone && (this.#state === 'missing' || this.#state === 'backing-off' || this.#state === 'gave-up'))
      names.add('nonexist');
    if (this.#state === 'gave-up') names.add('timeout');
    return [...names];
  }

  get #isProcess(): boolean {
    return this.entry.type === 'process';
  }

  /** Takes up what was remembered, before the first input. */
  recall(memory: EntryMemory): void {
    assert(this.#state === 'initializing', 'a memory came too late');
    this.#monitored = memory.isMonitored;
    this.#wanted = memory.isWanted;
    this.#restarts = memory.restarts;
  }

  /** When the machine wants a `tick`; infinite when it waits for nothing but inputs. */
  dueMs(): number {
    return this.#deadlineMs;
  }

  /**
   * Takes one input.
   *
   * @param nowMs monotonic; must not go back between calls
   * @returns what is to be done, in this order
   */
  step(input: EntryInput, nowMs: number): readonly EntryAction[] {
    this.#actions.length = 0;
    switch (input.type) {
      case 'observed':
        assert(this.#isProcess, 'a process was observed of what is none');
        this.#observed(input.pid, nowMs);
        break;
      case 'program-ended':
        this.#programEnded(input.role, input, nowMs);
        break;
      case 'sampled':
        this.#sampled(input.serial, input.sample, nowMs);
        break;
      case 'unanswered':
        this.#unanswered(input.serial, input.text);
        break;
      case 'cycle':
        this.#cycle(input.calendar, nowMs);
        break;
      case 'command':
        this.#command(input.command, nowMs);
        break;
      case 'tick':
        this.#tick(nowMs);
        break;
    }
    return this.#actions.slice();
  }

  #command(command: ServiceCommand, nowMs: number): void {
    switch (command) {
      case 'start':
        this.#want();
        if (this.#state === 'stopping') this.#startAfterStop = true;
        else if (this.#isProcess && this.#state === 'initializing') break;
        else if (this.#pid === null && this.#state !== 'starting') this.#start('', nowMs);
        else if (this.#pid !== null && this.#state !== 'running') this.#up(nowMs);
        break;
      case 'stop':
        this.#wanted = false;
        this.#monitored = false;
        this.#forgetFailures();
        this.#stop({ reason: 'stopped by request', thenStart: false, hung: false }, nowMs);
        break;
      case 'restart':
        this.#want();
        this.#restart('restarted by request', false, nowMs);
        break;
      case 'monitor':
        this.#want();
        if (this.#state === 'stopping') this.#startAfterStop = true;
        else if (!this.#isProcess) this.#up(nowMs);
        else if (this.#state === 'initializing' || this.#state === 'starting') break;
        else if (this.#pid !== null) this.#up(nowMs);
        else this.#gone('is not running', nowMs);
        break;
      case 'unmonitor':
        this.#unmonitor('not monitored', nowMs);
        break;
    }
  }

  #want(): void {
    this.#wanted = true;
    this.#monitored = true;
    this.#giveUps = 0;
    this.#backoff.reset();
    this.#window.clear();
  }

  #unmonitor(reason: string, nowMs: number): void {
    this.#monitored = false;
    this.#forgetFailures();
    this.#forgetSample();
    if (this.#state === 'backing-off' || this.#state === 'missing' || this.#state === 'gave-up')
      this.#enter('stopped', reason, nowMs);
    else this.#reason = reason;
  }

  #observed(pid: number | null, nowMs: number): void {
    const before = this.#pid;
    this.#pid = pid;
    switch (this.#state) {
      case 'initializing':
        if (!this.#monitored) this.#enter(pid === null ? 'stopped' : 'running', 'not monitored', nowMs);
        else if (pid !== null) this.#up(nowMs);
        else this.#gone('is not running', nowMs);
        break;
      case 'starting':
        if (pid !== null && !this.#restartProgram) this.#up(nowMs);
        break;
      case 'running':
        if (pid === null) this.#died(nowMs);
        else if (pid !== before) this.#replaced(nowMs);
        break;
      case 'missing':
      case 'backing-off':
        if (pid !== null) this.#up(nowMs);
        break;
      case 'stopping':
        this.#stopGoesOn(this.#stopSequence.observed(pid, nowMs), nowMs);
        break;
      case 'stopped':
      case 'gave-up':
        break;
    }
  }

  /** Another process than before stands in the pid file: somebody else has restarted the service. */
  #replaced(nowMs: number): void {
    this.#upSinceMs = nowMs;
    this.#rules.startedAnew(nowMs + this.#startTimeoutMs);
    this.#sampleRequest.forget();
  }

  #up(nowMs: number): void {
    const wasStarting = this.#state === 'starting';
    const wasGone = this.#state === 'missing' || this.#state === 'backing-off' || wasStarting;
    this.#enter('running', '', nowMs);
    this.#upSinceMs = nowMs;
    // What was there before us has had its time to start.
    this.#rules.startedAnew(wasStarting ? nowMs + this.#startTimeoutMs : nowMs);
    this.#sampleRequest.forget();
    this.#restartProgram = false;
    this.#troubles.started();
    if (!this.#isProcess || !wasGone) return;
    const text = `process is running with pid ${this.#pid}`;
    // A rule about existence tells of its success itself; and what nobody has missed is no news.
    const mayTell = this.#monitored && !this.#rules.failures.includes('nonexist');
    if (!this.#troubles.back(text, mayTell)) this.#log('info', text);
  }

  /** The process is gone, and nobody here has asked it to go. */
  #died(nowMs: number): void {
    this.#forgetSample();
    if (this.#upSinceMs !== null && nowMs - this.#upSinceMs >= this.#policy.healthyMs) {
      this.#backoff.reset();
      this.#giveUps = 0;
    }
    this.#upSinceMs = null;
    if (!this.#monitored) {
      this.#enter('stopped', 'has ended; not monitored', nowMs);
      this.#log('info', 'has ended; not monitored');
      return;
    }
    this.#gone('process is not running', nowMs);
  }

  /** There is no process. Either it is started at once, or the rules about existence wait for their cycles. */
  #gone(text: string, nowMs: number): void {
    const action = this.#rules.onDeath;
    const isFirst = this.#state === 'initializing';
    const isKnown = this.#rules.failures.includes('nonexist');
    const word = this.#mayAct && action !== null ? action.kind : 'alert';
    // At its very first start it is no news that a service does not run, nor is it one that it then does.
    const isNews = !isFirst || word !== 'restart';
    if (isNews) this.#rules.gone();
    if (action === null) {
      this.#enter('missing', text, nowMs);
      return;
    }
    if (!isKnown && isNews) this.#troubles.gone(text, word);
    if (!this.#mayAct || (action.kind !== 'restart' && action.kind !== 'start')) {
      this.#enter('missing', text, nowMs);
      if (this.#mayAct) this.#perform(action, this.#eventOf('nonexist', text, action), false, nowMs);
    } else if (isFirst) this.#start('', nowMs);
    else this.#startAgain(text, true, nowMs);
  }

  get #mayAct(): boolean {
    return this.entry.mode === 'active' && this.#monitored;
  }

  get #startTimeoutMs(): number {
    return this.entry.start?.timeoutMs ?? this.#limits.startTimeoutMs;
  }

  #start(reason: string, nowMs: number): void {
    const { start } = this.entry;
    if (!this.#isProcess) {
      if (start !== null) this.#actions.push({ type: 'run', role: 'start', call: start });
      this.#enter('running', reason, nowMs);
      this.#rules.startedAnew(nowMs + this.#startTimeoutMs);
      return;
    }
    assert(this.#pid === null, 'a second process of one service would be started');
    if (start === null) {
      this.#enter('missing', 'there is no start program', nowMs);
      this.#log('warning', 'there is no start program');
      return;
    }
    this.#enter('starting', reason, nowMs);
    this.#deadlineMs = nowMs + this.#startTimeoutMs;
    this.#actions.push({ type: 'run', role: 'start', call: start });
  }

  /** A start that a rule or a death has caused: counted, limited, and delayed when it follows others closely. */
  #startAgain(cause: string, served: boolean, nowMs: number): void {
    if (this.#limitReached(cause, nowMs)) return;
    this.#window.restarted();
    this.#restarts += 1;
    const delayMs = this.#backoff.delayMsAfterDeath(served);
    if (delayMs === 0) {
      this.#log('warning', `${cause}; started again at once`);
      this.#start(cause, nowMs);
      return;
    }
    this.#log('warning', `${cause}; next start in ${delayMs} ms`);
    this.#enter('backing-off', cause, nowMs);
    this.#deadlineMs = nowMs + delayMs;
  }

  /** Whether a limit of restarts forbids another one; its action is carried out. */
  #limitReached(cause: string, nowMs: number): boolean {
    for (const { restarts, cycles, action } of this.entry.restartLimits) {
      const count = this.#window.count(cycles);
      if (count < restarts) continue;
      const text = `restarted in ${count} of the last ${cycles} cycles, and again: ${cause}`;
      if (action.kind === 'unmonitor') {
        this.#giveUp(text, nowMs);
        return true;
      }
      if (action.kind === 'stop') {
        this.#event('timeout', 'failed', text, 'stop');
        this.#command('stop', nowMs);
        this.#reason = text;
        return true;
      }
      // To restart because of too many restarts would come back here at once; that it is so is told.
      const isCircle = action.kind === 'restart' || action.kind === 'start';
      this.#event('timeout', 'failed', text, action.kind);
      if (!isCircle) this.#perform(action, this.#eventOf('timeout', text, action), false, nowMs);
    }
    return false;
  }

  #giveUp(text: string, nowMs: number): void {
    const { giveUpRetryMsMin, giveUpRetryMsMax } = this.#policy;
    const delayMs = Math.min(giveUpRetryMsMax, giveUpRetryMsMin * 2 ** Math.min(this.#giveUps, 16));
    this.#giveUps += 1;
    this.#enter('gave-up', text, nowMs);
    this.#deadlineMs = nowMs + delayMs;
    this.#forgetSample();
    this.#window.clear();
    this.#event('timeout', 'failed', `${text}; next try in ${Math.round(delayMs / 1000)} s`, 'unmonitor');
  }

  #startFailure(text: string, nowMs: number): void {
    const cause = `failed to start: ${text}`;
    this.#troubles.startFailed(cause);
    this.#startAgain(cause, false, nowMs);
  }

  #restart(reason: string, hung: boolean, nowMs: number): void {
    const { restart } = this.entry;
    this.#forgetSample();
    if (this.#state === 'initializing' || this.#state === 'starting') return;
    if (this.#state === 'stopping') {
      this.#startAfterStop = true;
      return;
    }
    if (restart !== null) {
      this.#actions.push({ type: 'run', role: 'restart', call: restart });
      if (!this.#isProcess) return;
      this.#enter('starting', reason, nowMs);
      this.#restartProgram = true;
      this.#deadlineMs = nowMs + (restart.timeoutMs ?? this.#limits.restartTimeoutMs);
      return;
    }
    this.#stop({ reason, thenStart: true, hung }, nowMs);
  }

  #stop(
    how: { readonly reason: string; readonly thenStart: boolean; readonly hung: boolean },
    nowMs: number,
  ): void {
    this.#startAfterStop = how.thenStart;
    this.#forgetSample();
    if (this.#state === 'stopping') {
      this.#reason = how.reason;
      return;
    }
    const wasStarting = this.#state === 'starting';
    if (this.#isProcess && this.#pid === null && !wasStarting && this.#state !== 'initializing') {
      this.#enter('stopped', how.reason, nowMs);
      if (how.thenStart) this.#start(how.reason, nowMs);
      return;
    }
    this.#restartProgram = false;
    this.#enter('stopping', how.reason, nowMs);
    this.#stopGoesOn(this.#stopSequence.begin(this.#pid, { wasStarting, isHung: how.hung }, nowMs), nowMs);
  }

  #stopGoesOn(isOver: boolean, nowMs: number): void {
    if (isOver) this.#stopped(nowMs);
    else this.#deadlineMs = this.#stopSequence.dueMs;
  }

  #stopped(nowMs: number): void {
    const reason = this.#reason;
    this.#upSinceMs = null;
    this.#enter('stopped', reason, nowMs);
    if (this.#startAfterStop) this.#start(reason, nowMs);
    else this.#log('info', 'stopped');
  }

  #programEnded(
    role: ProgramRole,
    { isOk, text, leftProcesses }: { isOk: boolean; text: string; leftProcesses: boolean | null },
    nowMs: number,
  ): void {
    if (!isOk) this.#log('warning', `${role} program: ${text}`);
    if (role === 'start' && this.#state === 'starting' && !this.#restartProgram) {
      if (isOk && leftProcesses !== false) return;
      // The pid file counts, not the exit code; but without a process there will be no pid file.
      this.#reason = text;
      this.#deadlineMs = Math.min(this.#deadlineMs, nowMs + this.#policy.startGraceMs);
    } else if (role === 'restart' && this.#restartProgram && this.#state === 'starting') {
      this.#restartProgram = false;
      if (this.#pid !== null && isOk) this.#up(nowMs);
      else if (this.#pid !== null) this.#stop({ reason: text, thenStart: true, hung: false }, nowMs);
    } else if (role === 'stop' && this.#state === 'stopping') {
      this.#stopGoesOn(this.#stopSequence.programEnded(this.#pid, isOk, nowMs), nowMs);
    }
  }

  #cycle(calendar: Parameters<CheckSchedule['isDue']>[0], nowMs: number): void {
    this.#window.cycle();
    if (this.#state === 'initializing' && !this.#isProcess)
      this.#enter(this.#monitored ? 'running' : 'stopped', '', nowMs);
    if (!this.#monitored) return;
    if (!this.#sampleRequest.cycle(nowMs)) return;
    if (this.#state !== 'running' && this.#state !== 'missing') return;
    this.#waits = !this.#schedule.isDue(calendar);
    if (this.#waits) return;
    this.#actions.push({ type: 'sample', serial: this.#sampleRequest.begin(nowMs) });
  }

  /** Nothing is known of it now, so no rule is judged and nothing is done; but somebody should look. */
  #unanswered(serial: number | null, text: string | null): void {
    if (serial !== null && !this.#sampleRequest.end(serial)) return;
    if (this.#monitored) this.#troubles.silent(text);
  }

  #sampled(serial: number, sample: Sample, nowMs: number): void {
    if (!this.#sampleRequest.end(serial)) return;
    if (!this.#monitored || (this.#state !== 'running' && this.#state !== 'missing')) return;
    if (this.entry.subject.kind === 'path') this.#unanswered(null, null);
    const outcomes = this.#rules.judge(sample, this.#lastSample, nowMs);
    this.#lastSample = sample;
    for (const { event, action, isNew, log, isHang, found } of outcomes) {
      if (log !== null) this.#log('warning', log);
      if (found !== undefined) this.#log('debug', found);
      if (event === null) continue;
      const mayAct = this.#mayAct || action.kind === 'alert' || action.kind === 'exec';
      const told = mayAct ? event : { ...event, action: 'alert' };
      if (isNew) this.#actions.push({ type: 'event', event: told });
      else if (action.kind !== 'alert') this.#log('warning', `${event.description}; ${told.action}`);
      if (mayAct) this.#perform(action, event, isHang, nowMs);
      // What has been stopped or started anew is another service now: the sample says nothing of it.
      if (!this.#samplingGoesOn) return;
    }
  }

  get #samplingGoesOn(): boolean {
    return this.#monitored && (this.#state === 'running' || this.#state === 'missing');
  }

  #perform(action: Action, event: ServiceEvent, isHang: boolean, nowMs: number): void {
    switch (action.kind) {
      case 'alert':
        break;
      case 'exec':
        this.#actions.push({ type: 'exec', call: action.call, event });
        break;
      case 'start':
        if (this.#isProcess && this.#pid === null) this.#startAgain(event.description, true, nowMs);
        else if (!this.#isProcess) this.#start(event.description, nowMs);
        break;
      case 'restart':
        this.#restartByRule(event.description, isHang, nowMs);
        break;
      case 'stop':
        this.#command('stop', nowMs);
        this.#reason = event.description;
        break;
      case 'unmonitor':
        this.#unmonitor(event.description, nowMs);
        break;
    }
  }

  #restartByRule(cause: string, isHang: boolean, nowMs: number): void {
    if (this.#isProcess && this.#pid === null) {
      this.#startAgain(cause, true, nowMs);
      return;
    }
    if (this.#limitReached(cause, nowMs)) return;
    this.#window.restarted();
    this.#restarts += 1;
    this.#restart(cause, isHang, nowMs);
  }

  #tick(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    switch (this.#state) {
      case 'starting':
        this.#startTimedOut(nowMs);
        break;
      case 'backing-off':
        this.#start(this.#reason, nowMs);
        break;
      case 'gave-up':
        if (this.#isProcess && this.#pid === null) this.#start('tried again', nowMs);
        else this.#up(nowMs);
        break;
      case 'stopping':
        this.#stopGoesOn(this.#stopSequence.timedOut(this.#pid, nowMs), nowMs);
        break;
      default:
        this.#deadlineMs = Number.POSITIVE_INFINITY;
    }
  }

  #startTimedOut(nowMs: number): void {
    if (this.#restartProgram) {
      this.#restartProgram = false;
      if (this.#pid !== null) {
        this.#stop({ reason: 'restart program: no end', thenStart: true, hung: false }, nowMs);
        return;
      }
    }
    const text = this.#reason === '' ? `no process within ${this.#startTimeoutMs / 1000} s` : this.#reason;
    // A start program that hangs must not come to its end while the next one runs.
    this.#actions.push({ type: 'abandon-start' });
    if (this.#monitored) this.#startFailure(text, nowMs);
    else this.#enter('stopped', text, nowMs);
  }

  #enter(state: EntryState, reason: string, nowMs: number): void {
    if (this.#state !== state) this.#sinceMs = nowMs;
    this.#state = state;
    this.#reason = reason;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#stopSequence.reset();
    if (state === 'starting' || state === 'stopping') this.#forgetSample();
  }

  #forgetFailures(): void {
    this.#rules.forget();
    this.#troubles.forget();
  }

  #forgetSample(): void {
    this.#sampleRequest.forget();
    this.#lastSample = null;
    this.#rules.clearHistory();
  }

  #event(name: EventName, state: EventState, description: string, action: string): void {
    this.#actions.push({ type: 'event', event: { name, state, description, action } });
  }

  #eventOf(name: EventName, description: string, action: Action): ServiceEvent {
    return { name, state: 'failed', description, action: action.kind };
  }

  #log(level: 'debug' | 'info' | 'warning' | 'error', text: string): void {
    this.#actions.push({ type: 'log', level, text });
  }
}
