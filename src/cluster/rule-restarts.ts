import type { OrderAnswer } from '../checks/cluster-operation.ts';

/** A service that a rule has restarted is not restarted by one again so soon: what a restart does not cure must not keep it from serving. */
export const RULE_RESTART_PAUSE_MS = 60_000;

/** How often it is looked whether another order has ended. */
const LOOK_MS = 500;

/** After this the rule has to say so again. */
const PATIENCE_MS = 600_000;

export interface RuleRestartsOptions {
  /** Whether an order could not be taken now. */
  readonly isBusy: () => boolean;
  /** Restarts a service, with its twins in mind. @param by who asks */
  readonly restart: (service: string, by: string) => Promise<OrderAnswer>;
  /** Only goes forward, milliseconds. */
  readonly nowMs: () => number;
}

interface Wish {
  readonly service: string;
  readonly by: string;
  readonly untilMs: number;
}

/** Restarts services because rules say so: one after the other, when no other order is under way, and no service more than once a minute. */
export class RuleRestarts {
  readonly #options: RuleRestartsOptions;
  readonly #wishes: Wish[] = [];
  readonly #restartedMs: Map<string, number> = new Map();
  #timer: NodeJS.Timeout | null = null;
  #isOrdering = false;
  #isStopped = false;

  constructor(options: RuleRestartsOptions) {
    this.#options = options;
  }

  /** @param why what the rule has found */
  want(service: string, why: string): void {
    const nowMs = this.#options.nowMs();
    const lastMs = this.#restartedMs.get(service) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - lastMs < RULE_RESTART_PAUSE_MS) return;
    if (this.#wishes.some((wish) => wish.service === service)) return;
    this.#wishes.push({ service, by: `a rule (${why})`, untilMs: nowMs + PATIENCE_MS });
    void this.#next();
  }

  /** What is wanted and has not begun is forgotten. */
  stop(): void {
    this.#isStopped = true;
    this.#wishes.length = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #next(): Promise<void> {
    if (this.#isOrdering || this.#isStopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { isBusy, nowMs, restart } = this.#options;
    for (;;) {
      const [wish] = this.#wishes;
      if (wish === undefined) return;
      if (nowMs() < wish.untilMs && isBusy()) break;
      if (nowMs() < wish.untilMs) {
        this.#isOrdering = true;
        this.#restartedMs.set(wish.service, nowMs());
        await restart(wish.service, wish.by);
        this.#isOrdering = false;
      }
      this.#wishes.shift();
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#next(), LOOK_MS);
  }
}
