/** The entries of a control file as text, in the layout that scripts around monit have learned to read. */
import type { EntryStatus, MonitorFacts } from '../checks/entry-status.ts';
import type { Figure, ProbeOutcome, Sample, ShownFigure } from '../checks/sample.ts';
import { byteText } from '../checks/test-evaluation.ts';
import type { Resource, ServiceType } from '../control/tree.ts';
import { dateText } from '../telemetry/date-text.ts';

/** The release of monit whose layout this is. */
export const MONIT_VERSION = '5.33.0';

export const TYPE_NAMES: Readonly<Record<ServiceType, string>> = {
  filesystem: 'Filesystem',
  directory: 'Directory',
  file: 'File',
  process: 'Process',
  host: 'Remote Host',
  system: 'System',
  fifo: 'Fifo',
  program: 'Program',
  network: 'Network',
};

/** In which monit lists them; within a type it is the order of the file. */
const TYPE_ORDER: readonly ServiceType[] = [
  ...([
    'system',
    'process',
    'file',
    'fifo',
    'directory',
    'filesystem',
    'host',
    'network',
    'program',
  ] as const),
];

/** The services by their types, the host first. */
export function listed(entries: readonly EntryStatus[]): EntryStatus[] {
  return TYPE_ORDER.flatMap((type) => entries.filter(({ entry }) => entry.type === type));
}

const COLUMNS = [
  { title: 'Service Name', width: 33 },
  { title: 'Status', width: 28 },
  { title: 'Type', width: 15 },
] as const;

const LABEL_WIDTH = 28;

/** `2d 3h 4m`. */
export function uptimeText(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  return `${days > 0 ? `${days}d ` : ''}${days > 0 || hours > 0 ? `${hours}h ` : ''}${minutes % 60}m`;
}

function headLine({ uptimeSeconds }: MonitorFacts): string {
  return `Monit ${MONIT_VERSION} uptime: ${uptimeText(uptimeSeconds)}\n`;
}

function cells(status: EntryStatus): string[] {
  return [status.entry.name, status.statusText, TYPE_NAMES[status.entry.type]];
}

/** A text of a fixed width, of which the last column stays free; one that is too long ends in dots. */
function fitted(text: string, width: number): string {
  return (text.length < width ? text : `${text.slice(0, width - 4)}...`).padEnd(width);
}

/** One line for each service, for programs and pipes. */
export function summaryText(facts: MonitorFacts, entries: readonly EntryStatus[]): string {
  const line = (texts: readonly string[]): string =>
    ` ${COLUMNS.map(({ width }, index) => fitted(texts[index] ?? '', width - 1)).join(' ')}\n`;
  return (
    headLine(facts) +
    line(COLUMNS.map(({ title }) => title)) +
    listed(entries)
      .map((entry) => line(cells(entry)))
      .join('')
  );
}

const GREY = '\u001b[0;90m';
const PLAIN = '\u001b[0m';

/** The same in a frame and in colours, for terminals. */
export function summaryBox(facts: MonitorFacts, entries: readonly EntryStatus[]): string {
  const rule = (left: string, middle: string, right: string): string =>
    `${GREY}${left}${COLUMNS.map(({ width }) => '─'.repeat(width)).join(middle)}${right}${PLAIN}\n`;
  const line = (texts: readonly string[], colours: readonly string[]): string => {
    const bar = `${GREY}│${PLAIN}`;
    const row = COLUMNS.map(({ width }, index) => {
      const text = fitted(texts[index] ?? '', width - 1);
      const colour = colours[index] ?? '';
      return ` ${colour}${text}${colour === '' ? '' : PLAIN}`;
    });
    return `${bar}${row.join(bar)}${bar}\n`;
  };
  const head = '\u001b[1;36m';
  const body = listed(entries).map((entry) => line(cells(entry), ['', statusColour(entry), '']));
  return [
    headLine(facts),
    rule('┌', '┬', '┐'),
    line(
      COLUMNS.map(({ title }) => title),
      [head, head, head],
    ),
    ...body.flatMap((row) => [rule('├', '┼', '┤'), row]),
    rule('└', '┴', '┘'),
  ].join('');
}

function statusColour({ statusText, failures, monitoringText }: EntryStatus): string {
  if (failures.length > 0) return '\u001b[0;91m';
  if (monitoringText === 'Not monitored') return '\u001b[0;93m';
  return statusText.startsWith('OK') ? '\u001b[0;92m' : '\u001b[0;94m';
}

/** `4 kB`, `1.3 kB`: whole numbers have no fraction, as monit writes them. */
function sizeText(bytes: number): string {
  return byteText(bytes).replace(/\.0 /, (zero) => (Number.isInteger(scaled(bytes)) ? ' ' : zero));
}

