import { seededRandom } from '../src/base/random.ts';
import type { EntryAction, EntryInput } from '../src/checks/entry-inputs.ts';
import { EntryMachine } from '../src/checks/entry-machine.ts';
import { DEFAULT_ENTRY_POLICY, type EntryPolicy } from '../src/checks/entry-policy.ts';
import { EMPTY_SAMPLE, type Figure, figure, type ProbeOutcome, type Sample } from '../src/checks/sample.ts';
import type { ServiceCommand } from '../src/checks/service-machine.ts';
import { parseControlFile } from '../src/control/control-file.ts';
import type { ControlTree, Resource } from '../src/control/tree.ts';

/** A control file's tree from its text. */
export function controlTree(text: string): ControlTree {
  return parseControlFile('file', { hostName: 'host', glob: () => [], read: () => text });
}

export const ANY_MINUTE = { minute: 0, hour: 0, dayOfMonth: 1, month: 1, dayOfWeek: 0 };

/** One entry's state machine with a clock of its own; keeps what it says as short lines. */
export class DrivenEntry {
  readonly machine: EntryMachine;
  nowMs = 0;
  #serial = 0;

  /** @param text the statements of an entry of a process that has a start program */
  constructor(
    text: string,
    head = 'check process x with pidfile /x start program = "/start"',
    policy: Partial<EntryPolicy> = {},
    tellsTests = false,
  ) {
    const tree = controlTree(`${head} ${text}`);
    const entry = tree.services[0];
    if (entry === undefined) throw new Error('no entry');
    this.machine = new EntryMachine(entry, {
      limits: tree.settings.limits,
      cores: 2,
      random: seededRandom(1),
      policy: { ...DEFAULT_ENTRY_POLICY, ...policy },
      tellsTests,
    });
  }

  step(input: EntryInput): string[] {
    return this.machine.step(input, this.nowMs).map((action) => {
      if (action.type === 'sample') this.#serial = action.serial;
      return actionText(action);
    });
  }

  observe(pid: number | null): string[] {
    return this.step({ type: 'observed', pid });
  }

  command(command: ServiceCommand): string[] {
    return this.step({ type: 'command', command });
  }

  ended(role: 'start' | 'stop' | 'restart', isOk: boolean, leftProcesses: boolean | null = isOk): string[] {
    return this.step({
      type: 'program-ended',
      role,
      isOk,
      text: isOk ? 'exit status 0' : 'exit status 1',
      leftProcesses,
    });
  }

  /** Moves the clock on, and ticks whenever the machine wants it. */
  wait(ms: number): string[] {
    const end = this.nowMs + ms;
    const lines: string[] = [];
    while (this.machine.dueMs() <= end) {
      this.nowMs = Math.max(this.nowMs, this.machine.dueMs());
      lines.push(...this.step({ type: 'tick' }));
    }
    this.nowMs = end;
    return lines;
  }

  /** One cycle of five seconds: what is found is told when it is asked for. */
  cycle(sample: Partial<Sample> = {}): string[] {
    const lines = [...this.wait(5000), ...this.step({ type: 'cycle', calendar: ANY_MINUTE })];
    if (!lines.includes('sample')) return lines;
    const found = { ...EMPTY_SAMPLE, exists: this.machine.pid !== null, ...sample };
    return [
      ...lines.filter((line) => line !== 'sample'),
      ...this.step({ type: 'sampled', serial: this.#serial, sample: found }),
    ];
  }
}

/** A sample with one figure in percent, or absolute. */
export function withFigure(resource: Resource, value: number, isPercent = true): Partial<Sample> {
  const one: Figure = isPercent ? figure(null, value) : figure(value);
  return { exists: true, figures: { [resource]: one } };
}

/** A sample in which the rule of this index found its port open, or not. */
export function withProbe(isOk: boolean, index = 0): Partial<Sample> {
  const outcome: ProbeOutcome = { isOk, text: isOk ? 'fine' : 'no answer', responseMs: isOk ? 1 : null };
  return { exists: true, probes: new Map([[index, outcome]]) };
}

function actionText(action: EntryAction): string {
  switch (action.type) {
    case 'run':
      return `run ${action.role}`;
    case 'signal':
      return `${action.signal} ${action.pid}`;
    case 'event':
      return `event ${action.event.name} ${action.event.state} ${action.event.action}`;
    case 'exec':
      return `exec ${action.call.argv.join(' ')}`;
    case 'log':
      return `log ${action.text}`;
    default:
      return action.type;
  }
}
