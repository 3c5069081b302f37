import { join } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import type { LogEvent } from '../checks/event-log.ts';
import { Dashboard } from '../dashboard/dashboard.ts';
import { Monitor } from '../monitor/monitor.ts';
import { clusterMetrics, shared } from './cluster-metrics.ts';
import { numberOption, parseOptions } from './command-options.ts';
import { reapOrphans } from './orphan-reaper.ts';
import { openPage } from './page-opening.ts';
import { LOOPBACK_PAGE } from './page-settings.ts';
import { type ClusterPlan, LOCAL_PORTS, localPlan } from './plan.ts';
import { readClusterFile, stateDirectory, writePlannedFiles } from './planned-cluster.ts';
import { busyPortAdvice, busyPortLine, busyPorts } from './port-check.ts';
import { welcomeText } from './welcome.ts';

export const UP_HELP: string = `Usage: twincached up [FILE] [options]

Runs what a cluster file describes until Ctrl-C, with a monitor that restarts what dies. Without FILE it is a replicated cluster on this
machine: two pairs of twin nodes, a proxy in front of each pair, one proxy for clients at 127.0.0.1:${LOCAL_PORTS.entry}, and a page at
http://127.0.0.1:${LOCAL_PORTS.page}/.

  --host NAME        of a file: only what runs on this host
  --node-memory MB   without a file: memory for items of each of the four nodes (64)
  --page-port N      port of the status page (${LOCAL_PORTS.page})
  --port-offset N    without a file: add N to every port, so that a second cluster fits beside the first (0)
  -v, --verbose      show what the processes write, with their names
  -h, --help         show this text
`;

/** Highest offset at which the highest port is still one. */
const PORT_OFFSET_MAX = 65_535 - LOCAL_PORTS.entry;

/** Among the cluster's own files, unless the cluster file says otherwise. */
const AUDIT_LOG = 'audit.log';

/** A word on what is still missing, this often, while the cluster starts. */
const STILL_WAITING_MS = 5000;

/** What `up` needs of its surroundings. */
export interface UpSurroundings {
  /** Program and first arguments that run a personality. */
  readonly command: readonly string[];
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
    if (file !== undefined) {
      for (const name of ['node-memory', 'port-offset'])
        if (options.values[name] !== undefined)
          throw new StartError(`option '--${name}' is for the cluster without a file; the file says it`);
      const host = options.values['host'];
      const planned = readClusterFile(file, typeof host === 'string' ? host : null, surroundings.command);
      writePlannedFiles(planned);
      return await runCluster(
        { ...planned, pagePort: pagePort ?? planned.pagePort },
        options.values['verbose'] === true,
        surroundings,
      );
    }
    if (options.values['host'] !== undefined) throw new StartError("option '--host' needs a cluster file");
    const plan = localPlan({
      command: surroundings.command,
      nodeMemoryMib: numberOption(options, 'node-memory', { min: 1, max: 1_000_000 }, 64),
      portOffset: numberOption(options, 'port-offset', { min: 0, max: PORT_OFFSET_MAX }, 0),
      pagePort,
      asRoot: process.getuid?.() === 0,
    });
    return await runCluster(plan, options.values['verbose'] === true, surroundings);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    for (const line of error.message.split('\n')) surroundings.err(`twincached up: ${line}\n`);
    return error.exitCode;
  }
}

