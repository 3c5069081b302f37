import type { ControlTree, OnReboot, ProgramCall, Schedule, ServiceEntry, Subject } from '../control/tree.ts';
import { TYPE_NAMES } from '../dashboard/entry-text.ts';
import { rulesOf } from '../dashboard/rule-text.ts';
import type { MonitorFiles } from '../monitor/monitor-files.ts';

/** Labels of settings and of services have their equals signs in columns, as monit's. */
const SETTING_WIDTH = 18;
const SERVICE_WIDTH = 21;

/** What a control file says, all that it left out included: `monit -t -v`. Passwords are not shown. */
export function listingText(controlFile: string, tree: ControlTree, files: MonitorFiles): string {
  const { settings, services } = tree;
  const { httpd, mailServers, alerts, eventQueue, limits } = settings;
  const yes = (value: boolean): string => (value ? 'True' : 'False');
  const rows: (readonly [string, string])[] = [
    ['Control file', controlFile],
    ['Log file', files.logFile ?? (files.usesSyslog ? 'syslog' : '(not defined)')],
    ['Pid file', files.pidFile],
    ['Id file', files.idFile],
    ['State file', files.stateFile],
    [
      'Limits',
      Object.entries(limits)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    ],
    ['On reboot', settings.onReboot],
    [
      'Poll time',
      settings.cycleSeconds === null
        ? '(not defined)'
        : `${settings.cycleSeconds} seconds with start delay ${settings.startDelaySeconds} seconds`,
    ],
    ...mailServers.map(
      ({ host, port, usesTls }) =>
        ['Mail server', `${host}:${port ?? (usesTls ? 465 : 25)}${usesTls ? ' with TLS' : ''}`] as const,
    ),
    ...alerts.map(({ address }) => ['Alert', recipientText(address)] as const),
    ...(eventQueue === null ? [] : [['Event queue', eventQueue.directory] as const]),
    ['Start monit httpd', yes(httpd !== null)],
    ...(httpd?.port == null ? [] : [[' httpd', `[${httpd.address ?? '*'}]:${httpd.port}`] as const]),
    ...(httpd?.unixSocket == null ? [] : [[' httpd', httpd.unixSocket.path] as const]),
    ...(httpd?.users ?? []).map(
      ({ name, isReadOnly }) => [' user', `${name}${isReadOnly ? ' (read-only)' : ''}`] as const,
    ),
  ];
  const head = rows.map(([label, value]) => ` ${label.padEnd(SETTING_WIDTH)} = ${value}\n`).join('');
  const list = services.map((entry) => serviceText(entry, settings.onReboot)).join('\n');
  return `Runtime constants:\n${head}\nThe service list contains the following entries:\n\n${list}\n${'-'.repeat(79)}\n`;
}

/** The path of a web hook often is a password. */
function recipientText(address: string): string {
  return /^https?:/i.test(address) ? `${new URL(address).origin}/...` : address;
}

function serviceText(entry: ServiceEntry, generally: OnReboot): string {
  const { type, name, subject, mode, onReboot, groups, dependsOn, every, start, stop, restart } = entry;
  const calls: [string, ProgramCall | null][] = [
    ['Start program', start],
    ['Stop program', stop],
    ['Restart program', restart],
  ];
  const rows: (readonly [string, string])[] = [
    ...subjectRows(subject),
    ...(groups.length === 0 ? [] : [['Group', groups.join(', ')] as const]),
    ['Monitoring mode', mode],
    ['On reboot', onReboot ?? generally],
    ...(dependsOn.length === 0 ? [] : [['Depends on', dependsOn.map((one) => one.name).join(', ')] as const]),
    ...scheduleRows(every),
    ...calls.flatMap(([label, call]) => (call === null ? [] : [[label, callText(call)] as const])),
    ...rulesOf(entry).map((rule) => ['Rule', rule] as const),
  ];
  const body = rows.map(([label, value]) => ` ${label.padEnd(SERVICE_WIDTH - 1)} = ${value}\n`).join('');
  return `${`${TYPE_NAMES[type]} Name`.padEnd(SERVICE_WIDTH)} = ${name}\n${body}`;
}

function subjectRows(subject: Subject): readonly (readonly [string, string])[] {
  switch (subject.kind) {
    case 'pid-file':
      return [['Pid file', subject.path]];
    case 'matching':
      return [['Match', subject.pattern]];
    case 'address':
      return [['Address', subject.address]];
    case 'path':
      return [['Path', subject.path]];
    case 'program':
      return [['Path', callText(subject.call)]];
    case 'interface':
      return [['Interface', subject.name]];
    case 'system':
      return [];
  }
}

function scheduleRows(every: Schedule): readonly (readonly [string, string])[] {
  if (every.kind === 'always') return [];
  if (every.kind === 'cycles') return [['Every', `${every.cycles} cycles`]];
  return [[every.isExclusion ? 'Not every' : 'Every', every.line]];
}

function callText({ argv, user, group, timeoutMs }: ProgramCall): string {
  const as = `${user === null ? '' : ` as uid ${user}`}${group === null ? '' : ` as gid ${group}`}`;
  return `'${argv.join(' ')}'${as}${timeoutMs === null ? '' : ` timeout ${timeoutMs / 1000} s`}`;
}
