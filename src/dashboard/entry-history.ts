import type { EntryControl } from '../checks/entry-status.ts';
import { entryLines } from './entry-view.ts';
import { FigureHistory, HISTORY_SPANS, type HistoryPoint } from './figure-history.ts';
import { type DataAnswer, historyAnswer } from './history-answer.ts';
import { CLUSTER_SERIES } from './history-points.ts';

/** What the charts of a control file's page are drawn of: processor and memory of each process and of the host, and of all processes together. */
export class EntryHistory {
  readonly #history: FigureHistory = new FigureHistory();
  #timer: NodeJS.Timeout | null = null;
  #newestAtMs = 0;

  /** Begins to remember. @param control the present one */
  start(control: () => EntryControl): void {
    this.remember(control());
    this.#timer ??= setInterval(() => this.remember(control()), HISTORY_SPANS.hour.stepMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Wall clock of the newest point. */
  get newestAtMs(): number {
    return this.#newestAtMs;
  }

  /** Takes a point of every series now. */
  remember(control: EntryControl): void {
    this.#newestAtMs = Date.now();
    const points: Map<string, HistoryPoint> = new Map([[CLUSTER_SERIES, {}]]);
    let cpuPercent: number | null = null;
    let residentBytes: number | null = null;
    for (const { name, type, cpuPercent: cpu, memoryBytes: memory } of entryLines(control)) {
      if (type !== 'process' && type !== 'system') continue;
      points.set(name, { cpuPercent: cpu, residentBytes: memory });
      if (type !== 'process') continue;
      if (cpu !== null) cpuPercent = (cpuPercent ?? 0) + cpu;
      if (memory !== null) residentBytes = (residentBytes ?? 0) + memory;
    }
    points.set(CLUSTER_SERIES, { cpuPercent, residentBytes });
    this.#history.add(this.#newestAtMs, points);
  }

  answer(query: URLSearchParams): DataAnswer {
    return historyAnswer(this.#history, query, (service) => this.#history.names.includes(service));
  }
}
