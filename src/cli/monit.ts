import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import { SERVICE_COMMANDS, type ServiceCommand } from '../checks/service-machine.ts';
import { jsPattern } from '../control/extended-pattern.ts';
import { nameKey } from '../control/meaning.ts';
import type { ControlTree } from '../control/tree.ts';
import { MONIT_VERSION, reportType, statusText } from '../dashboard/entry-text.ts';
import { namesMeant } from '../dashboard/name-pattern.ts';
import { readControlFile } from '../monitor/control-reader.ts';
import { pidInFile } from '../monitor/entry-process.ts';
import { monitorFiles, monitorId } from '../monitor/monitor-files.ts';
import { commandLine, isZombie, readProcessEntry, readProcessTable } from '../system/proc-table.ts';
import type { Invocation } from './invocation.ts';
import { chooseLogFormat } from './log-format-option.ts';
import { MonitClient } from './monit-client.ts';
import { makeMonitor, type RunningMonitor, startingText, startMonit } from './monit-daemon.ts';
import { listingText } from './monit-listing.ts';
import { MONIT_ROWS, type MonitCommand, monitHelp, parseMonit, usualControlFiles } from './monit-options.ts';
import { serve } from './serve.ts';

/** How long one look at everything may take when no daemon runs. */
const ONE_LOOK_MS = 30_000;

/** How long a command may take when no daemon runs; longer than any start or stop timeout that is usual. */
const ONE_COMMAND_MS = 120_000;

/** `twincached monit`, and the program as monit. @returns the exit code */
export async function runMonit(invocation: Invocation): Promise<number> {
  chooseLogFormat(invocation, MONIT_ROWS);
  const command = parseMonit(invocation);
  const { wish } = command;
  switch (wish.kind) {
    case 'help':
      invocation.print(monitHelp());
      return 0;
    case 'version':
      invocation.print(`This is Monit version ${MONIT_VERSION}, by twincached ${TWINCACHED_VERSION}\n`);
      return 0;
    case 'hash':
      printHashes(invocation, wish.file);
      return 0;
    default:
      break;
  }
  if (wish.kind === 'action' && wish.words[0] === 'procmatch') return procmatch(invocation, wish.words[1]);
  const controlFile =
    command.controlFile ?? usualControlFiles(invocation.directory).find((path) => existsSync(path));
  if (controlFile === undefined)
    throw new StartError(
      `Cannot find the Monit control file at ${usualControlFiles(invocation.directory).join(', ')}`,
    );
  const tree = readControlFile(controlFile);
  const setting = { invocation, command, controlFile, tree };
  switch (wish.kind) {
    case 'test':
      for (const { file, line, text } of tree.warnings) invocation.complain(`${file}:${line}: ${text}`);
      checkPollTime(setting);
      if (command.verbosity > 0)
        invocation.print(listingText(controlFile, tree, monitorFiles(tree.settings, command)));
      invocation.print('Control file syntax OK\n');
      return 0;
    case 'id':
    case 'reset-id': {
      const { id, failure } = monitorId(
        monitorFiles(tree.settings, command).idFile,
        wish.kind === 'reset-id',
      );
      if (failure !== null) throw new StartError(`the id cannot be kept: ${failure}`);
      invocation.print(`Monit ID: ${id}\n`);
      return 0;
    }
    case 'action':
      return act(setting, wish.words);
    default:
      return run(setting);
  }
}

const NO_POLL_TIME =
  'Poll time is invalid or not defined. Please define poll time in the control file as a number (> 0) or use the -d option when starting monit';

/** A file that says nothing of cycles can still be of use for single commands; one that is meant for a daemon, or says 0, cannot. */
function checkPollTime({ tree: { settings }, command }: Setting): void {
  const seconds = command.cycleSeconds ?? settings.cycleSeconds;
  if (seconds === 0 || (seconds === null && settings.isInit)) throw new StartError(NO_POLL_TIME);
}

interface Setting {
  readonly invocation: Invocation;
  readonly command: MonitCommand;
  readonly controlFile: string;
  readonly tree: ControlTree;
}

/** The daemon that runs already; null when there is none. */
function runningDaemon({ tree, command }: Setting): number | null {
  const pid = pidInFile(monitorFiles(tree.settings, command).pidFile);
  if (pid === null || pid === process.pid) return null;
  const entry = readProcessEntry(pid);
  // A pid file outlives its process; the number may belong to anybody by now, whom a signal would end.
  if (entry === null || isZombie(entry) || !/monit/.test(commandLine(pid))) return null;
  return pid;
}

