import type { EntryControl, EntryStatus, MonitorFacts } from '../checks/entry-status.ts';
import type { LogEvent } from '../checks/event-log.ts';
import { listed } from './entry-text.ts';

/** One service of a control file, as the live page shows it. */
export interface EntryLine {
  readonly name: string;
  /** `process`, `host`, ... */
  readonly type: string;
  readonly groups: readonly string[];
  /** In monit's words: `OK`, `Does not exist`, `Not monitored`. */
  readonly status: string;
  /** `good`: as it should be. `busy`: on its way, or nobody looks. `bad`: something of it fails. */
  readonly tone: 'good' | 'busy' | 'bad' | 'idle';
  readonly reason: string;
  readonly isMonitored: boolean;
  /** Whether a process of it is known. */
  readonly isRunning: boolean;
  readonly pid: number | null;
  readonly uptimeSeconds: number | null;
  readonly cpuPercent: number | null;
  readonly memoryPercent: number | null;
  readonly memoryBytes: number | null;
  readonly restarts: number;
}

/** All that the live page shows. */
export interface EntryView {
  readonly facts: Pick<MonitorFacts, 'hostName' | 'version' | 'uptimeSeconds' | 'cycleSeconds'>;
  readonly services: readonly EntryLine[];
  /** Oldest first. */
  readonly events: readonly LogEvent[];
  /** Wall clock of the newest point of the charts. */
  readonly historyAtMs: number;
}

export function entryView(control: EntryControl, historyAtMs: number): EntryView {
  const { hostName, version, uptimeSeconds, cycleSeconds } = control.facts();
  return {
    facts: { hostName, version, uptimeSeconds, cycleSeconds },
    services: entryLines(control),
    events: control.events(),
    historyAtMs,
  };
}

export function entryLines(control: EntryControl): readonly EntryLine[] {
  return listed(control.entries()).map(entryLine);
}

function entryLine(status: EntryStatus): EntryLine {
  const { entry, sample } = status;
  const isProcess = entry.type === 'process';
  const figures = sample?.figures ?? {};
  const uptimeMs = figures.uptime?.absolute ?? null;
  const memory = figures[isProcess ? 'memory-total' : 'memory'];
  return {
    name: entry.name,
    type: entry.type,
    groups: entry.groups,
    status: status.statusText,
    tone: toneOf(status),
    reason: status.reason,
    isMonitored: status.isMonitored,
    isRunning: status.pid !== null,
    pid: status.pid,
    uptimeSeconds: uptimeMs === null ? null : Math.floor(uptimeMs / 1000),
    cpuPercent: figures[isProcess ? 'cpu-total' : 'cpu']?.percent ?? null,
    memoryPercent: memory?.percent ?? null,
    memoryBytes: memory?.absolute ?? null,
    restarts: status.restarts,
  };
}

function toneOf({ failures, isMonitored, monitoringText, state }: EntryStatus): EntryLine['tone'] {
  if (failures.length > 0 || state === 'gave-up') return 'bad';
  if (!isMonitored) return 'idle';
  return monitoringText === 'Monitored' ? 'good' : 'busy';
}
