import type { EntryStatus, MonitorFacts } from '../checks/entry-status.ts';
import { eventBit } from '../checks/event-kinds.ts';
import type { Sample, ShownFigure } from '../checks/sample.ts';
import type { Resource } from '../control/tree.ts';
import { SERVICE_TYPES } from '../control/tree.ts';
import { MONIT_VERSION } from './entry-text.ts';
import { escapeHtml } from './html-text.ts';

/** Monit's numbers of actions. */
const PENDING = { restart: 2, stop: 3, start: 6, monitor: 7 } as const;

const ON_REBOOT = { start: 0, nostart: 1, laststate: 2 } as const;

/** Everything as monit's XML, for the collectors and checks that read it. */
export function statusXml(facts: MonitorFacts, entries: readonly EntryStatus[], nowMs: number): string {
  const system = entries.find(({ entry }) => entry.type === 'system');
  const { httpd, platform } = facts;
  const server = [
    tag('id', facts.id),
    tag('incarnation', Math.floor(nowMs / 1000) - facts.uptimeSeconds),
    tag('version', MONIT_VERSION),
    tag('uptime', facts.uptimeSeconds),
    tag('poll', facts.cycleSeconds),
    tag('startdelay', facts.startDelaySeconds),
    tag('localhostname', system?.entry.name ?? facts.hostName),
    tag('controlfile', facts.controlFile),
    ...(httpd === null
      ? []
      : [
          `<httpd>${tag('address', httpd.address)}${tag('port', httpd.port)}${tag('ssl', httpd.isTls ? 1 : 0)}</httpd>`,
        ]),
  ];
  const host = [
    tag('name', platform.name),
    tag('release', platform.release),
    tag('version', platform.version),
    tag('machine', platform.machine),
    tag('cpu', platform.cores),
    tag('memory', Math.round(platform.memoryBytes / 1024)),
    tag('swap', Math.round(platform.swapBytes / 1024)),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<monit><server>${server.join('')}</server><platform>${host.join('')}</platform>${entries.map(serviceXml).join('')}</monit>\n`;
}

/** What no XML may have in it, in whatever form. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are they.
const NO_XML = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

function tag(name: string, value: string | number): string {
  const text = typeof value === 'number' ? String(value) : escapeHtml(value.replace(NO_XML, '\ufffd'));
  return `<${name}>${text}</${name}>`;
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
  parts.push(...everyXml(status), ...sampleXml(status));
  for (const [index, { test }] of entry.rules.entries()) {
    if (test.kind !== 'connection' && test.kind !== 'ping') continue;
    const seconds = ((sample?.probes.get(index)?.responseMs ?? -1000) / 1000).toFixed(6);
    if (test.kind === 'ping') {
      parts.push(`<icmp>${tag('type', 'Ping')}${tag('responsetime', seconds)}</icmp>`);
      continue;
    }
    const protocol = tag('protocol', test.protocol.toUpperCase());
    parts.push(
      test.target.kind === 'unix'
        ? `<unix>${tag('path', test.target.path)}${protocol}${tag('responsetime', seconds)}</unix>`
        : `<port>${tag('hostname', test.target.host)}${tag('portnumber', test.target.port)}<request></request>${protocol}${tag('type', test.transport.toUpperCase())}${tag('responsetime', seconds)}</port>`,
    );
  }
  return `<service type="${SERVICE_TYPES.indexOf(entry.type)}">${parts.join('')}</service>`;
}

/** Which cycles an entry is looked at in; nothing where it is all of them. */
function everyXml({ entry: { every } }: EntryStatus): string[] {
  switch (every.kind) {
    case 'always':
      return [];
    case 'cycles':
      return [`<every>${tag('type', 2)}${tag('counter', 0)}${tag('number', every.cycles)}</every>`];
    case 'cron':
      return [`<every>${tag('type', every.isExclusion ? 4 : 3)}${tag('cron', every.line)}</every>`];
  }
}

/** What the sample has found, in the elements that the type has. */
function sampleXml(status: EntryStatus): string[] {
  const { entry, sample, pid } = status;
  if (sample === null || (!sample.exists && entry.type !== 'network')) return [];
  const absolute = (resource: Resource): number => sample.figures[resource]?.absolute ?? 0;
  const percent = (resource: Resource): string => (sample.figures[resource]?.percent ?? -1).toFixed(1);
  const id = (name: 'uid' | 'euid' | 'gid'): string => sample.properties[name]?.split(' ')[0] ?? '-1';
  const shown = (name: ShownFigure): number => sample.shown?.[name] ?? -1;
  const owner = [
    tag('mode', (sample.properties.permission ?? '').replace(/^0/, '')),
    tag('uid', id('uid')),
    tag('gid', id('gid')),
  ];
  switch (entry.type) {
    case 'process':
      if (pid === null) return [];
      return [
        tag('pid', pid),
        tag('ppid', sample.properties.ppid ?? '-1'),
        tag('uid', id('uid')),
        tag('euid', id('euid')),
        tag('gid', id('gid')),
        tag('uptime', Math.floor(absolute('uptime') / 1000)),
        tag('threads', absolute('threads')),
        tag('children', absolute('children')),
        `<memory>${tag('percent', percent('memory'))}${tag('percenttotal', percent('memory-total'))}${tag('kilobyte', Math.round(absolute('memory') / 1024))}${tag('kilobytetotal', Math.round(absolute('memory-total') / 1024))}</memory>`,
        `<cpu>${tag('percent', percent('cpu'))}${tag('percenttotal', percent('cpu-total'))}</cpu>`,
        `<filedescriptors>${tag('open', absolute('file-descriptors'))}${tag('opentotal', absolute('file-descriptors-total'))}<limit>${tag('soft', limitNumber(shown('file-descriptors-limit')))}${tag('hard', limitNumber(shown('file-descriptors-hard-limit')))}</limit></filedescriptors>`,
        ...(['read', 'write'] as const).map((way) => {
          const generic = counted(shown(`${way}-bytes-per-second`), shown(`${way}-bytes`));
          return `<${way}><bytesgeneric>${generic}</bytesgeneric>${diskXml(way, sample)}</${way}>`;
        }),
      ];
    case 'system':
      return [
        `<filedescriptors>${tag('allocated', absolute('file-descriptors'))}${tag('unused', 0)}${tag('maximum', limitNumber(shown('file-descriptors-limit')))}</filedescriptors>`,
        '<system>',
        `<load>${tag('avg01', absolute('load-1').toFixed(2))}${tag('avg05', absolute('load-5').toFixed(2))}${tag('avg15', absolute('load-15').toFixed(2))}</load>`,
        `<cpu>${CPU_PARTS.map((part) => tag(part, percent(`cpu-${part}`))).join('')}</cpu>`,
        `<memory>${tag('percent', percent('memory'))}${tag('kilobyte', Math.round(absolute('memory') / 1024))}</memory>`,
        `<swap>${tag('percent', percent('swap'))}${tag('kilobyte', Math.round(absolute('swap') / 1024))}</swap>`,
        '</system>',
      ];
    case 'file':
    case 'directory':
    case 'fifo': {
      const { checksum } = sample.properties;
      const seconds = (name: ShownFigure): number => Math.floor(shown(name) / 1000);
      return [
        ...owner,
        `<timestamps>${tag('access', seconds('accessed-ms'))}${tag('change', seconds('changed-ms'))}${tag('modify', seconds('modified-ms'))}</timestamps>`,
        ...(entry.type === 'file' ? [tag('size', absolute('size'))] : []),
        ...(checksum === undefined
          ? []
          : [`<checksum type="${sample.properties['checksum-type']}">${checksum}</checksum>`]),
      ];
    }
    case 'filesystem': {
      const megabytes = (bytes: number): string => (bytes / 1024 ** 2).toFixed(1);
      const share = (part: number, of: number): string => (of <= 0 ? 0 : (part * 100) / of).toFixed(1);
      const [used, total] = [absolute('space-used'), shown('space-total')];
      const [inodes, inodesTotal] = [absolute('inodes-used'), shown('inodes-total')];
      return [
        tag('fstype', sample.properties.fstype ?? ''),
        tag('fsflags', sample.properties.fsflags ?? ''),
        ...owner,
        `<block>${tag('percent', share(used, total))}${tag('usage', megabytes(used))}${tag('total', megabytes(total))}</block>`,
        `<inode>${tag('percent', share(inodes, inodesTotal))}${tag('usage', inodes)}${tag('total', inodesTotal)}</inode>`,
        ...(['read', 'write'] as const).map((way) => `<${way}>${diskXml(way, sample)}</${way}>`),
        `<servicetime>${(['read', 'write'] as const).map((way) => tag(way, Math.max(0, shown(`${way}-ms-per-operation`)).toFixed(3))).join('')}</servicetime>`,
      ];
    }
    case 'program':
      return [
        `<program>${tag('started', Math.floor((status.sampledAtMs ?? 0) / 1000))}${tag('status', absolute('status'))}${tag('output', status.output)}</program>`,
      ];
    case 'network':
      return [networkXml(sample)];
    default:
      return [];
  }
}

const CPU_PARTS = [
  'user',
  'system',
  'nice',
  'wait',
  'hardirq',
  'softirq',
  'steal',
  'guest',
  'guestnice',
] as const;

/** Numbers without a bound have no form in XML. */
function limitNumber(limit: number): number {
  return Number.isFinite(limit) ? limit : -1;
}

function counted(perSecond: number, total: number): string {
  return tag('count', Math.max(0, Math.round(perSecond))) + tag('total', total);
}

function diskXml(way: 'read' | 'write', { figures, shown }: Sample): string {
  const rate = figures[`disk-${way}`];
  const bytes = counted(rate?.absolute ?? 0, shown?.[`disk-${way}-bytes`] ?? -1);
  const operations = counted(rate?.operationsPerSecond ?? 0, shown?.[`disk-${way}-operations`] ?? -1);
  return `<bytes>${bytes}</bytes><operations>${operations}</operations>`;
}

function networkXml(sample: Sample): string {
  const { shown, properties } = sample;
  const state = !sample.exists ? -1 : properties['link-state'] === 'up' ? 1 : 0;
  const way = (name: 'download' | 'upload'): string => {
    const pair = (element: string, now: number, total: number | undefined): string =>
      `<${element}>${tag('now', Math.round(now))}${tag('total', total ?? -1)}</${element}>`;
    return `<${name}>${pair('packets', shown?.[`${name}-packets-per-second`] ?? -1, shown?.[`${name}-packets`])}${pair('bytes', shown?.[`${name}-bytes-per-second`] ?? -1, shown?.[`${name}-bytes`])}${pair('errors', sample.exists ? 0 : -1, shown?.[`${name}-errors`])}</${name}>`;
  };
  const duplex = / (full|half)-duplex$/.exec(properties.link ?? '')?.[1];
  return `<link>${tag('state', state)}${tag('speed', shown?.['link-bits-per-second'] ?? -1)}${tag('duplex', duplex === undefined ? -1 : duplex === 'full' ? 1 : 0)}${way('download')}${way('upload')}</link>`;
}
