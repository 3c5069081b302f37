import { probe } from './probe.ts';
import type { TwinAddress } from './service-definition.ts';

/** A twin that does not answer within this time counts as one that sends nothing. */
const ANSWER_MS_MAX = 1000;

/** What twins are sending at this moment, in full copies. */
interface CopiesSent {
  readonly items: number;
  readonly percent: number;
}

/**
 * Sees whether the first copy of a node comes further. The node itself lets nobody in before it has it, so those are asked that send it. Whom they
 * send it to is not told apart: while another twin is copied to, one that hangs is waited for, too.
 */
export class CopyProgress {
  #last: CopiesSent | null = null;
  #isLooking = false;

  /** For a new process. */
  clear(): void {
    this.#last = null;
  }

  /**
   * @param twins of the node
   * @returns how far it is, as a phrase, when more has been sent than at the last look; else null. Never rejects
   */
  async look(twins: readonly TwinAddress[]): Promise<string | null> {
    if (this.#isLooking || twins.length === 0) return null;
    this.#isLooking = true;
    const sent = (await Promise.all(twins.map(copiesSentBy))).filter((copies) => copies !== null);
    this.#isLooking = false;
    if (sent.length === 0) return null;
    const now = {
      items: sent.reduce((sum, { items }) => sum + items, 0),
      percent: Math.max(...sent.map(({ percent }) => percent)),
    };
    const before = this.#last;
    this.#last = now;
    if (before !== null && before.items === now.items && before.percent === now.percent) return null;
    return `gets its copy from a twin, ${now.percent} % sent`;
  }
}

/** @returns null when it sends none, or does not answer */
async function copiesSentBy(twin: TwinAddress): Promise<CopiesSent | null> {
  const result = await probe({ ...twin, stats: true }, ANSWER_MS_MAX, 'node');
  if (!result.ok || result.stats === null) return null;
  let isSending = false;
  let items = 0;
  let percent = 0;
  for (const [name, state] of result.stats) {
    const peer = /^(replication_peer_\d+)_state$/.exec(name)?.[1];
    if (peer === undefined || state !== 'syncing') continue;
    isSending = true;
    items += Number(result.stats.get(`${peer}_sync_items_sent`) ?? 0);
    percent = Math.max(percent, Number(result.stats.get(`${peer}_sync_percent`) ?? 0));
  }
  return isSending ? { items, percent } : null;
}
