/*
 * Where a running monitor is found by the commands that speak to it: a file in the cluster's state directory, which only the cluster's user can
 * read, with the page's port and the key that makes a command of that user one of the monitor's own.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readWhole } from '../monitor/whole-file.ts';
import { readProcessEntry, stillRuns } from '../system/proc-table.ts';
import { stateDirectory, stateRoot, writeState } from './state-directory.ts';

export interface MonitorRecord {
  readonly cluster: string;
  /** `--host`; null: it runs everything. */
  readonly host: string | null;
  /** The cluster file, absolute; null: the built-in cluster. */
  readonly file: string | null;
  readonly pid: number;
  /** Tells the process from a later one of the same number. */
  readonly startedAfterBootMs: number;
  readonly pagePort: number;
  /** Where the page listens. */
  readonly pageAddress: string;
  /** The page's certificate chain, in PEM; null: it speaks without TLS. */
  readonly pageCertificate: string | null;
  /** See `DashboardOptions.commandKey`. */
  readonly key: string;
}

/** Clusters and monitors that are looked at; what is beyond is not found. */
const RECORDS_MAX = 1000;

/** @param part what tells monitors of one cluster apart on one machine: the host, or the port offset; '' for the only one */
function pathOf(cluster: string, part: string): string {
  return join(stateDirectory(cluster), part === '' ? 'monitor.json' : `monitor-${part}.json`);
}

/** A key that nobody can guess: whoever has it may give orders to the monitor. */
export function newKey(): string {
  return randomBytes(32).toString('hex');
}

/** The monitor that runs such a part of a cluster now; null: none does. */
export function runningMonitor(cluster: string, part: string): MonitorRecord | null {
  const record = readRecord(pathOf(cluster, part));
  return record !== null && stillRuns(record) ? record : null;
}

/**
 * Lets commands find this process.
 *
 * @returns takes the file away again, and why it could not be written, or null
 */
export function writeMonitorRecord(
  record: Omit<MonitorRecord, 'pid' | 'startedAfterBootMs'>,
  part: string,
): { readonly failure: string | null; readonly remove: () => void } {
  const path = pathOf(record.cluster, part);
  const startedAfterBootMs = readProcessEntry(process.pid)?.startedAfterBootMs ?? 0;
  const full: MonitorRecord = { ...record, pid: process.pid, startedAfterBootMs };
  const failure = writeState(path, `${JSON.stringify(full, null, 2)}\n`);
  const remove = (): void => {
    try {
      unlinkSync(path);
      // As long as nothing else is there.
      rmdirSync(stateDirectory(record.cluster));
      rmdirSync(stateRoot());
    } catch {
      // Then it is gone already, or there is more.
    }
  };
  return { failure, remove };
}

/** All monitors of this user that run now. */
export function runningMonitors(): readonly MonitorRecord[] {
  const records: MonitorRecord[] = [];
  for (const cluster of namesIn(stateRoot()))
    for (const name of namesIn(stateDirectory(cluster))) {
      if (!/^monitor(-.*)?\.json$/.test(name) || records.length >= RECORDS_MAX) continue;
      const record = readRecord(join(stateDirectory(cluster), name));
      if (record !== null && stillRuns(record)) records.push(record);
    }
  return records;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function readRecord(path: string): MonitorRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(readWhole(path) ?? '');
  } catch {
    return null;
  }
  return isRecord(value) ? value : null;
}

function isRecord(value: unknown): value is MonitorRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const isText = (name: string): boolean => typeof fields.get(name) === 'string';
  const isTextOrNull = (name: string): boolean => fields.get(name) === null || isText(name);
  const isNumber = (name: string): boolean => typeof fields.get(name) === 'number';
  return (
    ['cluster', 'key', 'pageAddress'].every(isText) &&
    ['host', 'file', 'pageCertificate'].every(isTextOrNull) &&
    ['pid', 'startedAfterBootMs', 'pagePort'].every(isNumber)
  );
}
