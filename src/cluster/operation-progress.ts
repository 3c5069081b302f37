import { type ClusterOperation, OPERATION_LINES_MAX } from '../checks/cluster-operation.ts';
import type { Monitor } from '../monitor/monitor.ts';

/** How far an operation is, as the status tells it and the log keeps it. */
export class OperationProgress {
  readonly #monitor: Monitor;
  #operation: ClusterOperation;

  /** It begins. @param stepsTotal as far as it is known */
  constructor(
    monitor: Monitor,
    { id, action, by, stepsTotal }: Pick<ClusterOperation, 'id' | 'action' | 'by' | 'stepsTotal'>,
  ) {
    this.#monitor = monitor;
    this.#operation = {
      id,
      action,
      by,
      startedAtMs: Date.now(),
      endedAtMs: null,
      state: 'under-way',
      stepsDone: 0,
      stepsTotal,
      text: 'begins',
      lines: [],
      linesBefore: 0,
    };
    monitor.log('', 'info', `${action} requested by ${by}`);
    this.#note({});
  }

  get operation(): ClusterOperation {
    return this.#operation;
  }

  /** What is being done or waited for. */
  doing(text: string): void {
    if (text !== this.#operation.text) this.#note({ text });
  }

  /** Another one is done. */
  step(line: string): void {
    this.say(line);
    const stepsDone = this.#operation.stepsDone + 1;
    this.#note({ stepsDone, stepsTotal: Math.max(stepsDone, this.#operation.stepsTotal) });
  }

  /** A line that is no step. */
  say(line: string): void {
    const { lines, linesBefore } = this.#operation;
    const kept = [...lines, line].slice(-OPERATION_LINES_MAX);
    this.#note({ text: line, lines: kept, linesBefore: linesBefore + lines.length + 1 - kept.length });
    this.#monitor.log('', 'info', line);
  }

  done(text: string): void {
    this.#end('done', text);
  }

  failed(text: string): void {
    this.#end('failed', text);
  }

  #end(state: 'done' | 'failed', text: string): void {
    this.#note({ state, text, endedAtMs: Date.now() });
    const { action } = this.#operation;
    const line = `${action} ${state}: ${text}`;
    this.#monitor.log('', state === 'done' ? 'info' : 'error', line);
    this.#monitor.orderEnded(`${line} (requested by ${this.#operation.by})`, state === 'done');
  }

  #note(change: Partial<ClusterOperation>): void {
    this.#operation = { ...this.#operation, ...change };
    this.#monitor.noteOperation(this.#operation);
  }
}
