import { EMPTY_SAMPLE, type Figure, figure, type Sample, UNKNOWN_FIGURE } from '../checks/sample.ts';
import type { Resource } from '../control/tree.ts';
import { type CpuTimes, type HostReading, PAGE_BYTES } from '../system/host-figures.ts';
import {
  type DiskUse,
  type ProcessEntry,
  readDiskUse,
  readOpenFiles,
  readOpenFilesLimit,
  readProcessEntry,
  readProcessOwner,
} from '../system/proc-table.ts';
import type { DescriptorLimit } from '../system/resource-limits.ts';
import { ownerText } from './file-sample.ts';

/** One look at the whole host, which the entries of a cycle share. */
export interface HostView {
  readonly atMs: number;
  readonly host: HostReading;
  readonly processes: readonly ProcessEntry[];
}

interface Reading {
  readonly atMs: number;
  readonly entry: ProcessEntry;
  /** CPU time of the process and all below it. */
  readonly totalCpuMs: number;
}

/** What costs as much to read as everything else together. */
interface DearFacts {
  readonly atMs: number;
  readonly entry: ProcessEntry;
  readonly disk: DiskUse | null;
  readonly openFiles: number | null;
  /** Of the process and all below it. */
  readonly openFilesTotal: number | null;
  /** Since the reading before; null when there is none of this process. */
  readonly rates: Pick<Sample['figures'], 'disk-read' | 'disk-write'> | null;
  readonly shown: Sample['shown'];
}

/** What changes so seldom that it is not read for each sample. */
interface RareFacts {
  readonly atMs: number;
  readonly pid: number;
  readonly startedAfterBootMs: number;
  readonly openFilesLimit: DescriptorLimit;
  readonly owner: Readonly<Record<string, string>>;
}

/** For so long. */
const RARE_FACTS_MS = 10_000;

/** Whose rules are told what is at most a cycle old. */
const DEAR_RESOURCES: readonly Resource[] = [
  ...(['file-descriptors', 'file-descriptors-total', 'disk-read', 'disk-write'] as const),
];

/** The figures of one process, which need the reading before for whatever is a rate. */
export class ProcessSampler {
  #before: Reading | null = null;
  #rare: RareFacts | null = null;
  /** Of the sample before. */
  #figures: Sample['figures'] = {};
  #dear: DearFacts | null = null;
  readonly #dearForMs: number;

  /** @param resources that rules ask about; what no rule asks about, and is only shown, may be ten seconds old where it is dear to read */
  constructor(resources: ReadonlySet<Resource>) {
    this.#dearForMs = DEAR_RESOURCES.some((resource) => resources.has(resource)) ? 0 : RARE_FACTS_MS;
  }

  /** @returns an empty sample when the process has gone */
  sample(pid: number, view: HostView): Sample {
    const entry = readProcessEntry(pid);
    if (entry === null) {
      this.#before = null;
      return EMPTY_SAMPLE;
    }
    const below = descendants(pid, view.processes);
    const sum = (value: (of: ProcessEntry) => number): number => {
      let total = value(entry);
      for (const one of below) total += value(one);
      return total;
    };
    const now: Reading = {
      atMs: view.atMs,
      entry,
      totalCpuMs: sum(({ cpuMs }) => cpuMs),
    };
    const before = this.#before;
    this.#before = now;
    const old = before !== null && isSame(before.entry, entry) && now.atMs > before.atMs ? before : null;
    const { host } = view;
    const threads = sum((one) => one.threads);
    const percent = (cpuMs: number, oldCpuMs: number, threadCount: number): number =>
      Math.max(
        0,
        ((cpuMs - oldCpuMs) * 100) /
          (now.atMs - (old?.atMs ?? 0)) /
          Math.max(1, Math.min(threadCount, host.cores)),
      );
    const bytes = entry.residentPages * PAGE_BYTES;
    const totalBytes = sum((one) => one.residentPages) * PAGE_BYTES;
    const { openFiles, openFilesTotal, rates, shown } = this.#dearFacts(entry, below, view.atMs);
    const rare = this.#rareFacts(entry, view.atMs);
    const last = this.#figures;
    // Most of what is idle stays as it was; what is the same need not be made again each second.
    const kept = (name: Resource, absolute: number | null, share: number | null = null): Figure => {
      const known = last[name];
      return known?.absolute === absolute && known.percent === share ? known : figure(absolute, share);
    };
    const figures: Sample['figures'] = {
      cpu: kept('cpu', null, old === null ? null : percent(entry.cpuMs, old.entry.cpuMs, entry.threads)),
      'cpu-total': kept(
        'cpu-total',
        null,
        old === null ? null : percent(now.totalCpuMs, old.totalCpuMs, threads),
      ),
      memory: kept('memory', bytes, (bytes * 100) / host.memoryTotalBytes),
      'memory-total': kept('memory-total', totalBytes, (totalBytes * 100) / host.memoryTotalBytes),
      children: kept('children', below.length),
      threads: kept('threads', entry.threads),
      ...(openFiles === null
        ? {}
        : {
            'file-descriptors': kept(
              'file-descriptors',
              openFiles,
              (openFiles * 100) / rare.openFilesLimit.soft,
            ),
          }),
      'file-descriptors-total': kept('file-descriptors-total', openFilesTotal),
      uptime: figure(host.uptimeSeconds * 1000 - entry.startedAfterBootMs),
      'disk-read': rates?.['disk-read'] ?? UNKNOWN_FIGURE,
      'disk-write': rates?.['disk-write'] ?? UNKNOWN_FIGURE,
      ...loads(host),
    };
    this.#figures = figures;
    return {
      exists: true,
      figures,
      properties: {
        pid: String(pid),
        ppid: String(entry.parentPid),
        ...rare.owner,
      },
      probes: new Map(),
      shown: {
        ...shown,
        'file-descriptors-limit': rare.openFilesLimit.soft,
        'file-descriptors-hard-limit': rare.openFilesLimit.hard,
      },
    };
  }

