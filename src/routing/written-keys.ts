import type { Request, RequestEnding } from './request.ts';
import { keyHash, type WriteGenerations } from './write-generations.ts';

/** The requests that count as writes, from the time at which they are sent on until nobody can be at work for them any more. */
export class WrittenKeys implements RequestEnding {
  readonly generations: WriteGenerations;

  constructor(generations: WriteGenerations) {
    this.generations = generations;
  }

  /** The request is about to be sent on; all its keys count, also those that others carry. Nothing happens the second time. */
  begin(request: Request): void {
    if (request.ending !== null) return;
    request.ending = this;
    for (let key = 0; key < request.keyCount; key++) this.generations.begin(hashOf(request, key));
  }

  requestEnded(request: Request): void {
    for (let key = 0; key < request.keyCount; key++) this.generations.end(hashOf(request, key));
  }
}

/** As WrittenKeys, of requests that concern every key. */
export class WrittenEverywhere implements RequestEnding {
  readonly #generations: WriteGenerations;

  constructor(generations: WriteGenerations) {
    this.#generations = generations;
  }

  begin(request: Request): void {
    if (request.ending !== null) return;
    request.ending = this;
    this.#generations.beginEverywhere();
  }

  requestEnded(): void {
    this.#generations.endEverywhere();
  }
}

function hashOf({ bytes, keyStart, keyEnd }: Request, key: number): number {
  return keyHash(bytes, keyStart[key]!, keyEnd[key]!);
}
