import type { Action, EventName, Rule, ServiceEntry, Test } from '../control/tree.ts';
import { eventOfTest, type ServiceEvent } from './event-kinds.ts';
import { RuleState } from './rule-state.ts';
import type { Sample } from './sample.ts';
import { evaluate } from './test-evaluation.ts';

/** What one rule makes of a sample. */
export interface RuleOutcome {
  /** Null: nothing is to be done, only `log` to be written. */
  readonly event: ServiceEvent | null;
  readonly action: Action;
  /** The event is to be told: it was not so in the cycle before. */
  readonly isNew: boolean;
  readonly log: string | null;
  /** The service does not answer, so it need not be asked politely to end. */
  readonly isHang: boolean;
  /** What was found, where nothing else is said of it and all is to be told. */
  readonly found?: string;
}

const ALERT: Action = { kind: 'alert' };
/** Nothing is to be done. */
const QUIET: RuleOutcome = { event: null, action: ALERT, isNew: false, log: null, isHang: false };
const DEFAULT_ON_DEATH: Action = { kind: 'restart' };

/** The rules of one entry with what they have seen so far. */
export class EntryRules {
  readonly #rules: readonly { readonly rule: Rule; readonly state: RuleState }[];
  readonly #cores: number;
  readonly #tellsTests: boolean;
  /** What is done at once when a process is gone; null: the rules about existence wait for their cycles. */
  readonly onDeath: Action | null;
  /** It is to be there: no rule says that it must not be. */
  readonly isWanted: boolean;
  /** Connections are not held against a process before this, unless it has answered. */
  #graceUntilMs = 0;

  /** @param tellsTests whether tests say what they have found when nothing follows from it */
  constructor(entry: ServiceEntry, cores: number, tellsTests = false) {
    this.#tellsTests = tellsTests;
    this.#rules = [...entry.rules, ...unwrittenRules(entry)].map((rule) => ({
      rule,
      state: new RuleState(rule),
    }));
    this.#cores = cores;
    this.isWanted = isWanted(entry);
    this.onDeath = this.isWanted ? onDeath(entry) : null;
  }

  /** The failed events, in the order of the file. */
  get failures(): readonly EventName[] {
    return this.#rules.filter(({ state }) => state.isFailed).map(({ rule }) => eventOfTest(rule.test));
  }

  /** What the first failed rule has found; '' when none has. */
  get why(): string {
    return this.#rules.find(({ state }) => state.isFailed)?.state.text ?? '';
  }

  clearHistory(): void {
    for (const { state } of this.#rules) state.clearHistory();
  }

  forget(): void {
    for (const { state } of this.#rules) state.forget();
  }

  /** The process is gone: the rules that need no second cycle to say so hold from now on. */
  gone(): void {
    for (const { rule, state } of this.#rules) {
      const { test, onFailure } = rule;
      if (test.kind === 'existence' && !test.expected && onFailure.times === 1)
        state.add({ result: 'matched', text: 'does not exist' });
    }
  }

  /** There is a new process. */
  startedAnew(graceUntilMs: number): void {
    this.clearHistory();
    this.#graceUntilMs = graceUntilMs;
  }

  /** Judges all rules by a sample, in the order of the file. */
  judge(sample: Sample, before: Sample | null, nowMs: number): RuleOutcome[] {
    const outcomes: RuleOutcome[] = [];
    for (const [index, { rule, state }] of this.#rules.entries()) {
      const { test } = rule;
      const isProbe = test.kind === 'connection';
      if (isProbe) {
        if (sample.probes.get(index)?.isOk === true) this.#graceUntilMs = 0;
        else if (nowMs < this.#graceUntilMs && test.matchesWhen === 'failed') continue;
      }
      const verdict = evaluate(test, index, sample, before, this.#cores);
      const turn = state.add(verdict);
      const name = eventOfTest(test);
      const isHang = isProbe && sample.probes.get(index)?.isOk === false;
      switch (turn.type) {
        case 'nothing':
          if (this.#tellsTests) outcomes.push({ ...QUIET, found: verdict.text });
          break;
        case 'counting':
          outcomes.push({
            ...QUIET,
            log: `${verdict.text} (${turn.matches} of ${turn.reaction.times} times)`,
          });
          break;
        case 'matched': {
          const { action } = turn.reaction;
          if (!turn.isNew && !isDueAgain(action, state.cyclesFailed)) break;
          const isChange = test.kind === 'change';
          outcomes.push({
            event: {
              name,
              state: isChange ? 'changed' : 'failed',
              description: verdict.text,
              action: action.kind,
              about: aboutOf(test, index),
            },
            action,
            isNew: turn.isNew,
            log: null,
            isHang,
          });
          // A change is over when it has been told.
          if (isChange) state.forget();
          break;
        }
        case 'recovered': {
          const { action } = turn.reaction;
          outcomes.push({
            event: {
              name,
              state: 'succeeded',
              description: verdict.text,
              action: action.kind,
              about: aboutOf(test, index),
            },
            action,
            isNew: true,
            log: null,
            isHang: false,
          });
          break;
        }
      }
    }
    return outcomes;
  }
}

/** Which of several rules with one event it is; of existence there is one story, whoever tells it. */
function aboutOf(test: Test, index: number): string {
  return test.kind === 'existence' ? '' : String(index);
}

/** Whether an action is carried out again while its rule goes on holding. */
function isDueAgain(action: Action, cyclesFailed: number): boolean {
  if (action.kind === 'alert' || action.kind === 'unmonitor') return false;
  if (action.kind !== 'exec') return true;
  return action.repeatCycles > 0 && (cyclesFailed - 1) % action.repeatCycles === 0;
}

/**
 * Monit's defaults: what has a path is missed when no rule is about existence, and the link of an interface is looked at. Of processes `onDeath`
 * sees to it.
 */
function unwrittenRules(entry: ServiceEntry): Rule[] {
  const { type, place } = entry;
  const once = { times: 1, cycles: 1 };
  const alert = { ...once, action: ALERT };
  const has = (kind: Test['kind']): boolean => entry.rules.some(({ test }) => test.kind === kind);
  const rules: Rule[] = [];
  const add = (test: Test, action: Action): void => {
    rules.push({ place, test, onFailure: { ...once, action }, onSuccess: alert });
  };
  // Without a program there is nothing to restart, only something to tell.
  const restart: Action = entry.start === null && entry.restart === null ? ALERT : { kind: 'restart' };
  const hasPath = type === 'file' || type === 'directory' || type === 'fifo' || type === 'filesystem';
  if (hasPath && !has('existence')) add({ kind: 'existence', expected: false }, restart);
  if (hasPath && type !== 'filesystem') add({ kind: 'type' }, ALERT);
  if (type === 'network' && !has('link')) add({ kind: 'link', matchesWhen: 'down' }, ALERT);
  return rules;
}

/** As in monit, a rule that it must not be there takes the place of the unwritten one that it must. */
function isWanted({ rules }: ServiceEntry): boolean {
  const expected = rules.flatMap(({ test }) => (test.kind === 'existence' ? [test.expected] : []));
  return expected.length === 0 || expected.includes(false);
}

function onDeath({ rules }: ServiceEntry): Action | null {
  const existence = rules.filter(({ test }) => test.kind === 'existence' && !test.expected);
  if (existence.length === 0) return DEFAULT_ON_DEATH;
  // The strongest of those that do not wait.
  const immediate = existence
    .filter(({ onFailure }) => onFailure.times === 1)
    .map((rule) => rule.onFailure.action);
  return immediate.find(({ kind }) => kind !== 'alert') ?? immediate[0] ?? null;
}
