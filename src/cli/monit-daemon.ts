import { hostname } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import type { MonitorFacts } from '../checks/entry-status.ts';
import { decodeState, type SavedState } from '../checks/saved-state.ts';
import type { ControlTree } from '../control/tree.ts';
import { controlAccess } from '../dashboard/control-access.ts';
import { EntryServer, type EntryServerOptions } from '../dashboard/entry-server.ts';
import { MONIT_VERSION } from '../dashboard/entry-text.ts';
import type { HttpAccess } from '../dashboard/http-access.ts';
import { AlertSender } from '../monitor/alert-sender.ts';
import { ControlMonitor } from '../monitor/control-monitor.ts';
import { readControlFile } from '../monitor/control-reader.ts';
import {
  appendLog,
  logLine,
  type MonitorFiles,
  type MonitorLogLevel,
  monitorFiles,
  monitorId,
} from '../monitor/monitor-files.ts';
import { Syslog } from '../monitor/syslog.ts';
import { readWhole, writeWhole } from '../monitor/whole-file.ts';
import { bootId, readPlatform } from '../system/host-figures.ts';
import { adoptOrphans } from '../system/orphan-adoption.ts';
import type { Invocation } from './invocation.ts';
import type { MonitCommand } from './monit-options.ts';
import type { StartedRole } from './serve.ts';

/** At the end, alerts have as long to arrive; what has not is kept in the queue, where there is one. */
const LAST_ALERTS_MS_MAX = 3000;

/** What a monitor needs besides its control file. */
export interface MonitorSetting {
  readonly command: MonitCommand;
  readonly controlFile: string;
  readonly tree: ControlTree;
  readonly cycleSeconds: number;
  /** Log lines go to the standard output as well. */
  readonly isForeground: boolean;
  readonly print: Invocation['print'];
  /** Told of what goes to the log, instead of `print`, by who sees it at a terminal. */
  readonly tell?: RunningMonitor['log'];
}

/** One control file and everything that is opened for it; another one replaces it on a reload. */
export interface RunningMonitor {
  readonly monitor: ControlMonitor;
  readonly files: MonitorFiles;
  readonly log: (level: MonitorLogLevel, service: string, text: string) => void;
  readonly alerts: AlertSender;
  /** Ends what the log has opened. */
  readonly close: () => void;
}

/**
 * Makes a monitor, which does not watch yet.
 *
 * @param saved what the one before has left; null: what its state file says
 * @param ownChildren processes that Node waits for itself; those of the monitor are added to it
 */
export async function makeMonitor(
  setting: MonitorSetting,
  saved: SavedState | null,
  ownChildren: Set<number> = new Set(),
): Promise<RunningMonitor> {
  const { tree, command, controlFile, cycleSeconds, isForeground, print, tell } = setting;
  const files = monitorFiles(tree.settings, command);
  const onLogger = (pid: number, isAlive: boolean): void => {
    if (isAlive) ownChildren.add(pid);
    else ownChildren.delete(pid);
  };
  const syslog = files.usesSyslog ? new Syslog(files.syslogFacility, onLogger) : null;
  const log: RunningMonitor['log'] = (level, service, text) => {
    const line = logLine(Date.now(), level, service, text);
    if (files.logFile !== null) appendLog(files.logFile, line);
    syslog?.write(level, `${service === '' ? '' : `'${service}' `}${text}`);
    if (tell !== undefined) tell(level, service, text);
    else if (isForeground) print(line);
  };
  const { id, isNew, failure } = monitorId(files.idFile, false);
  if (isNew) log('info', '', ` New Monit id: ${id}`);
  if (failure !== null) log('warning', '', `the id cannot be kept: ${failure}`);
  const boot = bootId();
  const before = saved ?? decodeState(readWhole(files.stateFile) ?? '');
  const isAfterBoot = before !== null && before.bootId !== boot;
  let stateFailure: string | null = null;
  const alerts = new AlertSender({ settings: tree.settings, log: (text) => log('error', '', text) });
  const monitor = new ControlMonitor({
    tree,
    facts: {
      id,
      // As the file calls the host: monit's name for it in mails and programs.
      hostName: tree.services.find(({ type }) => type === 'system')?.name ?? hostname(),
      controlFile,
      logFile: files.logFile ?? (files.usesSyslog ? 'syslog' : '-'),
      pidFile: files.pidFile,
      stateFile: files.stateFile,
      idFile: files.idFile,
      httpd: httpdFacts(tree),
      platform: readPlatform(),
    },
    clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
    random: { below: (bound) => Math.floor(Math.random() * bound) },
    cycleSeconds,
    tellsTests: command.verbosity > 0,
    startDelaySeconds: isAfterBoot ? tree.settings.startDelaySeconds : 0,
    bootId: boot,
    saved: before,
    ownChildren,
    adoption: isMainThread ? await adoptOrphans() : null,
    alerts,
    log,
    save: (text) => {
      const why = writeWhole(files.stateFile, text);
      // Once is enough: it is written often.
      if (why !== null && why !== stateFailure) log('error', '', `the state cannot be kept: ${why}`);
      stateFailure = why;
    },
  });
  return { monitor, files, log, alerts, close: () => syslog?.close() };
}

