/*
 * What becomes of one supervised process, as a pure state machine: events and the time go in, actions come out.
 *
 *   stopped --start--> starting --answers--> running <--answers / no answer--> failing
 *      ^                  |                     |                                 |
 *      |                  +-- dies: at once, or +-- dies                          +-- N failures: SIGKILL, then as a death
 *      |                  v   after backing-off v
 *      |             backing-off --delay over--> starting
 *      |             gave-up      (never served and ends by itself: an operator has to look)
 *      +--exited-- stopping      (SIGTERM, SIGCONT, after the stop timeout SIGKILL, repeated)
 *
 * Three things are kept apart that older supervisors mix: what the operator wants (`wanted`), whether we may act
 * by ourselves (`monitored`), and what the process does (`state`). The reason of the last change is always at hand.
 *
 * The machine asks for a spawn only when it knows that no process is alive, so there are never two. It is single-stepped by its
 * owner, which carries out the actions in order and calls again at `dueMs()`.
 */
import { assert } from '../base/assert.ts';
import type { Random } from '../base/random.ts';
import type { EventName } from '../control/tree.ts';
import type { ServiceEvent } from './event-kinds.ts';
import { RestartBackoff } from './restart-backoff.ts';
import type { RestartLimit, ServicePolicy } from './service-policy.ts';

export const SERVICE_STATES = [
  'stopped',
  'starting',
  'running',
  'failing',
  'backing-off',
  'stopping',
  'gave-up',
] as const;
export type ServiceState = (typeof SERVICE_STATES)[number];

export const SERVICE_COMMANDS = ['start', 'stop', 'restart', 'monitor', 'unmonitor'] as const;
export type ServiceCommand = (typeof SERVICE_COMMANDS)[number];

export type ServiceInput =
  | { readonly type: 'spawned'; readonly pid: number }
  | { readonly type: 'spawn-failed'; readonly reason: string }
  | {
      readonly type: 'exited';
      readonly code: number | null;
      readonly signal: string | null;
      /** What the process itself said last, '' when it said nothing. */
      readonly lastWords: string;
    }
  | { readonly type: 'probe-ok'; readonly serial: number }
  | { readonly type: 'probe-failed'; readonly serial: number; readonly reason: string }
  /** The process was looked at while this probe was under way. */
  | {
      readonly type: 'looked-at';
      readonly serial: number;
      readonly isStopped: boolean;
      /** The probe has reached it, and since the last look nothing has kept it from answering. */
      readonly couldAnswer: boolean;
    }
  /** While it starts it does something that takes long, and has come further with it. */
  | { readonly type: 'came-nearer'; readonly text: string }
  | { readonly type: 'command'; readonly command: ServiceCommand }
  | { readonly type: 'tick' };

