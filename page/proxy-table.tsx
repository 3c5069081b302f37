import type { JSX } from 'preact';
import type { ProxyStats, ServiceStatus } from '../src/checks/cluster-status.ts';
import { countText, durationText, NOTHING } from '../src/dashboard/display-units.ts';
import {
  type PoolView,
  poolViews,
  type ServerView,
  type ShardView,
  serverState,
  shardViews,
} from '../src/dashboard/proxy-view.ts';
import { microsText, percentText, rateText } from './figures.ts';
import { outIntention } from './intentions.ts';
import { StateWord } from './marks.tsx';
import { serviceHref } from './navigation.ts';
import type { TableProps } from './node-table.tsx';
import { serverDetail } from './server-detail.ts';
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

/** The last of them, which pools do not have. */
const COLUMNS_OF_PROCESS = 3;

/** Every proxy with the servers that it sends to. */
export function ProxyTable({ snapshot, mayAct, mayOrder, onIntent }: TableProps): JSX.Element {
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
              {proxy.pools.length === 0 ? (
                <ShardsRow
                  proxy={proxy}
                  views={shardViews(proxy)}
                  services={snapshot.services}
                  mayOrder={mayAct && mayOrder}
                  onIntent={onIntent}
                />
              ) : (
                poolViews(proxy).map((pool) => (
                  <PoolRows
                    key={pool.name}
                    pool={pool}
                    proxy={proxy}
                    services={snapshot.services}
                    mayOrder={mayAct && mayOrder}
                    onIntent={onIntent}
                  />
                ))
              )}
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
        {proxy.pools.length === 0 ? <code>{proxy.address}</code> : `${proxy.pools.length} pools`}
      </Cell>
      <RequestCells figures={figures} />
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
        {mayAct ? (
          <ServiceMenu snapshot={snapshot} service={proxy} mayOrder={false} onIntent={onIntent} />
        ) : null}
      </td>
    </tr>
  );
}

/** What clients have asked, and what became of it. */
function RequestCells({ figures }: { readonly figures: ProxyStats | null }): JSX.Element {
  return (
    <>
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
        {figures === null ? NOTHING : countText(figures.failures)}
      </Cell>
    </>
  );
}

/** One of several addresses of a proxy, and what stands behind it. */
function PoolRows({
  pool,
  ...props
}: Omit<ServersProps, 'views'> & { readonly pool: PoolView }): JSX.Element {
  return (
    <>
      <tr class="pool" data-pool={pool.name} data-state={pool.state}>
        <th scope="row">
          <b>{pool.name}</b>
          <StateWord state={pool.state} />
        </th>
        <Cell label="address">
          <code>{pool.address}</code>
        </Cell>
        <RequestCells figures={pool.stats} />
        <td class="rest" colSpan={COLUMNS_OF_PROCESS + 1} />
      </tr>
      <ShardsRow {...props} views={pool.shards} />
    </>
  );
}

interface ServersProps {
  readonly proxy: ServiceStatus;
  readonly views: readonly ShardView[];
  readonly services: readonly ServiceStatus[];
  readonly mayOrder: boolean;
  readonly onIntent: TableProps['onIntent'];
}

/** Where keys lie, and how the servers are. */
function ShardsRow({ proxy, views, services, mayOrder, onIntent }: ServersProps): JSX.Element | null {
  if (views.every(({ servers }) => servers.length === 0)) return null;
  return (
    <tr class="servers">
      <td colSpan={COLUMNS.length + 1}>
        {views.map((view) => (
          <div key={view.name} class="shard">
            <ShardHead view={view} />
            <ul>
              {view.servers.map((server) => (
                <ServerItem
                  key={server.address}
                  server={server}
                  mayChange={view.servers.length > 1}
                  proxy={proxy}
                  services={services}
                  mayOrder={mayOrder}
                  onIntent={onIntent}
                />
              ))}
            </ul>
          </div>
        ))}
      </td>
    </tr>
  );
}

function ShardHead({ view }: { readonly view: ShardView }): JSX.Element | null {
  const { name, keyPercent, isSpare, requestsPerSecond, requestPercent } = view;
  if (name === '') return null;
  return (
    <p class="shard-head">
      <b>{name}</b>
      <span class="number faint">{isSpare ? 'a spare' : `${percentText(keyPercent)} of the keys`}</span>
      <span class="number">
        {rateText(requestsPerSecond)}
        {requestPercent === null ? '' : ` · ${percentText(requestPercent)}`}
      </span>
      {requestPercent === null || isSpare ? null : (
        <svg class="share" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect class="meter-room" width="100" height="4" />
          <rect class="meter-used" width={requestPercent} height="4" />
        </svg>
      )}
    </p>
  );
}

function ServerItem({
  server,
  mayChange,
  proxy,
  services,
  mayOrder,
  onIntent,
}: Omit<ServersProps, 'views'> & { readonly server: ServerView; readonly mayChange: boolean }): JSX.Element {
  const service = services.find(({ address, name }) => address === server.address || name === server.name);
  const { figures, isOut } = server;
  const name = service?.name ?? server.name;
  const action = isOut ? 'put-back' : 'take-out';
  return (
    <li data-server={server.name}>
      <StateWord state={serverState(server)} />
      {service === undefined ? <code>{name}</code> : <a href={serviceHref(name)}>{name}</a>}
      {figures === null ? null : (
        <>
          <span class="number">{rateText(figures.requestsPerSecond)}</span>
          <span class="faint">{serverDetail(figures)}</span>
        </>
      )}
      {mayOrder && mayChange ? (
        <button
          type="button"
          class={isOut ? 'small wanted' : 'small'}
          aria-label={isOut ? `Put ${name} back into ${proxy.name}` : `Take ${name} out of ${proxy.name}`}
          onClick={() => onIntent(outIntention(action, name, proxy.name))}
        >
          {isOut ? 'Put back …' : 'Take out …'}
        </button>
      ) : null}
    </li>
  );
}
