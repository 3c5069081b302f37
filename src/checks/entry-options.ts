import type { Random } from '../base/random.ts';
import type { Limits } from '../control/tree.ts';
import type { EntryPolicy } from './entry-policy.ts';

export interface EntryMachineOptions {
  readonly limits: Limits;
  readonly cores: number;
  readonly random: Random;
  readonly policy?: EntryPolicy;
  /** What every test has found is logged (`debug`), not only what is new or wrong. */
  readonly tellsTests?: boolean;
}

/** What is remembered of an entry while no monitor runs. */
export interface EntryMemory {
  readonly isMonitored: boolean;
  readonly isWanted: boolean;
  readonly restarts: number;
}
