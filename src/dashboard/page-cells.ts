import type { ClusterStatus, ServiceStatus } from '../checks/cluster-status.ts';
import { bytesText, countText, durationText, NOTHING, shareText } from './display-units.ts';

/**
 * A living place of the page: the element with this id shows `text` and carries `mark` in its data-mark attribute,
 * from which the style takes its colour. Null leaves that side alone.
 */
export interface PageCell {
  readonly text: string | null;
  readonly mark: string | null;
}

/** All living places of the page by element id. The page is first drawn and later updated from the same cells. */
export type PageCells = ReadonlyMap<string, PageCell>;

/** The facts on a service's card: label, and the last part of the cell's id. */
export const CARD_FACTS: readonly { readonly label: string; readonly id: string }[] = [
  { label: 'process', id: 'pid' },
  { label: 'up for', id: 'uptime' },
  { label: 'restarts', id: 'restarts' },
  { label: 'CPU', id: 'cpu' },
  { label: 'resident', id: 'resident' },
  { label: 'answers in', id: 'probe' },
];

/** Further facts on a node's card. */
export const NODE_FACTS: readonly { readonly label: string; readonly id: string }[] = [
  { label: 'twin', id: 'twin' },
  { label: 'items', id: 'items' },
  { label: 'cache used', id: 'bytes' },
  { label: 'hits', id: 'hits' },
  { label: 'evictions', id: 'evictions' },
  { label: 'requests', id: 'requests' },
  { label: 'connections', id: 'connections' },
];

/** The totals at the head of the page. */
export const TOTALS: readonly { readonly label: string; readonly id: string }[] = [
  { label: 'services up', id: 'total-up' },
  { label: 'requests', id: 'total-requests' },
  { label: 'hits', id: 'total-hits' },
  { label: 'cache used', id: 'total-bytes' },
  { label: 'evictions', id: 'total-evictions' },
  { label: 'restarts', id: 'total-restarts' },
];

/** Computes every cell from a status. */
export function pageCells(status: ClusterStatus): PageCells {
  const cells = new Map<string, PageCell>();
  const text = (id: string, value: string): void => {
    cells.set(id, { text: value, mark: null });
  };
  cells.set('cluster-state', { text: status.state, mark: status.state });
  text('cluster-uptime', durationText(status.uptimeSeconds));
  for (const service of status.services) serviceCells(service, cells);

  const { services } = status;
  text('total-up', `${services.filter(({ state }) => state === 'running').length} of ${services.length}`);
  const sum = (value: (service: ServiceStatus) => number): number =>
    services.reduce((total, service) => total + value(service), 0);
  text('total-requests', rateText(sum(({ stats }) => stats?.requestsPerSecond ?? 0)));
  text(
    'total-hits',
    shareText(
      sum(({ stats }) => stats?.getHits ?? 0),
      sum(({ stats }) => stats?.getMisses ?? 0),
    ),
  );
  const limit = sum(({ stats }) => stats?.limitMaxbytes ?? 0);
  text('total-bytes', `${bytesText(sum(({ stats }) => stats?.bytes ?? 0))} of ${bytesText(limit)}`);
  text('total-evictions', countText(sum(({ stats }) => stats?.evictions ?? 0)));
  text('total-restarts', countText(sum(({ restarts }) => restarts)));
  return cells;
}

function serviceCells(service: ServiceStatus, cells: Map<string, PageCell>): void {
  const { name, state, stats, process } = service;
  const text = (id: string, value: string): void => {
    cells.set(`${name}/${id}`, { text: value, mark: null });
  };
  cells.set(`${name}/card`, { text: null, mark: state });
  cells.set(`${name}/state`, { text: service.monitored ? state : `${state}, not monitored`, mark: state });
  cells.set(`${name}/reason`, { text: service.reason, mark: state });
  text('pid', service.pid === null ? NOTHING : String(service.pid));
  text('uptime', service.uptimeSeconds === null ? NOTHING : durationText(service.uptimeSeconds));
  text('restarts', String(service.restarts));
  const cpuPercent = process?.cpuPercent ?? null;
  text('cpu', cpuPercent === null ? NOTHING : `${cpuPercent.toFixed(1)} %`);
  text('resident', process === null ? NOTHING : bytesText(process.residentBytes));
  text('probe', service.probeMs === null ? NOTHING : `${service.probeMs.toFixed(1)} ms`);
  if (service.role !== 'node') return;
  text('items', stats === null ? NOTHING : countText(stats.currItems));
  text('bytes', stats === null ? NOTHING : `${bytesText(stats.bytes)} of ${bytesText(stats.limitMaxbytes)}`);
  text('hits', stats === null ? NOTHING : shareText(stats.getHits, stats.getMisses));
  text('evictions', stats === null ? NOTHING : countText(stats.evictions));
  const rate = stats?.requestsPerSecond ?? null;
  text('requests', rate === null ? NOTHING : rateText(rate));
  text('connections', stats === null ? NOTHING : countText(stats.currConnections));
  text('twin', stats?.replication['replication_state'] ?? NOTHING);
  const lines = Object.entries(stats?.replication ?? {});
  text('replication', lines.map(([key, value]) => `${key}: ${value}`).join('\n'));
}

function rateText(perSecond: number): string {
  return `${countText(perSecond)} / s`;
}

/** The cells that differ from the ones before, in the form that the page's script reads: id → [text, mark]. */
export function changedCells(
  cells: PageCells,
  before: PageCells,
): Record<string, readonly [string | null, string | null]> {
  const changed: Record<string, readonly [string | null, string | null]> = {};
  for (const [id, { text, mark }] of cells) {
    const old = before.get(id);
    if (old?.text !== text || old?.mark !== mark) changed[id] = [text, mark];
  }
  return changed;
}
