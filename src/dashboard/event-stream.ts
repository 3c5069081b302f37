import type { ServerResponse } from 'node:http';
import type { ClusterControl, ClusterStatus } from '../checks/cluster-status.ts';
import { changedCells, type PageCells, pageCells } from './page-cells.ts';
import { PAGE_EVENTS_MAX } from './status-page.ts';

/** Pages that may listen at a time; one more is refused. */
export const STREAM_CLIENTS_MAX = 16;

/** Between two messages; changes in between are sent together. */
const MESSAGE_INTERVAL_MS = 200;

/** A client that has this much waiting does not read, and is dropped; it may come again. */
const CLIENT_BACKLOG_BYTES_MAX = 256 * 1024;

/**
 * Tells the open pages what has changed, as server-sent events: `cells` with the changed texts, `log` with the last
 * events when there is a new one. The difference is computed once, however many pages listen; nothing is when none does.
 */
export class EventStream {
  readonly #control: ClusterControl;
  readonly #clients = new Set<ServerResponse>();
  #unsubscribe: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #cells: PageCells = new Map();
  #logSequence = 0;

  constructor(control: ClusterControl) {
    this.#control = control;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  /** Starts a stream on a response; false, with nothing done, when there are too many. */
  add(response: ServerResponse, headers: Readonly<Record<string, string>>): boolean {
    if (this.#clients.size >= STREAM_CLIENTS_MAX) return false;
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
    response.on('close', () => this.#remove(response));
    // The others are brought to the same state first, because from then on all get the same differences.
    const status = this.#broadcast();
    this.#clients.add(response);
    this.#unsubscribe ??= this.#control.onChange(() => this.#schedule());
    this.#write(response, 'cells', changedCells(this.#cells, new Map()));
    this.#write(response, 'log', logEntries(status));
    return true;
  }

  /** Ends all streams. */
  close(): void {
    for (const client of [...this.#clients]) {
      this.#remove(client);
      client.end();
    }
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#broadcast();
    }, MESSAGE_INTERVAL_MS);
  }

  #broadcast(): ClusterStatus {
    const status = this.#control.status();
    const cells = pageCells(status);
    const changed = changedCells(cells, this.#cells);
    this.#cells = cells;
    const sequence = status.events.at(-1)?.sequence ?? 0;
    const newEvents = sequence !== this.#logSequence;
    this.#logSequence = sequence;
    for (const client of [...this.#clients]) {
      if (Object.keys(changed).length > 0) this.#write(client, 'cells', changed);
      if (newEvents) this.#write(client, 'log', logEntries(status));
    }
    return status;
  }

  #write(client: ServerResponse, event: string, data: unknown): void {
    if (client.writableLength > CLIENT_BACKLOG_BYTES_MAX) {
      client.destroy();
      return;
    }
    client.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #remove(client: ServerResponse): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** The last events in the form that the page's script reads. */
function logEntries(status: ClusterStatus): readonly (readonly [number, string, string, string])[] {
  return status.events
    .slice(-PAGE_EVENTS_MAX)
    .map(({ atMs, service, level, text }) => [atMs, service, level, text]);
}
