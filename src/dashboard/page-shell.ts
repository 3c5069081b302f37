import type { ServiceStatus } from '../checks/cluster-status.ts';
import { durationText, NOTHING } from './display-units.ts';
import { htmlDocument } from './html-document.ts';
import { escapeHtml } from './html-text.ts';
import type { PageFiles } from './page-files.ts';
import type { PageBeginning } from './page-snapshot.ts';

/**
 * The document of the page: what its script begins with, as data; and for browsers without scripts a plain table, anew every five seconds.
 *
 * @param token goes into the forms of the plain table, see SessionTokens; null: the reader may only look, so there are no buttons
 */
export function pageShell(beginning: PageBeginning, files: PageFiles, token: string | null): string {
  const { cluster, state, services } = beginning.snapshot;
  const body = `<div id="page">${firstSight(beginning)}</div>
<script type="application/json" id="beginning">${dataText(beginning)}</script>
<noscript>
<main>
<h1>twincached ${escapeHtml(cluster)}: ${escapeHtml(state)}</h1>
<table>
<thead><tr><th>service</th><th>state</th><th>why</th><th>address</th><th>pid</th><th>up for</th><th>restarts</th><th></th></tr></thead>
<tbody>
${services.map((service) => plainRow(service, token)).join('\n')}
</tbody>
</table>
</main>
</noscript>`;
  return htmlDocument({
    title: `${cluster} – twincached`,
    style: `/page.css?${files.mark}`,
    head: `<script type="module" src="/page.js?${files.mark}"></script>
<noscript><meta http-equiv="refresh" content="5"></noscript>`,
    body,
  });
}

/** What is seen before the script runs: the words that count, where the page will have them. */
function firstSight({ snapshot: { cluster, state, services } }: PageBeginning): string {
  const troubled = services.filter((service) => service.state !== 'running');
  const troubles = troubled.map(
    ({ name, state: word }) => `<li>${escapeHtml(name)} ${escapeHtml(word)}</li>`,
  );
  return `<header class="top"><h1><span class="product">twincached</span> ${escapeHtml(cluster)}</h1> <span class="badge" data-tone="${escapeHtml(state)}">${escapeHtml(state)}</span></header><main><section class="incidents"><ul>${troubles.join('')}</ul></section></main>`;
}

/** JSON that cannot end the element in which it stands. */
export function dataText(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

function plainRow(service: ServiceStatus, token: string | null): string {
  const { name, state, reason, address, pid, uptimeSeconds, restarts } = service;
  const cells = [
    name,
    state,
    reason,
    address,
    pid === null ? NOTHING : String(pid),
    uptimeSeconds === null ? NOTHING : durationText(uptimeSeconds),
    String(restarts),
  ];
  const buttons = token === null ? '' : plainButtons(name, token);
  return `<tr>${cells.map((text) => `<td>${escapeHtml(text)}</td>`).join('')}<td>${buttons}</td></tr>`;
}

function plainButtons(name: string, token: string): string {
  return `<form method="post" action="/${encodeURIComponent(name)}"><input type="hidden" name="securitytoken" value="${escapeHtml(token)}"><button name="action" value="start">Start</button><button name="action" value="stop">Stop</button><button name="action" value="restart">Restart</button></form>`;
}
