import { StartError } from '../base/start-error.ts';
import type { ReplicationOptions } from '../node/options.ts';
import { TWINS_MAX } from '../node/options.ts';
import { invalidValue, wholeNumber } from './option-values.ts';

const TIMEOUT_MS_MOST = 60_000;
const BACKLOG_BYTES_LEAST = 64 * 1024;
const BACKLOG_BYTES_MOST = 1024 * 1024 * 1024;
const SUFFIX_BYTES = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 } as const;

type Guarantees = Pick<
  ReplicationOptions,
  'backlogBytes' | 'takesLegacy' | 'acks' | 'ackTimeoutMs' | 'ackRefuses' | 'replicasMin'
>;

/** What an option says of how much is kept for twins that are away, and how many must have a write. */
export function takeGuarantee(name: string, spelling: string, value: string): Partial<Guarantees> {
  switch (name) {
    case 'replication-backlog':
      return { backlogBytes: byteCount(spelling, value) };
    case 'no-legacy-twins':
      return { takesLegacy: false };
    case 'acks':
      return { acks: wholeNumber(spelling, value, 0, TWINS_MAX) };
    case 'ack-timeout':
      return { ackTimeoutMs: wholeNumber(spelling, value, 1, TIMEOUT_MS_MOST) };
    case 'min-replicas':
      return { replicasMin: wholeNumber(spelling, value, 0, TWINS_MAX) };
    default:
      return { ackRefuses: true };
  }
}

/**
 * Acks of twins that a node can never have would be no promise at all.
 *
 * @param replicates the node has a replication port, or dials twins
 * @throws StartError
 */
export function checkGuarantees(
  { acks = 0, replicasMin = 0 }: Partial<Guarantees>,
  replicates: boolean,
): void {
  if (replicates) return;
  const option = acks > 0 ? '--acks' : replicasMin > 0 ? '--min-replicas' : null;
  if (option !== null)
    throw new StartError(`${option} needs twins: give -X PORT, the replication port, or -x HOST, a twin`);
}

function byteCount(spelling: string, value: string): number {
  const [, digits, suffix] = /^(\d+)([kmg]?)$/i.exec(value) ?? [];
  const letter = suffix?.toLowerCase();
  const unit = letter === 'k' || letter === 'm' || letter === 'g' ? SUFFIX_BYTES[letter] : 1;
  const bytes = digits === undefined ? Number.NaN : Number(digits) * unit;
  if (bytes >= BACKLOG_BYTES_LEAST && bytes <= BACKLOG_BYTES_MOST) return bytes;
  throw invalidValue(spelling, value, 'a number of bytes from 64k to 1g, with suffix k, m or g, is needed');
}
