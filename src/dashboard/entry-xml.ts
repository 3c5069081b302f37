import type { EntryStatus, MonitorFacts } from '../checks/entry-status.ts';
import { eventBit } from '../checks/event-kinds.ts';
import type { Resource } from '../control/tree.ts';
import { SERVICE_TYPES } from '../control/tree.ts';
import { MONIT_VERSION } from './entry-text.ts';
import { escapeHtml } from './html-text.ts';

/** Monit's numbers of actions. */
const PENDING = { restart: 2, stop: 3, start: 6, monitor: 7 } as const;

const ON_REBOOT = { start: 0, nostart: 1, laststate: 2 } as const;

/** Everything as monit's XML, for the collectors and checks that read it. */
export function statusXml(facts: MonitorFacts, entries: readonly EntryStatus[], nowMs: number): string {
  const server = [
    tag('id', facts.id),
    tag('incarnation', Math.floor(nowMs / 1000) - facts.uptimeSeconds),
    tag('version', MONIT_VERSION),
    tag('uptime', facts.uptimeSeconds),
    tag('poll', facts.cycleSeconds),
    tag('startdelay', facts.startDelaySeconds),
    tag('localhostname', facts.hostName),
    tag('controlfile', facts.controlFile),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<monit><server>${server.join('')}</server>${entries.map(serviceXml).join('')}</monit>\n`;
}

function tag(name: string, value: string | number): string {
  return `<${name}>${typeof value === 'number' ? value : escapeHtml(value)}</${name}>`;
}

function serviceXml(status: EntryStatus): string {
  const { entry, sample, sampledAtMs, failures } = status;
  const bits = failures.reduce((mask, name) => mask | eventBit(name), 0);
  const monitor =
    status.monitoringText === 'Not monitored' ? 0 : status.monitoringText === 'Initializing' ? 2 : 1;
  const pending = status.pending === null ? 0 : PENDING[status.pending];
  const parts = [
    tag('name', entry.name),
    tag('collected_sec', Math.floor((sampledAtMs ?? 0) / 1000)),
    tag('collected_usec', Math.floor(((sampledAtMs ?? 0) % 1000) * 1000)),
    tag('status', bits),
    tag('status_hint', 0),
    tag('monitor', monitor),
    tag('monitormode', entry.mode === 'active' ? 0 : 1),
    tag('onreboot', ON_REBOOT[status.onReboot]),
    tag('pendingaction', pending),
    // Ours: what the mask and the mode above cannot say.
    tag('state', status.state),
    ...(status.reason === '' ? [] : [tag('reason', status.reason)]),
  ];
  const absolute = (resource: Resource): number => sample?.figures[resource]?.absolute ?? 0;
  const percent = (resource: Resource): string => (sample?.figures[resource]?.percent ?? -1).toFixed(1);
  const id = (name: 'uid' | 'euid' | 'gid'): string => sample?.properties[name]?.split(' ')[0] ?? '-1';
  if (entry.type === 'process' && status.pid !== null && sample !== null) {
    parts.push(
      tag('pid', status.pid),
      tag('ppid', sample.properties.ppid ?? '-1'),
      tag('uid', id('uid')),
      tag('euid', id('euid')),
      tag('gid', id('gid')),
      tag('uptime', Math.floor(absolute('uptime') / 1000)),
      tag('threads', absolute('threads')),
      tag('children', absolute('children')),
      `<memory>${tag('percent', percent('memory'))}${tag('percenttotal', percent('memory-total'))}${tag('kilobyte', Math.round(absolute('memory') / 1024))}${tag('kilobytetotal', Math.round(absolute('memory-total') / 1024))}</memory>`,
      `<cpu>${tag('percent', percent('cpu'))}${tag('percenttotal', percent('cpu-total'))}</cpu>`,
      `<filedescriptors>${tag('open', absolute('file-descriptors'))}</filedescriptors>`,
    );
  }
  if (entry.type === 'system' && sample !== null)
    parts.push(
      '<system>',
      `<load>${tag('avg01', absolute('load-1').toFixed(2))}${tag('avg05', absolute('load-5').toFixed(2))}${tag('avg15', absolute('load-15').toFixed(2))}</load>`,
      `<cpu>${tag('user', percent('cpu-user'))}${tag('system', percent('cpu-system'))}${tag('nice', percent('cpu-nice'))}${tag('wait', percent('cpu-wait'))}</cpu>`,
      `<memory>${tag('percent', percent('memory'))}${tag('kilobyte', Math.round(absolute('memory') / 1024))}</memory>`,
      `<swap>${tag('percent', percent('swap'))}${tag('kilobyte', Math.round(absolute('swap') / 1024))}</swap>`,
      '</system>',
    );
  if (entry.type === 'program')
    parts.push(`<program>${tag('status', absolute('status'))}${tag('output', status.output)}</program>`);
  for (const [index, { test }] of entry.rules.entries()) {
    if (test.kind !== 'connection') continue;
    const seconds = ((sample?.probes.get(index)?.responseMs ?? -1000) / 1000).toFixed(6);
    const protocol = tag('protocol', test.protocol.toUpperCase());
    parts.push(
      test.target.kind === 'unix'
        ? `<unix>${tag('path', test.target.path)}${protocol}${tag('responsetime', seconds)}</unix>`
        : `<port>${tag('hostname', test.target.host)}${tag('portnumber', test.target.port)}<request></request>${protocol}${tag('type', test.transport.toUpperCase())}${tag('responsetime', seconds)}</port>`,
    );
  }
  return `<service type="${SERVICE_TYPES.indexOf(entry.type)}">${parts.join('')}</service>`;
}