  #dearFacts(entry: ProcessEntry, below: readonly ProcessEntry[], atMs: number): DearFacts {
    const known = this.#dear;
    const old = known !== null && isSame(known.entry, entry) && atMs > known.atMs ? known : null;
    // The second reading is the first that gives rates.
    if (old !== null && old.rates !== null && atMs - old.atMs < this.#dearForMs) return old;
    const disk = readDiskUse(entry.pid);
    const seconds = old === null ? 0 : (atMs - old.atMs) / 1000;
    const rates = old === null ? null : diskRates(disk, old.disk, seconds);
    const openFiles = readOpenFiles(entry.pid);
    const openFilesTotal =
      openFiles === null ? null : below.reduce((sum, { pid }) => sum + (readOpenFiles(pid) ?? 0), openFiles);
    const shown = disk === null ? {} : diskTotals(disk, old?.disk ?? null, seconds);
    this.#dear = { atMs, entry, disk, openFiles, openFilesTotal, rates, shown };
    return this.#dear;
  }

  #rareFacts({ pid, startedAfterBootMs }: ProcessEntry, atMs: number): RareFacts {
    const known = this.#rare;
    if (
      known !== null &&
      known.pid === pid &&
      known.startedAfterBootMs === startedAfterBootMs &&
      atMs - known.atMs < RARE_FACTS_MS
    )
      return known;
    const owner = readProcessOwner(pid);
    const facts: RareFacts = {
      atMs,
      pid,
      startedAfterBootMs,
      openFilesLimit: readOpenFilesLimit(pid),
      owner:
        owner === null
          ? {}
          : {
              uid: ownerText('/etc/passwd', owner.uid),
              euid: ownerText('/etc/passwd', owner.effectiveUid),
              gid: ownerText('/etc/group', owner.gid),
            },
    };
    // A process that has just started may not have become who it will be.
    this.#rare = known?.pid === pid && known.startedAfterBootMs === startedAfterBootMs ? facts : null;
    this.#rare ??= { ...facts, atMs: Number.NEGATIVE_INFINITY };
    return facts;
  }
}

/** One process, not two of the same number. */
function isSame(one: ProcessEntry, other: ProcessEntry): boolean {
  return one.pid === other.pid && one.startedAfterBootMs === other.startedAfterBootMs;
}

/** What is only shown of a process's reading and writing. */
function diskTotals(now: DiskUse, before: DiskUse | null, seconds: number): Sample['shown'] {
  const rate = (name: 'bytesRead' | 'bytesWritten'): number =>
    before === null ? 0 : Math.max(0, now[name] - before[name]) / seconds;
  return {
    'read-bytes': now.bytesRead,
    'read-bytes-per-second': rate('bytesRead'),
    'write-bytes': now.bytesWritten,
    'write-bytes-per-second': rate('bytesWritten'),
    'disk-read-bytes': now.readBytes,
    'disk-read-operations': now.readOperations,
    'disk-write-bytes': now.writeBytes,
    'disk-write-operations': now.writeOperations,
  };
}

