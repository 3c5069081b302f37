import type { EntryStatus, MonitorFacts } from '../checks/entry-status.ts';
import type { LogEvent } from '../checks/event-log.ts';
import { SERVICE_COMMANDS } from '../checks/service-machine.ts';
import { dateText } from '../telemetry/date-text.ts';
import { listed, MONIT_VERSION, statusRows, TYPE_NAMES, uptimeText } from './entry-text.ts';
import type { EntryView } from './entry-view.ts';
import { htmlDocument } from './html-document.ts';
import { escapeHtml } from './html-text.ts';
import type { PageFiles } from './page-files.ts';
import { dataText } from './page-shell.ts';
import { rulesOf } from './rule-text.ts';

/** Who looks at a page. */
export interface PageReader {
  /** Null: may only look, so there are no buttons. */
  readonly token: string | null;
}

/** Additions to the style sheet of the cluster's page. */
export const ENTRY_STYLE = `
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem; }
th, td { text-align: left; padding: 0.4rem 0.6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; vertical-align: top; }
th { color: var(--faint); font-size: 0.8rem; font-weight: 600; }
nav { margin-bottom: 1rem; } nav a { margin-right: 1rem; } a { color: inherit; }
td[data-mark=good] { color: var(--good); } td[data-mark=busy] { color: var(--busy); } td[data-mark=bad] { color: var(--bad); }
tr.rule td { color: var(--faint); }
td form { margin: 0; } .buttons { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-bottom: 0.8rem; } table + section { margin-top: 1.5rem; }
textarea { width: 100%; height: 30rem; font-family: ui-monospace, monospace; background: var(--card); color: inherit; }
`;

function page(title: string, facts: MonitorFacts, body: string, refreshSeconds: number): string {
  return htmlDocument({
    title: `Monit: ${title}`,
    style: '/_page.css',
    head: `<meta http-equiv="refresh" content="${refreshSeconds}">`,
    body: `<nav><a href="/">${escapeHtml(facts.hostName)}</a> <a href="/_runtime">runtime</a> <a href="/_viewlog">log</a> <a href="/_about">about</a></nav>
${body}`,
  });
}

/** A document for the script; without scripts, the same as a table. */
function livePage(facts: MonitorFacts, body: string, files: PageFiles, view: EntryView): string {
  return htmlDocument({
    title: `Monit: ${facts.hostName}`,
    style: `/_live.css?${files.mark}`,
    head: `<script type="module" src="/_live.js?${files.mark}"></script>
<noscript><meta http-equiv="refresh" content="${facts.cycleSeconds}"></noscript>`,
    attributes: ' data-session="/_session.json"',
    body: `<div id="page"></div>
<script type="application/json" id="beginning">${dataText(view)}</script>
<noscript><main>
${body}
</main></noscript>`,
  });
}

function mark({ failures, monitoringText }: EntryStatus): string {
  if (failures.length > 0) return 'bad';
  return monitoringText === 'Monitored' ? 'good' : 'busy';
}

/** The first page: every service in one table, the last events below it. */
export function indexPage(
  facts: MonitorFacts,
  entries: readonly EntryStatus[],
  events: readonly LogEvent[],
  files: PageFiles,
  view: EntryView,
): string {
  const rows = listed(entries).map((status) => {
    const { entry, sample, pid } = status;
    const percent = (name: 'cpu-total' | 'memory-total' | 'cpu' | 'memory'): string => {
      const value = sample?.figures[name]?.percent;
      return value == null ? '–' : `${value.toFixed(1)} %`;
    };
    const isProcess = entry.type === 'process';
    const uptimeMs = sample?.figures.uptime?.absolute;
    const cells = [
      `<td><a href="/${encodeURIComponent(entry.name)}">${escapeHtml(entry.name)}</a></td>`,
      `<td>${TYPE_NAMES[entry.type]}</td>`,
      `<td data-mark="${mark(status)}">${escapeHtml(status.statusText)}</td>`,
      `<td>${escapeHtml(status.reason)}</td>`,
      `<td>${pid ?? '–'}</td>`,
      `<td>${uptimeMs == null ? '–' : uptimeText(uptimeMs / 1000)}</td>`,
      `<td>${percent(isProcess ? 'cpu-total' : 'cpu')}</td>`,
      `<td>${percent(isProcess ? 'memory-total' : 'memory')}</td>`,
      `<td>${status.restarts}</td>`,
    ];
    return `<tr>${cells.join('')}</tr>`;
  });
  const titles = ['service', 'type', 'status', 'why', 'pid', 'up for', 'CPU', 'memory', 'restarts'];
  const list = events.slice(-40).toReversed().map(eventItem);
  return livePage(
    facts,
    `<header><h1>Monit service manager <span class="cluster">${escapeHtml(facts.hostName)}</span></h1>
<p class="summary">up for ${uptimeText(facts.uptimeSeconds)}, looks at everything each ${facts.cycleSeconds} s</p></header>
<table><tr>${titles.map((title) => `<th>${title}</th>`).join('')}</tr>
${rows.join('\n')}
</table>
<section aria-label="Events"><h2>Events</h2><ol id="events" reversed>${list.join('')}</ol></section>`,
    files,
    view,
  );
}