export type ServiceAction =
  | { readonly type: 'spawn' }
  | { readonly type: 'signal'; readonly signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL' }
  /** Ask the process something and report with the same serial within the policy's probe timeout. */
  | { readonly type: 'probe'; readonly serial: number }
  /** For the log. `warning`: trouble that is being mended; `error`: an operator has to look. */
  | { readonly type: 'report'; readonly level: 'info' | 'warning' | 'error'; readonly text: string }
  /** For those who want to be told: a trouble begins, or is over. */
  | { readonly type: 'event'; readonly event: ServiceEvent };

/** Looks in a row after which a process that is stopped, or that does not answer though it could, is taken for hung. */
const LOOKS_MAX = 2;

/** A probe whose result never came counts as failed after this many probe timeouts. */
const LOST_PROBE_TIMEOUTS = 2;

export class ServiceMachine {
  #policy: ServicePolicy;
  readonly #backoff: RestartBackoff;
  readonly #actions: ServiceAction[] = [];

  #state: ServiceState = 'stopped';
  #reason = '';
  #sinceMs = 0;
  #wanted: 'up' | 'down' = 'down';
  #monitored = true;
  #process: 'none' | 'spawning' | 'live' = 'none';
  #pid: number | null = null;
  #spawnedMs: number | null = null;
  /** SIGKILL has been sent to the present process because it hung. */
  #killed = false;
  /** The present process has told that it comes nearer, without an answer so far. */
  #isNearing = false;
  /** When the present state's patience ends: start timeout, stop timeout, backoff delay. */
  #deadlineMs = Number.POSITIVE_INFINITY;
  /** Since when the present process has answered without a failure; null before its first answer. */
  #healthySinceMs: number | null = null;
  /** When the present process answered first; null before. */
  #servedSinceMs: number | null = null;
  #everServed = false;
  #firstStarts = 0;
  #restarts = 0;
  /** When it died or hung, the last times; as many as the limit of restarts counts. */
  readonly #deathsMs: number[] = [];
  /** Of which it was told that they have begun, and not yet that they are over. */
  readonly #troubles: Set<EventName> = new Set();

  #probeSerial = 0;
  #probeSentMs: number | null = null;
  #nextProbeMs = Number.POSITIVE_INFINITY;
  #probeFailures = 0;
  /** Looks in a row that have found the process stopped. */
  #stoppedLooks = 0;
  /** Looks in a row at one probe that have found that the process could answer. */
  #silentLooks = 0;

  constructor(policy: ServicePolicy, random: Random) {
    this.#policy = policy;
    this.#backoff = new RestartBackoff(policy, random);
  }

  /** From now on it is watched so; what is under way ends as it began. */
  usePolicy(policy: ServicePolicy): void {
    this.#policy = policy;
    this.#backoff.usePolicy(policy);
  }

  get state(): ServiceState {
    return this.#state;
  }
  /** Why the service is in this state, as a phrase; '' when there is nothing to explain. */
  get reason(): string {
    return this.#reason;
  }
  /** Monotonic time of the last change of state. */
  get sinceMs(): number {
    return this.#sinceMs;
  }
  get wanted(): 'up' | 'down' {
    return this.#wanted;
  }
  /** False while an operator has told us to leave the service alone. */
  get monitored(): boolean {
    return this.#monitored;
  }
  /** The present process, null when there is none. */
  get pid(): number | null {
    return this.#pid;
  }
  /** Monotonic time of the present process's start, null when there is none. */
  get spawnedMs(): number | null {
    return this.#spawnedMs;
  }
  /** How often a process that died or hung was replaced. Restarts that an operator asked for do not count. */
  get restarts(): number {
    return this.#restarts;
  }
  /** Failed probes in a row. */
  get probeFailures(): number {
    return this.#probeFailures;
  }
  /** Whether the present process has answered at least once. */
  get served(): boolean {
    return this.#servedSinceMs !== null;
  }

  /** When the machine wants a `tick`, in monotonic milliseconds; infinite when it waits for nothing. */
  dueMs(): number {
    let dueMs = this.#deadlineMs;
    if (this.#probeSentMs !== null) {
      dueMs = Math.min(dueMs, this.#probeSentMs + LOST_PROBE_TIMEOUTS * this.#policy.probeTimeoutMs);
    } else if (this.#mayProbe()) {
      dueMs = Math.min(dueMs, this.#nextProbeMs);
    }
    return dueMs;
  }

  /**
   * Takes one event.
   *
   * @param input what happened
   * @param nowMs monotonic milliseconds; must not go back between calls
   * @returns what is to be done, in this order
   */
  step(input: ServiceInput, nowMs: number): readonly ServiceAction[] {
    this.#actions.length = 0;
    switch (input.type) {
      case 'command':
        this.#command(input.command, nowMs);
        break;
      case 'spawned':
        this.#spawned(input.pid, nowMs);
        break;
      case 'spawn-failed':
        assert(this.#process === 'spawning', 'a spawn failed that was not asked for');
        this.#ended(`cannot be started: ${input.reason}`, true, nowMs);
        break;
      case 'exited':
        assert(this.#process === 'live', 'a process ended that was not alive');
        this.#ended(describeExit(input.code, input.signal, input.lastWords), input.signal === null, nowMs);
        break;
      case 'probe-ok':
        if (input.serial === this.#probeSerial && this.#probeSentMs !== null) this.#probeAnswered(nowMs);
        break;
      case 'probe-failed':
        if (input.serial === this.#probeSerial && this.#probeSentMs !== null)
          this.#probeFailed(input.reason, nowMs);
        break;
      case 'looked-at':
        if (input.serial === this.#probeSerial && this.#probeSentMs !== null)
          this.#lookedAt(input.isStopped, input.couldAnswer, nowMs);
        break;
      case 'came-nearer':
        this.#cameNearer(input.text, nowMs);
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
        this.#wanted = 'up';
        this.#monitored = true;
        if (this.#process === 'none') this.#freshStart(nowMs);
        break;
      case 'stop':
        this.#wanted = 'down';
        this.#troubles.clear();
        this.#stop('stopped by request', nowMs);
        break;
      case 'restart':
        this.#wanted = 'up';
        this.#monitored = true;
        if (this.#process === 'none') this.#freshStart(nowMs);
        else this.#stop('restarting by request', nowMs);
        break;
      case 'monitor':
        if (this.#monitored) break;
        this.#monitored = true;
        this.#report('info', 'is monitored again');
        if (this.#process === 'live') this.#nextProbeMs = nowMs;
        else if (this.#process === 'none' && this.#wanted === 'up') this.#freshStart(nowMs);
        break;
      case 'unmonitor':
        if (!this.#monitored) break;
        this.#monitored = false;
        this.#troubles.clear();
        this.#report('info', 'is not monitored any more');
        this.#forgetProbe();
        if (this.#state === 'backing-off') this.#enter('stopped', 'not monitored', nowMs);
        // It is not tried once more.
        else if (this.#state === 'gave-up') this.#deadlineMs = Number.POSITIVE_INFINITY;
        // Nobody asks the process any more, so nothing could end these two states.
        else if ((this.#state === 'starting' || this.#state === 'failing') && !this.#killed)
          this.#enter('running', 'not monitored', nowMs);
        break;
    }
  }

  #freshStart(nowMs: number): void {
    this.#backoff.reset();
    this.#firstStarts = 0;
    this.#deathsMs.length = 0;
    this.#spawn('', nowMs);
  }

  #spawn(reason: string, nowMs: number): void {
    assert(this.#process === 'none', 'a second process of one service would be started');
    this.#process = 'spawning';
    this.#servedSinceMs = null;
    this.#killed = false;
    this.#isNearing = false;
    this.#healthySinceMs = null;
    this.#forgetProbe();
    this.#enter('starting', reason, nowMs);
    this.#deadlineMs = nowMs + this.#policy.startTimeoutMs;
    this.#actions.push({ type: 'spawn' });
  }

  #spawned(pid: number, nowMs: number): void {
    assert(this.#process === 'spawning', 'a process appeared that was not asked for');
    this.#process = 'live';
    this.#pid = pid;
    this.#spawnedMs = nowMs;
    this.#nextProbeMs = nowMs + this.#policy.startProbeIntervalMs;
    if (this.#state === 'stopping') this.#terminate(nowMs);
    else if (!this.#monitored) this.#enter('running', 'not monitored', nowMs);
  }

  #stop(reason: string, nowMs: number): void {
    if (this.#process === 'none') {
      if (this.#state !== 'stopped') this.#enter('stopped', reason, nowMs);
      return;
    }
    if (this.#state === 'stopping') {
      this.#reason = reason;
      return;
    }
    const hadBeenKilled = this.#killed;
    this.#forgetProbe();
    this.#enter('stopping', reason, nowMs);
    if (hadBeenKilled) this.#deadlineMs = nowMs + this.#policy.stopTimeoutMs;
    else if (this.#process === 'live') this.#terminate(nowMs);
  }

  /** SIGCONT after SIGTERM, because a suspended process would not see the first before the second. */
  #terminate(nowMs: number): void {
    this.#actions.push({ type: 'signal', signal: 'SIGTERM' }, { type: 'signal', signal: 'SIGCONT' });
    this.#deadlineMs = nowMs + this.#policy.stopTimeoutMs;
  }

  #kill(nowMs: number): void {
    this.#killed = true;
    this.#forgetProbe();
    this.#actions.push({ type: 'signal', signal: 'SIGKILL' });
    // A process in an uninterruptible call ignores even this for a while, so it is repeated at a slow pace.
    this.#deadlineMs = nowMs + this.#policy.stopTimeoutMs;
  }

  #ended(reason: string, byItself: boolean, nowMs: number): void {
    const servedSinceMs = this.#servedSinceMs;
    const healthySinceMs = this.#healthySinceMs;
    const asked = this.#state === 'stopping';
    const hung = this.#killed ? this.#reason : '';
    this.#process = 'none';
    this.#pid = null;
    this.#spawnedMs = null;
    this.#forgetProbe();
    if (asked) {
      if (this.#wanted === 'up') this.#freshStart(nowMs);
      else {
        this.#enter('stopped', this.#reason, nowMs);
        this.#report('info', 'stopped');
      }
      return;
    }
    if (!this.#monitored || this.#wanted === 'down') {
      this.#enter('stopped', `${reason}; not monitored`, nowMs);
      this.#report('warning', reason);
      return;
    }
    if (!this.#everServed && byItself) {
      this.#firstStarts += 1;
      if (this.#firstStarts >= this.#policy.firstStartsMax) {
        this.#giveUp(reason, nowMs);
        return;
      }
    }
    const cause = hung === '' ? reason : hung;
    const { restartLimit } = this.#policy;
    if (restartLimit !== null && this.#hasDiedTooOften(restartLimit, nowMs)) {
      const { restarts, withinMs, retryMs } = restartLimit;
      const often = `it was started anew ${restarts} times within ${Math.round(withinMs / 1000)} s`;
      this.#giveUp(`${cause}; ${often}`, nowMs);
      if (retryMs !== null) this.#deadlineMs = nowMs + retryMs;
      return;
    }
    if (healthySinceMs !== null && nowMs - healthySinceMs >= this.#policy.healthyMs) this.#backoff.reset();
    this.#restarts += 1;
    const { settledMs, settledBackoffMsMax } = this.#policy;
    const isSettled = servedSinceMs !== null && nowMs - servedSinceMs >= settledMs;
    const msMax = isSettled ? settledBackoffMsMax : Number.POSITIVE_INFINITY;
    const delayMs = this.#backoff.delayMsAfterDeath(servedSinceMs !== null, msMax);
    if (hung === '') this.#trouble('nonexist', reason, 'restart');
    if (delayMs === 0) {
      this.#report('warning', `${cause}; restarted at once`);
      this.#spawn(cause, nowMs);
    } else {
      this.#report('warning', `${cause}; next start in ${delayMs} ms`);
      this.#enter('backing-off', cause, nowMs);
      this.#deadlineMs = nowMs + delayMs;
    }
  }

  /** Whether one more start would be more than the policy allows; counts this death if not. */
  #hasDiedTooOften({ restarts, withinMs }: RestartLimit, nowMs: number): boolean {
    const deaths = this.#deathsMs;
    while (deaths.length > restarts) deaths.shift();
    const [oldest] = deaths;
    if (deaths.length === restarts && oldest !== undefined && nowMs - oldest <= withinMs) return true;
    deaths.push(nowMs);
    if (deaths.length > restarts) deaths.shift();
    return false;
  }

  #giveUp(reason: string, nowMs: number): void {
    this.#enter('gave-up', reason, nowMs);
    this.#report('error', `${reason}; given up`);
    this.#trouble('timeout', reason, 'give up');
  }

  /** Told once, however often it happens before the service answers. */
  #trouble(name: EventName, description: string, action: string): void {
    if (this.#troubles.has(name)) return;
    this.#troubles.add(name);
    this.#actions.push({ type: 'event', event: { name, state: 'failed', description, action } });
  }

  #overcome(description: string): void {
    for (const name of this.#troubles)
      this.#actions.push({
        type: 'event',
        event: { name, state: 'succeeded', description, action: 'alert' },
      });
    this.#troubles.clear();
  }

  #probeAnswered(nowMs: number): void {
    this.#probeSentMs = null;
    this.#probeFailures = 0;
    this.#stoppedLooks = 0;
    this.#nextProbeMs = nowMs + this.#policy.probeIntervalMs;
    this.#servedSinceMs ??= nowMs;
    this.#everServed = true;
    if (this.#healthySinceMs === null) this.#healthySinceMs = nowMs;
    if (this.#state === 'running') return;
    const text = this.#state === 'failing' ? 'answers again' : 'is running';
    this.#report('info', text);
    this.#overcome(text);
    this.#enter('running', '', nowMs);
  }

  #probeFailed(reason: string, nowMs: number): void {
    this.#probeSentMs = null;
    if (this.#state === 'starting') {
      this.#nextProbeMs = nowMs + this.#policy.startProbeIntervalMs;
      return;
    }
    this.#nextProbeMs = nowMs + this.#policy.probeIntervalMs;
    this.#healthySinceMs = null;
    this.#probeFailures += 1;
    const count = `${this.#probeFailures} of ${this.#policy.probeFailuresMax}`;
    if (this.#probeFailures >= this.#policy.probeFailuresMax) {
      const verdict = `hangs (${reason}, ${count}), killed`;
      this.#enter('failing', verdict, nowMs);
      this.#report('warning', verdict);
      this.#trouble('connection', verdict, 'restart');
      this.#kill(nowMs);
      return;
    }
    this.#report('warning', `does not answer (${reason}, ${count})`);
    this.#enter('failing', reason, nowMs);
  }

  #lookedAt(isStopped: boolean, couldAnswer: boolean, nowMs: number): void {
    this.#stoppedLooks = isStopped ? this.#stoppedLooks + 1 : 0;
    // One that starts has the time that its policy gives it.
    this.#silentLooks = couldAnswer && this.#state !== 'starting' ? this.#silentLooks + 1 : 0;
    if (this.#stoppedLooks < LOOKS_MAX && this.#silentLooks < LOOKS_MAX) return;
    const verdict =
      this.#stoppedLooks >= LOOKS_MAX
        ? 'hangs (it has been stopped by a signal), killed'
        : 'hangs (no answer, though nothing keeps it from answering), killed';
    this.#enter('failing', verdict, nowMs);
    this.#report('warning', verdict);
    this.#trouble('connection', verdict, 'restart');
    this.#kill(nowMs);
  }

  /** A first copy has as long as it needs, so long as it goes on. */
  #cameNearer(text: string, nowMs: number): void {
    if (this.#state !== 'starting' || this.#process !== 'live') return;
    this.#reason = text;
    this.#isNearing = true;
    this.#deadlineMs = nowMs + this.#policy.startTimeoutMs;
  }

  #tick(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) this.#patienceEnded(nowMs);
    const sentMs = this.#probeSentMs;
    if (sentMs !== null && nowMs >= sentMs + LOST_PROBE_TIMEOUTS * this.#policy.probeTimeoutMs)
      this.#probeFailed('the probe was lost', nowMs);
    if (this.#probeSentMs === null && this.#mayProbe() && nowMs >= this.#nextProbeMs) {
      this.#probeSerial += 1;
      this.#silentLooks = 0;
      this.#probeSentMs = nowMs;
      this.#actions.push({ type: 'probe', serial: this.#probeSerial });
    }
  }

  #patienceEnded(nowMs: number): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    if (this.#state === 'backing-off') {
      this.#spawn(this.#reason, nowMs);
    } else if (this.#state === 'gave-up') {
      this.#report('info', 'is tried once more');
      this.#freshStart(nowMs);
    } else if (this.#process === 'live') {
      if (this.#state === 'stopping') {
        this.#report('warning', `still alive after ${this.#policy.stopTimeoutMs} ms, killed`);
      } else if (this.#state === 'starting') {
        const since = this.#isNearing ? 'of its last progress' : 'of its start';
        const verdict = `no answer within ${this.#policy.startTimeoutMs} ms ${since}, killed`;
        this.#report('warning', verdict);
        this.#trouble('connection', verdict, 'restart');
        this.#enter('failing', verdict, nowMs);
      }
      this.#kill(nowMs);
    }
  }

  #mayProbe(): boolean {
    return (
      this.#monitored &&
      this.#process === 'live' &&
      !this.#killed &&
      (this.#state === 'starting' || this.#state === 'running' || this.#state === 'failing')
    );
  }

  /** A result that is still under way will carry an old serial or find nothing asked. */
  #forgetProbe(): void {
    this.#probeSentMs = null;
    this.#probeFailures = 0;
    this.#stoppedLooks = 0;
  }

  #enter(state: ServiceState, reason: string, nowMs: number): void {
    if (state !== this.#state) this.#sinceMs = nowMs;
    this.#state = state;
    this.#reason = reason;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  #report(level: 'info' | 'warning' | 'error', text: string): void {
    this.#actions.push({ type: 'report', level, text });
  }
}

function describeExit(code: number | null, signal: string | null, lastWords: string): string {
  const how = signal === null ? `exited with code ${code ?? 'unknown'}` : `died of ${signal}`;
  return lastWords === '' ? how : `${how}: ${lastWords}`;
}
