/** The rules of a cluster file, and how it says that services are watched: what they mean. */
import { parseCondition } from '../checks/rule-condition.ts';
import { FIGURE_KINDS, type FigureName } from '../checks/service-figures.ts';
import type { ServicePolicy } from '../checks/service-policy.ts';
import type { ServiceRule } from '../checks/service-rules.ts';
import type { Action } from '../control/tree.ts';
import type { CheckedYaml, Path } from '../proxy/checked-yaml.ts';
import { programWords } from './alert-settings.ts';
import type { ClusterServices, NamedService } from './cluster-services.ts';
import { milliseconds } from './schema-parts.ts';
import { CYCLES_MAX, type RuleEntry, type WatchEntry } from './watching-schema.ts';

/** By name of a service. */
export type RulesByService = ReadonlyMap<string, readonly ServiceRule[]>;

/** A program of a rule that takes longer is ended. */
const PROGRAM_MS_MAX = 60_000;

/** Figures that only nodes have that have twins. */
const FIGURES_OF_TWINS: readonly FigureName[] = ['twins', 'lag', 'in-sync'];

/**
 * What the parts of a file say of how a service is watched.
 *
 * @param base where they say nothing
 * @param entries the closest to it last
 */
export function watchPolicy(
  base: ServicePolicy,
  ...entries: readonly (WatchEntry | undefined)[]
): ServicePolicy {
  let policy = base;
  for (const entry of entries) if (entry !== undefined) policy = { ...policy, ...policyOf(entry) };
  return policy;
}

function policyOf(entry: WatchEntry): Partial<ServicePolicy> {
  const { every, timeout, failures, restarts } = entry;
  const start = entry['start-timeout'];
  const stop = entry['stop-timeout'];
  return {
    ...(every === undefined ? {} : { probeIntervalMs: milliseconds(every) }),
    ...(timeout === undefined ? {} : { probeTimeoutMs: milliseconds(timeout) }),
    ...(failures === undefined ? {} : { probeFailuresMax: failures }),
    ...(start === undefined ? {} : { startTimeoutMs: milliseconds(start) }),
    ...(stop === undefined ? {} : { stopTimeoutMs: milliseconds(stop) }),
    ...(restarts === undefined
      ? {}
      : {
          restartLimit: {
            restarts: restarts.most,
            withinMs: milliseconds(restarts.within),
            retryMs: restarts.retry === undefined ? null : milliseconds(restarts.retry),
          },
        }),
  };
}

/**
 * Which rules each service has.
 *
 * @param file the cluster file; paths of programs start from its directory
 * @throws StartError with line and column
 */
export function rulesByService(
  yaml: CheckedYaml,
  file: string,
  entries: readonly RuleEntry[],
  services: ClusterServices,
): RulesByService {
  const rules = new Map<string, ServiceRule[]>();
  for (const [index, entry] of entries.entries()) {
    const path: Path = ['rules', index];
    const condition = parseCondition(entry.if);
    if (typeof condition === 'string') throw yaml.mistake([...path, 'if'], condition);
    const action = actionOf(yaml, file, entry, path);
    checkRate(yaml, entry, path);
    for (const service of concerned(yaml, entry, condition.figure, path, services)) {
      const own = rules.get(service.name) ?? [];
      rules.set(service.name, own);
      own.push({ condition, ...rateOf(yaml, entry, service, path), action });
    }
  }
  return rules;
}

function concerned(
  yaml: CheckedYaml,
  { of }: RuleEntry,
  figure: FigureName,
  path: Path,
  services: ClusterServices,
): readonly NamedService[] {
  const { roles } = FIGURE_KINDS[figure];
  const isOfTwins = FIGURES_OF_TWINS.includes(figure);
  const all = of === undefined ? null : services.chosen(yaml, of, [...path, 'of']);
  const stranger = all?.find(({ role }) => !roles.includes(role));
  if (stranger !== undefined)
    throw yaml.mistake(
      [...path, 'of'],
      `${stranger.name}, a ${stranger.role}, has no ${figure}; leave it out, only ${roles[0] === 'node' ? 'nodes' : 'proxies'} have it`,
    );
  const found = (all ?? services.all).filter(
    ({ role, hasTwins }) => roles.includes(role) && (!isOfTwins || hasTwins),
  );
  if (found.length === 0)
    throw yaml.mistake(
      [...path, 'if'],
      `nobody here has ${figure}; leave the rule out, or give a shard twins`,
    );
  return found;
}

function actionOf(yaml: CheckedYaml, file: string, entry: RuleEntry, path: Path): Action {
  const { do: kind, exec } = entry;
  if (exec === undefined) return { kind: kind ?? 'alert' };
  if (kind === 'restart')
    throw yaml.mistake([...path, 'exec'], 'a rule does one thing; write "do:" or "exec:", and a second rule');
  const call = { argv: programWords(exec, file), user: null, group: null, timeoutMs: PROGRAM_MS_MAX };
  return { kind: 'exec', call, repeatCycles: 0 };
}

/** `for`, or `times` and `within`, or nothing of that. */
function checkRate(yaml: CheckedYaml, { for: row, times, within }: RuleEntry, path: Path): void {
  if (times !== undefined && row !== undefined)
    throw yaml.mistake(
      [...path, 'for'],
      'it is so all the time, or so many times; write "for:", or "times:" and "within:"',
    );
  if (times !== undefined && within === undefined)
    throw yaml.mistake([...path, 'times'], `${times} times within what time? Write "within: 5m" beside it`);
  if (times === undefined && within !== undefined)
    throw yaml.mistake(
      [...path, 'within'],
      `how often within ${within}? Write "times: 3" beside it, or "for:" instead of it`,
    );
}

function rateOf(
  yaml: CheckedYaml,
  entry: RuleEntry,
  service: NamedService,
  path: Path,
): Pick<ServiceRule, 'times' | 'cycles'> {
  const { times, within } = entry;
  if (times === undefined || within === undefined) {
    const cycles = cyclesOf(yaml, entry.for ?? '1 cycle', service, [...path, 'for']);
    return { times: cycles, cycles };
  }
  const cycles = cyclesOf(yaml, within, service, [...path, 'within']);
  if (times > cycles)
    throw yaml.mistake(
      [...path, 'times'],
      `within ${within} there are ${cycles} looks at ${service.name}, so ${times} times are never reached; write less, or a longer time`,
    );
  return { times, cycles };
}

/** @param path where the text stands */
function cyclesOf(yaml: CheckedYaml, text: string, { name, policy }: NamedService, path: Path): number {
  const cycles = /^(\d+) cycles?$/.exec(text)?.[1];
  const count =
    cycles === undefined ? Math.ceil(milliseconds(text) / policy.probeIntervalMs) : Number(cycles);
  if (count > CYCLES_MAX)
    throw yaml.mistake(
      path,
      `${text} is longer than ${CYCLES_MAX} looks at ${name}, one each ${policy.probeIntervalMs} ms; write less`,
    );
  return Math.max(1, count);
}
