/** What the signals of the outside world mean to a server. */
export interface SignalPlan {
  /** The first SIGTERM, SIGINT or SIGUSR1 (memcached's graceful stop). Called once. */
  readonly onStop: (signal: NodeJS.Signals) => void;
  /** Another one, while it stops: the operator does not want to wait. */
  readonly onImpatience: (signal: NodeJS.Signals) => void;
  /** Survive the end of the terminal (a daemon); else SIGHUP ends the process, as the system has it. */
  readonly ignoreHangup: boolean;
}

const STOP_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGUSR1'];

/**
 * Puts a plan into force. SIGPIPE is ignored already: Node does so for every program. Taking SIGUSR1 also keeps Node from opening its debugger when
 * somebody sends it.
 *
 * @returns takes the plan out of force
 */
export function followSignals(plan: SignalPlan): () => void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) plan.onImpatience(signal);
    else {
      stopping = true;
      plan.onStop(signal);
    }
  };
  const ignore = (): void => {};
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  if (plan.ignoreHangup) process.on('SIGHUP', ignore);
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
    process.off('SIGHUP', ignore);
  };
}
