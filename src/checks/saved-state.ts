import { isRecord } from '../base/json-record.ts';
import type { OnReboot, ServiceEntry } from '../control/tree.ts';
import type { EntryMemory } from './entry-options.ts';

/** Grows when the form changes. */
const FORMAT = 1;

/** One process for ever: the number alone may belong to another one later. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAfterBootMs: number;
}

export interface SavedEntry extends EntryMemory {
  /** The process that was watched last; null when there was none. */
  readonly process: ProcessIdentity | null;
  /** Names the start that was under way, in the environment of what comes of it; '' when there was none. */
  readonly startMark: string;
}

/** What a monitor leaves for the next one. */
export interface SavedState {
  /** Names one run of the host's kernel. Monit computes the time of the boot instead, which varies by a second. */
  readonly bootId: string;
  readonly services: ReadonlyMap<string, SavedEntry>;
}

export function encodeState({ bootId, services }: SavedState): string {
  return `${JSON.stringify({ format: FORMAT, bootId, services: Object.fromEntries(services) }, null, 1)}\n`;
}

/** @returns null when the text is not what `encodeState` makes */
export function decodeState(text: string): SavedState | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || value['format'] !== FORMAT || typeof value['bootId'] !== 'string') return null;
  const saved = value['services'];
  if (!isRecord(saved)) return null;
  const services = new Map<string, SavedEntry>();
  for (const [name, memory] of Object.entries(saved)) {
    if (!isRecord(memory)) return null;
    const { isMonitored, isWanted, restarts } = memory;
    if (typeof isMonitored !== 'boolean' || typeof isWanted !== 'boolean' || typeof restarts !== 'number')
      return null;
    services.set(name, {
      isMonitored,
      isWanted,
      restarts,
      process: identityIn(memory['process']),
      startMark: textIn(memory['startMark']),
    });
  }
  return { bootId: value['bootId'], services };
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function identityIn(value: unknown): ProcessIdentity | null {
  if (!isRecord(value)) return null;
  const { pid, startedAfterBootMs } = value;
  return typeof pid === 'number' && typeof startedAfterBootMs === 'number'
    ? { pid, startedAfterBootMs }
    : null;
}

const UP: SavedEntry = { isMonitored: true, isWanted: true, restarts: 0, process: null, startMark: '' };
const DOWN: SavedEntry = { isMonitored: false, isWanted: false, restarts: 0, process: null, startMark: '' };

/**
 * With what an entry begins.
 *
 * While the host runs, a monitor goes on where the one before has ended. After a boot, and where nothing was saved, the entry's `onreboot` decides.
 *
 * @param saved null when there is no state file
 */
export function initialMemory(
  entry: ServiceEntry,
  onRebootDefault: OnReboot,
  saved: SavedState | null,
  bootId: string,
): SavedEntry {
  const memory = saved?.services.get(entry.name);
  const onReboot = entry.onReboot ?? onRebootDefault;
  if (memory !== undefined && saved?.bootId === bootId) return memory;
  // Of the processes before a boot none is left.
  if (memory !== undefined && onReboot === 'laststate') return { ...memory, process: null, startMark: '' };
  return onReboot === 'nostart' ? DOWN : UP;
}
