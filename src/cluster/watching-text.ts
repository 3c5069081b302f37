import { conditionText } from '../checks/rule-condition.ts';
import type { ServiceRule } from '../checks/service-rules.ts';
import { shownAddress } from '../monitor/alert-sender.ts';
import type { AlertReceiver, MailSettings } from './alert-settings.ts';
import type { ClusterPlan } from './plan.ts';

/** What rules and alerts of a plan mean, a line each, under a heading; nothing where there are none. No secret is shown. */
export function watchingLines({ services, alerts }: Pick<ClusterPlan, 'services' | 'alerts'>): string[] {
  const names = new Map<string, string[]>();
  for (const { name, rules = [] } of services)
    for (const rule of rules) {
      const text = ruleText(rule);
      names.set(text, [...(names.get(text) ?? []), name]);
    }
  const lines = [...names].map(([text, of]) => `  ${text} (${of.join(', ')})`);
  const receivers = alerts?.receivers ?? [];
  return [
    ...(lines.length === 0 ? [] : ['', 'rules:', ...lines]),
    ...(receivers.length === 0
      ? []
      : ['', 'alerts:', ...receivers.map((receiver) => `  ${receiverText(receiver, alerts?.mail ?? null)}`)]),
  ];
}

function ruleText({ condition, times, cycles, action }: ServiceRule): string {
  const row = cycles === 1 ? '' : `, at ${cycles} looks in a row`;
  const when = times === cycles ? row : `, at ${times} of ${cycles} looks`;
  const what = action.kind === 'exec' ? `exec ${action.call.argv.join(' ')}` : action.kind;
  return `if ${conditionText(condition)}${when}: ${what}`;
}

function receiverText(
  { by, events, services, remindSeconds }: AlertReceiver,
  mail: MailSettings | null,
): string {
  return [
    wayText(by, mail),
    ...(events === null ? [] : [`events ${events.join(', ')}`]),
    ...(services === null ? [] : [`of ${services.join(', ')}`]),
    ...(remindSeconds === 0 ? [] : [`again each ${remindSeconds} s`]),
  ].join('; ');
}

function wayText(by: AlertReceiver['by'], mail: MailSettings | null): string {
  switch (by.kind) {
    case 'mail':
      return `mail to ${by.address} through ${mail?.host ?? ''}`;
    case 'webhook':
      return `POST to ${shownAddress(by.address)}`;
    case 'webhook-file':
      return `POST to the URL in ${by.path}`;
    case 'exec':
      return `exec ${by.argv.join(' ')}`;
  }
}
