import type { DaemonOutcome, DaemonReporter } from '../system/daemonise.ts';

/** How a program was called, and the process as far as a personality needs it; made by main, and by tests. */
export interface Invocation {
  /** The name under which the program was called, or the sub-command: stands in front of messages. */
  readonly program: string;
  /** The command line behind the name. */
  readonly words: readonly string[];
  /** Where it was typed: relative paths are meant from here. */
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** When this process is a daemon that is starting; null otherwise. */
  readonly daemon: DaemonReporter | null;
  /** Starts this command line again, in the background, and waits until it serves. */
  readonly launchDaemon: (
    keepOutput: boolean,
    onWarning: (message: string) => void,
  ) => Promise<DaemonOutcome>;
  /** Writes a text to the standard output, as it stands. */
  readonly print: (text: string) => void;
  /** Tells the operator something: one line, or a few. */
  readonly complain: (message: string) => void;
}