/** Without a command: wakes the daemon, or becomes it. */
async function run(setting: Setting): Promise<number> {
  const { invocation, command, controlFile, tree } = setting;
  const pid = runningDaemon(setting);
  if (pid !== null) {
    if (command.isForeground || tree.settings.isInit)
      throw new StartError(`Monit daemon with PID ${pid} runs already`);
    process.kill(pid, 'SIGUSR1');
    invocation.print(`Monit daemon with PID ${pid} awakened\n`);
    return 0;
  }
  const cycleSeconds = command.cycleSeconds ?? tree.settings.cycleSeconds ?? 0;
  if (cycleSeconds < 1) throw new StartError(NO_POLL_TIME);
  const isForeground = command.isForeground || tree.settings.isInit;
  if (!isForeground && invocation.daemon === null) invocation.print(`${startingText(tree)}\n`);
  let wake = (): void => {};
  process.on('SIGUSR1', () => wake());
  return serve(invocation, {
    options: { daemon: !isForeground, pidFile: monitorFiles(tree.settings, command).pidFile },
    warnings: tree.warnings.map(({ file, line, text }) => `${file}:${line}: ${text}`),
    verbosity: 0,
    ignoreHangup: true,
    ignoresGracefulStop: true,
    prepare: async () => {},
    start: async () => {
      const role = await startMonit({
        command,
        controlFile,
        tree,
        cycleSeconds,
        isForeground,
        print: invocation.print,
      });
      wake = role.wake;
      return role;
    },
  });
}

async function act(setting: Setting, words: readonly string[]): Promise<number> {
  const { invocation } = setting;
  const [word = '', name] = words;
  const command = SERVICE_COMMANDS.find((one) => one === word);
  if (command !== undefined) return serviceCommand(setting, command, name);
  switch (word) {
    case 'status':
    case 'summary':
    case 'report':
      return show(setting, word, name);
    case 'reload':
    case 'quit':
      return signalDaemon(setting, word);
    case 'validate':
      return validate(setting);
    default:
      invocation.complain(`Invalid argument -- ${word}  (-h will show valid arguments)`);
      return 1;
  }
}

/** The services that a command is for. */
function selected({ tree, command }: Setting, word: string, name: string | undefined): string[] {
  const { group } = command;
  if (name === undefined && group === null)
    throw new StartError(`Please specify a service name or 'all' after ${word}`);
  let services = tree.services;
  if (group !== null) {
    services = services.filter(({ groups }) => groups.some((one) => nameKey(one) === nameKey(group)));
    if (services.length === 0) throw new StartError(`Group '${group}' not found`);
  }
  if (name === undefined || name === 'all') return services.map((entry) => entry.name);
  const exact = services.filter((entry) => nameKey(entry.name) === nameKey(name));
  const meant = namesMeant(
    name,
    services.map((entry) => entry.name),
  );
  const found = exact.length > 0 ? exact : services.filter((entry) => meant?.has(entry.name) === true);
  if (found.length === 0) throw new StartError(`There is no service named "${name}"`);
  return found.map((entry) => entry.name);
}

async function serviceCommand(
  setting: Setting,
  command: ServiceCommand,
  name: string | undefined,
): Promise<number> {
  const names = selected(setting, command, name);
  if (runningDaemon(setting) !== null) {
    await new MonitClient(setting.tree.settings.httpd).command(names, command);
    return 0;
  }
  const carryOut = async (monitor: RunningMonitor['monitor']): Promise<number> => {
    // A daemon must be there for whatever is a matter of the next cycle; the rest is done here and now.
    monitor.command(names, command);
    const ends = performance.now() + ONE_COMMAND_MS;
    const isBusy = (): boolean =>
      monitor
        .entries()
        .some(
          ({ state, pending }) =>
            pending !== null || state === 'starting' || state === 'stopping' || state === 'backing-off',
        );
    while (isBusy() && performance.now() < ends) await new Promise((resolve) => setTimeout(resolve, 50));
    return isBusy() ? 1 : 0;
  };
  return withoutDaemon(setting, carryOut, new Set(names));
}

/**
 * Does something with a monitor of its own.
 *
 * @param named the services that a command is for: nothing else is started, and only of them it is told what is wrong; null: all are looked at, and
 * started as a daemon would
 */
async function withoutDaemon(
  { invocation, command, controlFile, tree }: Setting,
  what: (monitor: RunningMonitor['monitor']) => Promise<number>,
  named: ReadonlySet<string> | null,
): Promise<number> {
  // Who types a command sees what comes of it; mails are the daemon's affair.
  const quiet: ControlTree = {
    ...tree,
    settings: { ...tree.settings, alerts: [] },
    services: tree.services.map((entry) => ({
      ...entry,
      alerts: [],
      mode: named === null ? entry.mode : ('passive' as const),
    })),
  };
  const { print, complain } = invocation;
  let isUnderWay = named === null;
  const tell: RunningMonitor['log'] = (level, service, text) => {
    if (!isUnderWay) return;
    if (named !== null && level !== 'info' && !named.has(service)) return;
    const line = service === '' ? text : `'${service}' ${text}`;
    if (level === 'warning' || level === 'error') complain(line);
    else print(`${line}\n`);
  };
  const { monitor, close } = await makeMonitor(
    { command, controlFile, tree: quiet, cycleSeconds: 3600, isForeground: true, print, tell },
    null,
  );
  monitor.start();
  isUnderWay = true;
  try {
    return await what(monitor);
  } finally {
    monitor.stop();
    close();
  }
}

