import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex, type Readable } from 'node:stream';

/** What a supervised process tells its owner. Exactly one of `onSpawnFailed` and `onExit` ends the story. */
export interface ChildListener {
  onSpawned(pid: number): void;
  onSpawnFailed(reason: string): void;
  /** A line that the process wrote to its standard output or error. */
  onLine(line: string): void;
  onExit(code: number | null, signal: string | null): void;
}

/** A supervised process. */
export interface SupervisedChild {
  /** Sends a signal to the process and its own children; does nothing once it has ended. */
  signal(name: NodeJS.Signals): void;
  /** Behind its stdin, stdout and stderr, if it was asked for. */
  readonly pipe: Duplex | null;
  /** Fulfilled when all that the process wrote has been read, or after a short while at the latest. */
  outputRead(): Promise<void>;
}

/** Longest line taken from a child; the rest of it is dropped. */
export const OUTPUT_LINE_LENGTH_MAX = 1000;

/** How long a dead child's output may take to arrive; its own children can hold the pipe open for ever. */
const OUTPUT_DRAIN_MS = 200;

/**
 * Starts a program without a shell, as the leader of a session of its own: a Ctrl-C at the terminal goes to us alone, so that we stop our
 * children in order, and a signal to the process group reaches what the child may have started itself.
 *
 * @param argv program and arguments
 * @param withPipe one to it and from it, as its descriptor 3
 */
export function startChild(
  argv: readonly string[],
  listener: ChildListener,
  withPipe = false,
): SupervisedChild {
  const [program = '', ...args] = argv;
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', ...(withPipe ? ['pipe' as const] : [])],
    });
  } catch (error) {
    // Too long or malformed arguments are thrown instead of being reported by the event.
    queueMicrotask(() => listener.onSpawnFailed(messageOf(error)));
    return { pipe: null, signal: () => {}, outputRead: () => Promise.resolve() };
  }
  let alive = false;
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('spawn', () => {
    alive = true;
    listener.onSpawned(child.pid ?? 0);
  });
  child.on('error', (error) => {
    if (!alive && child.pid === undefined) listener.onSpawnFailed(messageOf(error));
  });
  child.once('exit', (code, signal) => {
    alive = false;
    listener.onExit(code, signal);
  });
  if (child.stdout !== null) readLines(child.stdout, (line) => listener.onLine(line));
  if (child.stderr !== null) readLines(child.stderr, (line) => listener.onLine(line));
  const pipe = child.stdio[3];
  return {
    pipe: pipe instanceof Duplex ? pipe : null,
    signal: (name) => {
      const { pid } = child;
      if (!alive || pid === undefined) return;
      try {
        process.kill(-pid, name);
      } catch {
        child.kill(name);
      }
    },
    outputRead: () => {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, OUTPUT_DRAIN_MS);
      });
      return Promise.race([closed, patience]).finally(() => clearTimeout(timer));
    },
  };
}

/** Cuts a stream into lines; keeps at most one bounded unfinished line. An unfinished last line counts as a line. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  const emit = (line: string): void => {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (text !== '') onLine(text);
  };
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const parts = chunk.split('\n');
    for (const [index, part] of parts.entries()) {
      if (rest.length < OUTPUT_LINE_LENGTH_MAX) rest += part.slice(0, OUTPUT_LINE_LENGTH_MAX - rest.length);
      if (index === parts.length - 1) break;
      emit(rest);
      rest = '';
    }
  });
  stream.on('end', () => emit(rest));
  // A pipe whose other end breaks is no concern of ours: the exit event says what became of the process.
  stream.on('error', () => {});
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
