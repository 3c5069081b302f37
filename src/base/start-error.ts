/**
 * A program could not start for a reason that its operator can mend: a bad option, a busy port, an unreadable file.
 *
 * Whoever runs the program prints `message` as it stands (one line, seldom two) and ends with `exitCode`; no stack is shown, because the
 * fault is not in the code.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** What the process exits with: 1, or the code of the program that is replaced (64 usage, 71 operating system, …). */
  readonly exitCode: number;

  /**
   * @param message what is wrong and where, without a line end
   * @param exitCode from 1 to 255
   */
  constructor(message: string, exitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** A role that has started and serves. */
export interface Running {
  /** Ends it: what is owed is sent (for a bounded time), sockets are closed, nothing is left behind. */
  stop(): Promise<void>;
  /** Fulfilled, with the reason, when the role cannot go on; stays pending for ever otherwise. */
  readonly failed: Promise<Error>;
}