function scaled(bytes: number): number {
  return bytes < 1024 ? bytes : scaled(bytes / 1024);
}

function percentOf(figure: Figure | undefined): string {
  return figure?.percent == null ? '-' : `${figure.percent.toFixed(1)}%`;
}

/** `6.9% [1.6 GB]`, as monit writes the memory of a process. */
function percentAndBytes(figure: Figure | undefined): string {
  if (figure?.percent == null || figure.absolute === null) return '-';
  return `${figure.percent.toFixed(1)}% [${byteText(figure.absolute)}]`;
}

function count(figure: Figure | undefined): string {
  return figure?.absolute == null ? '-' : String(Math.round(figure.absolute));
}

/** Labels and values of what a sample has found, in monit's order. */
function figureRows({ entry, sample, sampledAtMs }: EntryStatus): [string, string][] {
  if (sample === null || (!sample.exists && entry.type !== 'network')) return [];
  const figure = (resource: Resource): Figure | undefined => sample.figures[resource];
  const property = (name: 'ppid' | 'uid' | 'euid' | 'gid'): string =>
    sample.properties[name]?.split(' ')[0] ?? '-';
  const shown = (name: ShownFigure): number | null => sample.shown?.[name] ?? null;
  const owner: [string, string][] = [
    ['permission', sample.properties.permission?.replace(/^0/, '') ?? '-'],
    ['uid', property('uid')],
    ['gid', property('gid')],
  ];
  switch (entry.type) {
    case 'process':
      return [
        ['parent pid', property('ppid')],
        ['uid', property('uid')],
        ['effective uid', property('euid')],
        ['gid', property('gid')],
        ['uptime', uptimeText((figure('uptime')?.absolute ?? 0) / 1000)],
        ['threads', count(figure('threads'))],
        ['children', count(figure('children'))],
        ['cpu', percentOf(figure('cpu'))],
        ['cpu total', percentOf(figure('cpu-total'))],
        ['memory', percentAndBytes(figure('memory'))],
        ['memory total', percentAndBytes(figure('memory-total'))],
        ['security attribute', '-'],
        ['filedescriptors', openFilesText(figure('file-descriptors'), shown('file-descriptors-limit'))],
        ['total filedescriptors', count(figure('file-descriptors-total'))],
        ['read bytes', bytesAndTotal(shown('read-bytes-per-second'), shown('read-bytes'))],
        ...diskRows('read', figure('disk-read'), sample, true),
        ['write bytes', bytesAndTotal(shown('write-bytes-per-second'), shown('write-bytes'))],
        ...diskRows('write', figure('disk-write'), sample, true),
      ];
    case 'system': {
      const uptimeMs = figure('uptime')?.absolute ?? 0;
      return [
        [
          'load average',
          (['load-1', 'load-5', 'load-15'] as const).map((name) => `[${loadText(figure(name))}]`).join(' '),
        ],
        ['cpu', CPU_PARTS.map(([name, word]) => `${percentOf(figure(name))}${word}`).join(' ')],
        ['memory usage', bytesAndPercent(figure('memory'))],
        ['swap usage', bytesAndPercent(figure('swap'))],
        ['uptime', uptimeText(uptimeMs / 1000)],
        ['boot time', sampledAtMs === null ? '-' : dateText(sampledAtMs - uptimeMs)],
        ['filedescriptors', openFilesText(figure('file-descriptors'), shown('file-descriptors-limit'))],
      ];
    }
    case 'file':
    case 'directory':
    case 'fifo': {
      const { checksum } = sample.properties;
      return [
        ...owner,
        ...size(entry.type === 'file' ? figure('size') : undefined),
        ['access timestamp', timeText(shown('accessed-ms'))],
        ['change timestamp', timeText(shown('changed-ms'))],
        ['modify timestamp', timeText(shown('modified-ms'))],
        ...(checksum === undefined
          ? []
          : ([['checksum', `${checksum} (${sample.properties['checksum-type']})`]] satisfies [
              string,
              string,
            ][])),
      ];
    }
    case 'filesystem':
      return filesystemRows(sample, owner);
    case 'program':
      return [['last exit value', sample.properties.status ?? '-']];
    case 'network':
      return networkRows(sample);
    default:
      return [];
  }
}

const CPU_PARTS = [
  ['cpu-user', 'usr'],
  ['cpu-system', 'sys'],
  ['cpu-nice', 'nice'],
  ['cpu-wait', 'iowait'],
  ['cpu-hardirq', 'hardirq'],
  ['cpu-softirq', 'softirq'],
  ['cpu-steal', 'steal'],
  ['cpu-guest', 'guest'],
  ['cpu-guestnice', 'guestnice'],
] as const;

