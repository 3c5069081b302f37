import { assert } from '../base/assert.ts';
import type { BufferBudget } from './buffer-budget.ts';
import { PoolFigures } from './pool-figures.ts';
import { type ReplyBlockSource, ReplyMemory } from './reply-memory.ts';
import { Request, type RequestWatcher } from './request.ts';
import { KEEPER, type RequestOwner } from './request-owner.ts';
import type { Uploads } from './uploads.ts';
import type { KeySelector } from './wire-request.ts';

/** Records of requests, used again and again. */
export class RequestPool {
  readonly budget: BufferBudget;
  readonly uploads: Uploads;
  readonly figures: PoolFigures = new PoolFigures();
  /** Requests that are not finished, or that a call still refers to. */
  live = 0;
  /** Those of them that came before the last change of the configuration. */
  liveBefore = 0;
  #generation = 0;
  readonly #free: Request[] = [];
  readonly #keptMax = 4096;

  /** @param blocks for answers that wait; null: the pool has its own */
  constructor(bufferBytesMax: number, uploads: Uploads, blocks: ReplyBlockSource | null = null) {
    this.uploads = uploads;
    const memory = new ReplyMemory(blocks);
    const relieve = (needer: object | null): boolean => uploads.relieve(needer);
    this.budget = { used: 0, max: bufferBytesMax, refusals: 0, memory, relieve };
  }

  /** @param owner null: nobody waits for the answer */
  acquire(owner: RequestOwner | null, verb: number, noreply: boolean): Request {
    const request = this.#free.pop() ?? new Request(this.budget);
    request.begin(owner, verb, noreply);
    request.generation = this.#generation;
    this.live++;
    return request;
  }

  /** The configuration changes: what is under way now goes by the routes of before. */
  beginGeneration(): void {
    this.#generation = (this.#generation + 1) | 0;
    this.liveBefore = this.live;
  }

  /** A request for the same as some keys of another one, whose answer is kept for a watcher. */
  derive(
    lender: Request,
    firstKey: number,
    watcher: RequestWatcher,
    slot: number,
    selector: KeySelector | null,
  ): Request {
    const request = this.acquire(KEEPER, lender.verb, false);
    lender.references++;
    request.borrow(lender, firstKey, selector);
    request.watch(watcher, slot);
    return request;
  }

  /** Takes from the thread's buffer bytes for what is kept elsewhere. @returns false when they are used up */
  takeBytes(count: number): boolean {
    const { budget } = this;
    while (budget.used + count > budget.max)
      if (!budget.relieve(null)) {
        budget.refusals++;
        return false;
      }
    budget.used += count;
    return true;
  }

  returnBytes(count: number): void {
    this.budget.used -= count;
  }

  /** One user of the record fewer; with the last one it returns to the pool. */
  release(request: Request): void {
    request.references--;
    if (request.references > 0) return;
    assert(request.references === 0, 'a request was released twice');
    const { lender } = request;
    request.end();
    this.live--;
    if (request.generation !== this.#generation) this.liveBefore--;
    if (this.#free.length < this.#keptMax) this.#free.push(request);
    if (lender !== null) this.release(lender);
  }
}