/** What monit says when it starts, with where it can be reached. */
export function startingText({ settings: { httpd } }: ControlTree): string {
  const places = [
    ...(httpd?.port == null ? [] : [`[${httpd.address ?? '*'}]:${httpd.port}`]),
    ...(httpd?.unixSocket == null ? [] : [httpd.unixSocket.path]),
  ];
  const at = places.length === 0 ? '' : ` with http interface at ${places.join(' and ')}`;
  return `Starting Monit ${MONIT_VERSION} daemon${at}`;
}

/** Starts the daemon's work: monitor and http interface. */
export async function startMonit(
  setting: MonitorSetting,
): Promise<StartedRole & { readonly wake: () => void }> {
  const ownChildren = new Set<number>();
  let running = await makeMonitor(setting, null, ownChildren);
  let { tree } = setting;
  let server = await openServer(running, tree);
  running.log('info', '', startingText(tree));
  for (const warning of tree.warnings)
    running.log('warning', '', `${warning.file}:${warning.line}: ${warning.text}`);
  running.monitor.start();
  running.monitor.instanceEvent(`Monit ${MONIT_VERSION} started`, 'start');

  /**
   * @param access of the page
   * @throws Error when it cannot be; then nothing is open that was not before, but perhaps no http interface
   */
  const replaceBy = async (next: ControlTree, access: HttpAccess | undefined): Promise<void> => {
    const cycleSeconds = setting.command.cycleSeconds ?? next.settings.cycleSeconds ?? setting.cycleSeconds;
    const sameHttpd = JSON.stringify(next.settings.httpd) === JSON.stringify(tree.settings.httpd);
    const replaced = await makeMonitor(
      { ...setting, tree: next, cycleSeconds },
      running.monitor.state,
      ownChildren,
    );
    try {
      if (!sameHttpd) {
        await server?.stop();
        server = null;
        server = await openServer(replaced, next, access);
      } else if (server !== null) await server.renew(logOf(replaced), replaced.monitor, access);
    } catch (error) {
      replaced.close();
      throw error;
    }
    running.close();
    running = replaced;
    tree = next;
  };

  const tellNotReloaded = (error: unknown): void =>
    running.log('error', '', `not reloaded: ${error instanceof Error ? error.message : String(error)}`);

  let isBusy = false;
  const reload = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    try {
      running.log('info', '', `Reinitializing Monit -- control file '${setting.controlFile}'`);
      const next = readControlFile(setting.controlFile);
      const { httpd } = next.settings;
      const passedOver: string[] = [];
      // Names are asked for, which may take its time, while the old one watches.
      const access = httpd === null ? undefined : await controlAccess(httpd, (text) => passedOver.push(text));
      running.monitor.stop();
      try {
        await replaceBy(next, access);
      } catch (error) {
        // The old file goes on being in force.
        tellNotReloaded(error);
        running.monitor.start();
        server ??= await openServer(running, tree);
        return;
      }
      for (const warning of next.warnings)
        running.log('warning', '', `${warning.file}:${warning.line}: ${warning.text}`);
      for (const text of passedOver) running.log('warning', '', text);
      running.monitor.start();
      running.monitor.instanceEvent('Monit reloaded', 'start');
    } catch (error) {
      tellNotReloaded(error);
    } finally {
      isBusy = false;
    }
  };
  return {
    failed: new Promise(() => {}),
    reload: () => void reload(),
    wake: () => {
      running.log('info', '', 'Awakened by User defined signal 1');
      running.monitor.wake();
    },
    stop: async () => {
      running.monitor.stop();
      running.log('info', '', `Monit daemon with pid [${process.pid}] stopped`);
      running.monitor.instanceEvent(`Monit ${MONIT_VERSION} stopped`, 'stop');
      await server?.stop();
      await running.alerts.close(LAST_ALERTS_MS_MAX);
      running.close();
    },
  };
}

function httpdFacts({ settings: { httpd } }: ControlTree): MonitorFacts['httpd'] {
  if (httpd?.port == null) return null;
  return { address: httpd.address ?? '', port: httpd.port, isTls: httpd.pemFile !== null };
}

async function openServer(
  { monitor, log }: RunningMonitor,
  tree: ControlTree,
  access?: HttpAccess,
): Promise<EntryServer | null> {
  const { httpd } = tree.settings;
  if (httpd === null) return null;
  return EntryServer.start({ httpd, log: logOf({ log }) }, monitor, access);
}

function logOf({ log }: Pick<RunningMonitor, 'log'>): EntryServerOptions['log'] {
  return (level, text) => log(level, '', text);
}
