import { readFileSync } from 'node:fs';

/**
 * The number of this process's controlling terminal, which the kernel takes away from all processes of a session when the terminal hangs up, before
 * it tells them by SIGHUP.
 *
 * @returns 0: there is none; null where that cannot be seen
 */
export function controllingTerminal(): number | null {
  try {
    return terminalOf(readFileSync('/proc/self/stat', 'latin1'));
  } catch {
    return null;
  }
}

/** Field 7 of /proc/PID/stat (proc(5)); the program's name in the second one may hold blanks and brackets. @returns null when it is not there */
export function terminalOf(stat: string): number | null {
  const number = Number.parseInt(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4] ?? '', 10);
  return Number.isNaN(number) ? null : number;
}
