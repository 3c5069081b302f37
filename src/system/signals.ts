/** What the signals of the outside world mean to a server. */
export interface SignalPlan {
  /** The first SIGTERM, SIGINT or SIGUSR1 (memcached's graceful stop). Called once. */
  readonly onStop: (signal: NodeJS.Signals) => void;
  /** Another one, while it stops: the operator does not want to wait. An echo of the first does not count. */
  readonly onImpatience: (signal: NodeJS.Signals) => void;
  /** Survive the end of the terminal (a daemon); else SIGHUP ends the process, as the system has it. */
  readonly ignoreHangup: boolean;
  /** SIGUSR1 is survived, and means nothing. */
  readonly ignoresGracefulStop?: boolean;
  /** SIGHUP came, and is survived. */
  readonly onHangup?: () => void;
}

const STOP_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGUSR1'];

/**
 * The same signal again within this time is the first one's echo and not an impatient operator: a terminal sends Ctrl-C to a program and to its parent, and parents
 * such as npm and timeout(1) pass on what they get.
 */
const ECHO_MS = 500;

/**
 * Puts a plan into force. SIGPIPE is ignored already: Node does so for every program. Taking SIGUSR1 also keeps Node from opening its debugger when
 * somebody sends it.
 *
 * @param nowMs a clock that never goes back
 */
export function followSignals(plan: SignalPlan, nowMs: () => number = () => performance.now()): void {
  let first: NodeJS.Signals | null = null;
  let firstMs = 0;
  const stop = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGUSR1' && plan.ignoresGracefulStop === true) return;
    if (first === null) {
      first = signal;
      firstMs = nowMs();
      plan.onStop(signal);
    } else if (signal !== first || nowMs() - firstMs > ECHO_MS) plan.onImpatience(signal);
  };
  const hangup = (): void => plan.onHangup?.();
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  if (plan.ignoreHangup) process.on('SIGHUP', hangup);
}
