import type { ServerResponse } from 'node:http';
import type { ClusterControl } from '../checks/cluster-status.ts';
import { type PageSnapshot, pageSnapshot } from './page-snapshot.ts';
import { valueChanges } from './value-changes.ts';

/** Pages that may listen at a time; one more is refused. */
export const STREAM_CLIENTS_MAX = 16;

/** Between two messages; changes in between are sent together. */
const MESSAGE_INTERVAL_MS = 200;

/** A client that has this much waiting does not read, and is dropped; it may come again. */
const CLIENT_BACKLOG_BYTES_MAX = 1024 * 1024;

/**
 * Tells open pages what has changed, as server-sent events: `snapshot` with everything at first, then `changes`; `log` with the events that are new;
 * `history` when charts have a new point. The difference is computed once, however many pages listen; nothing is when none does.
 */
export class PageStream {
  readonly #control: ClusterControl;
  readonly #clients = new Set<ServerResponse>();
  #unsubscribe: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #snapshot: PageSnapshot | null = null;
  #sequence = 0;

  constructor(control: ClusterControl) {
    this.#control = control;
  }

  /**
   * Starts a stream on a response.
   *
   * @param afterSequence the last event that the client has
   * @returns false, with nothing done, when there are too many
   */
  add(response: ServerResponse, headers: Readonly<Record<string, string>>, afterSequence: number): boolean {
    if (this.#clients.size >= STREAM_CLIENTS_MAX) return false;
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
    response.on('close', () => this.#remove(response));
    // The others are brought to the same state first, because from then on all get the same differences.
    const snapshot = this.#broadcast();
    this.#clients.add(response);
    this.#unsubscribe ??= this.#control.onChange(() => this.#schedule());
    this.#write(response, message('snapshot', snapshot));
    // A number that was not reached yet is of a monitor that ran before this one.
    const after = afterSequence > this.#sequence ? 0 : afterSequence;
    this.#write(response, message('log', this.#control.eventsAfter(after)));
    return true;
  }

  /** Charts have a new point. @param atMs its wall clock */
  tellHistory(atMs: number): void {
    const text = message('history', { atMs });
    for (const client of [...this.#clients]) this.#write(client, text);
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

  #broadcast(): PageSnapshot {
    const snapshot = pageSnapshot(this.#control);
    const events = this.#control.eventsAfter(this.#sequence);
    this.#sequence = events.at(-1)?.sequence ?? this.#sequence;
    if (this.#clients.size > 0) {
      const changes = valueChanges(this.#snapshot, snapshot);
      const texts: string[] = [];
      if (changes.length > 0) texts.push(message('changes', changes));
      if (events.length > 0) texts.push(message('log', events));
      if (texts.length > 0) for (const client of [...this.#clients]) this.#write(client, texts.join(''));
    }
    this.#snapshot = snapshot;
    return snapshot;
  }

  #write(client: ServerResponse, text: string): void {
    if (client.writableLength > CLIENT_BACKLOG_BYTES_MAX) {
      client.destroy();
      return;
    }
    client.write(text);
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

function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
