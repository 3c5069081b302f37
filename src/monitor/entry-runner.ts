import type { EntryInput, ProgramRole } from '../checks/entry-inputs.ts';
import type { EntryMachine } from '../checks/entry-machine.ts';
import type { EntryMemory } from '../checks/entry-options.ts';
import { EMPTY_SAMPLE, type Sample } from '../checks/sample.ts';
import type { SavedEntry } from '../checks/saved-state.ts';
import type { Limits, ProgramCall } from '../control/tree.ts';
import { NoAnswerError } from '../system/bounded-reads.ts';
import { dateText } from '../telemetry/date-text.ts';
import { EntryProcess, MARK_OF_SERVICE, MARK_OF_START } from './entry-process.ts';
import { EntrySampler } from './entry-sampler.ts';
import type { FileReader } from './file-reader.ts';
import type { HostView } from './process-sample.ts';
import { type ProgramRun, resultText, runProgram } from './program-run.ts';

/** A start program that runs for so long may be the service itself: it is watched as such, unless its pid file says otherwise. */
const FOREGROUND_AFTER_MS = 3_000;

/**
 * Between two real looks at a process that is no child of ours; in between it is enough that the kernel knows its number. A cycle is such a look, and
 * with cycles of a second no other is needed.
 */
const LOOK_INTERVAL_MS = 1200;

/** Looking through all processes of the host is not done more often than this. */
const SEARCH_INTERVAL_MS = 200;

/** What programs of an entry are told to be run for, as in monit. */
const EVENT_OF_ROLE: Readonly<Record<ProgramRole, string>> = {
  start: 'Started',
  stop: 'Stopped',
  restart: 'Restarted',
};

export interface RunnerOptions {
  readonly limits: Limits;
  readonly monitorId: string;
  /** As programs are told. */
  readonly hostName: string;
  readonly wallMs: () => number;
  /** The process that a monitor before this one has watched. */
  readonly remembered: Pick<SavedEntry, 'process' | 'startMark'>;
  readonly onChild: (pid: number, isAlive: boolean) => void;
  readonly nowMs: () => number;
  readonly reader: FileReader;
  /** Tells the machine, and carries out what it says. */
  readonly feed: (input: EntryInput) => void;
}

/** The hands and eyes of one entry's state machine. */
export class EntryRunner {
  readonly machine: EntryMachine;
  readonly #options: RunnerOptions;
  #saved: { readonly memory: EntryMemory; readonly entry: SavedEntry } | null = null;
  readonly #process: EntryProcess;
  readonly #sampler: EntrySampler;
  readonly #runs = new Map<ProgramRole, { readonly run: ProgramRun; readonly startedMs: number }>();
  #startEndedOk = false;
  #startPid: number | null = null;
  #starts = 0;
  #mark = '';
  readonly #bornMs: number;
  #searchedMs = Number.NEGATIVE_INFINITY;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #sampledAtMs: number | null = null;
  /** What was told of last. */
  #unanswered: string | null = null;

