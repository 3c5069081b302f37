import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg, machine, release, totalmem, type, uptime, version } from 'node:os';
import type { PlatformFacts } from '../checks/entry-status.ts';

/** Names one run of the kernel; '' where there is no such name. */
export function bootId(): string {
  return (readText('/proc/sys/kernel/random/boot_id') ?? '').trim();
}

/** The key of the page size among what the kernel tells a program at its start (getauxval(3)). */
const AT_PAGESZ = 6n;

/** @param auxv /proc/self/auxv: pairs of numbers as long as an address. @returns null when it says nothing of pages */
export function pageBytesOf(auxv: Uint8Array): number | null {
  // A copy at the beginning of a buffer of its own: what was read from a file may lie anywhere in one that is shared.
  const numbers = new BigUint64Array(new Uint8Array(auxv).buffer, 0, auxv.length >>> 3);
  for (let at = 0; at + 1 < numbers.length; at += 2)
    if (numbers[at] === AT_PAGESZ) return Number(numbers[at + 1]);
  return null;
}

/** Of a page of memory: 4096 on most hosts, and up to 64 KiB on some with ARM or POWER. */
export const PAGE_BYTES: number = pageBytesOf(readBytes('/proc/self/auxv')) ?? 4096;

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    return new Uint8Array();
  }
}

/** Time that all cores have spent since the boot, by what they did, in ticks. */
export interface CpuTimes {
  readonly user: number;
  readonly nice: number;
  readonly system: number;
  readonly idle: number;
  readonly wait: number;
  readonly hardirq: number;
  readonly softirq: number;
  readonly steal: number;
  readonly guest: number;
  readonly guestnice: number;
}

/** What the host is doing. */
export interface HostReading {
  readonly loads: readonly [number, number, number];
  readonly cores: number;
  readonly uptimeSeconds: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
  readonly swapTotalBytes: number;
  readonly swapUsedBytes: number;
  readonly cpu: CpuTimes | null;
  readonly fileDescriptors: { readonly open: number; readonly limit: number } | null;
}

/** How loaded this host is now. */
export function readHost(): HostReading {
  const [load1 = 0, load5 = 0, load15 = 0] = loadavg();
  const memory = parseMemory(readText('/proc/meminfo') ?? '');
  return {
    loads: [load1, load5, load15],
    cores: availableParallelism(),
    uptimeSeconds: uptime(),
    ...memory,
    cpu: parseCpuTimes(readText('/proc/stat') ?? ''),
    fileDescriptors: parseFileDescriptors(readText('/proc/sys/fs/file-nr') ?? ''),
  };
}

/** What the host is, which stays as it is while it runs. */
export function readPlatform(): PlatformFacts {
  const { memoryTotalBytes, swapTotalBytes } = parseMemory(readText('/proc/meminfo') ?? '');
  return {
    name: type(),
    release: release(),
    version: version(),
    machine: machine(),
    cores: availableParallelism(),
    memoryBytes: memoryTotalBytes,
    swapBytes: swapTotalBytes,
  };
}

/** Reads the first line of /proc/stat. */
export function parseCpuTimes(text: string): CpuTimes | null {
  const fields = /^cpu +(.*)$/m.exec(text)?.[1]?.split(' ').map(Number);
  if (fields === undefined || fields.length < 4) return null;
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, hardirq = 0, softirq = 0, steal = 0] = fields;
  const [guest = 0, guestnice = 0] = fields.slice(8);
  return { user, nice, system, idle, wait, hardirq, softirq, steal, guest, guestnice };
}

/** Reads /proc/meminfo. Used is what is not available, so caches do not count. */
export function parseMemory(
  text: string,
): Pick<HostReading, 'memoryTotalBytes' | 'memoryUsedBytes' | 'swapTotalBytes' | 'swapUsedBytes'> {
  const bytes = (name: string): number | null => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    return kib === undefined ? null : Number(kib) * 1024;
  };
  const total = bytes('MemTotal') ?? totalmem();
  const available = bytes('MemAvailable') ?? bytes('MemFree') ?? 0;
  const swapTotal = bytes('SwapTotal') ?? 0;
  return {
    memoryTotalBytes: total,
    memoryUsedBytes: Math.max(0, total - available),
    swapTotalBytes: swapTotal,
    swapUsedBytes: Math.max(0, swapTotal - (bytes('SwapFree') ?? swapTotal)),
  };
}

function parseFileDescriptors(text: string): HostReading['fileDescriptors'] {
  const [open, , limit] = text.trim().split(/\s+/).map(Number);
  return open === undefined || limit === undefined ? null : { open, limit };
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}
