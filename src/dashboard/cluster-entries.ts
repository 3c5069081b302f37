/** A cluster as monit would see it: each of its services a process with a port, for the paths that scripts around monit ask. */
import { availableParallelism, hostname, totalmem } from 'node:os';
import { TWINCACHED_VERSION } from '../base/version.ts';
import type { ClusterStatus, ServiceStatus } from '../checks/cluster-status.ts';
import { type EntryStatus, type MonitorFacts, statusWords } from '../checks/entry-status.ts';
import { figure, type Sample } from '../checks/sample.ts';
import { bareEntry } from '../control/bare-entry.ts';
import type { EventName, Rule, ServiceEntry } from '../control/tree.ts';
import { readPlatform } from '../system/host-figures.ts';

/** Between two probes of a service. */
const CYCLE_SECONDS = 1;

const ALERT = { times: 1, cycles: 1, action: { kind: 'alert' } } as const;

/** The monitor of a cluster, as monit speaks of itself. */
export function clusterFacts({ cluster, uptimeSeconds }: ClusterStatus): MonitorFacts {
  return {
    id: cluster,
    hostName: hostname(),
    version: TWINCACHED_VERSION,
    pid: process.pid,
    uptimeSeconds,
    cycleSeconds: CYCLE_SECONDS,
    startDelaySeconds: 0,
    controlFile: '',
    logFile: '',
    pidFile: '',
    stateFile: '',
    idFile: '',
    httpd: null,
    platform: readPlatform(),
  };
}

/** The services of a cluster, each as an entry of a control file. */
export function clusterEntries({ services, atMs }: ClusterStatus): readonly EntryStatus[] {
  return services.map((service) => entryStatus(service, atMs));
}

function entryStatus(service: ServiceStatus, atMs: number): EntryStatus {
  const { state, reason, pid, restarts, process: usage } = service;
  // A service that was stopped is one that nobody looks after, in monit's words.
  const isMonitored = service.monitored && state !== 'stopped' && state !== 'stopping';
  const failures = isMonitored ? failuresOf(service) : [];
  const entryState = state === 'failing' ? 'running' : state;
  return {
    entry: entryOf(service),
    statusText: statusWords({ state: entryState, isMonitored, failures }),
    monitoringText: isMonitored ? (state === 'starting' ? 'Initializing' : 'Monitored') : 'Not monitored',
    state: entryState,
    reason,
    failures,
    isMonitored,
    pending: null,
    onReboot: 'start',
    pid,
    restarts,
    sample: usage === null ? null : sampleOf(service),
    sampledAtMs: usage === null ? null : atMs,
    output: '',
    nextStartSeconds: null,
  };
}

function failuresOf({ state }: ServiceStatus): readonly EventName[] {
  if (state === 'failing') return ['connection'];
  if (state === 'gave-up') return ['timeout'];
  return state === 'backing-off' ? ['nonexist'] : [];
}

function sampleOf({ process: usage, uptimeSeconds, probeMs, address }: ServiceStatus): Sample {
  const { cpuPercent = null, residentBytes = 0, threads = 1 } = usage ?? {};
  // 100 % are as many cores as it could use.
  const cpu =
    cpuPercent === null ? null : cpuPercent / Math.min(Math.max(1, threads), availableParallelism());
  const memory = figure(residentBytes, (residentBytes * 100) / totalmem());
  return {
    exists: true,
    figures: {
      uptime: figure((uptimeSeconds ?? 0) * 1000),
      threads: figure(threads),
      children: figure(0),
      cpu: figure(null, cpu),
      'cpu-total': figure(null, cpu),
      memory,
      'memory-total': memory,
    },
    properties: {},
    probes: new Map([[0, { isOk: probeMs !== null, text: address, responseMs: probeMs }]]),
  };
}

function entryOf({ name, group, address, sendsTo }: ServiceStatus): ServiceEntry {
  const place = { file: '', line: 0 };
  const colon = address.lastIndexOf(':');
  const rule: Rule = {
    place,
    test: {
      kind: 'connection',
      matchesWhen: 'failed',
      target: { kind: 'port', host: address.slice(0, colon), port: Number(address.slice(colon + 1)) },
      source: null,
      family: 'any',
      transport: 'tcp',
      usesTls: false,
      protocol: 'memcache',
      http: null,
      dialogue: [],
      timeoutMs: 0,
      attempts: 1,
      responseTime: null,
    },
    onFailure: ALERT,
    onSuccess: ALERT,
  };
  return {
    ...bareEntry({ name, type: 'process', subject: { kind: 'pid-file', path: '' }, place }),
    groups: [group],
    dependsOn: sendsTo.map((other) => ({ name: other, place })),
    rules: [rule],
  };
}
