/*
 * Of the twins of a shard only one may be restarted at a time, also where they belong to monitors of several hosts, which do not know each other. They
 * meet in the shard itself: who wants to restart a node first marks it, with a short-lived item in all nodes of the shard that answer, and then looks
 * for marks of others. Of two that mark at the same time at least one sees the other; the one whose node has the greater address withdraws.
 */
import type { TwinAddress } from '../monitor/service-definition.ts';
import { hostAndPort } from '../net/addresses.ts';
import type { ServerPlace } from '../net/server-door.ts';
import { askServer } from '../net/server-exchange.ts';

/** Whoever does not renew its mark in this time, because its monitor has died, holds up nobody any more. */
export const MARK_SECONDS = 30;
const RENEW_MS: number = (MARK_SECONDS * 1000) / 3;

const NODE_ANSWER_MS_MAX = 2000;

/** Marks in nodes. What a node does not answer is as if there was none: who does not answer is no twin that could stand in. */
export interface MarkStore {
  /** @returns those of the keys that are there */
  read(place: ServerPlace, keys: readonly string[]): Promise<readonly string[]>;
  write(place: ServerPlace, key: string): Promise<void>;
  remove(place: ServerPlace, key: string): Promise<void>;
}

export const NODE_MARKS: MarkStore = {
  read: async (place, keys) => {
    const answer = await asked(place, `get ${keys.join(' ')}`, /(^|\r\n)(END|\w*ERROR[^\r]*)\r\n$/);
    const found = new Set([...answer.matchAll(/^VALUE (\S+) /gm)].map(([, key]) => key));
    return keys.filter((key) => found.has(key));
  },
  write: async (place, key) => {
    await asked(place, `set ${key} 0 ${MARK_SECONDS} 0\r\n`, /\r\n$/);
  },
  remove: async (place, key) => {
    await asked(place, `delete ${key}`, /\r\n$/);
  },
};

/** @returns '' where none comes */
async function asked({ host, port, access }: ServerPlace, request: string, end: RegExp): Promise<string> {
  const address = hostAndPort(host, port);
  const isWhole = (text: string): boolean => end.test(text);
  return (await askServer(address, `${request}\r\n`, isWhole, NODE_ANSWER_MS_MAX, access)) ?? '';
}

/** The turn of one node to be restarted. */
export class RestartTurn {
  readonly #nodes: readonly ServerPlace[];
  readonly #own: string;
  /** Keys of the others' marks, with their names. */
  readonly #others: ReadonlyMap<string, string>;
  readonly #store: MarkStore;
  #isMarked = false;
  #renewal: NodeJS.Timeout | null = null;
  #renewing: Promise<unknown> = Promise.resolve();

  /**
   * @param node that is to be restarted
   * @param twins all others of its shard, wherever they run
   */
  constructor(node: ServerPlace, twins: readonly TwinAddress[], store: MarkStore = NODE_MARKS) {
    this.#nodes = [node, ...twins];
    this.#own = markOf(node);
    this.#others = new Map(twins.map((twin) => [markOf(twin), twin.name]));
    this.#store = store;
  }

  /**
   * Tries to take it; to be called again and again until it is taken.
   *
   * @returns null when it is taken, else the name of the twin that is before it
   */
  async take(): Promise<string | null> {
    if (!this.#isMarked) {
      const [first] = await this.#marksOfOthers();
      if (first !== undefined) return this.#nameOf(first);
    }
    await this.#mark();
    const seen = await this.#marksOfOthers();
    const [first] = seen;
    if (first === undefined) {
      this.#renewal ??= setInterval(() => {
        this.#renewing = this.#mark();
      }, RENEW_MS).unref();
      return null;
    }
    if (seen.some((mark) => mark < this.#own)) await this.#unmark();
    return this.#nameOf(first);
  }

  /** Gives it up, whether it was taken or not. */
  async release(): Promise<void> {
    if (this.#renewal !== null) clearInterval(this.#renewal);
    this.#renewal = null;
    await this.#renewing;
    if (this.#isMarked) await this.#unmark();
  }

  #nameOf(mark: string): string {
    return this.#others.get(mark) ?? mark;
  }

  async #marksOfOthers(): Promise<readonly string[]> {
    const keys = [...this.#others.keys()];
    const found = await Promise.all(this.#nodes.map((place) => this.#store.read(place, keys)));
    return [...new Set(found.flat())].sort();
  }

  async #mark(): Promise<void> {
    this.#isMarked = true;
    await Promise.all(this.#nodes.map((place) => this.#store.write(place, this.#own)));
  }

  async #unmark(): Promise<void> {
    this.#isMarked = false;
    await Promise.all(this.#nodes.map((place) => this.#store.remove(place, this.#own)));
  }
}

function markOf({ host, port }: ServerPlace): string {
  return `__twincached__.restarting.${hostAndPort(host, port)}`;
}
