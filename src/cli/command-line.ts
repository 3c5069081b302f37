import { getopt, type OptionEvent, type OptionRow } from './getopt.ts';

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

/** How a program was called, as far as its command line's meaning depends on it; an Invocation has it all. */
export interface Called {
  /** Stands in front of getopt's messages. */
  readonly program: string;
  /** The command line without the program's name. */
  readonly words: readonly string[];
  /** Relative paths are meant from here; a daemon's own directory is `/`. */
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Reads the options of a personality that has no operands. An operand is no error, because the C programs ignore it, but it is hardly ever meant
 * so; the operator is told.
 */
export function readOptions(
  call: Called,
  rows: readonly OptionRow[],
): { readonly events: readonly OptionEvent[]; readonly warnings: readonly string[] } {
  const posixlyCorrect = call.environment['POSIXLY_CORRECT'] !== undefined;
  const { events, operands } = getopt(call.program, call.words, rows, posixlyCorrect);
  const warnings = operands.map(
    (operand) => `${call.program}: ignoring "${operand}", which belongs to no option`,
  );
  return { events, warnings };
}