function diskRates(now: DiskUse | null, before: DiskUse | null, seconds: number): DearFacts['rates'] {
  const rate = (way: 'read' | 'write'): ReturnType<typeof figure> => {
    if (now === null || before === null) return figure(null);
    const of = (name: 'Bytes' | 'Operations'): number =>
      Math.max(0, now[`${way}${name}`] - before[`${way}${name}`]) / seconds;
    return figure(of('Bytes'), null, of('Operations'));
  };
  return { 'disk-read': rate('read'), 'disk-write': rate('write') };
}

/** By parent, made once for all entries that share a look at the host. */
const childrenOfViews = new WeakMap<readonly ProcessEntry[], ReadonlyMap<number, readonly ProcessEntry[]>>();

function childrenIn(processes: readonly ProcessEntry[]): ReadonlyMap<number, readonly ProcessEntry[]> {
  const known = childrenOfViews.get(processes);
  if (known !== undefined) return known;
  const children = new Map<number, ProcessEntry[]>();
  for (const entry of processes) {
    const siblings = children.get(entry.parentPid);
    if (siblings === undefined) children.set(entry.parentPid, [entry]);
    else siblings.push(entry);
  }
  childrenOfViews.set(processes, children);
  return children;
}

const NOBODY: readonly ProcessEntry[] = [];

/** All processes below one, each once, though parents may have changed while they were read. */
export function descendants(pid: number, processes: readonly ProcessEntry[]): readonly ProcessEntry[] {
  const children = childrenIn(processes);
  if (!children.has(pid)) return NOBODY;
  const found = new Set(children.get(pid));
  // What is added while it goes is visited, too.
  for (const entry of found) for (const child of children.get(entry.pid) ?? []) found.add(child);
  return [...found];
}

/** Made once for all entries that share a look at the host. */
const loadsOfHosts = new WeakMap<HostReading, Sample['figures']>();

function loads(host: HostReading): Sample['figures'] {
  const known = loadsOfHosts.get(host);
  if (known !== undefined) return known;
  const [one, five, fifteen] = host.loads;
  const made = { 'load-1': figure(one), 'load-5': figure(five), 'load-15': figure(fifteen) };
  loadsOfHosts.set(host, made);
  return made;
}

/** The host's own figures. */
export class HostSampler {
  #before: CpuTimes | null = null;

  sample({ host }: HostView): Sample {
    const before = this.#before;
    this.#before = host.cpu;
    const percents = host.cpu === null || before === null ? null : shares(host.cpu, before);
    const share = (part: keyof CpuTimes): ReturnType<typeof figure> => figure(null, percents?.[part] ?? null);
    const descriptors = host.fileDescriptors;
    return {
      exists: true,
      figures: {
        ...loads(host),
        cpu: figure(null, percents === null ? null : 100 - percents.idle - percents.wait),
        'cpu-user': share('user'),
        'cpu-system': share('system'),
        'cpu-wait': share('wait'),
        'cpu-nice': share('nice'),
        'cpu-hardirq': share('hardirq'),
        'cpu-softirq': share('softirq'),
        'cpu-steal': share('steal'),
        'cpu-guest': share('guest'),
        'cpu-guestnice': share('guestnice'),
        memory: figure(host.memoryUsedBytes, (host.memoryUsedBytes * 100) / host.memoryTotalBytes),
        swap: figure(
          host.swapUsedBytes,
          host.swapTotalBytes === 0 ? 0 : (host.swapUsedBytes * 100) / host.swapTotalBytes,
        ),
        uptime: figure(host.uptimeSeconds * 1000),
        ...(descriptors === null
          ? {}
          : { 'file-descriptors': figure(descriptors.open, (descriptors.open * 100) / descriptors.limit) }),
      },
      properties: {},
      probes: new Map(),
      ...(descriptors === null ? {} : { shown: { 'file-descriptors-limit': descriptors.limit } }),
    };
  }
}

function shares(now: CpuTimes, before: CpuTimes): CpuTimes | null {
  const all = (times: CpuTimes): number =>
    times.user +
    times.nice +
    times.system +
    times.idle +
    times.wait +
    times.hardirq +
    times.softirq +
    times.steal;
  const total = all(now) - all(before);
  if (total <= 0) return null;
  const part = (name: keyof CpuTimes): number => Math.max(0, ((now[name] - before[name]) * 100) / total);
  return {
    user: part('user'),
    nice: part('nice'),
    system: part('system'),
    idle: part('idle'),
    wait: part('wait'),
    hardirq: part('hardirq'),
    softirq: part('softirq'),
    steal: part('steal'),
    guest: part('guest'),
    guestnice: part('guestnice'),
  };
}
