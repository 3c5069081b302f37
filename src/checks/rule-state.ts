import type { Reaction, Rule } from '../control/tree.ts';
import type { Verdict } from './test-evaluation.ts';

/** What follows from one more verdict on a rule. */
export type RuleTurn =
  /** The rule holds now: `isNew` when it did not in the cycle before. */
  | { readonly type: 'matched'; readonly isNew: boolean; readonly reaction: Reaction }
  | { readonly type: 'recovered'; readonly reaction: Reaction }
  /** Matched, but not often enough yet: `matches` of `reaction.times`. */
  | { readonly type: 'counting'; readonly matches: number; readonly reaction: Reaction }
  | { readonly type: 'nothing' };

/**
 * How often a test has matched in the last cycles, newest first. A matching test counts for the failure, one that does not for the success; both
 * windows look back over cycles in which the test could say something.
 */
export class RuleState {
  readonly #rule: Pick<Rule, 'onFailure' | 'onSuccess'>;
  /** 1 where it matched; the cycle that is written next is the oldest one. */
  readonly #history: Uint8Array;
  #next = 0;
  #known = 0;
  /** Of the last cycles of the failure those that matched. */
  #matches = 0;
  /** Of the last cycles of the success those that did not. */
  #misses = 0;
  #isFailed = false;
  #cyclesFailed = 0;
  #text = '';

  constructor(rule: Pick<Rule, 'onFailure' | 'onSuccess'>) {
    this.#rule = rule;
    this.#history = new Uint8Array(Math.max(rule.onFailure.cycles, rule.onSuccess.cycles));
  }

  /** The rule holds, and its success has not come yet. */
  get isFailed(): boolean {
    return this.#isFailed;
  }
  /** Cycles since it began to hold. */
  get cyclesFailed(): number {
    return this.#cyclesFailed;
  }
  /** What the last verdict said. */
  get text(): string {
    return this.#text;
  }

  /** A restart: what the process before has done is not held against the new one. Whether the rule holds stays, until it recovers. */
  clearHistory(): void {
    this.#known = 0;
    this.#matches = 0;
    this.#misses = 0;
  }

  /** The service is not looked at any more. */
  forget(): void {
    this.clearHistory();
    this.#isFailed = false;
    this.#cyclesFailed = 0;
  }

  add({ result, text }: Verdict): RuleTurn {
    if (result === 'unknown') return { type: 'nothing' };
    this.#text = text;
    this.#note(result === 'matched');
    const { onFailure, onSuccess } = this.#rule;
    if (result === 'matched') {
      const matches = this.#matches;
      if (matches < onFailure.times)
        return this.#isFailed ? this.#goOn(onFailure) : { type: 'counting', matches, reaction: onFailure };
      if (this.#isFailed) return this.#goOn(onFailure);
      this.#isFailed = true;
      this.#cyclesFailed = 1;
      return { type: 'matched', isNew: true, reaction: onFailure };
    }
    if (!this.#isFailed) return { type: 'nothing' };
    if (this.#misses < onSuccess.times) {
      this.#cyclesFailed += 1;
      return { type: 'nothing' };
    }
    this.#isFailed = false;
    this.#cyclesFailed = 0;
    return { type: 'recovered', reaction: onSuccess };
  }

  /** Still failed: the reaction is due again only when the window is full again. */
  #goOn(reaction: Reaction): RuleTurn {
    this.#cyclesFailed += 1;
    if (this.#matches < reaction.times) return { type: 'counting', matches: this.#matches, reaction };
    return { type: 'matched', isNew: false, reaction };
  }

  #note(matched: boolean): void {
    const { onFailure, onSuccess } = this.#rule;
    if (this.#leaving(onFailure.cycles) === 1) this.#matches -= 1;
    if (this.#leaving(onSuccess.cycles) === 0) this.#misses -= 1;
    this.#history[this.#next] = matched ? 1 : 0;
    this.#next = (this.#next + 1) % this.#history.length;
    this.#known = Math.min(this.#known + 1, this.#history.length);
    if (matched) this.#matches += 1;
    else this.#misses += 1;
  }

  /** What was `cycles` cycles ago; null: that is not known. */
  #leaving(cycles: number): number | null {
    const history = this.#history;
    if (this.#known < cycles) return null;
    return history[(this.#next - cycles + history.length) % history.length] ?? null;
  }
}
