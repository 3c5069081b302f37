import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Running, StartError } from '../base/start-error.ts';
import type { LogEvent } from '../checks/event-log.ts';
import { Monitor } from '../monitor/monitor.ts';
import { openAlerts } from './alert-settings.ts';
import { type ClusterDescription, parseClusterFile } from './cluster-file.ts';
import { filePlan } from './file-plan.ts';
import { FreePorts } from './free-ports.ts';
import type { ClusterPlan } from './plan.ts';
import { plannedFiles, readClusterFile, writePlannedFiles } from './planned-cluster.ts';
import { firstOutcome } from './start-outcome.ts';

/** Which cluster. */
export interface ClusterOptions {
  /** A cluster file. */
  readonly file?: string;
  /** Of a cluster on several hosts, the one that this is; everything runs here unless given. */
  readonly host?: string;
  /** What a cluster file says, as an object; a port 0 is any free port. Neither this nor a file: two pairs of twins and a proxy, on free ports of 127.0.0.1. */
  readonly description?: Readonly<Record<string, unknown>>;
  /** Is given what the monitor tells, and what the processes write. */
  readonly onEvent?: (event: LogEvent) => void;
}

/** The executable of this package, from where this file is when it is compiled. */
const EXECUTABLE = fileURLToPath(new URL('../../../bin/twincached', import.meta.url));

const NODE_MEMORY = '16M';

/** Two pairs of twins, and a proxy in front of both. */
const SMALL_CLUSTER: Readonly<Record<string, unknown>> = {
  name: 'local',
  defaults: { memory: NODE_MEMORY },
  shards: [1, 2].map((pair) => ({
    name: `pair-${pair}`,
    'replication-port': 0,
    twins: [{ port: 0 }, { port: 0 }],
  })),
  proxies: [{ name: 'proxy', port: 0 }],
};

/** A cluster that serves. */
export interface RunningCluster extends Running {
  readonly monitor: Monitor;
  readonly plan: ClusterPlan;
}

/** Starts a cluster as a part of this process. @throws StartError see Cluster.start */
export async function runEmbedded({
  file,
  host = null,
  description,
  onEvent,
}: Omit<ClusterOptions, 'host'> & { readonly host?: string | null }): Promise<RunningCluster> {
  if (file !== undefined && description !== undefined)
    throw new StartError('a cluster has a file or a description, not both');
  const cluster =
    file === undefined ? await described(description ?? SMALL_CLUSTER) : readClusterFile({ file, host });
  // Not where `twincached up` has its own: several may run at a time, under one name.
  const folder = mkdtempSync(join(tmpdir(), 'twincached-cluster-'));
  const forget = (): void => rmSync(folder, { recursive: true, force: true });
  const plan = filePlan(cluster, {
    command: [process.execPath, EXECUTABLE],
    host,
    asRoot: process.getuid?.() === 0,
    stateDirectory: folder,
    secretFile: cluster.secretFile === null ? null : resolve(dirname(file ?? '.'), cluster.secretFile),
    serving: new Map(),
  });
  const monitor = new Monitor({
    cluster: plan.name,
    services: plan.services,
    alerts: openAlerts(cluster.alerts, (text) => monitor.log('', 'warning', text)),
  });
  if (onEvent !== undefined) monitor.onEvent(onEvent);
  // Whatever ends this process, short of its own SIGKILL, leaves no orphan.
  const lastResort = (): void => {
    monitor.killAll();
    forget();
  };
  process.on('exit', lastResort);
  const stop = async (): Promise<void> => {
    await monitor.stopAll();
    process.off('exit', lastResort);
    forget();
  };
  try {
    writePlannedFiles(plannedFiles(plan));
    monitor.startAll();
    const outcome = await firstOutcome(monitor);
    if (outcome.type === 'gave-up') throw new StartError(`${outcome.service}: ${outcome.reason}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { monitor, plan, stop, failed: new Promise(() => {}) };
}

async function described(description: Readonly<Record<string, unknown>>): Promise<ClusterDescription> {
  const ports = new FreePorts();
  try {
    // As text, so that a mistake is told with its place, as a file's is.
    return parseClusterFile('description', JSON.stringify(await ports.fill(description), null, 2));
  } finally {
    await ports.close();
  }
}
