/** The rules of one service of a cluster, with what they have seen so far. */
import type { Action } from '../control/tree.ts';
import type { ServiceEvent } from './event-kinds.ts';
import { type Condition, conditionText, judgeCondition } from './rule-condition.ts';
import { RuleState } from './rule-state.ts';
import type { ServiceFigures } from './service-figures.ts';

/** Plain data. */
export interface ServiceRule {
  readonly condition: Condition;
  /** At so many of the last `cycles` looks it must be so; the same number: at all of them. */
  readonly times: number;
  readonly cycles: number;
  readonly action: Action;
}

/** What is to be told, and done, because of a rule. */
export interface RuleFinding {
  readonly event: ServiceEvent;
  readonly action: Action;
  /** False: it has been told already, and is so again after another window; only the action is due. */
  readonly isNew: boolean;
}

const ALERT: Action = { kind: 'alert' };

interface WatchedRule {
  readonly key: string;
  readonly rule: ServiceRule;
  readonly state: RuleState;
}

export class ServiceRules {
  #rules: readonly WatchedRule[] = [];

  constructor(rules: readonly ServiceRule[]) {
    this.use(rules);
  }

  /** Other rules from now on; those that stay go on with what they have seen. @returns those that are gone and held, as events */
  use(rules: readonly ServiceRule[]): RuleFinding[] {
    const before = new Map(this.#rules.map((watched) => [watched.key, watched]));
    this.#rules = rules.map((rule) => {
      const key = JSON.stringify(rule);
      const known = before.get(key);
      before.delete(key);
      return known ?? { key, rule, state: new RuleState(reactions(rule)) };
    });
    return [...before.values()]
      .filter(({ state }) => state.isFailed)
      .map(({ rule }) => ({
        event: eventOf(rule, 'succeeded', 'the rule is gone', 'alert'),
        action: ALERT,
        isNew: true,
      }));
  }

  /** The conditions that hold now, each once. */
  get findings(): readonly string[] {
    const held = this.#rules.filter(({ state }) => state.isFailed);
    return [...new Set(held.map(({ rule }) => conditionText(rule.condition)))];
  }

  /** What the process before has done is not held against the new one. */
  startedAnew(): void {
    for (const { state } of this.#rules) state.clearHistory();
  }

  /** Nobody looks at the service any more. */
  forget(): void {
    for (const { state } of this.#rules) state.forget();
  }

  /** One more look. */
  judge(figures: ServiceFigures): RuleFinding[] {
    const findings: RuleFinding[] = [];
    for (const { rule, state } of this.#rules) {
      const { action } = rule;
      const verdict = judgeCondition(rule.condition, figures);
      const turn = state.add(verdict);
      if (turn.type === 'recovered')
        findings.push({
          event: eventOf(rule, 'succeeded', verdict.text, 'alert'),
          action: ALERT,
          isNew: true,
        });
      else if (turn.type === 'matched' && (turn.isNew || action.kind === 'restart')) {
        findings.push({
          event: eventOf(rule, 'failed', verdict.text, action.kind),
          action,
          isNew: turn.isNew,
        });
        // It has to be so for the whole time again.
        if (action.kind === 'restart') state.clearHistory();
      }
    }
    return findings;
  }
}

/** It is over when it was so at fewer of the last looks: a single one at which it was not so would end and begin what comes and goes again and again. */
function reactions({ times, cycles, action }: ServiceRule): ConstructorParameters<typeof RuleState>[0] {
  return {
    onFailure: { times, cycles, action },
    onSuccess: { times: cycles - times + 1, cycles, action: ALERT },
  };
}

function eventOf(
  { condition }: ServiceRule,
  state: ServiceEvent['state'],
  description: string,
  action: string,
): ServiceEvent {
  return { name: 'resource', state, description, action, about: conditionText(condition) };
}