function eventItem({ atMs, service, level, text }: LogEvent): string {
  return `<li data-mark="${level}"><time>${dateText(atMs)}</time> <span>${escapeHtml(service)}: ${escapeHtml(text)}</span></li>`;
}

const BUTTONS: Readonly<Record<(typeof SERVICE_COMMANDS)[number], string>> = {
  start: 'Start service',
  stop: 'Stop service',
  restart: 'Restart service',
  monitor: 'Enable monitoring',
  unmonitor: 'Disable monitoring',
};

/** One service: all that is known, its rules in words, and the buttons for those who may. */
export function servicePage(facts: MonitorFacts, status: EntryStatus, { token }: PageReader): string {
  const { entry } = status;
  const row = (label: string, value: string, rest = ''): string =>
    `<tr${rest}><td>${escapeHtml(label)}</td><td>${escapeHtml(value)}</td></tr>`;
  const call = (label: string, program: typeof entry.start): string =>
    program === null ? '' : row(label, program.argv.join(' '));
  const commands = SERVICE_COMMANDS.filter(
    (command) => command !== (status.isMonitored ? 'monitor' : 'unmonitor'),
  );
  const buttons =
    token === null
      ? ''
      : `<div class="buttons">${commands
          .map(
            (command) =>
              `<form method="post" action="/${encodeURIComponent(entry.name)}"><input type="hidden" name="securitytoken" value="${escapeHtml(token)}"><input type="hidden" name="action" value="${command}"><button>${BUTTONS[command]}</button></form>`,
          )
          .join('')}</div>`;
  return page(
    entry.name,
    facts,
    `<h1>${escapeHtml(entry.name)} <span class="cluster">${TYPE_NAMES[entry.type]}</span></h1>
${buttons}
<table><tr><th>Parameter</th><th>Value</th></tr>
${statusRows(status)
  .map(([label, value]) => row(label, value))
  .join('\n')}
${entry.groups.length === 0 ? '' : row('group', entry.groups.join(', '))}
${entry.dependsOn.length === 0 ? '' : row('depends on', entry.dependsOn.map(({ name }) => name).join(', '))}
${call('start program', entry.start)}${call('stop program', entry.stop)}${call('restart program', entry.restart)}
${rulesOf(entry)
  .map((text) => row('rule', text, ' class="rule"'))
  .join('\n')}
</table>`,
    facts.cycleSeconds,
  );
}

export function runtimePage(facts: MonitorFacts): string {
  const rows: readonly (readonly [string, string])[] = [
    ['Monit ID', facts.id],
    ['Host', facts.hostName],
    ['Process id', String(facts.pid)],
    ['Up for', uptimeText(facts.uptimeSeconds)],
    ['Control file', facts.controlFile],
    ['Log file', facts.logFile],
    ['Pid file', facts.pidFile],
    ['State file', facts.stateFile],
    ['Id file', facts.idFile],
    ['Poll time', `${facts.cycleSeconds} s, start delay ${facts.startDelaySeconds} s`],
    ['Version', `${facts.version}, as Monit ${MONIT_VERSION}`],
  ];
  const table = rows
    .map(([label, value]) => `<tr><td>${label}</td><td>${escapeHtml(value)}</td></tr>`)
    .join('\n');
  return page('runtime', facts, `<h1>Runtime</h1><table>${table}</table>`, facts.cycleSeconds);
}

/** @param log the end of the log, or the last events */
export function logPage(facts: MonitorFacts, log: string): string {
  return page(
    'log',
    facts,
    `<h1>Log</h1><textarea readonly>${escapeHtml(log)}</textarea>`,
    Math.max(30, facts.cycleSeconds),
  );
}

export function aboutPage(facts: MonitorFacts): string {
  return page(
    'about',
    facts,
    `<h1>About</h1><p>twincached ${escapeHtml(facts.version)}, as Monit ${MONIT_VERSION}.</p>`,
    3600,
  );
}
