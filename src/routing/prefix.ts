import type { Call, CallPool } from './call.ts';
import { KeyedRoute } from './keyed-route.ts';
import type { Request } from './request.ts';
import type { RouteHandle } from './route-handle.ts';

/** Sends each key to the child of the longest prefix that it begins with, and has something behind. */
export class PrefixRoute extends KeyedRoute {
  /** The longest first; its place is its child's. */
  readonly #prefixes: readonly Uint8Array[];

  /**
   * @param routes by prefix
   * @param otherwise for keys with none of them
   */
  constructor(routes: ReadonlyMap<string, RouteHandle>, otherwise: RouteHandle, calls: CallPool) {
    const sorted = [...routes]
      .map(([text, child]) => ({ bytes: new TextEncoder().encode(text), child }))
      .sort((a, b) => b.bytes.length - a.bytes.length);
    super([...sorted.map(({ child }) => child), otherwise], calls);
    this.#prefixes = sorted.map(({ bytes }) => bytes);
  }

  protected override pick(request: Request, key: number): number {
    const prefixes = this.#prefixes;
    const start = request.keyStart[key]!;
    const length = request.keyEnd[key]! - start;
    let index = 0;
    for (; index < prefixes.length; index++) {
      const prefix = prefixes[index]!;
      if (prefix.length < length && begins(request.bytes, start, prefix)) break;
    }
    return index;
  }

  override route(call: Call): void {
    if (this.#prefixes.length === 0) this.routeTo(0, call);
    else super.route(call);
  }
}

function begins(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}
