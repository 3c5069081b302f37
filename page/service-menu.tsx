import type { JSX } from 'preact';
import type { ServiceStatus } from '../src/checks/cluster-status.ts';
import type { PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import type { Intention } from './confirm.tsx';
import { commandsFor, serviceIntention } from './intentions.ts';
import { Menu } from './menu.tsx';

/** What can be done to a service, behind one button. */
export function ServiceMenu({
  snapshot,
  service,
  onIntent,
}: {
  readonly snapshot: PageSnapshot;
  readonly service: ServiceStatus;
  readonly onIntent: (intention: Intention) => void;
}): JSX.Element {
  const items = commandsFor(service).map((command) => {
    const intention = serviceIntention(snapshot, service, command);
    const [verb = ''] = intention.title.split(` ${service.name}`);
    return [`${verb} …`, () => onIntent(intention)] as const;
  });
  return <Menu label="Actions" hint={`Actions on ${service.name}`} items={items} />;
}
