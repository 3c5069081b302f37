import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** What a block device has done since the boot. */
export interface BlockDeviceUse {
  readonly readBytes: number;
  readonly readOperations: number;
  readonly readMs: number;
  readonly writeBytes: number;
  readonly writeOperations: number;
  readonly writeMs: number;
}

/** Sectors of the kernel's figures, whatever the device has. */
const SECTOR_BYTES = 512;

/**
 * Reads what a device has done from the lines of /proc/diskstats.
 *
 * @param device its number, as stat(2) gives it of any file on it
 * @returns null where there is no such block device: overlays, tmpfs and network file systems have none
 */
export function blockDeviceUse(text: string, device: number): BlockDeviceUse | null {
  // As makedev(3) puts them together, for the numbers that fit into 32 bits.
  const major = (device >>> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (Number(fields[0]) !== major || Number(fields[1]) !== minor || fields.length < 11) continue;
    const field = (number: number): number => Number(fields[number]);
    return {
      readOperations: field(3),
      readBytes: field(5) * SECTOR_BYTES,
      readMs: field(6),
      writeOperations: field(7),
      writeBytes: field(9) * SECTOR_BYTES,
      writeMs: field(10),
    };
  }
  return null;
}

/** The same as the kernel tells it now. */
export function readBlockDevice(device: number): BlockDeviceUse | null {
  return blockDeviceUse(readText('/proc/diskstats') ?? '', device);
}

/** What an interface has carried since it is there. */
export interface InterfaceCounters {
  readonly downloadBytes: number;
  readonly downloadPackets: number;
  readonly downloadErrors: number;
  readonly uploadBytes: number;
  readonly uploadPackets: number;
  readonly uploadErrors: number;
}

export interface InterfaceReading extends InterfaceCounters {
  readonly isUp: boolean;
  /** Null where the driver does not say. */
  readonly bitsPerSecond: number | null;
  /** `full`, `half`, or '' where it does not say. */
  readonly duplex: string;
}

/** Reads the line of an interface from /proc/net/dev; null when it has none. */
export function interfaceCounters(text: string, name: string): InterfaceCounters | null {
  for (const line of text.split('\n')) {
    const colon = line.lastIndexOf(':');
    if (colon < 0 || line.slice(0, colon).trim() !== name) continue;
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const field = (number: number): number => fields[number] ?? 0;
    return {
      downloadBytes: field(0),
      downloadPackets: field(1),
      downloadErrors: field(2),
      uploadBytes: field(8),
      uploadPackets: field(9),
      uploadErrors: field(10),
    };
  }
  return null;
}

/** IFF_UP of netdevice(7): an operator has switched it on. */
const FLAG_UP = 1;

/** @returns null when the host has no such interface */
export function readInterface(name: string): InterfaceReading | null {
  const counters = interfaceCounters(readText('/proc/net/dev') ?? '', name);
  if (counters === null) return null;
  const file = (of: string): string => (readText(`/sys/class/net/${name}/${of}`) ?? '').trim();
  const megabits = Number(file('speed') || Number.NaN);
  const duplex = file('duplex');
  return {
    ...counters,
    // One that is switched off has no carrier that could be read; a loop has one always.
    isUp: (Number(file('flags')) & FLAG_UP) !== 0 && file('carrier') !== '0',
    bitsPerSecond: megabits > 0 ? megabits * 1_000_000 : null,
    duplex: duplex === 'full' || duplex === 'half' ? duplex : '',
  };
}

/** The interface that has an address; null when none has. */
export function interfaceOfAddress(address: string): string | null {
  for (const [name, addresses] of Object.entries(networkInterfaces()))
    if (addresses?.some((one) => one.address === address) === true) return name;
  return null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}
