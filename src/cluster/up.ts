import { join, resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import { Dashboard } from '../dashboard/dashboard.ts';
import { Monitor } from '../monitor/monitor.ts';
import type { SpareCommand } from '../monitor/spare-process.ts';
import type { ServerAccess } from '../net/server-door.ts';
import { controllingTerminal } from '../system/controlling-terminal.ts';
import { LOG_FORMATS, type LogFormat } from '../telemetry/log-format.ts';
import { openAlerts } from './alert-settings.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { clusterMetrics, scraper, shared } from './cluster-metrics.ts';
import { ClusterOperator, type ClusterSource } from './cluster-operator.ts';
import { numberOption, type ParsedOptions, parseOptions, textOption } from './command-options.ts';
import { EventFile } from './event-file.ts';
import { wallSeconds } from './kept-moves.ts';
import { readOut } from './kept-out.ts';
import { readLeftBehind } from './left-behind.ts';
import { LOCAL_PORTS, localCluster } from './local-cluster.ts';
import { newKey, runningMonitor, writeMonitorRecord } from './monitor-record.ts';
import { reapOrphans } from './orphan-reaper.ts';
import { orphansOf } from './orphans.ts';
import { openPage, readPageTls } from './page-opening.ts';
import { LOOPBACK_PAGE } from './page-settings.ts';
import type { ClusterPlan } from './plan.ts';
import { planCluster, plannedFiles, readClusterFile, writePlannedFiles } from './planned-cluster.ts';
import { busyPortAdvice, busyPortLine, busyPorts } from './port-check.ts';
import { readMoves, withMoves } from './resharding.ts';
import { RuleRestarts } from './rule-restarts.ts';
import { runDirectory } from './run-directory.ts';
import { readServing } from './serving-twins.ts';
import { firstOutcome } from './start-outcome.ts';
import { stateDirectory } from './state-directory.ts';
import { outAfter } from './taken-out.ts';
import { formatOfEnvironment, upVoice } from './up-voice.ts';
import { welcomeText } from './welcome.ts';

export const UP_HELP: string = `Usage: twincached up [FILE] [options]

Runs what a cluster file describes until Ctrl-C or "twincached down", with a monitor that restarts what dies. Without FILE it is a replicated cluster on this
machine: two pairs of twin nodes, a proxy in front of each pair, one proxy for clients at 127.0.0.1:${LOCAL_PORTS.entry}, and a page at
http://127.0.0.1:${LOCAL_PORTS.page}/.

  --host NAME        of a file: only what runs on this host
  --node-memory MB   without a file: memory for items of each of the four nodes (64)
  --page-port N      port of the status page (${LOCAL_PORTS.page})
  --port-offset N    without a file: add N to every port, so that a second cluster fits beside the first (0)
  --log-format FORM  classic, or json: a line of JSON for all that is told (classic)
  -v, --verbose      show what the processes write, with their names
  -h, --help         show this text
`;

/** Highest offset at which the highest port is still one. */
const PORT_OFFSET_MAX = 65_535 - LOCAL_PORTS.entry;

/** Among the cluster's own files, unless the cluster file says otherwise. */
const AUDIT_LOG = 'audit.log';

/** What `up` needs of its surroundings. */
export interface UpSurroundings {
  /** Program and first arguments that run a personality. */
  readonly command: readonly string[];
  /** A spare process of it can be kept; null where it is another program. */
  readonly spare: SpareCommand | null;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/**
 * The command `twincached up`: runs the built-in cluster in the foreground until a signal ends it.
 *
 * @param argv what follows `up`
 * @returns the exit code, when everything has been stopped
 */
export async function up(argv: readonly string[], surroundings: UpSurroundings): Promise<number> {
  try {
    const options = parseOptions(argv, {
      host: { type: 'string' },
      'node-memory': { type: 'string' },
      'page-port': { type: 'string' },
      'port-offset': { type: 'string' },
      'log-format': { type: 'string' },
      verbose: { type: 'boolean', short: 'v' },
      help: { type: 'boolean', short: 'h' },
    });
    if (options.values['help'] === true) {
      surroundings.out(UP_HELP);
      return 0;
    }
    const [file, ...more] = options.positionals;
    if (more.length > 0) throw new StartError(`unexpected argument '${more[0]}'`);
    const pagePort = numberOption(options, 'page-port', { min: 1, max: 65_535 }, null);
    const logFormat = formatOption(options, formatOfEnvironment(process.env));
    if (file !== undefined) {
      for (const name of ['node-memory', 'port-offset'])
        if (options.values[name] !== undefined)
          throw new StartError(`option '--${name}' is for the cluster without a file; the file says it`);
      const host = textOption(options, 'host');
      const source = { file: resolve(file), host, command: surroundings.command };
      const read = (): ClusterDescription => readClusterFile(source);
      const written = readClusterFile({ file, host });
      const moves = readMoves(written.name, host);
      const description = withMoves(written, moves, wallSeconds());
      const serving = readServing(description.name, host);
      // As far as the file still has what was taken out.
      const kept = outAfter(readOut(description.name, host), description, description);
      const planned = planCluster(description, source, serving, kept);
      return await runCluster(
        {
          plan: {
            ...planned,
            pagePort: pagePort ?? planned.pagePort,
            logFormat: logFormat ?? planned.logFormat ?? 'classic',
          },
          source: {
            ...source,
            read,
            description,
            serving,
            out: kept,
            moves,
            left: readLeftBehind(written.name, host),
          },
          part: host ?? '',
        },
        options.values['verbose'] === true,
        surroundings,
      );
    }
    if (options.values['host'] !== undefined) throw new StartError("option '--host' needs a cluster file");
    const portOffset = numberOption(options, 'port-offset', { min: 0, max: PORT_OFFSET_MAX }, 0);
    const description = localCluster({
      nodeMemoryMib: numberOption(options, 'node-memory', { min: 1, max: 1_000_000 }, 64),
      portOffset,
      pagePort,
    });
    const part = portOffset === 0 ? '' : `offset-${portOffset}`;
    // Nothing of it is left behind when it ends; when it is killed, all that the next one needs to take over what serves.
    const { path: directory, own, remove: forget } = runDirectory(description.name, part);
    process.on('exit', forget);
    try {
      const source = { file: null, host: null, command: surroundings.command, directory };
      const serving = new Map<string, string>();
      const plan = planCluster(description, source, serving);
      return await runCluster(
        {
          plan: { ...plan, logFormat: logFormat ?? 'classic' },
          source: { ...source, read: () => description, description, serving },
          part,
          onBegin: own,
        },
        options.values['verbose'] === true,
        surroundings,
      );
    } finally {
      process.off('exit', forget);
      forget();
    }
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    for (const line of error.message.split('\n')) surroundings.err(`twincached up: ${line}\n`);
    return error.exitCode;
  }
}

/** @returns null when neither the command line nor the environment asks for a form */
function formatOption({ values }: ParsedOptions, ofEnvironment: LogFormat): LogFormat | null {
  const given = values['log-format'];
  if (given === undefined) return ofEnvironment === 'classic' ? null : ofEnvironment;
  const format = LOG_FORMATS.find((name) => name === given);
  if (format === undefined)
    throw new StartError(`option '--log-format' takes ${LOG_FORMATS.join(' or ')}, not '${String(given)}'`);
  return format;
}

interface ClusterToRun {
  readonly plan: ClusterPlan;
  readonly source: ClusterSource;
  /** What tells monitors of one cluster apart on one machine. */
  readonly part: string;
  /** Nobody else runs it: the page's port is ours. */
  readonly onBegin?: () => void;
}

/** Runs a plan in the foreground until a signal comes, or an order. */
async function runCluster(
  { plan, source, part, onBegin }: ClusterToRun,
  verbose: boolean,
  surroundings: UpSurroundings,
): Promise<number> {
  const { out, err, event: tell } = upVoice(plan.logFormat ?? 'classic', surroundings.out, surroundings.err);
  const startedMs = performance.now();
  const taken = await busyPorts(plan);
  const orphans = orphansOf(plan.services, taken, surroundings.command);
  const ours = new Set(orphans.values());
  const busy = taken.filter(({ holder }) => holder === null || !ours.has(holder.pid));
  if (busy.length > 0) {
    const lines = busy.map(busyPortLine);
    const advice = busyPortAdvice(busy, plan.pagePort, source.file === null);
    throw new StartError((advice === null ? lines : [...lines, advice]).join('\n'));
  }
  // Another file of the same name would write over the configurations that its proxies read.
  const other = runningMonitor(plan.name, part);
  if (other !== null)
    throw new StartError(
      `a cluster named ${plan.name} runs here already, process ${other.pid}${other.file === null ? '' : ` for ${other.file}`}; give this one another name`,
    );
  const warn = (text: string): void => err(`twincached up: ${text}\n`);
  const alerts = plan.alerts === undefined ? null : openAlerts(plan.alerts, warn);
  writePlannedFiles(plannedFiles(plan));

  // Of the built-in cluster nothing is left behind.
  const events =
    source.file === null ? null : new EventFile(partPath(plan.name, 'events', part, '.jsonl'), warn);
  const monitor: Monitor = new Monitor({
    cluster: plan.name,
    services: plan.services,
    events: events?.kept ?? [],
    running: orphans,
    spare: plan.warmStart === false ? null : surroundings.spare,
    alerts,
    alertQueue: source.file === null ? null : partPath(plan.name, 'alerts', part),
  });
  if (events !== null) monitor.onEvent((event) => events.add(event));
  const page = openPage(
    plan.page ?? LOOPBACK_PAGE,
    process.env,
    join(stateDirectory(plan.name), AUDIT_LOG),
    (text) => monitor.log('', 'error', text),
  );
  for (const warning of page.warnings) warn(warning);
  const stop = new StopRequest(() => monitor.killAll());
  const operator = new ClusterOperator({ monitor, plan, source, onDown: () => stop.ask() });
  const restarts = new RuleRestarts({
    isBusy: () => operator.isBusy,
    restart: (service, by) =>
      operator.order({ action: 'rolling-restart', names: [service], force: true }, by),
    nowMs: () => performance.now(),
  });
  monitor.onRestartWanted = (service, why) => restarts.want(service, why);
  const commandKey = newKey();
  const accessTo = (service: string): ServerAccess | undefined => monitor.accessTo(service);
  const dashboard = new Dashboard(monitor, {
    ...page.options,
    metrics: shared(() => clusterMetrics(monitor.status(), scraper(accessTo), undefined, monitor.ownMemory)),
    accessTo,
    operations: operator,
    commandKey,
  });
  // Should a fault of its own end this process, the next monitor of the file takes over what serves. Of the built-in cluster nothing is left behind then:
  // whoever tries it out may never start it again.
  const lastResort = (): void => monitor.killAll();
  if (source.file === null) process.on('exit', lastResort);

  let ready = false;
  let forget = (): void => {};
  monitor.onEvent((event) => {
    // What is given up during the start is told below, as the reason why the start failed.
    if (event.level === 'output' ? verbose : ready || event.level === 'warning') tell(event);
  });
  const unfollow = followSignals(
    stop,
    () => void operator.order({ action: 'reload', dryRun: false }, 'SIGHUP'),
  );
  const stopReaping = await reapOrphans(() => new Set(monitor.pids));
  try {
    await dashboard.start(plan.pagePort);
    onBegin?.();
    const { name: cluster, pagePort, page: settings = LOOPBACK_PAGE } = plan;
    const found = {
      cluster,
      host: source.host,
      file: source.file,
      pagePort,
      pageAddress: settings.address,
      pageCertificate: page.options.tls?.cert ?? null,
      key: commandKey,
    };
    operator.onReload = () => {
      const tls = readPageTls(settings);
      if (tls === null || tls.cert === found.pageCertificate) return null;
      dashboard.useCertificate(tls);
      found.pageCertificate = tls.cert;
      writeMonitorRecord(found, part);
      return 'the page shows its new certificate';
    };
    const { failure, remove } = writeMonitorRecord(found, part);
    forget = remove;
    if (failure !== null)
      err(`twincached up: ${failure}: commands will not find this cluster without --page-port\n`);
    out(`twincached ${TWINCACHED_VERSION}: starting ${plan.services.length} processes …\n`);
    for (const [proxy, addresses] of source.out ?? [])
      out(
        `${proxy} does not ask ${[...addresses].join(', ')}: taken out before, see "twincached put-back"\n`,
      );
    for (const [name, pid] of orphans) out(`${name} runs already, process ${pid}: taken over\n`);
    monitor.log('', 'info', `the monitor starts, process ${process.pid}`);
    monitor.startAll();
    const outcome = await Promise.race([
      firstOutcome(monitor, (missing) => out(`still waiting for ${missing}\n`)),
      stop.asked,
    ]);
    if (outcome.type === 'gave-up') {
      err(`twincached up: ${outcome.service}: ${outcome.reason}\n`);
      return 1;
    }
    if (outcome.type === 'running') {
      out(`${welcomeText(plan, monitor.status(), performance.now() - startedMs)}\n`);
      ready = true;
      monitor.keepSpare();
      operator.ready();
      await stop.asked;
    }
    out('\nStopping … (Ctrl-C again to kill)\n');
    return 0;
  } finally {
    restarts.stop();
    await monitor.stopAll();
    await dashboard.stop();
    forget();
    stopReaping();
    unfollow();
    process.off('exit', lastResort);
    if (ready) out('Everything is stopped.\n');
  }
}

/** Among the cluster's own files. @param part what tells monitors of one cluster apart on one machine */
function partPath(cluster: string, what: string, part: string, ending = ''): string {
  return join(stateDirectory(cluster), `${part === '' ? what : `${what}-${part}`}${ending}`);
}

/** The wish that everything ends, by a signal or by an order. The first one is a wish, every further one kills at once. */
class StopRequest {
  readonly asked: Promise<{ readonly type: 'stop' }>;
  readonly #killAll: () => void;
  #isAsked = false;
  #resolve: (value: { readonly type: 'stop' }) => void = () => {};

  constructor(killAll: () => void) {
    this.#killAll = killAll;
    this.asked = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  ask(): void {
    if (this.#isAsked) this.#killAll();
    this.#isAsked = true;
    this.#resolve({ type: 'stop' });
  }
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * SIGHUP means two things: that the terminal has gone, in which everything runs, and, to a service, that its file shall be read again. The
 * kernel takes the terminal away before it tells.
 *
 * @returns ends it
 */
function followSignals(stop: StopRequest, reload: () => void): () => void {
  const terminal = controllingTerminal();
  const hasTerminal = terminal !== null && terminal !== 0;
  const onStop = (): void => stop.ask();
  const onHangup = (): void => {
    if (hasTerminal && controllingTerminal() === 0) stop.ask();
    else reload();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onStop);
  process.on('SIGHUP', onHangup);
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, onStop);
    process.off('SIGHUP', onHangup);
  };
}
