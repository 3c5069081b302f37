import type { JSX } from 'preact';
import type { ServiceStatus } from '../src/checks/cluster-status.ts';
import type { PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import { proxiesToTakeOutOf, proxiesWithout } from '../src/dashboard/proxy-view.ts';
import type { Intention } from './confirm.tsx';
import { commandsFor, outIntention, serviceIntention } from './intentions.ts';
import { Menu } from './menu.tsx';

/** What can be done to a service, behind one button. */
export function ServiceMenu({
  snapshot,
  service,
  mayOrder,
  onIntent,
}: {
  readonly snapshot: PageSnapshot;
  readonly service: ServiceStatus;
  /** Whether orders to proxies can be given. */
  readonly mayOrder: boolean;
  readonly onIntent: (intention: Intention) => void;
}): JSX.Element {
  const items = commandsFor(service).map((command): readonly [string, () => void] => {
    const intention = serviceIntention(snapshot, service, command);
    const [verb = ''] = intention.title.split(` ${service.name}`);
    return [`${verb} …`, () => onIntent(intention)];
  });
  if (mayOrder && service.role === 'node') {
    const { name } = service;
    if (proxiesToTakeOutOf(name, snapshot.services).length > 0)
      items.push(['Take out of all proxies …', () => onIntent(outIntention('take-out', name, null))]);
    if (proxiesWithout(name, snapshot.services).length > 0)
      items.push(['Put back into all proxies …', () => onIntent(outIntention('put-back', name, null))]);
  }
  return <Menu label="Actions" hint={`Actions on ${service.name}`} items={items} />;
}
