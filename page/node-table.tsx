import type { JSX } from 'preact';
import type { ServiceStatus } from '../src/checks/cluster-status.ts';
import {
  hitPercent,
  type NodeGroup,
  nodeGroups,
  roleWord,
  twinLinks,
} from '../src/dashboard/cluster-view.ts';
import { bytesText, countText, durationText, NOTHING } from '../src/dashboard/display-units.ts';
import type { PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import type { Intention } from './confirm.tsx';
import { millisecondsText, percentText, rateText } from './figures.ts';
import { flushIntention, rollingIntention, switchIntention, switchTargets } from './intentions.ts';
import { Meter, StateWord } from './marks.tsx';
import { Menu } from './menu.tsx';
import { serviceHref } from './navigation.ts';
import { ServiceMenu } from './service-menu.tsx';
import { Cell, type Column, Table } from './table.tsx';

export interface TableProps {
  readonly snapshot: PageSnapshot;
  readonly mayAct: boolean;
  /** Whether orders to several services can be given. */
  readonly mayOrder: boolean;
  readonly onIntent: (intention: Intention) => void;
}

const COLUMNS: readonly Column[] = [
  ['node', ''],
  ['role', ''],
  ['address', ''],
  ['requests', 'number'],
  ['hits', 'number'],
  ['evicted', 'number'],
  ['memory', ''],
  ['items', 'number'],
  ['clients', 'number'],
  ['lag', 'number'],
  ['up for', 'number'],
  ['restarts', 'number'],
  ['CPU', 'number'],
];

/** Every node, those that stand in for each other together. */
export function NodeTable({ snapshot, mayAct, mayOrder, onIntent }: TableProps): JSX.Element {
  const groups = nodeGroups(snapshot);
  return (
    <section id="nodes" class="card" aria-labelledby="nodes-title">
      <h2 id="nodes-title">Nodes</h2>
      {groups.length === 0 ? (
        <p class="empty">No nodes run on this host.</p>
      ) : (
        <Table columns={COLUMNS} hasActions>
          {groups.map((group) => (
            <tbody key={group.name}>
              <GroupRow group={group} mayAct={mayAct} mayOrder={mayOrder} onIntent={onIntent} />
              {group.members.map((node) => (
                <NodeRow
                  key={node.name}
                  node={node}
                  group={group}
                  snapshot={snapshot}
                  mayAct={mayAct}
                  mayOrder={mayOrder}
                  onIntent={onIntent}
                />
              ))}
            </tbody>
          ))}
        </Table>
      )}
    </section>
  );
}

function GroupRow({
  group,
  mayAct,
  mayOrder,
  onIntent,
}: {
  readonly group: NodeGroup;
  readonly mayAct: boolean;
  readonly mayOrder: boolean;
  readonly onIntent: (intention: Intention) => void;
}): JSX.Element {
  const items: (readonly [string, () => void])[] = [];
  if (mayOrder && group.members.length > 1) {
    for (const to of switchTargets(group))
      items.push([`Switch to ${to.name} …`, () => onIntent(switchIntention(group, to))]);
    items.push(['Restart one by one …', () => onIntent(rollingIntention(group))]);
  }
  const running =
    group.members.find(({ name, state }) => name === group.serving && state === 'running') ??
    group.members.find(({ state }) => state === 'running');
  if (running !== undefined) items.push(['Empty …', () => onIntent(flushIntention(group, running))]);
  return (
    <tr class="group">
      <th scope="rowgroup" colSpan={COLUMNS.length}>
        {group.name}
      </th>
      <td class="actions">
        {mayAct && items.length > 0 ? (
          <Menu label="Group" hint={`Actions on ${group.name}`} items={items} />
        ) : null}
      </td>
    </tr>
  );
}

function NodeRow({
  node,
  group,
  snapshot,
  mayAct,
  mayOrder,
  onIntent,
}: TableProps & { readonly node: ServiceStatus; readonly group: NodeGroup }): JSX.Element {
  const { stats, process } = node;
  const links = twinLinks(node, snapshot.services);
  const lagMs = links.length === 0 ? null : Math.max(...links.map(({ lagMs: lag }) => lag ?? 0));
  return (
    <tr data-service={node.name} data-state={node.state}>
      <th scope="row">
        <a href={serviceHref(node.name)}>{node.name}</a>
        <StateWord state={node.state} monitored={node.monitored} />
      </th>
      <Cell label="role">{roleWord(node, group)}</Cell>
      <Cell label="address">
        <code>{node.address}</code>
      </Cell>
      <Cell label="requests" isNumber>
        {rateText(stats?.requestsPerSecond)}
      </Cell>
      <Cell label="hits" isNumber>
        {percentText(stats === null ? null : hitPercent([stats]))}
      </Cell>
      <Cell label="evicted" isNumber>
        {rateText(stats?.evictionsPerSecond)}
      </Cell>
      <Cell label="memory">
        {stats === null ? (
          NOTHING
        ) : (
          <Meter value={stats.bytes} max={stats.limitMaxbytes} label={bytesText(stats.bytes)} />
        )}
      </Cell>
      <Cell label="items" isNumber>
        {stats === null ? NOTHING : countText(stats.currItems)}
      </Cell>
      <Cell label="clients" isNumber>
        {stats === null ? NOTHING : countText(stats.currConnections)}
      </Cell>
      <Cell label="lag" isNumber>
        {millisecondsText(lagMs)}
      </Cell>
      <Cell label="up for" isNumber>
        {node.uptimeSeconds === null ? NOTHING : durationText(node.uptimeSeconds)}
      </Cell>
      <Cell label="restarts" isNumber>
        {`${node.restarts}`}
      </Cell>
      <Cell label="CPU" isNumber>
        {percentText(process?.cpuPercent)}
      </Cell>
      <td class="actions">
        {mayAct ? (
          <ServiceMenu snapshot={snapshot} service={node} mayOrder={mayOrder} onIntent={onIntent} />
        ) : null}
      </td>
    </tr>
  );
}
