import type { ClusterStatus, ServiceStatus } from '../checks/cluster-status.ts';
import type { LogEvent } from '../checks/event-log.ts';
import { escapeHtml } from './html-text.ts';
import { CARD_FACTS, NODE_FACTS, type PageCells, pageCells, TOTALS } from './page-cells.ts';

/** How many events the page shows. */
export const PAGE_EVENTS_MAX = 40;

/**
 * Draws the page: the services in layers as requests flow, the ones that stand in for each other in one frame, then the last
 * events.
 *
 * @param status what to show
 * @param token goes into each form, see SessionTokens; null: the reader may only look, so there are no buttons
 */
export function statusPage(status: ClusterStatus, token: string | null): string {
  const cells = pageCells(status);
  const title = escapeHtml(status.cluster);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – twincached</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
<noscript><meta http-equiv="refresh" content="5"></noscript>
</head>
<body>
<header>
<h1>twincached <span class="cluster">${title}</span></h1>
<p class="summary">${living(cells, 'strong', 'cluster-state', 'state')} · monitor up for ${living(cells, 'span', 'cluster-uptime')}
<span id="connection" data-mark="live"></span></p>
<dl class="totals">${facts(cells, '', TOTALS)}</dl>
</header>
<main>
<section aria-label="Services">
${layers(status.services)
  .map(
    (layer) => `<div class="layer">${layer.map((group) => groupFrame(group, cells, token)).join('')}</div>`,
  )
  .join('\n<div class="flow" aria-hidden="true">↓</div>\n')}
</section>
<section aria-label="Events">
<h2>Events</h2>
<ol id="events" reversed>${status.events.slice(-PAGE_EVENTS_MAX).toReversed().map(eventItem).join('')}</ol>
</section>
</main>
</body>
</html>
`;
}

/**
 * The services in layers: first those that nobody of the cluster sends requests to, then those that these send to, and so on;
 * within a layer by group.
 */
export function layers(services: readonly ServiceStatus[]): ServiceStatus[][][] {
  const depths = new Map(services.map(({ name }) => [name, 0]));
  // The longest way from the top. A circle would go on for ever, hence the bound.
  for (let round = 0; round < services.length; round++) {
    for (const { name, sendsTo } of services)
      for (const target of sendsTo)
        if (depths.has(target))
          depths.set(
            target,
            Math.min(Math.max(depths.get(target) ?? 0, (depths.get(name) ?? 0) + 1), services.length),
          );
  }
  const byDepth = new Map<number, Map<string, ServiceStatus[]>>();
  for (const service of services) {
    const depth = depths.get(service.name) ?? 0;
    const groups = byDepth.get(depth) ?? new Map<string, ServiceStatus[]>();
    byDepth.set(depth, groups);
    groups.set(service.group, [...(groups.get(service.group) ?? []), service]);
  }
  return [...byDepth.entries()].sort(([a], [b]) => a - b).map(([, groups]) => [...groups.values()]);
}

function groupFrame(members: readonly ServiceStatus[], cells: PageCells, token: string | null): string {
  const cards = members.map((service) => card(service, cells, token)).join('');
  const group = members[0]?.group ?? '';
  if (members.length === 1) return cards;
  return `<div class="group"><h2>${escapeHtml(group)}</h2><div class="members">${cards}</div></div>`;
}

function card(service: ServiceStatus, cells: PageCells, token: string | null): string {
  const { name, role } = service;
  const id = `${name}/`;
  const node = role === 'node';
  return `<article id="${escapeHtml(`${id}card`)}" data-mark="${service.state}">
<h3>${escapeHtml(name)} ${living(cells, 'span', `${id}state`, 'state')}</h3>
<p class="address"><code>${escapeHtml(service.address)}</code> ${escapeHtml(service.title)}</p>
${living(cells, 'p', `${id}reason`, 'reason')}
<dl>${facts(cells, id, CARD_FACTS)}${node ? facts(cells, id, NODE_FACTS) : ''}</dl>
${node ? `<details><summary>replication</summary>${living(cells, 'pre', `${id}replication`)}</details>` : ''}
${token === null ? '' : buttons(name, token)}
</article>`;
}

function buttons(name: string, token: string): string {
  return `<form method="post" action="/${encodeURIComponent(name)}">
<input type="hidden" name="securitytoken" value="${escapeHtml(token)}">
<button name="action" value="start">Start</button>
<button name="action" value="stop">Stop</button>
<button name="action" value="restart">Restart</button>
</form>`;
}

function facts(cells: PageCells, prefix: string, list: typeof CARD_FACTS): string {
  return list
    .map(({ label, id }) => `<div><dt>${escapeHtml(label)}</dt>${living(cells, 'dd', prefix + id)}</div>`)
    .join('');
}

/** An element that shows a cell. */
function living(cells: PageCells, tag: string, id: string, className = ''): string {
  const cell = cells.get(id);
  const mark = cell?.mark == null ? '' : ` data-mark="${escapeHtml(cell.mark)}"`;
  const classes = className === '' ? '' : ` class="${className}"`;
  return `<${tag} id="${escapeHtml(id)}"${classes}${mark}>${escapeHtml(cell?.text ?? '')}</${tag}>`;
}

function eventItem({ atMs, service, level, text }: LogEvent): string {
  const at = new Date(atMs);
  return `<li data-mark="${level}"><time datetime="${at.toISOString()}">${at.toTimeString().slice(0, 8)}</time> <b>${escapeHtml(service)}</b> <span>${escapeHtml(text)}</span></li>`;
}
