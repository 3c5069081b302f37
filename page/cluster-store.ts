import { useEffect, useState } from 'preact/hooks';
import type { LogEvent } from '../src/checks/event-log.ts';
import type { PageBeginning, PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import type { ValueChange } from '../src/dashboard/value-changes.ts';
import { readSession } from './session.ts';

/** Events and lines of output that the page keeps. */
const LOG_MAX = 1500;

/** Between two attempts when the stream was refused, as when too many pages are open. */
const AGAIN_MS = 3000;

/** What the page knows. A new object with each change, so that whoever draws it can compare. */
export interface PageState {
  readonly snapshot: PageSnapshot;
  /** Oldest first. */
  readonly log: readonly LogEvent[];
  /** Whether the monitor is heard. */
  readonly isLive: boolean;
  /** Wall clock of the newest point of charts. */
  readonly historyAtMs: number;
}

/** Follows the monitor's stream. */
export class ClusterStore {
  #state: PageState;
  readonly #listeners = new Set<() => void>();

  constructor({ snapshot, log }: PageBeginning) {
    this.#state = { snapshot, log, isLive: true, historyAtMs: snapshot.atMs };
  }

  get state(): PageState {
    return this.#state;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  listen(): void {
    const stream = new EventSource(`/stream?after=${this.#lastSequence()}`);
    const on = (name: string, take: (data: string) => Partial<PageState>): void => {
      stream.addEventListener(name, (event: MessageEvent<string>) => this.#become(take(event.data)));
    };
    // Casts: the stream is our own server's, and of the same release; a page of another one is loaded anew.
    on('snapshot', (data) => {
      // Cast: see above.
      const snapshot = JSON.parse(data) as PageSnapshot;
      if (snapshot.version !== this.#state.snapshot.version) location.reload();
      return { snapshot, isLive: true };
    });
    // Cast: see above.
    on('changes', (data) => ({ snapshot: changed(this.#state.snapshot, JSON.parse(data) as ValueChange[]) }));
    // Cast: see above.
    on('log', (data) => ({ log: this.#withEvents(JSON.parse(data) as LogEvent[]) }));
    on('history', (data) => ({ historyAtMs: Number(JSON.parse(data).atMs) }));
    stream.addEventListener('error', () => {
      this.#become({ isLive: false });
      // The browser tries again by itself, but with the old address: the log would be told twice, which does no harm.
      if (stream.readyState !== EventSource.CLOSED) return;
      // It was refused. If that is because a login has ended, this leads to the next one.
      void readSession();
      setTimeout(() => this.listen(), AGAIN_MS);
    });
  }

  #lastSequence(): number {
    return this.#state.log.at(-1)?.sequence ?? 0;
  }

  /** Without those that are known: a stream that was broken begins where the page did. A monitor that was started anew counts from 1 again. */
  #withEvents(events: readonly LogEvent[]): readonly LogEvent[] {
    const { log } = this.#state;
    const known = new Set(log.map(({ sequence, atMs }) => `${sequence} ${atMs}`));
    const fresh = events.filter(({ sequence, atMs }) => !known.has(`${sequence} ${atMs}`));
    return fresh.length === 0 ? log : [...log, ...fresh].slice(-LOG_MAX);
  }

  #become(part: Partial<PageState>): void {
    this.#state = { ...this.#state, ...part };
    for (const listener of this.#listeners) listener();
  }
}

/** A snapshot with changes carried out; what has not changed stays the same object. */
function changed(snapshot: PageSnapshot, changes: readonly ValueChange[]): PageSnapshot {
  let root: unknown = snapshot;
  for (const [path, value] of changes) root = withValue(root, path, value);
  // Cast: the paths lead through what the server has compared, which is a snapshot on both sides.
  return root as PageSnapshot;
}

function withValue(target: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(target)) return target.with(Number(step), withValue(target[Number(step)], rest, value));
  const record: Readonly<Record<string, unknown>> = Object(target);
  return { ...record, [step]: withValue(record[step], rest, value) };
}

/** The state of the store, for a component that is drawn anew with each change. */
export function usePageState(store: ClusterStore): PageState {
  const [state, setState] = useState(store.state);
  useEffect(() => store.onChange(() => setState(store.state)), [store]);
  return state;
}