/** `23 [2.2% of 1024 limit]`. */
function openFilesText(figure: Figure | undefined, limit: number | null): string {
  if (figure?.absolute == null) return '-';
  return limit === null || !Number.isFinite(limit)
    ? count(figure)
    : `${count(figure)} [${percentOf(figure)} of ${limit} limit]`;
}

function bytesAndTotal(perSecond: number | null, total: number | null): string {
  return total === null ? '-' : `${sizeText(perSecond ?? 0)}/s [${sizeText(total)} total]`;
}

/** @param isProcess whether the bytes are told apart from those of sockets */
function diskRows(
  way: 'read' | 'write',
  rate: Figure | undefined,
  sample: Sample,
  isProcess: boolean,
): [string, string][] {
  const total = sample.shown?.[`disk-${way}-operations`];
  const operations =
    total === undefined
      ? '-'
      : `${(rate?.operationsPerSecond ?? 0).toFixed(1)} ${way}s/s [${total} ${way}s total]`;
  const bytes = bytesAndTotal(rate?.absolute ?? 0, sample.shown?.[`disk-${way}-bytes`] ?? null);
  return [
    [isProcess ? `disk ${way} bytes` : `${way} bytes`, bytes],
    [`disk ${way} operations`, operations],
  ];
}

function filesystemRows(sample: Sample, owner: [string, string][]): [string, string][] {
  const shown = (name: ShownFigure): number => sample.shown?.[name] ?? 0;
  const total = shown('space-total');
  const free = shown('space-free-users');
  const inodes = shown('inodes-total');
  const percent = (part: number, of: number): string => `${(of === 0 ? 0 : (part * 100) / of).toFixed(1)}%`;
  const freeTotal = sample.figures['space-free']?.absolute ?? 0;
  const reserved = freeTotal - free;
  const ms = (name: 'read' | 'write'): string => shown(`${name}-ms-per-operation`).toFixed(3);
  const service = sample.figures['service-time']?.absolute;
  return [
    ['filesystem type', sample.properties.fstype ?? '-'],
    ['filesystem flags', sample.properties.fsflags ?? '-'],
    ...owner,
    ['block size', sizeText(shown('block-bytes'))],
    [
      'space total',
      `${sizeText(total)}${reserved > 0 ? ` (of which ${percent(reserved, total)} is reserved for root user)` : ''}`,
    ],
    ['space free for non superuser', `${sizeText(free)} [${percent(free, total)}]`],
    ['space free total', `${sizeText(freeTotal)} [${percent(freeTotal, total)}]`],
    ...(inodes === 0
      ? []
      : ([
          ['inodes total', String(inodes)],
          [
            'inodes free',
            `${count(sample.figures['inodes-free'])} [${percentOf(sample.figures['inodes-free'])}]`,
          ],
        ] satisfies [string, string][])),
    ...diskRows('read', sample.figures['disk-read'], sample, false),
    ...diskRows('write', sample.figures['disk-write'], sample, false),
    [
      'service time',
      service == null
        ? '-'
        : `${service.toFixed(3)} ms/operation (of which read ${ms('read')} ms, write ${ms('write')} ms)`,
    ],
  ];
}

function networkRows(sample: Sample): [string, string][] {
  if (!sample.exists || sample.properties['link-state'] === 'down')
    return ['link', 'download bytes', 'upload bytes', 'download packets', 'upload packets'].map((label) => [
      label,
      '-',
    ]);
  const shown = (name: ShownFigure): number => sample.shown?.[name] ?? 0;
  const { link } = sample.properties;
  const saturation = sample.figures.saturation?.percent;
  const bytes = (way: 'download' | 'upload'): [string, string] => [
    `${way} bytes`,
    `${sizeText(shown(`${way}-bytes-per-second`))}/s${saturation == null ? '' : ` (${linkPercent(way, sample)} link saturation)`}`,
  ];
  const packets = (way: 'download' | 'upload'): [string, string] => [
    `${way} packets`,
    `${Math.round(shown(`${way}-packets-per-second`))} per second`,
  ];
  return [
    ['link', `${shown('link-errors')} errors`],
    ...(link === undefined || link === 'unknown'
      ? []
      : ([['link capacity', link]] satisfies [string, string][])),
    bytes('download'),
    bytes('upload'),
    packets('download'),
    packets('upload'),
  ];
}

function linkPercent(way: 'download' | 'upload', { shown }: Sample): string {
  const bits = (shown?.[`${way}-bytes-per-second`] ?? 0) * 8;
  return `${((bits * 100) / (shown?.['link-bits-per-second'] ?? 1)).toFixed(1)}%`;
}

function timeText(atMs: number | null): string {
  return atMs === null ? '-' : dateText(atMs);
}

function size(figure: Figure | undefined): [string, string][] {
  return figure === undefined ? [] : [['size', sizeText(figure.absolute ?? 0)]];
}

