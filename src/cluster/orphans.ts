import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { commandLine, type ProcessEntry, readProcessEntry } from '../system/proc-table.ts';
import type { PlannedService } from './plan.ts';
import type { BusyPort } from './port-check.ts';

/**
 * The processes of services that run already, because a monitor that was killed has left them: they have a port of the service, were started with the very
 * command line, lead a group as what a monitor starts does, and have no monitor. Such a process is taken over as it is, with all that is in it.
 *
 * @param busy the ports that cannot be had
 * @param command program and first words of the services' command lines
 * @returns the number of the process by the service's name
 */
export function orphansOf(
  services: readonly Pick<PlannedService, 'name' | 'argv' | 'ports'>[],
  busy: readonly BusyPort[],
  command: readonly string[],
): ReadonlyMap<string, number> {
  const orphans = new Map<string, number>();
  const pids = new Set(busy.flatMap(({ holder }) => (holder === null ? [] : [holder.pid])));
  for (const pid of pids) {
    const entry = readProcessEntry(pid);
    if (entry === null || entry.groupId !== pid || hasMonitor(entry)) continue;
    const line = commandLine(pid);
    const service = services.find(({ argv }) => isLineOf(line, argv, command.length));
    if (service !== undefined) orphans.set(service.name, pid);
  }
  return orphans;
}

/** ps shows the words, or, of our own programs, the program's name and the words behind it. */
function isLineOf(line: string, argv: readonly string[], commandWords: number): boolean {
  const program = basename(argv[commandWords - 1] ?? '');
  return line === argv.join(' ') || line === [program, ...argv.slice(commandWords)].join(' ');
}

/** Whoever takes in orphans is the system's or a container's first process, or a session's: no program that Node.js runs, as monitors are. */
function hasMonitor({ parentPid: parent }: ProcessEntry): boolean {
  if (parent === 1) return false;
  try {
    return readlinkSync(`/proc/${parent}/exe`) === process.execPath;
  } catch {
    // Another user's, or gone by now: it is not known, so the process is left alone.
    return true;
  }
}
