import type { LoopStatistics } from './loop.ts';

/** Where each counter of a loop stands in its array; an array, because adding to a Float64Array never allocates. */
export const FIGURE = {
  bytesRead: 0,
  bytesWritten: 1,
  connections: 2,
  turns: 3,
  accepted: 4,
  acceptPauses: 5,
  blocks: 6,
  pendingBytes: 7,
  pendingBytesPeak: 8,
  pendingOverflows: 9,
  restOverflows: 10,
  datagrams: 11,
  datagramsDropped: 12,
  tlsNewSessions: 13,
  tlsHandshakeErrors: 14,
  tlsProtocolErrors: 15,
  /** Receives from connections that may not be paced; not told. */
  unpacedReceives: 16,
} as const;

/** Counters of a loop, all 0. */
export function newFigures(): Float64Array {
  return new Float64Array(17);
}

/** Counts bytes that a peer has not taken yet. @param count negative when they have been taken or dropped */
export function addPending(figures: Float64Array, count: number): void {
  const pending = figures[FIGURE.pendingBytes]! + count;
  figures[FIGURE.pendingBytes] = pending;
  if (pending > figures[FIGURE.pendingBytesPeak]!) figures[FIGURE.pendingBytesPeak] = pending;
}

/** The counters by name. */
export function statisticsOf(figures: Float64Array): LoopStatistics {
  return {
    turns: figures[FIGURE.turns]!,
    accepted: figures[FIGURE.accepted]!,
    acceptPauses: figures[FIGURE.acceptPauses]!,
    blocks: figures[FIGURE.blocks]!,
    pendingBytes: figures[FIGURE.pendingBytes]!,
    pendingBytesPeak: figures[FIGURE.pendingBytesPeak]!,
    pendingOverflows: figures[FIGURE.pendingOverflows]!,
    restOverflows: figures[FIGURE.restOverflows]!,
    datagrams: figures[FIGURE.datagrams]!,
    datagramsDropped: figures[FIGURE.datagramsDropped]!,
    tlsNewSessions: figures[FIGURE.tlsNewSessions]!,
    tlsHandshakeErrors: figures[FIGURE.tlsHandshakeErrors]!,
    tlsProtocolErrors: figures[FIGURE.tlsProtocolErrors]!,
  };
}