/** Runs a plan in the foreground until a signal comes. */
async function runCluster(
  plan: ClusterPlan,
  verbose: boolean,
  surroundings: UpSurroundings,
): Promise<number> {
  const { out, err } = surroundings;
  const startedMs = performance.now();
  const busy = await busyPorts(plan);
  if (busy.length > 0) {
    const lines = busy.map(busyPortLine);
    const advice = busyPortAdvice(busy, plan.pagePort);
    throw new StartError((advice === null ? lines : [...lines, advice]).join('\n'));
  }

  const monitor = new Monitor({
    cluster: plan.name,
    services: plan.services,
    clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
    random: { below: (bound) => Math.floor(Math.random() * bound) },
  });
  const page = openPage(
    plan.page ?? LOOPBACK_PAGE,
    process.env,
    join(stateDirectory(plan.name), AUDIT_LOG),
    (text) => monitor.log('', 'error', text),
  );
  for (const warning of page.warnings) err(`twincached up: ${warning}\n`);
  const dashboard = new Dashboard(monitor, {
    ...page.options,
    metrics: shared(() => clusterMetrics(monitor.status())),
  });
  // Whatever ends this process, short of its own SIGKILL, leaves no orphan.
  const lastResort = (): void => monitor.killAll();
  process.on('exit', lastResort);

  let ready = false;
  monitor.onEvent((event) => {
    // What is given up during the start is told below, as the reason why the start failed.
    if (event.level === 'output' ? verbose : ready || event.level === 'warning') out(eventLine(event));
  });
  const signals = new StopSignals(() => monitor.killAll());
  const stopReaping = await reapOrphans(
    () => new Set(monitor.status().services.flatMap(({ pid }) => (pid === null ? [] : [pid]))),
  );
  try {
    await dashboard.start(plan.pagePort);
    out(`twincached ${TWINCACHED_VERSION}: starting ${plan.services.length} processes …\n`);
    monitor.startAll();
    const outcome = await Promise.race([started(monitor, out), signals.first]);
    if (outcome.type === 'gave-up') {
      err(`twincached up: ${outcome.service}: ${outcome.reason}\n`);
      return 1;
    }
    if (outcome.type === 'running') {
      out(`${welcomeText(plan, monitor.status(), performance.now() - startedMs)}\n`);
      ready = true;
      await signals.first;
    }
    out('\nStopping … (Ctrl-C again to kill)\n');
    return 0;
  } finally {
    await monitor.stopAll();
    await dashboard.stop();
    stopReaping();
    signals.close();
    process.off('exit', lastResort);
    if (ready) out('Everything is stopped.\n');
  }
}

type StartOutcome =
  | { readonly type: 'running' }
  | { readonly type: 'gave-up'; readonly service: string; readonly reason: string };

/** Waits until everything runs, or something has been given up. */
function started(monitor: Monitor, out: (text: string) => void): Promise<StartOutcome> {
  return new Promise((resolve) => {
    const reminder = setInterval(() => {
      const missing = monitor.status().services.filter(({ state }) => state !== 'running');
      out(`still waiting for ${missing.map(({ name, state }) => `${name} (${state})`).join(', ')}\n`);
    }, STILL_WAITING_MS);
    const unsubscribe = monitor.onChange(() => {
      const { services } = monitor.status();
      const lost = services.find(({ state }) => state === 'gave-up');
      const leaving = services.some(({ state }) => state === 'stopping' || state === 'stopped');
      if (lost === undefined && !leaving && services.some(({ state }) => state !== 'running')) return;
      clearInterval(reminder);
      unsubscribe();
      // While everything is being stopped nobody asks any more, so nothing is resolved.
      if (lost !== undefined) resolve({ type: 'gave-up', service: lost.name, reason: lost.reason });
      else if (!leaving) resolve({ type: 'running' });
    });
  });
}

/** The signals that ask a foreground program to end. The first one is a wish, every further one kills at once. */
class StopSignals {
  readonly first: Promise<{ readonly type: 'signal' }>;
  readonly #onSignal: () => void;

  constructor(killAll: () => void) {
    let asked = false;
    let resolveFirst: (value: { readonly type: 'signal' }) => void = () => {};
    this.first = new Promise((resolve) => {
      resolveFirst = resolve;
    });
    this.#onSignal = () => {
      if (asked) killAll();
      asked = true;
      resolveFirst({ type: 'signal' });
    };
    for (const signal of STOP_SIGNALS) process.on(signal, this.#onSignal);
  }

  close(): void {
    for (const signal of STOP_SIGNALS) process.off(signal, this.#onSignal);
  }
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `12:00:01 node-1a: died of SIGKILL; restarted at once`. */
function eventLine({ atMs, service, text }: LogEvent): string {
  return `${new Date(atMs).toTimeString().slice(0, 8)} ${service}: ${text}\n`;
}
