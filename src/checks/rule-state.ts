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
  readonly #rule: Rule;
  readonly #history: boolean[] = [];
  readonly #cyclesMax: number;
  #isFailed = false;
  #cyclesFailed = 0;
  #text = '';

  constructor(rule: Rule) {
    this.#rule = rule;
    this.#cyclesMax = Math.max(rule.onFailure.cycles, rule.onSuccess.cycles);
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
    this.#history.length = 0;
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
    this.#history.unshift(result === 'matched');
    if (this.#history.length > this.#cyclesMax) this.#history.length = this.#cyclesMax;
    const { onFailure, onSuccess } = this.#rule;
    if (result === 'matched') {
      const matches = this.#count(true, onFailure.cycles);
      if (matches < onFailure.times)
        return this.#isFailed ? this.#goOn(onFailure) : { type: 'counting', matches, reaction: onFailure };
      if (this.#isFailed) return this.#goOn(onFailure);
      this.#isFailed = true;
      this.#cyclesFailed = 1;
      return { type: 'matched', isNew: true, reaction: onFailure };
    }
    if (!this.#isFailed) return { type: 'nothing' };
    if (this.#count(false, onSuccess.cycles) < onSuccess.times) {
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
    if (this.#count(true, reaction.cycles) < reaction.times)
      return { type: 'counting', matches: this.#count(true, reaction.cycles), reaction };
    return { type: 'matched', isNew: false, reaction };
  }

  #count(matched: boolean, cycles: number): number {
    let count = 0;
    for (let index = 0; index < Math.min(cycles, this.#history.length); index++)
      if (this.#history[index] === matched) count += 1;
    return count;
  }
}