async function show(
  setting: Setting,
  what: 'status' | 'summary' | 'report',
  name: string | undefined,
): Promise<number> {
  const { invocation, command, tree } = setting;
  if (runningDaemon(setting) === null) throw new StartError('Monit: the monit daemon is not running');
  const query = new URLSearchParams();
  if (what === 'report') {
    if (name !== undefined && reportType(name) === null)
      throw new StartError(`Invalid report type: '${name}'`);
    if (name !== undefined) query.set('type', name);
  } else if (name !== undefined) query.set('service', name);
  if (command.group !== null) query.set('group', command.group);
  const isBatch = command.isBatch || tree.settings.isBatch || !process.stdout.isTTY;
  if (isBatch) query.set('batch', '1');
  invocation.print(await new MonitClient(tree.settings.httpd).get(`/_${what}?${query}`));
  return 0;
}

function signalDaemon(setting: Setting, word: 'reload' | 'quit'): number {
  const { invocation } = setting;
  const pid = runningDaemon(setting);
  if (word === 'reload') invocation.print('Reinitializing monit daemon\n');
  if (pid === null) {
    // To monit that is no failure.
    invocation.print('Monit daemon is not running\n');
    return 0;
  }
  process.kill(pid, word === 'reload' ? 'SIGHUP' : 'SIGTERM');
  if (word === 'quit') invocation.print(`Monit daemon with pid [${pid}] killed\n`);
  return 0;
}

/** Looks at everything once. @returns 1 when something fails */
async function validate(setting: Setting): Promise<number> {
  const { invocation, tree } = setting;
  const pid = runningDaemon(setting);
  if (pid !== null) {
    process.kill(pid, 'SIGUSR1');
    invocation.print(`Monit daemon with PID ${pid} awakened\n`);
    const client = new MonitClient(tree.settings.httpd);
    invocation.print(await client.get('/_status?batch=1'));
    return Number(await client.get('/_report?type=down')) > 0 ? 1 : 0;
  }
  return withoutDaemon(
    setting,
    async (monitor) => {
      const ends = performance.now() + ONE_LOOK_MS;
      const isOpen = (): boolean =>
        monitor
          .entries()
          .some(({ isMonitored, state, sample }) => isMonitored && state === 'running' && sample === null);
      do await new Promise((resolve) => setTimeout(resolve, 100));
      while (isOpen() && performance.now() < ends);
      invocation.print(statusText(monitor.facts(), monitor.entries()));
      return monitor.entries().some(({ failures }) => failures.length > 0) ? 1 : 0;
    },
    null,
  );
}

function procmatch({ print }: Invocation, pattern: string | undefined): number {
  if (pattern === undefined) {
    print('Invalid syntax - usage: procmatch "<pattern>"\n');
    return 1;
  }
  let regex: RegExp;
  try {
    regex = new RegExp(jsPattern(pattern));
  } catch (error) {
    throw new StartError(`Regex ${pattern} parsing error: ${error instanceof Error ? error.message : error}`);
  }
  const table = readProcessTable();
  // Whoever types the pattern has it in the command line: this process, and those that have started it.
  const askers = new Set<number>();
  for (let pid = process.pid; pid > 1 && !askers.has(pid); ) {
    askers.add(pid);
    pid = table.find((entry) => entry.pid === pid)?.parentPid ?? 0;
  }
  const found = table
    .filter(({ pid }) => !askers.has(pid))
    // A line each, whatever a script has in its arguments.
    .map((entry) => ({ ...entry, command: commandLine(entry.pid).replace(/\s+/g, ' ') }))
    .filter(({ command }) => regex.test(command))
    .sort((a, b) => a.pid - b.pid);
  const chosen = Math.min(...found.map(({ startedAfterBootMs }) => startedAfterBootMs));
  print(`List of processes matching pattern "${pattern}":\n`);
  if (found.length > 0) print('    PID       PPID      Command\n');
  for (const { pid, parentPid, command, startedAfterBootMs } of found) {
    const sign = startedAfterBootMs === chosen ? '*' : ' ';
    print(` ${sign} ${String(pid).padStart(9)} ${String(parentPid).padStart(9)}  ${command}\n`);
  }
  print(`Total matches: ${found.length}\n`);
  if (found.length > 1)
    print(
      '\nWARNING:\nMultiple processes match the pattern. Monit will select the process with the\nhighest uptime, the one highlighted.\n',
    );
  return 0;
}

function printHashes({ print, directory }: Invocation, file: string | null): void {
  const path = file === null ? 0 : file.startsWith('/') ? file : `${directory}/${file}`;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new StartError(error instanceof Error ? error.message : String(error));
  }
  for (const [name, algorithm] of [
    ['SHA1', 'sha1'],
    ['MD5', 'md5'],
  ] as const) {
    print(
      `${`${name}(${file ?? 'stdin'})`.padEnd('SHA1()'.length + (file ?? 'stdin').length)} = ${createHash(algorithm).update(bytes).digest('hex')}\n`,
    );
  }
}
