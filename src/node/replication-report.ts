import type { StatLine } from '../engine/node-context.ts';
import { ALONE_MS } from '../replication/missing-twins.ts';

const IN_SYNC = 'replication_in_sync';
const MISSING_MS = 'replication_missing_ms';

/** As a thread publishes the lines of `stats replication` for others. */
export function packReport(lines: readonly StatLine[]): string {
  return lines.map(([name, value]) => `${name} ${value}`).join('\n');
}

/** The lines that `packReport` was given. Of a report that cannot be had it is only known that nobody should rely on this node. */
export function unpackReport(text: string): StatLine[] {
  if (text === '') return [[IN_SYNC, '0']];
  return text.split('\n').map((line): StatLine => {
    const space = line.indexOf(' ');
    return [line.slice(0, space), line.slice(space + 1)];
  });
}

/**
 * Whether a node is in sync depends on who asks, while a twin is missing: who has had a connection to it for as long as a twin needs to come, and none came, may
 * rely on it.
 *
 * @param connectedMs for how long the asking client has been connected
 */
export function reportFor(lines: readonly StatLine[], connectedMs: number): readonly StatLine[] {
  if (connectedMs < ALONE_MS) return lines;
  const missingMs = Number(lines.find(([name]) => name === MISSING_MS)?.[1] ?? 0);
  if (missingMs < ALONE_MS) return lines;
  return lines.map((line) => (line[0] === IN_SYNC ? [IN_SYNC, '1'] : line));
}

/** The report of a thread that may have stood still since it was written. */
export function doubted(lines: readonly StatLine[]): readonly StatLine[] {
  return lines.map((line) => (line[0] === IN_SYNC ? [IN_SYNC, '0'] : line));
}
