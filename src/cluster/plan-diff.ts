/** What a changed cluster file means for what runs: as little as can be. */
import type { ClusterDescription } from './cluster-file.ts';
import type { ClusterPlan, PlannedService } from './plan.ts';

/** A service that stays, as it runs and as it shall be. Its name may be another one. */
export interface ChangedService {
  readonly before: PlannedService;
  readonly after: PlannedService;
}

export interface PlanDiff {
  readonly added: readonly PlannedService[];
  readonly removed: readonly PlannedService[];
  /** Only a start takes over what is different. */
  readonly restarted: readonly ChangedService[];
  /** They take over their new configuration while they serve. */
  readonly reloaded: readonly ChangedService[];
  /** Their processes need to know nothing: another name, title or order, or twins that come or go. */
  readonly renewed: readonly ChangedService[];
  readonly unchanged: readonly ChangedService[];
}

/** Services are the same when they are started the same way, whatever they are called, and else when they are called the same. */
export function planDiff(running: readonly PlannedService[], { services }: ClusterPlan): PlanDiff {
  const pairs = new Map<PlannedService, PlannedService>();
  const left = new Set(running);
  const match = (isSame: (before: PlannedService, after: PlannedService) => boolean): void => {
    for (const after of services) {
      if (pairs.has(after)) continue;
      const before = [...left].find((candidate) => isSame(candidate, after));
      if (before === undefined) continue;
      left.delete(before);
      pairs.set(after, before);
    }
  };
  match((before, after) => before.name === after.name && startsAlike(before, after));
  match((before, after) => before.role === after.role && startsAlike(before, after));
  match((before, after) => before.name === after.name && before.role === after.role);

  const restarted: ChangedService[] = [];
  const reloaded: ChangedService[] = [];
  const renewed: ChangedService[] = [];
  const unchanged: ChangedService[] = [];
  for (const [after, before] of pairs) {
    const change = { before, after };
    if (!startsAlike(before, after)) restarted.push(change);
    else if (before.configuration?.text !== after.configuration?.text) reloaded.push(change);
    else if (JSON.stringify(before) !== JSON.stringify(after)) renewed.push(change);
    else unchanged.push(change);
  }
  return {
    added: services.filter((service) => !pairs.has(service)),
    removed: [...left],
    restarted,
    reloaded,
    renewed,
    unchanged,
  };
}

/** Whether a start would change nothing. */
export function startsAlike(before: PlannedService, after: PlannedService): boolean {
  return JSON.stringify(before.startsWith) === JSON.stringify(after.startsWith);
}

/** A line for each thing that would be done, in the order in which it is. */
export function diffLines(diff: PlanDiff): string[] {
  const lines = [
    ...diff.added.map(({ name, probe, title }) => `start ${name} at ${probe.host}:${probe.port}, ${title}`),
    ...diff.reloaded.map(
      ({ after, before }) => `${nameChange(before, after)} takes over other routes; clients stay connected`,
    ),
    ...diff.renewed
      .filter(({ before, after }) => before.name !== after.name)
      .map(({ before, after }) => `${nameChange(before, after)}; its process goes on`),
    ...[...diff.renewed, ...diff.reloaded]
      .filter(({ before, after }) => watching(before) !== watching(after))
      .map(({ after }) => `${after.name} is watched in another way; its process goes on`),
    ...diff.restarted.map(
      ({ before, after }) => `restart ${after.name}: ${wordChange(before, after)}${lossText(after)}`,
    ),
    ...diff.removed.map(({ name, probe }) => `stop ${name} at ${probe.host}:${probe.port}`),
  ];
  const untouched = diff.unchanged.length + diff.renewed.length;
  lines.push(`${untouched} ${untouched === 1 ? 'process' : 'processes'} untouched`);
  return lines;
}

/** What a file says of it. How long it is kept waiting follows from its twins, and needs no line of its own. */
function watching({ policy, rules }: PlannedService): string {
  return JSON.stringify([{ ...policy, settledBackoffMsMax: 0 }, rules]);
}

function nameChange(before: PlannedService, after: PlannedService): string {
  return before.name === after.name ? after.name : `${before.name} becomes ${after.name}`;
}

function lossText({ role, twins }: PlannedService): string {
  if (role === 'proxy') return '; its clients have to dial again';
  return twins.length === 0 ? '; it has no twin: its items are lost' : '';
}

/** `-m 64 becomes 128`, or what goes and what comes. */
function wordChange({ startsWith: before }: PlannedService, { startsWith: after }: PlannedService): string {
  if (before.length === after.length)
    return after
      .flatMap((word, index) =>
        word === before[index] ? [] : [`${after[index - 1] ?? ''} ${before[index]} becomes ${word}`],
      )
      .join(', ');
  const gone = before.filter((word) => !after.includes(word));
  const come = after.filter((word) => !before.includes(word));
  return [
    ...(gone.length === 0 ? [] : [`without ${gone.join(' ')}`]),
    ...(come.length === 0 ? [] : [`with ${come.join(' ')}`]),
  ].join(', ');
}

/**
 * What a running cluster cannot be changed into without losing items of shards that have twins, or at all.
 *
 * @returns a line for each, with what to do
 */
export function refusals(before: ClusterDescription, after: ClusterDescription): string[] {
  const lines: string[] = [];
  if (before.name !== after.name)
    lines.push(
      `the cluster ${before.name} cannot be called ${after.name} while it runs; \`twincached down\` it before the name is changed`,
    );
  for (const shard of after.shards) {
    const was = before.shards.find(({ name }) => name === shard.name);
    if (was === undefined || was.twins.length < 2) continue;
    if (was.replicationPort !== shard.replicationPort)
      lines.push(
        `the replication port of ${shard.name} cannot change while its twins run, for they would not find each other; \`twincached down\` first`,
      );
    const places = new Set(was.twins.map(placeOf));
    if (!shard.twins.some((twin) => places.has(placeOf(twin))))
      lines.push(
        `all nodes of ${shard.name} would move at once, and its items would be lost; change one after the other, with a reload between`,
      );
  }
  return lines;
}

function placeOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address} ${port}`;
}
