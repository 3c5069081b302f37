/** Everything that is known of the entries of a control file as one value: what pages, the command line and state files show. */
import type { EventName, OnReboot, ServiceEntry } from '../control/tree.ts';
import type { EntryState } from './entry-inputs.ts';
import type { Pending } from './entry-supervisor.ts';
import { eventTitle } from './event-kinds.ts';
import type { LogEvent } from './event-log.ts';
import type { Sample } from './sample.ts';
import type { ServiceCommand } from './service-machine.ts';

export interface EntryStatus {
  readonly entry: ServiceEntry;
  /** `OK`, the failed events, `Not monitored`, `Initializing`, with ` - start pending` where a command waits. */
  readonly statusText: string;
  readonly monitoringText: 'Monitored' | 'Not monitored' | 'Initializing' | 'Waiting';
  readonly state: EntryState;
  /** Why, as a phrase; '' when there is nothing to explain. */
  readonly reason: string;
  readonly failures: readonly EventName[];
  readonly isMonitored: boolean;
  readonly pending: Pending | null;
  readonly onReboot: OnReboot;
  readonly pid: number | null;
  readonly restarts: number;
  readonly sample: Sample | null;
  /** Wall clock of the sample, milliseconds since 1970; null when there is none. */
  readonly sampledAtMs: number | null;
  /** What a `check program` said last. */
  readonly output: string;
  /** When it is started again by itself, seconds from now; null when nothing is planned. */
  readonly nextStartSeconds: number | null;
}

/** The monitor itself. */
export interface MonitorFacts {
  readonly id: string;
  readonly hostName: string;
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly cycleSeconds: number;
  readonly startDelaySeconds: number;
  readonly controlFile: string;
  readonly logFile: string;
  readonly pidFile: string;
  readonly stateFile: string;
  readonly idFile: string;
  /** Where it answers HTTP; null: nowhere. */
  readonly httpd: { readonly address: string; readonly port: number; readonly isTls: boolean } | null;
  readonly platform: PlatformFacts;
}

/** The host below it. */
export interface PlatformFacts {
  readonly name: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
}

/** What pages and the command line need of a monitor that runs a control file. */
export interface EntryControl {
  facts(): MonitorFacts;
  /** In the order of the file. */
  entries(): readonly EntryStatus[];
  /** The newest events, oldest first. */
  events(): readonly LogEvent[];
  /** Carries out an operator's command; returns before its effect is seen. */
  command(names: readonly string[], command: ServiceCommand): void;
  /** Looks at everything now. */
  wake(): void;
}

/** The state of an entry in monit's words: `OK`, the failed events, or why nobody looks. */
export function statusWords({
  state,
  isMonitored,
  failures,
}: Pick<EntryStatus, 'state' | 'isMonitored' | 'failures'>): string {
  if (state === 'gave-up') return 'Timeout';
  if (!isMonitored) return 'Not monitored';
  const isInitial = state === 'initializing' || state === 'starting';
  if (isInitial && !failures.includes('data')) return 'Initializing';
  if (failures.length === 0) return 'OK';
  return failures.map((name) => eventTitle(name, 'failed')).join(' | ');
}