  constructor(machine: EntryMachine, options: RunnerOptions) {
    this.machine = machine;
    this.#options = options;
    const { name, subject } = machine.entry;
    this.#process = new EntryProcess(subject, options.reader);
    const { process: known, startMark } = options.remembered;
    if (known !== null) this.#process.recall(known);
    this.#mark = startMark;
    this.#process.startedAs(startMark);
    this.#bornMs = options.nowMs();
    this.#sampler = new EntrySampler(machine.entry, {
      limits: options.limits,
      run: { environment: { [MARK_OF_SERVICE]: name }, onChild: options.onChild },
      reader: options.reader,
    });
  }

  /** Wall clock of the last sample. */
  get sampledAtMs(): number | null {
    return this.#sampledAtMs;
  }

  get output(): string {
    return this.#sampler.output;
  }

  /**
   * Looks whether the process is there, and tells the machine when that has changed.
   *
   * @param thoroughly also whether the pid file names another one by now
   */
  observe(thoroughly: boolean): void {
    const { machine } = this;
    if (machine.entry.type !== 'process') return;
    const { present } = this.#process;
    // The start program was taken for the service: what has become of it is told when it has ended.
    if (present !== null && this.#runOf(present.pid)) return;
    this.#lookedMs = this.#options.nowMs();
    // Before the pid file is looked at: a start that ends in between has written it by then.
    const isStartUnderWay = this.#isStartUnderWay();
    const isAlive = this.#process.isAlive();
    if (!isAlive || thoroughly) this.#look(isAlive);
    this.#tellUnanswered();
    const pid = this.#process.present?.pid ?? null;
    // Not to be found yet, or by nobody: there would be two of it.
    if (pid === null && (isStartUnderWay || (machine.state === 'initializing' && this.#process.isUnknown)))
      return;
    if (pid !== machine.pid || machine.state === 'initializing')
      this.#options.feed({ type: 'observed', pid });
  }

  #tellUnanswered(): void {
    const { unanswered } = this.#process;
    // As long as it hangs again and again: who begins to watch the entry anew has not heard of it.
    if (unanswered === null && this.#unanswered === null) return;
    this.#unanswered = unanswered;
    this.#options.feed({ type: 'unanswered', serial: null, text: unanswered });
  }

  /**
   * Whether a start that the monitor before this one has begun goes on: what comes of it is waited for, or there would be two. No longer than a
   * start may take.
   */
  #isStartUnderWay(): boolean {
    const { state, entry } = this.machine;
    if (state !== 'initializing' || this.#mark === '') return false;
    const timeoutMs = entry.start?.timeoutMs ?? this.#options.limits.startTimeoutMs;
    return this.#options.nowMs() - this.#bornMs < timeoutMs && this.#process.markedPids().length > 0;
  }

  /** The start that is under way; '' when there is none. */
  get startMark(): string {
    const { state } = this.machine;
    return state === 'starting' || state === 'initializing' ? this.#mark : '';
  }

  /** What the next monitor is to know of it; the same object so long as nothing of it changes, because it is asked for again and again. */
  get saved(): SavedEntry {
    const { memory } = this.machine;
    const { present } = this.#process;
    const { startMark } = this;
    const known = this.#saved;
    const isSame =
      known !== null &&
      known.memory === memory &&
      known.entry.startMark === startMark &&
      known.entry.process?.pid === present?.pid &&
      known.entry.process?.startedAfterBootMs === present?.startedAfterBootMs;
    if (isSame) return known.entry;
    const { pid = 0, startedAfterBootMs = 0 } = present ?? {};
    const identity = present === null ? null : { pid, startedAfterBootMs };
    const entry = { ...memory, process: identity, startMark };
    this.#saved = { memory, entry };
    return entry;
  }

  /** Whether this is a start program that has not ended. */
  #runOf(pid: number): boolean {
    return this.#runs.get('start')?.run.pid === pid || this.#runs.get('restart')?.run.pid === pid;
  }

  /** The same at short intervals, where no signal would tell. */
  watch(): void {
    if (this.machine.state === 'running') {
      if (this.#process.isOwnChild) return;
      const nowMs = this.#options.nowMs();
      if (this.#process.seemsAlive() && nowMs - this.#lookedMs < LOOK_INTERVAL_MS) return;
    }
    this.observe(false);
  }

  #look(isAlive: boolean): void {
    const nowMs = this.#options.nowMs();
    const { entry, state } = this.machine;
    const start = this.#runs.get('start') ?? this.#runs.get('restart');
    const startPid = start?.run.pid ?? null;
    const isForeground = start !== undefined && nowMs - start.startedMs >= FOREGROUND_AFTER_MS;
    const before = this.#process.present;
    // The start program was taken for the service, but has only launched it.
    const hasLaunched = before !== null && !isAlive && before.pid === this.#startPid && this.#startEndedOk;
    const byMark =
      hasLaunched || (state === 'starting' && (isForeground || (start === undefined && this.#startEndedOk)));
    // A pid file is read at once; looking through everything waits its turn, unless a process has just gone.
    if (entry.subject.kind === 'matching' || byMark) {
      const isUrgent = before !== null && !isAlive;
      if (!isUrgent && nowMs - this.#searchedMs < SEARCH_INTERVAL_MS) {
        if (entry.subject.kind === 'pid-file') this.#process.find(startPid, false);
        return;
      }
      this.#searchedMs = nowMs;
    }
    const found = this.#process.find(startPid, byMark);
    // A pid file that has been removed, or names nothing that runs, does not end a process that does.
    if (found === null && isAlive && before !== null) this.#process.keep(before);
  }

  /** Runs a program of the entry; one of the same role that still runs is ended first. */
  run(role: ProgramRole, call: ProgramCall): void {
    const { limits, monitorId, hostName, wallMs, onChild, nowMs, feed } = this.#options;
    this.#runs.get(role)?.run.kill();
    const isStart = role !== 'stop';
    this.#starts += 1;
    const mark = `${monitorId}-${process.pid}-${this.#starts}-${this.machine.entry.name}`;
    if (isStart) {
      this.#startEndedOk = false;
      this.#process.startedAs(mark);
      this.#mark = mark;
    }
    const run = runProgram(call, {
      outputBytesMax: limits.programOutputBytes,
      // The machine's deadlines say when a start or a stop has failed; the program may still be of use then.
      timeoutMs: role === 'stop' ? (call.timeoutMs ?? limits.stopTimeoutMs) : null,
      environment: {
        [MARK_OF_SERVICE]: this.machine.entry.name,
        MONIT_EVENT: EVENT_OF_ROLE[role],
        MONIT_DESCRIPTION: EVENT_OF_ROLE[role],
        MONIT_DATE: dateText(wallMs()),
        MONIT_HOST: hostName,
        ...(isStart ? { [MARK_OF_START]: mark } : {}),
        ...this.processEnvironment(),
      },
      onChild,
    });
    this.#runs.set(role, { run, startedMs: nowMs() });
    if (isStart) this.#startPid = run.pid;
    void run.ended.then((result) => {
      // It was replaced by a later one, which alone counts.
      if (this.#runs.get(role)?.run !== run) return;
      this.#runs.delete(role);
      const isOk = result.code === 0;
      if (isStart && isOk) this.#startEndedOk = true;
      this.#searchedMs = Number.NEGATIVE_INFINITY;
      this.observe(true);
      const leftProcesses = isStart ? this.#leftProcesses() : null;
      feed({ type: 'program-ended', role, isOk, text: resultText(result), leftProcesses });
    });
  }

  #leftProcesses(): boolean | null {
    if (process.platform !== 'linux') return null;
    return this.#process.present !== null || this.#process.markedPids().length > 0;
  }

  /** Ends the start program and whatever it has started. */
  abandonStart(): void {
    for (const role of ['start', 'restart'] as const) {
      this.#runs.get(role)?.run.kill();
      this.#runs.delete(role);
    }
    for (const pid of this.#process.markedPids()) sendSignal(pid, 'SIGKILL');
  }

  /** Sends a signal, unless the number belongs to another process by now. */
  signal(pid: number, signal: NodeJS.Signals): void {
    if (this.#process.present?.pid === pid && this.#process.isAlive()) sendSignal(pid, signal);
  }

  /** Looks at the service, and tells the machine what was found. */
  async sample(serial: number, view: HostView, wallMs: number): Promise<void> {
    const { pid, entry } = this.machine;
    let sample: Sample;
    try {
      sample = await this.#sampler.sample(pid, view, wallMs);
    } catch (error) {
      if (error instanceof NoAnswerError) {
        this.#options.feed({ type: 'unanswered', serial, text: error.message });
        return;
      }
      // Whatever could not be looked at: that it is there is all that is known, and rules about the rest say nothing.
      sample = { ...EMPTY_SAMPLE, exists: entry.type !== 'process' || pid !== null };
    }
    this.#sampledAtMs = wallMs;
    this.#options.feed({ type: 'sampled', serial, sample });
  }

  /** What programs learn of the process, as monit names it. */
  processEnvironment(): Readonly<Record<string, string>> {
    const { pid, sample, entry } = this.machine;
    const status = sample?.properties.status;
    if (entry.type === 'program' && status !== undefined) return { MONIT_PROGRAM_STATUS: status };
    if (entry.type !== 'process') return {};
    const memory = sample?.figures.memory?.absolute ?? 0;
    return {
      // Monit's words for what is not known.
      MONIT_PROCESS_PID: String(pid ?? -1),
      MONIT_PROCESS_MEMORY: String(Math.round(memory / 1024)),
      MONIT_PROCESS_CHILDREN: String(pid === null ? -1 : (sample?.figures.children?.absolute ?? 0)),
      MONIT_PROCESS_CPU_PERCENT: (pid === null ? -1 : (sample?.figures.cpu?.percent ?? 0)).toFixed(1),
    };
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile, or belongs to somebody whom we may not touch: the observation tells.
  }
}
