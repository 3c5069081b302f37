import type { Link } from './link.ts';
import { received, receivedNoMemory, receivedTooLarge, refusedKeys } from './link-counts.ts';

/** Sums over links that have ended, so that what an operator is shown only ever grows. */
export class PastLinks {
  conflicts = 0;
  overruns = 0;
  changesSent = 0;
  changesReceived = 0;
  tooLarge = 0;
  noMemory = 0;
  checksumErrors = 0;
  compressedFrames = 0;
  savedBytes = 0;
  fullSyncs = 0;
  partialSyncs = 0;
  syncsReceived = 0;
  repairs = 0;
  refusedKeys = 0;

  /** Counts in what a link that has just ended did; once for each. */
  add(link: Link): void {
    this.conflicts += link.conflicts;
    this.overruns += link.sender.overruns;
    this.changesSent += link.changesSent;
    this.changesReceived += received(link);
    this.tooLarge += receivedTooLarge(link);
    this.noMemory += receivedNoMemory(link);
    this.checksumErrors += link.checksumErrors;
    this.compressedFrames += link.compressor?.frames ?? 0;
    this.savedBytes += link.compressor?.savedBytes ?? 0;
    this.fullSyncs += link.copies.fullSyncs;
    this.partialSyncs += link.partialSyncs;
    this.syncsReceived += link.syncsReceived;
    this.repairs += link.copies.repairs;
    this.refusedKeys += refusedKeys(link);
  }
}
