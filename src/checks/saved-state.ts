import type { OnReboot, ServiceEntry } from '../control/tree.ts';
import type { EntryMemory } from './entry-options.ts';

/** Grows when the form changes. */
const FORMAT = 1;

/** What a monitor leaves for the next one. */
export interface SavedState {
  /** Names one run of the host's kernel. Monit computes the time of the boot instead, which varies by a second. */
  readonly bootId: string;
  readonly services: ReadonlyMap<string, EntryMemory>;
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
  const services = new Map<string, EntryMemory>();
  for (const [name, memory] of Object.entries(saved)) {
    if (!isRecord(memory)) return null;
    const { isMonitored, isWanted, restarts } = memory;
    if (typeof isMonitored !== 'boolean' || typeof isWanted !== 'boolean' || typeof restarts !== 'number')
      return null;
    services.set(name, { isMonitored, isWanted, restarts });
  }
  return { bootId: value['bootId'], services };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const UP: EntryMemory = { isMonitored: true, isWanted: true, restarts: 0 };
const DOWN: EntryMemory = { isMonitored: false, isWanted: false, restarts: 0 };

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
): EntryMemory {
  const memory = saved?.services.get(entry.name);
  const onReboot = entry.onReboot ?? onRebootDefault;
  if (memory !== undefined && (saved?.bootId === bootId || onReboot === 'laststate')) return memory;
  return onReboot === 'nostart' ? DOWN : UP;
}
