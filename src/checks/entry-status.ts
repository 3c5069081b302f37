/** Everything that is known of the entries of a control file as one value: what pages, the command line and state files show. */
import type { EventName, OnReboot, ServiceEntry } from '../control/tree.ts';
import type { EntryState } from './entry-inputs.ts';
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
  readonly pending: 'start' | 'stop' | 'restart' | null;
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
}

/** What pages and the command line need of a monitor that runs a control file. */
export interface EntryControl {
  facts(): MonitorFacts;
  /** The system first, then the order of the file. */
  entries(): readonly EntryStatus[];
  /** The newest events, oldest first. */
  events(): readonly LogEvent[];
  /** Carries out an operator's command; returns before its effect is seen. */
  command(names: readonly string[], command: ServiceCommand): void;
  /** Looks at everything now. */
  wake(): void;
}
