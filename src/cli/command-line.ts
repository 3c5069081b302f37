/** What a command line asks for. A bad one is a StartError instead. */
export type CommandLine<Command> =
  /** Start a role. */
  | {
      readonly kind: 'run';
      readonly command: Command;
      /** Lines for the operator that do not stop the start. */
      readonly warnings: readonly string[];
    }
  /** Print this and exit with 0. */
  | { readonly kind: 'answer'; readonly text: string };

/** What concerns the process and not the role that it runs. */
export interface ProcessOptions {
  /** Go into the background once the ports are open. */
  readonly daemon: boolean;
  /** Absolute path; null: none. */
  readonly pidFile: string | null;
  /** Name of the user to become; null: none given. */
  readonly user: string | null;
}
