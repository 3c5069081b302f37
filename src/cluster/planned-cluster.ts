import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { type ClusterDescription, parseClusterFile } from './cluster-file.ts';
import { filePlan } from './file-plan.ts';
import type { ClusterPlan, PlannedFile } from './plan.ts';
import type { NodesWant, TakenOut } from './proxy-configuration.ts';
import { reasonText, stateDirectory, writeState } from './state-directory.ts';

/** Where a plan comes from, and for whom it is made. */
export interface PlanSource {
  /** Null: the built-in cluster. */
  readonly file: string | null;
  /** Where the configurations of proxies are kept; the cluster's state directory unless given. */
  readonly directory?: string;
  /** Null: everything, on whatever host. */
  readonly host: string | null;
  /** Program and first arguments that run a personality. */
  readonly command: readonly string[];
}

/** @throws StartError when the file cannot be read, or something in it is wrong */
export function readClusterFile({
  file,
  host,
}: Pick<PlanSource, 'host'> & { readonly file: string }): ClusterDescription {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError(`${file}: cannot be read: ${reasonText(error)}`);
  }
  const description = parseClusterFile(file, text);
  if (host !== null && !description.hosts.has(host))
    throw new StartError(`${file} has no host ${host}; it has ${[...description.hosts.keys()].join(', ')}`);
  return description;
}

/**
 * What runs for a cluster.
 *
 * @param serving by shard the twin that proxies ask first
 * @param out what an operator has taken out of proxies
 * @param wants what nodes that run want before they answer; not given: as the file says
 */
export function planCluster(
  description: ClusterDescription,
  { file, host, command, directory }: PlanSource,
  serving: ReadonlyMap<string, string>,
  out: TakenOut = new Map(),
  wants: NodesWant = new Map(),
): ClusterPlan {
  const { name, secretFile } = description;
  return filePlan(description, {
    command,
    host,
    asRoot: process.getuid?.() === 0,
    stateDirectory: directory ?? stateDirectory(name),
    secretFile: secretFile === null ? null : resolve(dirname(file ?? '.'), secretFile),
    serving,
    out,
    wants,
  });
}

/** The configurations of a plan. */
export function plannedFiles({ services }: ClusterPlan): PlannedFile[] {
  return services.flatMap(({ configuration }) => (configuration === null ? [] : [configuration]));
}

/** Writes configurations that services are started with, or take over. @throws StartError */
export function writePlannedFiles(files: readonly PlannedFile[]): void {
  for (const { path, text } of files) {
    const failure = writeState(path, text);
    if (failure !== null) throw new StartError(`${path}: cannot be written: ${failure}`);
  }
}
