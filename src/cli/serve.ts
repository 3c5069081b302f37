import { constants } from 'node:os';
import { type Running, StartError } from '../base/start-error.ts';
import type { BoundAddress } from '../node/thread-messages.ts';
import { endProcess } from '../system/end-process.ts';
import { type PidFile, writePidFile } from '../system/pid-file.ts';
import { followSignals } from '../system/signals.ts';
import type { ProcessOptions } from './command-line.ts';
import type { Invocation } from './invocation.ts';

/** How long a role may take to stop. Its own bounds (draining to a twin) are shorter; beyond this something hangs. */
const STOP_TIMEOUT_MS = 30_000;

/** A server that a personality runs. */
export interface Service {
  readonly options: Pick<ProcessOptions, 'daemon' | 'pidFile'>;
  readonly warnings: readonly string[];
  /** 0 quiet. A verbose daemon keeps its output. */
  readonly verbosity: number;
  /** Survive SIGHUP though in the foreground; a role that has something to read again does so then. */
  readonly ignoreHangup: boolean;
  /** What must be done in the process that serves before the role starts: limits, user. */
  readonly prepare: () => Promise<void>;
  /** SIGUSR1 means nothing. */
  readonly ignoresGracefulStop?: boolean;
  /** Says so on stderr when it is asked to stop gracefully, as memcached does. */
  readonly tellsGracefulStop?: boolean;
  /** Says on stderr which signal ends it, as repcached does. */
  readonly tellsSignals?: boolean;
  readonly start: () => Promise<StartedRole>;
  /** The ports are open. @returns warnings for the operator */
  readonly onReady?: (role: StartedRole) => Promise<readonly string[]>;
}

/** Somebody wants the end. */
interface StopRequest {
  readonly isGraceful: boolean;
  /** Null: a client asked. */
  readonly signal: NodeJS.Signals | null;
}

/** A running role, as the roles' start functions give it. */
export interface StartedRole extends Running {
  /** The first port bound; 0 or none with a unix socket. */
  readonly port?: number;
  /** What clients can connect to. */
  readonly addresses?: readonly BoundAddress[];
  /** For the operator. */
  readonly warnings?: readonly string[];
  /** Fulfilled when a client asked for the end; true: gracefully. */
  readonly shutdown?: Promise<boolean>;
  /** Reads the files again that may change while it runs: passwords, certificates. */
  readonly reload?: () => void;
}

/**
 * Runs a service from its start to its end: background if asked for, preparations, the role, pid file, signals.
 *
 * @returns the exit code; the caller ends the process
 */
export async function serve(invocation: Invocation, service: Service): Promise<number> {
  const { daemon } = invocation;
  if (service.options.daemon && daemon === null) {
    const outcome = await invocation.launchDaemon(service.verbosity > 0, invocation.complain);
    if (outcome.kind === 'serving') return 0;
    invocation.complain(outcome.message);
    return outcome.exitCode;
  }
  const warn = daemon === null ? invocation.complain : daemon.warn;
  for (const warning of service.warnings) warn(warning);

  let pidFile: PidFile | null = null;
  const end = (code: number): void => {
    pidFile?.remove();
    void endProcess(code);
  };
  // Until the role runs there is nothing that needs stopping: a signal ends the process.
  let onStop = (_signal: NodeJS.Signals): void => end(0);
  // Who asks for the files to be read again meanwhile may have changed them after they were read.
  let hungUpEarly = false;
  let onHangup = (): void => {
    hungUpEarly = true;
  };
  followSignals({
    onStop: (signal) => onStop(signal),
    ignoresGracefulStop: service.ignoresGracefulStop === true,
    onImpatience: () => end(1),
    onHangup: () => onHangup(),
    ignoreHangup: service.ignoreHangup || service.options.daemon,
  });
  try {
    await service.prepare();
    if (service.options.daemon) process.chdir('/');
    const role = await service.start();
    onHangup = () => role.reload?.();
    if (hungUpEarly) onHangup();
    const stopped = new Promise<StopRequest>((resolve) => {
      onStop = (signal) => resolve({ isGraceful: signal === 'SIGUSR1', signal });
      role.shutdown?.then((isGraceful) => resolve({ isGraceful, signal: null }));
    });
    if (service.options.pidFile !== null) {
      pidFile = writePidFile(service.options.pidFile, process.pid);
      for (const warning of pidFile.warnings) warn(warning);
    }
    for (const warning of role.warnings ?? []) warn(warning);
    for (const warning of (await service.onReady?.(role)) ?? []) warn(warning);
    daemon?.ready();

    const outcome = await Promise.race([stopped, role.failed]);
    const failure = outcome instanceof Error ? outcome : null;
    if (outcome instanceof Error) invocation.complain(`${invocation.program}: ${outcome.message}`);
    else tellOfStop(invocation, service, outcome);
    const inTime = await stopInTime(role);
    if (!inTime)
      invocation.complain(`${invocation.program}: did not stop within ${STOP_TIMEOUT_MS / 1000} s`);
    else if (service.verbosity > 0 && !(outcome instanceof Error) && !outcome.isGraceful)
      invocation.complain('Exiting normally');
    return failure === null && inTime ? 0 : 1;
  } finally {
    pidFile?.remove();
    // Signals are followed until the process is gone: the echo of one that comes in its last moments would else be what ends it.
    onStop = () => {};
  }
}

function tellOfStop(invocation: Invocation, service: Service, { isGraceful, signal }: StopRequest): void {
  if (signal !== null && service.tellsSignals) invocation.complain(`got signal ${constants.signals[signal]}`);
  if (isGraceful && service.tellsGracefulStop) invocation.complain('Gracefully stopping');
}

/** @returns false when the role did not stop in time */
async function stopInTime(role: Running): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), STOP_TIMEOUT_MS);
  });
  try {
    return await Promise.race([role.stop().then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Tells why a program could not start, to whom it concerns: a daemon's parent or the operator.
 *
 * @returns the exit code
 */
export function tellFailure(invocation: Invocation, error: unknown): number {
  const expected = error instanceof StartError;
  const message = expected ? error.message : internalError(invocation.program, error);
  const exitCode = expected ? error.exitCode : 1;
  if (invocation.daemon === null) invocation.complain(message);
  else invocation.daemon.failed(message, exitCode);
  return exitCode;
}

/** What is said of an error that nobody foresaw: with its stack, because it is the code's fault. */
function internalError(program: string, error: unknown): string {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${program}: internal error: ${detail}`;
}
