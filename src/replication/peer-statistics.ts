import { remoteText } from './dial-target.ts';
import type { Link } from './link.ts';
import { received, receivedNoMemory, receivedTooLarge, refusedKeys } from './link-counts.ts';
import type { Peers } from './peers.ts';

export type StatisticLine = readonly [name: string, value: string];

/** Sum over the links of now and those that have ended. */
function total(peers: Peers, past: number, of: (link: Link) => number): string {
  let sum = past;
  for (const link of peers.links) sum += of(link);
  return String(sum);
}

/**
 * The lines of `stats replication`.
 *
 * `lag_bytes` of a peer are feed records not yet written to its connection; `lag_changes` are changes written that it has not
 * acknowledged (it does so within a tenth of a second).
 *
 * @param nowMs on the monotonic clock
 */
export function peerStatistics(peers: Peers, nowMs: number): readonly StatisticLine[] {
  const open = peers.openLinks;
  const { past } = peers;
  const syncing = open.some((link) => link.receivingSync || link.sendingSync || !link.hasCopyOfPeer);
  const dialled = open.length > 0 ? open.some((link) => link.dialled) : !peers.isBound;
  const lines: StatisticLine[] = [
    ['replication_state', open.length === 0 ? 'alone' : syncing ? 'syncing' : 'linked'],
    ['replication_in_sync', peers.isInSync ? '1' : '0'],
    ['replication_missing_ms', String(Math.round(peers.missingMs))],
    ['replication_role', dialled ? 'dialer' : 'listener'],
    ['replication_listening', peers.isBound ? '1' : '0'],
    ['replication_peers', String(open.length)],
    ['replication_node_id', peers.nodeId],
    ['replication_node_slot', String(peers.nodeSlot)],
    ['replication_links_made', String(peers.linksMade)],
    ['replication_links_lost', String(peers.linksLost)],
    ['replication_links_stuck', String(peers.linksStuck)],
    ['replication_strangers', String(peers.refusals.strangers)],
    ['replication_refused_secret', String(peers.refusals.forSecret)],
    ['replication_refused_tls', String(peers.refusals.forTls)],
    ['replication_refused_surplus', String(peers.refusals.forPlace)],
    ['replication_surplus', peers.isSurplus ? '1' : '0'],
    [
      'replication_compressed_frames',
      total(peers, past.compressedFrames, (link) => link.compressor?.frames ?? 0),
    ],
    [
      'replication_compression_saved_bytes',
      total(peers, past.savedBytes, (link) => link.compressor?.savedBytes ?? 0),
    ],
    ['replication_changes_sent', total(peers, past.changesSent, (link) => link.changesSent)],
    ['replication_changes_received', total(peers, past.changesReceived, received)],
    ['replication_conflicts', total(peers, past.conflicts, (link) => link.conflicts)],
    ['replication_full_syncs', total(peers, past.fullSyncs, (link) => link.copies.fullSyncs)],
    ['replication_partial_syncs', total(peers, past.partialSyncs, (link) => link.partialSyncs)],
    ['replication_repairs', total(peers, past.repairs, (link) => link.copies.repairs)],
    ['replication_checksum_errors', total(peers, past.checksumErrors, (link) => link.checksumErrors)],
    ['replication_overruns', total(peers, past.overruns, (link) => link.sender.overruns)],
    ['replication_refused_too_large', total(peers, past.tooLarge, receivedTooLarge)],
    ['replication_refused_keys', total(peers, past.refusedKeys, refusedKeys)],
    ['replication_refused_no_memory', total(peers, past.noMemory, receivedNoMemory)],
  ];
  let index = 0;
  for (const link of open) {
    const name = `replication_peer_${index++}`;
    lines.push(
      [`${name}_address`, remoteText(link)],
      [`${name}_state`, link.receivingSync || link.sendingSync ? 'syncing' : 'linked'],
      [`${name}_protocol`, link.legacy === null ? 'twincached' : 'repcached'],
      [`${name}_role`, link.dialled ? 'listener' : 'dialer'],
      [`${name}_lag_bytes`, String(link.sender.backlogBytes())],
      [`${name}_seen_ms`, String(Math.max(0, Math.round(nowMs - link.deadlines.heardMs)))],
      [`${name}_sync_items_sent`, String(link.copies.sync.itemsTotal)],
      [`${name}_sync_percent`, String(link.copies.sync.percent)],
      [`${name}_sync_items_received`, String(link.syncItemsReceived)],
    );
    // A repcached acknowledges nothing, and has no slot; zeros would seem to say that it has everything.
    if (link.legacy !== null) continue;
    lines.push(
      [`${name}_node_slot`, String(link.peerSlot)],
      [`${name}_lag_changes`, String(Math.max(0, link.changesSent - link.changesAcknowledged))],
      [`${name}_lag_ms`, String(Math.round(link.marks.lagMs(nowMs)))],
      [`${name}_clock_offset_ms`, String(link.receiver.clock.offsetMs)],
    );
  }
  for (const address of peers.unlinkedTargets) {
    const name = `replication_peer_${index++}`;
    lines.push([`${name}_address`, address], [`${name}_state`, 'down']);
  }
  return lines;
}
