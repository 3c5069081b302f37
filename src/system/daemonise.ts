import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';

/**
 * Going into the background, without fork.
 *
 * C daemons fork twice and let the parent go; Node cannot fork. Instead the program is started a second time with the same words, in a session of
 * its own, with an environment variable that says "you are the daemon" and a pipe to report over. The parent stays until the child says that it
 * serves, so that a script which starts a node and then uses it needs no sleep, and passes on what the child has to say and its exit code.
 *
 * The variable names the parent's process id: a copy of it that leaked into some other process's environment means nothing there, so there
 * are never two daemons and never a program that waits for a report nobody reads.
 */
const MARKER = 'TWINCACHED_DAEMON_OF';

/** The child's end of the pipe, behind stdin, stdout and stderr. */
const REPORT_DESCRIPTOR = 3;

/** Far longer than any start, full sync from a twin included; then something hangs and a person must know. */
const START_TIMEOUT_MS = 120_000;

/** More than a child ever reports: a bound, should something else write into the pipe. */
const REPORT_CHARACTERS_MAX = 256 * 1024;

type Report =
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: number };

/** What a daemon may say to the process that started it, until it is ready. */
export interface DaemonReporter {
  /** A line for the operator. */
  warn(message: string): void;
  /** The program serves: the parent exits with 0. Nothing can be reported afterwards. */
  ready(): void;
  /** The program cannot start: the parent prints the message and exits with the code. */
  failed(message: string, exitCode: number): void;
}

/**
 * Whether this process is a daemon that `launchDaemon` made; if so, how it reports. Also takes the marker out of the environment, so that no
 * child of this process takes itself for a daemon: call it once, first.
 *
 * @returns null in an ordinary process
 */
export function daemonReporter(environment: NodeJS.ProcessEnv, parentPid: number): DaemonReporter | null {
  const marker = environment[MARKER];
  delete environment[MARKER];
  if (marker === undefined || marker !== String(parentPid) || !isPipe(REPORT_DESCRIPTOR)) return null;
  let open = true;
  const report = (message: Report, last: boolean): void => {
    if (!open) return;
    try {
      writeSync(REPORT_DESCRIPTOR, `${JSON.stringify(message)}\n`);
    } catch {
      // The parent was killed meanwhile: nobody listens, the daemon goes on.
    }
    if (!last) return;
    open = false;
    closeSync(REPORT_DESCRIPTOR);
  };
  return {
    warn: (message) => report({ kind: 'warning', message }, false),
    ready: () => report({ kind: 'ready' }, true),
    failed: (message, exitCode) => report({ kind: 'failed', message, exitCode }, true),
  };
}

function isPipe(descriptor: number): boolean {
  try {
    const status = fstatSync(descriptor);
    return status.isFIFO() || status.isSocket();
  } catch {
    return false;
  }
}

export interface DaemonLaunch {
  /** The executable. */
  readonly command: string;
  readonly words: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** The daemon keeps stdout and stderr (it is verbose); else they are /dev/null. */
  readonly keepOutput: boolean;
  /** Gets the daemon's warnings while it starts. */
  readonly onWarning: (message: string) => void;
  /** How long to wait for the daemon; a default that is for people. */
  readonly timeoutMs?: number;
}

export type DaemonOutcome =
  | { readonly kind: 'serving'; readonly pid: number }
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: number };

/**
 * Starts the daemon and waits until it serves or has failed. A daemon that neither serves nor fails in time is killed. A stop signal to this process
 * while it waits is passed on, because the operator has changed their mind.
 */
export function launchDaemon(launch: DaemonLaunch): Promise<DaemonOutcome> {
  const output = launch.keepOutput ? 'inherit' : 'ignore';
  const child = spawn(launch.command, launch.words, {
    detached: true,
    env: { ...launch.environment, [MARKER]: String(process.pid) },
    stdio: ['ignore', output, output, 'pipe'],
  });
  return new Promise((resolve) => {
    const interrupt = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    const finish = (outcome: DaemonOutcome): void => {
      clearTimeout(timer);
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      child.removeAllListeners();
      child.unref();
      reportStream(child)?.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      finish({ kind: 'failed', message: 'the background process did not get ready in time', exitCode: 1 });
    }, launch.timeoutMs ?? START_TIMEOUT_MS);
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);

    // The pipe may still hold a report when the exit is noticed, so an exit counts only once the pipe is at its end.
    let ended: (() => void) | null = null;
    let atEnd = false;
    child.once('error', (error) => finish({ kind: 'failed', message: error.message, exitCode: 1 }));
    child.once('exit', (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by signal ${signal}`;
      const message = `the background process ended ${how} before it was ready`;
      ended = () => finish({ kind: 'failed', message, exitCode: code === null || code === 0 ? 1 : code });
      if (atEnd) ended();
    });
    readReports(child, {
      onReport: (report) => {
        if (report.kind === 'warning') launch.onWarning(report.message);
        else if (report.kind === 'ready') finish({ kind: 'serving', pid: child.pid ?? 0 });
        else finish(report);
      },
      onEnd: () => {
        atEnd = true;
        ended?.();
      },
    });
  });
}

function reportStream(child: ChildProcess): Readable | null {
  const stream = child.stdio[REPORT_DESCRIPTOR];
  return stream instanceof Object && 'read' in stream ? stream : null;
}

function readReports(
  child: ChildProcess,
  handlers: { readonly onReport: (report: Report) => void; readonly onEnd: () => void },
): void {
  const stream = reportStream(child);
  if (stream === null) return;
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
    let end = text.indexOf('\n');
    for (; end >= 0; end = text.indexOf('\n')) {
      const report = parseReport(text.slice(0, end));
      text = text.slice(end + 1);
      if (report !== null) handlers.onReport(report);
    }
    if (text.length > REPORT_CHARACTERS_MAX) text = '';
  });
  // A child that is killed resets the pipe; its exit tells the rest.
  stream.on('error', () => {});
  stream.once('close', handlers.onEnd);
}

function parseReport(line: string): Report | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('kind' in value)) return null;
  if (value.kind === 'ready') return { kind: 'ready' };
  if (!('message' in value) || typeof value.message !== 'string') return null;
  if (value.kind === 'warning') return { kind: 'warning', message: value.message };
  if (value.kind !== 'failed' || !('exitCode' in value) || typeof value.exitCode !== 'number') return null;
  return { kind: 'failed', message: value.message, exitCode: value.exitCode };
}
