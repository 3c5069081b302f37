import type { CalendarMinute } from '../control/cron.ts';
import type { ProgramCall } from '../control/tree.ts';
import type { ServiceEvent } from './event-kinds.ts';
import type { Sample } from './sample.ts';
import type { ServiceCommand } from './service-machine.ts';

export type EntryState =
  | 'initializing'
  | 'stopped'
  | 'starting'
  | 'running'
  | 'missing'
  | 'backing-off'
  | 'stopping'
  | 'gave-up';

export type ProgramRole = 'start' | 'stop' | 'restart';

export type EntryInput =
  /** Which process the pid file or the pattern names now; for processes only. */
  | { readonly type: 'observed'; readonly pid: number | null }
  | {
      readonly type: 'program-ended';
      readonly role: ProgramRole;
      readonly isOk: boolean;
      /** How it ended and what it said, as a phrase. */
      readonly text: string;
      /** Whether it has left processes behind; null where that cannot be known. */
      readonly leftProcesses: boolean | null;
    }
  | { readonly type: 'sampled'; readonly serial: number; readonly sample: Sample }
  /** What the entry is looked at by hangs. */
  | {
      readonly type: 'unanswered';
      /** Of the sample that could not be taken; null: it was no sample. */
      readonly serial: number | null;
      /** What does not answer, as a phrase; null: it does again. */
      readonly text: string | null;
    }
  | { readonly type: 'cycle'; readonly calendar: CalendarMinute }
  | { readonly type: 'command'; readonly command: ServiceCommand }
  | { readonly type: 'tick' };

export type EntryAction =
  /** Run a program of the entry. One of the same role that still runs is ended first. */
  | { readonly type: 'run'; readonly role: ProgramRole; readonly call: ProgramCall }
  /** End the start program and whatever it has started. */
  | { readonly type: 'abandon-start' }
  | { readonly type: 'signal'; readonly pid: number; readonly signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL' }
  /** Look at the service, and report with the same serial. */
  | { readonly type: 'sample'; readonly serial: number }
  | { readonly type: 'exec'; readonly call: ProgramCall; readonly event: ServiceEvent }
  /** Tell whoever wants to hear it. */
  | { readonly type: 'event'; readonly event: ServiceEvent }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warning' | 'error'; readonly text: string };
