import { VERB } from '../protocol/text/verbs.ts';
import type { Call } from './call.ts';
import type { Request } from './request.ts';
import { RouteHandle } from './route-handle.ts';

/** The kinds of commands that can be told apart, with their verbs. A more special kind goes before a more general one. */
const KINDS = {
  get: [VERB.get],
  gets: [VERB.gets],
  gat: [VERB.gat, VERB.gats],
  set: [VERB.set],
  add: [VERB.add],
  replace: [VERB.replace],
  append: [VERB.append, VERB.prepend],
  cas: [VERB.cas],
  delete: [VERB.delete],
  arithmetic: [VERB.incr, VERB.decr],
  touch: [VERB.touch],
  /** The meta commands, as far as they are not one of the former. */
  meta: [VERB.metaGet, VERB.metaSet, VERB.metaDelete, VERB.metaArithmetic],
} as const;

const GROUPS = {
  reads: [...KINDS.get, ...KINDS.gets, ...KINDS.gat, VERB.metaGet],
  writes: [
    ...KINDS.set,
    ...KINDS.add,
    ...KINDS.replace,
    ...KINDS.append,
    ...KINDS.cas,
    ...KINDS.delete,
    ...KINDS.arithmetic,
    ...KINDS.touch,
    VERB.metaSet,
    VERB.metaDelete,
    VERB.metaArithmetic,
  ],
} as const;

/** What a `by-command` may tell apart. */
export const COMMAND_KINDS: readonly string[] = [...Object.keys(KINDS), ...Object.keys(GROUPS)];

/** Sends each request to a child by its command. */
export class ByCommandRoute extends RouteHandle {
  readonly #childOf = new Uint8Array(256);

  /**
   * @param routes by kind, each one of COMMAND_KINDS; a single command wins over `reads` and `writes`
   * @param otherwise all other commands
   */
  constructor(routes: ReadonlyMap<string, RouteHandle>, otherwise: RouteHandle) {
    super();
    const children = [otherwise];
    const put = (verbs: readonly number[], child: RouteHandle): void => {
      children.push(child);
      for (const verb of verbs) this.#childOf[verb] = children.length - 1;
    };
    for (const table of [GROUPS, KINDS])
      for (const [kind, verbs] of Object.entries(table)) {
        const child = routes.get(kind);
        if (child !== undefined) put(verbs, child);
      }
    this.adopt(children);
  }

  override triesOthers(): boolean {
    return false;
  }

  override route(call: Call): void {
    this.children[this.#childOf[call.request.verb]!]!.route(call);
  }

  override candidates(request: Request): readonly RouteHandle[] {
    return [this.children[this.#childOf[request.verb]!]!];
  }

  override answerMsMax(): number {
    return this.children.reduce((longest, child) => Math.max(longest, child.answerMsMax()), 0);
  }
}
