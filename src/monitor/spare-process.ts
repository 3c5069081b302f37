import { readProcessEntry } from '../system/proc-table.ts';
import { onSpareReady, SPARE_CHARACTERS_MAX, sendWords, spareArguments } from '../system/spare-words.ts';
import { type ChildListener, type SupervisedChild, startChild } from './child-process.ts';

/** After one was used the machine has better things to do: what it has become is only starting. */
const REFILL_MS = 250;
/** Spares in a row that ended before they were ready, after which none is started any more. */
const FAILURES_MAX = 3;

/** Of which program a spare is kept. */
export interface SpareCommand {
  /** Program and first arguments; only what is started by the same ones can be started from the spare. */
  readonly command: readonly string[];
  /** Tells the program's files from others in their place: a spare is of the release that was installed when it was started. */
  readonly stamp: () => string;
}

/** The process that waits, or is about to. */
interface Spare {
  readonly child: SupervisedChild;
  readonly stamp: string;
  pid: number | null;
  isReady: boolean;
  /** Of the service that it has become. */
  listener: ChildListener | null;
}

/**
 * A process of our own program that has loaded everything and waits to be told what it is: the next server that must be started serves at once. At most one
 * waits; what cannot be started from it is started anew, as is everything when there is none.
 */
export class SpareProcess {
  readonly #command: SpareCommand;
  readonly #log: (text: string) => void;
  #spare: Spare | null = null;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #isWanted = false;

  /** @param log of trouble that is no service's */
  constructor(command: SpareCommand, log: (text: string) => void) {
    this.#command = command;
    this.#log = log;
  }

  /** Of the process that waits. */
  get pid(): number | null {
    return this.#spare?.pid ?? null;
  }

  /** From now on one waits. */
  keep(): void {
    this.#isWanted = true;
    this.#start();
  }

  /** Ends the one that waits; there will be no more. */
  close(): void {
    this.#isWanted = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#drop();
  }

  /**
   * The spare becomes a service, at once or when it has loaded.
   *
   * @param argv program and arguments
   * @returns null when that has to be started anew
   */
  take(argv: readonly string[], listener: ChildListener): SupervisedChild | null {
    const spare = this.#spare;
    if (spare === null || spare.pid === null || spare.child.pipe === null) return null;
    // One that still loads reads its words when it is ready: sooner than another one that starts beside it.
    if (!spare.isReady && this.#failures > 0) return null;
    const { command, stamp } = this.#command;
    if (!command.every((word, index) => word === argv[index])) return null;
    if (argv.join(' ').length > SPARE_CHARACTERS_MAX) return null;
    if (spare.stamp !== stamp() || isStopped(spare.pid)) {
      this.#drop();
      this.#startLater();
      return null;
    }
    this.#spare = null;
    this.#startLater();
    spare.listener = listener;
    sendWords(spare.child.pipe, argv.slice(command.length));
    const { pid } = spare;
    // As of a start, this is heard of when whoever asked has his answer.
    queueMicrotask(() => listener.onSpawned(pid));
    return spare.child;
  }

  #startLater(): void {
    if (!this.#isWanted || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#start();
    }, REFILL_MS);
  }

  #start(): void {
    if (!this.#isWanted || this.#spare !== null || this.#failures >= FAILURES_MAX) return;
    const ended = (): void => {
      if (this.#spare !== spare) return;
      this.#spare = null;
      if (!spare.isReady) this.#failures++;
      if (this.#failures >= FAILURES_MAX)
        this.#log('a spare process cannot be started: restarts take longer');
      this.#startLater();
    };
    const { command, stamp } = this.#command;
    const child = startChild(
      [...command, ...spareArguments()],
      {
        onSpawned: (pid) => {
          spare.pid = pid;
        },
        onSpawnFailed: ended,
        onLine: (line) => spare.listener?.onLine(line),
        onExit: (code, signal) => {
          if (spare.listener === null) ended();
          else {
            if (!spare.isReady) this.#failures++;
            spare.listener.onExit(code, signal);
          }
        },
      },
      true,
    );
    const spare: Spare = { child, stamp: stamp(), pid: null, isReady: false, listener: null };
    if (child.pipe !== null)
      onSpareReady(child.pipe, () => {
        spare.isReady = true;
        this.#failures = 0;
      });
    this.#spare = spare;
  }

  #drop(): void {
    const spare = this.#spare;
    this.#spare = null;
    spare?.child.signal('SIGKILL');
  }
}

function isStopped(pid: number): boolean {
  const state = readProcessEntry(pid)?.state;
  return state === undefined || state === 'T' || state === 't';
}
