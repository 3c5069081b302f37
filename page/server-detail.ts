import type { ProxyServer } from '../src/checks/cluster-status.ts';
import { countText } from '../src/dashboard/display-units.ts';
import { microsText, millisecondsText } from './figures.ts';

/** How fast a server answers, and what is not as it should be with it, or was not. */
export function serverDetail({
  requests,
  p99Micros,
  queue,
  downs,
  dialInMs,
  timeouts,
  connectionErrors,
}: ProxyServer): string {
  return [
    ...(requests === 0 ? [] : [`99 % within ${microsText(p99Micros)}`]),
    ...(dialInMs === 0 ? [] : [`dialled again in ${millisecondsText(dialInMs)}`]),
    ...(queue === 0 ? [] : [`${queue} waiting`]),
    ...(downs === 0 ? [] : [`lost ${downs} ×`]),
    ...(timeouts === 0 ? [] : [counted(timeouts, 'timeout')]),
    ...(connectionErrors === 0 ? [] : [counted(connectionErrors, 'connection error')]),
  ].join(' · ');
}

function counted(count: number, what: string): string {
  return `${countText(count)} ${what}${count === 1 ? '' : 's'}`;
}
