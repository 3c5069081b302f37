import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { ProgramCall } from '../control/tree.ts';
import { identityToBecome } from '../system/users.ts';

/** How a program ended. */
export interface ProgramResult {
  /** Null: by a signal, or it could not be started. */
  readonly code: number | null;
  readonly signal: string | null;
  /** What it wrote, cut at the bound. */
  readonly output: string;
  /** Why it could not be started; null when it was. */
  readonly failure: string | null;
  readonly isTimeout: boolean;
}

/** A program that runs. */
export interface ProgramRun {
  /** Null when it could not be started. */
  readonly pid: number | null;
  /** Never rejects. A program that leaves a daemon behind has ended when it has ended itself. */
  readonly ended: Promise<ProgramResult>;
  /** Ends it and what it has started in its session. */
  kill(): void;
}

export interface RunOptions {
  readonly outputBytesMax: number;
  /** SIGKILL after this; null: never. */
  readonly timeoutMs: number | null;
  /** Is added to a small environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Told of the child for as long as Node waits for it. */
  readonly onChild: (pid: number, isAlive: boolean) => void;
}

/** As monit has it, and where this very Node is, because programs of this package are started by it. */
const PATH = `/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin:${dirname(process.execPath)}`;

/** After its end a program's last words may still be on their way. */
const OUTPUT_DRAIN_MS = 50;

/**
 * Starts a program without a shell, as the leader of a session of its own, so that nothing that is sent to the monitor reaches it.
 */
export function runProgram(call: ProgramCall, options: RunOptions): ProgramRun {
  const [program = '', ...args] = call.argv;
  let child: ChildProcess;
  try {
    const identity = identityToBecome(call.user, call.group);
    child = spawn(program, args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH, HOME: process.env['HOME'] ?? '/', LANG: 'C', ...options.environment },
      ...((identity?.uid ?? null) === null ? {} : { uid: identity?.uid ?? 0 }),
      ...((identity?.gid ?? null) === null ? {} : { gid: identity?.gid ?? 0 }),
    });
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { pid: null, ended: Promise.resolve(failed(failure)), kill: () => {} };
  }
  const pid = child.pid ?? null;
  if (pid !== null) options.onChild(pid, true);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    // Read to the end, however much it is: a daemon that keeps these streams must not wait for us.
    stream?.on('data', (text: string) => {
      if (output.length < options.outputBytesMax)
        output += text.slice(0, options.outputBytesMax - output.length);
    });
    stream?.on('error', () => {});
  }
  const kill = (): void => {
    if (pid === null || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  };
  let isTimeout = false;
  const timer =
    options.timeoutMs === null
      ? undefined
      : setTimeout(() => {
          isTimeout = true;
          kill();
        }, options.timeoutMs);
  const ended = new Promise<ProgramResult>((resolve) => {
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve(failed(error.message));
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (pid !== null) options.onChild(pid, false);
      const closed = new Promise<void>((done) => child.once('close', () => done()));
      const patience = new Promise<void>((done) => setTimeout(done, OUTPUT_DRAIN_MS));
      void Promise.race([closed, patience]).then(() => {
        resolve({ code, signal, output: output.trim(), failure: null, isTimeout });
        for (const stream of [child.stdout, child.stderr]) unref(stream);
      });
    });
  });
  return { pid, ended, kill };
}

/** A daemon that has inherited a stream keeps it open; the monitor must be able to end all the same. */
function unref(stream: unknown): void {
  if (stream instanceof Object && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
}

function failed(failure: string): ProgramResult {
  return { code: null, signal: null, output: '', failure, isTimeout: false };
}

/** How a program ended, as a phrase with what it said last. */
export function resultText({ code, signal, output, failure, isTimeout }: ProgramResult): string {
  if (failure !== null) return failure;
  const how = isTimeout ? 'timed out' : signal !== null ? `ended by ${signal}` : `exit status ${code}`;
  const words = output.split('\n').slice(-2).join('; ').slice(0, 300);
  return words === '' ? how : `${how} -- ${words}`;
}
