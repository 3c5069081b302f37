import { VERB } from '../protocol/text/verbs.ts';
import type { Call } from './call.ts';
import { ErrandRoute } from './errand-route.ts';
import type { HotKeyFigures } from './hot-key-figures.ts';
import { KeyPopularity } from './key-popularity.ts';
import { MetaGet } from './meta-get.ts';
import type { Request } from './request.ts';
import { type RouteContext, RouteHandle } from './route-handle.ts';
import { keyHash, type WriteGenerations } from './write-generations.ts';
import { WrittenEverywhere, WrittenKeys } from './written-keys.ts';

/**
 * What the handles for hot keys have in common: they see every request of their keys, tell those that only ask from those that count as writes, and
 * let all threads know of the latter (see WriteGenerations). Neither costs a request of its own.
 */
export abstract class HotKeyRoute extends ErrandRoute {
  protected readonly generations: WriteGenerations;
  protected readonly figures: HotKeyFigures;
  protected readonly popularity: KeyPopularity = new KeyPopularity();
  /** What the `mg` wants that is being routed. */
  protected readonly metaGet: MetaGet = new MetaGet();
  readonly #written: WrittenKeys;

  constructor(child: RouteHandle, { calls, generations, hotKeyFigures }: RouteContext) {
    super([child], calls);
    this.generations = generations;
    this.figures = hotKeyFigures;
    this.#written = new WrittenKeys(generations);
  }

  /** A `get` of one key or several. */
  protected abstract routeGet(call: Call): void;
  /** An `mg` that changes nothing; `metaGet` says what it wants. */
  protected abstract routeMetaGet(call: Call): void;

  override triesOthers(): boolean {
    return false;
  }

  override route(call: Call): void {
    const { request } = call;
    switch (request.verb) {
      case VERB.get:
        this.routeGet(call);
        return;
      case VERB.metaGet:
        this.metaGet.read(request);
        if (this.metaGet.isRead) this.routeMetaGet(call);
        else this.#write(call);
        return;
      case VERB.gets:
      case VERB.metaDebug:
      case VERB.version:
        this.pass(call);
        return;
      default:
        this.#write(call);
    }
  }

  #write(call: Call): void {
    this.#written.begin(call.request);
    this.pass(call);
  }

  /** Hands a call on as it is. */
  protected pass(call: Call): void {
    this.children[0]!.route(call);
  }

  protected hashOf({ bytes, keyStart, keyEnd }: Request, key: number): number {
    return keyHash(bytes, keyStart[key]!, keyEnd[key]!);
  }
}

/** Whether writes are watched in a tree. */
export function hasHotKeys(root: RouteHandle): boolean {
  for (const handle of root.walk()) if (handle instanceof HotKeyRoute) return true;
  return false;
}

/** What every server does, of all keys: a write of each of them. */
export class EverywhereWriteRoute extends RouteHandle {
  readonly #written: WrittenEverywhere;

  constructor(child: RouteHandle, generations: WriteGenerations) {
    super();
    this.adopt([child]);
    this.#written = new WrittenEverywhere(generations);
  }

  override route(call: Call): void {
    this.#written.begin(call.request);
    this.children[0]!.route(call);
  }
}