function bytesAndPercent(figure: Figure | undefined): string {
  if (figure?.absolute == null) return '-';
  return `${sizeText(figure.absolute)} [${percentOf(figure)}]`;
}

function loadText(figure: Figure | undefined): string {
  return figure?.absolute == null ? '-' : figure.absolute.toFixed(2);
}

/** A program that asks for us may not say how long it took. */
function millisecondsText({ responseMs }: ProbeOutcome): string {
  return responseMs === null ? 'OK' : `${responseMs.toFixed(3)} ms`;
}

/** The rows about connections: how long each took, or that it failed. */
function connectionRows({ entry, sample }: EntryStatus): [string, string][] {
  const rows: [string, string][] = [];
  for (const [index, { test }] of entry.rules.entries()) {
    const outcome = sample?.probes.get(index);
    if (test.kind === 'ping') {
      const value = outcome === undefined ? '-' : outcome.isOk ? millisecondsText(outcome) : 'FAILED';
      rows.push(['ping response time', value]);
    }
    if (test.kind !== 'connection') continue;
    const { target, transport, protocol } = test;
    const type = transport === 'udp' ? 'UDP/IP' : 'TCP/IP';
    const where = target.kind === 'unix' ? target.path : `${target.host}:${target.port}`;
    const rest = `${target.kind === 'unix' ? '' : `type ${type} `}protocol ${protocol.toUpperCase()}`;
    const value =
      outcome === undefined
        ? '-'
        : outcome.isOk
          ? `${millisecondsText(outcome)} to ${where} ${rest}`
          : `FAILED to [${where}] ${rest}`;
    rows.push([target.kind === 'unix' ? 'unix socket response time' : 'port response time', value]);
  }
  return rows;
}

/** Label and value of everything that is known of an entry, as the status block and the service's page show it. */
export function statusRows(status: EntryStatus): readonly (readonly [string, string])[] {
  const { entry, reason, restarts, sampledAtMs, nextStartSeconds, output } = status;
  return [
    ['status', status.statusText],
    ['monitoring status', status.monitoringText],
    ['monitoring mode', entry.mode],
    ['on reboot', status.onReboot],
    ...(reason === '' ? [] : ([['reason', reason]] as const)),
    ...(nextStartSeconds === null ? [] : ([['next start', `in ${nextStartSeconds} s`]] as const)),
    ...(status.pid === null ? [] : ([['pid', String(status.pid)]] as const)),
    ...figureRows(status),
    ...(restarts === 0 ? [] : ([['restarts', String(restarts)]] as const)),
    ...connectionRows(status),
    ...(entry.type === 'program' ? ([['last output', output.split('\n')[0] || '-']] as const) : []),
    ['data collected', sampledAtMs === null ? '-' : dateText(sampledAtMs)],
  ];
}

export function statusText(facts: MonitorFacts, entries: readonly EntryStatus[]): string {
  const blocks = entries.map((status) => {
    const rows = statusRows(status).map(([label, value]) => `  ${label.padEnd(LABEL_WIDTH)} ${value}\n`);
    return `\n${TYPE_NAMES[status.entry.type]} '${status.entry.name}'\n${rows.join('')}`;
  });
  return `${headLine(facts)}${blocks.join('')}\n`;
}

const REPORT_TYPES = ['up', 'down', 'initialising', 'unmonitored', 'total'] as const;
export type ReportType = (typeof REPORT_TYPES)[number];

/** @returns the type, in either spelling; null when there is no such one */
export function reportType(word: string): ReportType | null {
  const name = word === 'initializing' ? 'initialising' : word;
  return REPORT_TYPES.find((type) => type === name) ?? null;
}

/** How many services are up, down, ...; of one type the number alone. */
export function reportText(entries: readonly EntryStatus[], type: ReportType | null): string {
  const counts: Record<ReportType, number> = {
    up: 0,
    down: 0,
    initialising: 0,
    unmonitored: 0,
    total: entries.length,
  };
  for (const { monitoringText, failures } of entries) {
    if (failures.length > 0) counts.down += 1;
    else if (monitoringText === 'Not monitored') counts.unmonitored += 1;
    else if (monitoringText === 'Initializing') counts.initialising += 1;
    else counts.up += 1;
  }
  if (type !== null) return `${counts[type]}\n`;
  const line = (name: ReportType): string => {
    const share = entries.length === 0 ? 0 : (counts[name] * 100) / entries.length;
    return `${`${name}:`.padEnd(13)} ${String(counts[name]).padStart(3)} (${share.toFixed(1)}%)\n`;
  };
  return `${line('up')}${line('down')}${line('initialising')}${line('unmonitored')}${'total:'.padEnd(13)} ${String(counts.total).padStart(3)} services\n`;
}
