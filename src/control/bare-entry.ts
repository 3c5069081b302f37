import type { ServiceEntry } from './tree.ts';

/** An entry of which nothing is said but what it is. */
export function bareEntry({
  name,
  type,
  subject,
  place,
}: Pick<ServiceEntry, 'name' | 'type' | 'subject' | 'place'>): ServiceEntry {
  return {
    name,
    type,
    place,
    subject,
    start: null,
    stop: null,
    restart: null,
    every: { kind: 'always' },
    mode: 'active',
    onReboot: null,
    groups: [],
    dependsOn: [],
    rules: [],
    restartLimits: [],
    alerts: [],
    noAlerts: [],
    ignoredContent: [],
  };
}
