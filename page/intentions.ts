/** The things that the buttons do, and what is asked before. */
import type { ServiceStatus } from '../src/checks/cluster-status.ts';
import type { ServiceCommand } from '../src/checks/service-machine.ts';
import { type NodeGroup, nodeGroups, roleWord } from '../src/dashboard/cluster-view.ts';
import type { PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import { proxiesLeftWith } from '../src/dashboard/proxy-view.ts';
import type { Intention } from './confirm.tsx';

const VERBS: Readonly<Record<ServiceCommand, string>> = {
  start: 'Start',
  stop: 'Stop',
  restart: 'Restart',
  monitor: 'Watch',
  unmonitor: 'Stop watching',
};

/** What can be done to a service as it is now. */
export function commandsFor({ state, monitored }: ServiceStatus): readonly ServiceCommand[] {
  const watching: ServiceCommand = monitored ? 'unmonitor' : 'monitor';
  if (state === 'stopped' || state === 'gave-up') return ['start', watching];
  if (state === 'backing-off') return ['start', 'stop', watching];
  return ['restart', 'stop', watching];
}

export function serviceIntention(
  snapshot: PageSnapshot,
  service: ServiceStatus,
  command: ServiceCommand,
): Intention {
  return {
    title: `${VERBS[command]} ${service.name}`,
    consequence: consequenceOf(snapshot, service, command),
    path: `/${encodeURIComponent(service.name)}`,
    fields: [['action', command]],
    isDangerous: command === 'stop' || command === 'restart' || command === 'unmonitor',
    typed: null,
  };
}

function consequenceOf(snapshot: PageSnapshot, service: ServiceStatus, command: ServiceCommand): string {
  switch (command) {
    case 'start':
      return service.role === 'node'
        ? 'It starts empty and gets everything from its twin, if it has one, before it serves.'
        : 'It serves as soon as it listens.';
    case 'monitor':
      return 'It is probed again, and replaced when it dies or hangs.';
    case 'unmonitor':
      return 'Nobody probes it, and nobody starts it again when it dies, until it is watched again. For maintenance.';
    case 'stop':
      return `${withoutIt(snapshot, service)} It stays stopped until somebody starts it.`;
    case 'restart':
      return withoutIt(snapshot, service);
  }
}

/** What it means that a service is away. */
function withoutIt(snapshot: PageSnapshot, service: ServiceStatus): string {
  if (service.role === 'proxy') return 'Clients that are connected to it lose their connection.';
  const group = nodeGroups(snapshot).find(({ name }) => name === service.group);
  const others =
    group?.members.filter(({ name, state }) => name !== service.name && state === 'running') ?? [];
  if (others.length === 0)
    return 'No other node has its items: they are lost, and its keys are not served meanwhile.';
  const left = proxiesLeftWith(service.name, snapshot.services);
  if (left.length > 0)
    return `${left.join(' and ')} ${left.length === 1 ? 'asks' : 'ask'} nobody else for its keys, for its twins are taken out: they are not served meanwhile.`;
  return `${others.map(({ name }) => name).join(' and ')} will serve alone meanwhile; nothing is lost.`;
}

/** The twins that may take over a group: those that run and are not asked first. */
export function switchTargets(group: NodeGroup): readonly ServiceStatus[] {
  if (group.serving === null) return [];
  return group.members.filter(
    (member) =>
      member.name !== group.serving &&
      member.state === 'running' &&
      roleWord(member, group) !== 'catching up',
  );
}

export function switchIntention(group: NodeGroup, to: ServiceStatus): Intention {
  return {
    title: `Switch ${group.name} to ${to.name}`,
    consequence: `The proxies of this monitor ask ${to.name} first from now on, and ${group.serving ?? 'the other twin'} stands by. Use it to drain a node before its host is worked on.`,
    path: '/_cluster',
    fields: [
      ['action', 'switchover'],
      ['shard', group.name],
      ['to', to.name],
    ],
    isDangerous: false,
    typed: null,
  };
}

/** Empties a group by one of its nodes; the others follow. */
export function flushIntention(group: NodeGroup, node: ServiceStatus): Intention {
  return {
    title: `Empty ${group.name}`,
    consequence: `All that ${group.members.map(({ name }) => name).join(' and ')} hold is gone at once. Whatever is behind the cache gets all the requests until it is filled again.`,
    path: `/${encodeURIComponent(node.name)}`,
    fields: [['action', 'flush']],
    isDangerous: true,
    typed: group.name,
  };
}

/**
 * Proxies that ask a node no more, though it may serve; or do so again.
 *
 * @param proxy null: all of this monitor
 */
export function outIntention(action: 'take-out' | 'put-back', node: string, proxy: string | null): Intention {
  const whose = proxy ?? 'all proxies';
  return {
    title: action === 'take-out' ? `Take ${node} out of ${whose}` : `Put ${node} back into ${whose}`,
    consequence:
      action === 'take-out'
        ? `${proxy === null ? 'The proxies of this monitor ask' : `${proxy} asks`} ${node} no more, and a twin of it instead, as soon as that is in sync. ${node} runs on, and gets all writes from its twins. So it stays until it is put back, or the monitor is started anew.`
        : `${proxy === null ? 'The proxies of this monitor ask' : `${proxy} asks`} ${node} again.`,
    path: '/_cluster',
    fields: [['action', action], ['node', node], ...(proxy === null ? [] : [['proxy', proxy] as const])],
    isDangerous: action === 'take-out',
    typed: null,
  };
}

/** @param group null: everything */
export function rollingIntention(group: NodeGroup | null): Intention {
  return {
    title: group === null ? 'Restart everything, one by one' : `Restart ${group.name}, one by one`,
    consequence:
      'Each process is started anew when the one before it serves and has everything again. Clients notice nothing of nodes; connections to proxies are closed.',
    path: '/_cluster',
    fields: [
      ['action', 'rolling-restart'],
      ...(group?.members.map(({ name }) => ['name', name] as const) ?? []),
    ],
    isDangerous: false,
    typed: null,
  };
}

export function reloadIntention(isDry: boolean): Intention {
  return {
    title: isDry ? 'Show what has changed in the file' : 'Apply the cluster file',
    consequence: isDry
      ? 'The cluster file is read, and what would be done is told. Nothing is changed.'
      : 'The cluster file is read again, and what has changed is carried out. What has not changed is left alone.',
    path: '/_cluster',
    fields: isDry
      ? [
          ['action', 'reload'],
          ['dry-run', '1'],
        ]
      : [['action', 'reload']],
    isDangerous: false,
    typed: null,
  };
}

export function downIntention({ cluster }: PageSnapshot): Intention {
  return {
    title: 'Stop the whole cluster',
    consequence:
      'All processes are stopped, clients first, and the monitor ends, and this page with it. What the nodes hold is lost.',
    path: '/_cluster',
    fields: [['action', 'down']],
    isDangerous: true,
    typed: cluster,
  };
}
