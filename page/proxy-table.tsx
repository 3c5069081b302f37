import type { JSX } from 'preact';
import type { ProxyServer, ServiceStatus } from '../src/checks/cluster-status.ts';
import { durationText, NOTHING } from '../src/dashboard/display-units.ts';
import { microsText, percentText, rateText } from './figures.ts';
import { StateWord } from './marks.tsx';
import { serviceHref } from './navigation.ts';
import type { TableProps } from './node-table.tsx';
import { ServiceMenu } from './service-menu.tsx';
import { Cell, type Column, Table } from './table.tsx';

const COLUMNS: readonly Column[] = [
  ['proxy', ''],
  ['address', ''],
  ['requests', 'number'],
  ['half within', 'number'],
  ['99 % within', 'number'],
  ['unanswered', 'number'],
  ['failures', 'number'],
  ['up for', 'number'],
  ['restarts', 'number'],
  ['CPU', 'number'],
];

/** Every proxy with the servers that it sends to. */
export function ProxyTable({ snapshot, mayAct, onIntent }: TableProps): JSX.Element {
  const proxies = snapshot.services.filter(({ role }) => role === 'proxy');
  return (
    <section id="proxies" class="card" aria-labelledby="proxies-title">
      <h2 id="proxies-title">Proxies</h2>
      {proxies.length === 0 ? (
        <p class="empty">No proxies run on this host.</p>
      ) : (
        <Table columns={COLUMNS} hasActions>
          {proxies.map((proxy) => (
            <tbody key={proxy.name}>
              <ProxyRow proxy={proxy} snapshot={snapshot} mayAct={mayAct} onIntent={onIntent} />
              <ServersRow proxy={proxy} services={snapshot.services} />
            </tbody>
          ))}
        </Table>
      )}
    </section>
  );
}

function ProxyRow({
  proxy,
  snapshot,
  mayAct,
  onIntent,
}: Omit<TableProps, 'mayOrder'> & { readonly proxy: ServiceStatus }): JSX.Element {
  const { proxy: figures, process } = proxy;
  return (
    <tr data-service={proxy.name} data-state={proxy.state}>
      <th scope="row">
        <a href={serviceHref(proxy.name)}>{proxy.name}</a>
        <StateWord state={proxy.state} monitored={proxy.monitored} />
      </th>
      <Cell label="address">
        <code>{proxy.address}</code>
      </Cell>
      <Cell label="requests" isNumber>
        {rateText(figures?.requestsPerSecond)}
      </Cell>
      <Cell label="half within" isNumber>
        {microsText(figures?.p50Micros)}
      </Cell>
      <Cell label="99 % within" isNumber>
        {microsText(figures?.p99Micros)}
      </Cell>
      <Cell label="unanswered" isNumber>
        {figures === null ? NOTHING : `${figures.open}`}
      </Cell>
      <Cell label="failures" isNumber>
        {figures === null ? NOTHING : `${figures.failures}`}
      </Cell>
      <Cell label="up for" isNumber>
        {proxy.uptimeSeconds === null ? NOTHING : durationText(proxy.uptimeSeconds)}
      </Cell>
      <Cell label="restarts" isNumber>
        {`${proxy.restarts}`}
      </Cell>
      <Cell label="CPU" isNumber>
        {percentText(process?.cpuPercent)}
      </Cell>
      <td class="actions">
        {mayAct ? <ServiceMenu snapshot={snapshot} service={proxy} onIntent={onIntent} /> : null}
      </td>
    </tr>
  );
}

function ServersRow({
  proxy,
  services,
}: {
  readonly proxy: ServiceStatus;
  readonly services: readonly ServiceStatus[];
}): JSX.Element | null {
  const servers = proxy.proxy?.servers ?? [];
  if (servers.length === 0) return null;
  const total = servers.reduce((sum, { requestsPerSecond }) => sum + (requestsPerSecond ?? 0), 0);
  return (
    <tr class="servers">
      <td colSpan={COLUMNS.length + 1}>
        <ul>
          {servers.map((server) => (
            <ServerItem key={server.name} server={server} total={total} services={services} />
          ))}
        </ul>
      </td>
    </tr>
  );
}

function ServerItem({
  server,
  total,
  services,
}: {
  readonly server: ProxyServer;
  readonly total: number;
  readonly services: readonly ServiceStatus[];
}): JSX.Element {
  const service = services.find(({ address }) => address === server.name);
  const rate = server.requestsPerSecond ?? 0;
  return (
    <li>
      <StateWord state={server.state} />
      {service === undefined ? (
        <code>{server.name}</code>
      ) : (
        <a href={serviceHref(service.name)}>{service.name}</a>
      )}
      <span class="number">
        {rateText(server.requestsPerSecond)}
        {total > 0 ? ` · ${percentText((rate * 100) / total)}` : ''}
      </span>
      <span class="number faint">{`99 % within ${microsText(server.requests === 0 ? null : server.p99Micros)}`}</span>
      {server.queue === 0 ? null : <span class="faint">{`${server.queue} waiting`}</span>}
    </li>
  );
}
