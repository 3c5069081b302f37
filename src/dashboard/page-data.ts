import type { ServerResponse } from 'node:http';
import type { ClusterControl } from '../checks/cluster-status.ts';
import type { ServerAccess } from '../net/server-door.ts';
import { FigureHistory, HISTORY_SPANS } from './figure-history.ts';
import { type DataAnswer, historyAnswer, wholeNumber } from './history-answer.ts';
import { historyPoints } from './history-points.ts';
import { keyObjection, type LookupResult, lookUp } from './key-lookup.ts';
import { type PageBeginning, pageSnapshot } from './page-snapshot.ts';
import { PageStream } from './page-stream.ts';
import { readSlabs } from './slab-table.ts';

/** Questions to nodes that may be under way for pages at a time. */
export const QUESTIONS_MAX = 8;

/**
 * What a page asks for besides its state: the stream, charts, slabs, where a key lies. Remembers the figures of the last day.
 */
export class PageData {
  readonly stream: PageStream;
  readonly #control: ClusterControl;
  readonly #accessTo: (service: string) => ServerAccess | undefined;
  readonly #history: FigureHistory = new FigureHistory();
  #timer: NodeJS.Timeout | null = null;
  #questions = 0;

  /** @param accessTo what a node wants before it answers */
  constructor(
    control: ClusterControl,
    accessTo: (service: string) => ServerAccess | undefined = () => undefined,
  ) {
    this.#control = control;
    this.#accessTo = accessTo;
    this.stream = new PageStream(control);
  }

  /** Begins to remember. */
  start(): void {
    this.#timer ??= setInterval(() => this.remember(), HISTORY_SPANS.hour.stepMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.stream.close();
  }

  /** Takes a point of every series now. */
  remember(): void {
    const status = this.#control.status();
    this.#history.add(status.atMs, historyPoints(status));
    this.stream.tellHistory(status.atMs);
  }

  /**
   * What a page is opened with.
   *
   * @param takesOrders whether there is somebody who carries out orders to the whole cluster
   */
  beginning(takesOrders: boolean): PageBeginning {
    return { snapshot: pageSnapshot(this.#control), log: this.#control.eventsAfter(0), takesOrders };
  }

  /** Starts a stream; see PageStream. @returns false when too many are open */
  listen(
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
    query: URLSearchParams,
  ): boolean {
    const after = wholeNumber(query.get('after') ?? '0') ?? 0;
    return this.stream.add(response, headers, after);
  }

  /**
   * @param path of a request
   * @returns null when nothing of ours has that path
   */
  async answer(path: string, query: URLSearchParams): Promise<DataAnswer | null> {
    switch (path) {
      case '/history.json':
        return historyAnswer(this.#history, query, (name) => this.#find(name) !== null);
      case '/log.json':
        return this.#logAnswer(query);
      case '/slabs.json':
        return this.#slabsAnswer(query);
      case '/lookup.json':
        return this.#lookupAnswer(query);
      default:
        return null;
    }
  }

  #logAnswer(query: URLSearchParams): DataAnswer {
    const after = wholeNumber(query.get('after') ?? '0');
    if (after === null) return { code: 400, text: 'after must be the sequence number of an event.' };
    return { code: 200, value: this.#control.eventsAfter(after) };
  }

  async #slabsAnswer(query: URLSearchParams): Promise<DataAnswer> {
    const service = this.#find(query.get('service') ?? '');
    if (service?.role !== 'node') return { code: 404, text: 'There is no node of that name.' };
    return this.#asking(async () => {
      const classes = await readSlabs(service.address, this.#accessTo(service.name));
      return { code: 200, value: { service: service.name, classes } };
    });
  }

  async #lookupAnswer(query: URLSearchParams): Promise<DataAnswer> {
    const key = query.get('key') ?? '';
    const objection = keyObjection(key);
    if (objection !== null) return { code: 400, text: objection };
    return this.#asking(async () => {
      const result: LookupResult = await lookUp(key, this.#control.status().services, this.#accessTo);
      return { code: 200, value: result };
    });
  }

  async #asking(question: () => Promise<DataAnswer>): Promise<DataAnswer> {
    if (this.#questions >= QUESTIONS_MAX) return { code: 503, text: 'Too many questions at a time.' };
    this.#questions += 1;
    try {
      return await question();
    } finally {
      this.#questions -= 1;
    }
  }

  #find(name: string): { readonly name: string; readonly role: string; readonly address: string } | null {
    return this.#control.status().services.find((service) => service.name === name) ?? null;
  }
}
