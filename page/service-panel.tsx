import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ProxyStats, ServiceStatus } from '../src/checks/cluster-status.ts';
import type { LogEvent } from '../src/checks/event-log.ts';
import { nodeGroups, roleWord, twinLinks } from '../src/dashboard/cluster-view.ts';
import { bytesText, countText, durationText, NOTHING } from '../src/dashboard/display-units.ts';
import type { PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import {
  poolViews,
  type ServerView,
  type ShardView,
  serverState,
  shardViews,
} from '../src/dashboard/proxy-view.ts';
import { ChartGrid } from './charts.tsx';
import { EventLine } from './event-log.tsx';
import { microsText, millisecondsText, percentText, rateText } from './figures.ts';
import { CLUSTER_HISTORY } from './history.ts';
import { commandsFor, serviceIntention, switchIntention, switchTargets } from './intentions.ts';
import { StateWord } from './marks.tsx';
import { deselect, serviceHref } from './navigation.ts';
import type { TableProps } from './node-table.tsx';
import { serverDetail } from './server-detail.ts';
import { SlabTable } from './slabs.tsx';

/** Lines of its log that are shown. */
const LOG_LINES_MAX = 40;

interface PanelProps extends TableProps {
  readonly log: readonly LogEvent[];
  readonly newestAtMs: number;
}

/** All that is known of one service, over the page. */
export function ServicePanel({
  name,
  snapshot,
  log,
  newestAtMs,
  mayAct,
  mayOrder,
  onIntent,
}: PanelProps & { readonly name: string }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const service = snapshot.services.find((one) => one.name === name);
  const close = (): void => dialog.current?.close();
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={dialog}
      class="panel"
      aria-labelledby="panel-title"
      onClose={deselect}
      onClick={(event) => {
        // The dialog itself is hit where it is not covered by what is in it: beside it.
        if (event.target === dialog.current) close();
      }}
    >
      <div class="panel-body">
        <div class="title-row">
          <h2 id="panel-title">{name}</h2>
          {service === undefined ? null : <StateWord state={service.state} monitored={service.monitored} />}
          <button type="button" class="close" onClick={close} aria-label="Close">
            ✕
          </button>
        </div>
        {service === undefined ? (
          <p class="empty">There is no service of that name.</p>
        ) : (
          <PanelBody
            service={service}
            snapshot={snapshot}
            log={log}
            newestAtMs={newestAtMs}
            mayAct={mayAct}
            mayOrder={mayOrder}
            onIntent={onIntent}
          />
        )}
      </div>
    </dialog>
  );
}

function PanelBody({
  service,
  snapshot,
  log,
  newestAtMs,
  mayAct,
  mayOrder,
  onIntent,
}: PanelProps & { readonly service: ServiceStatus }): JSX.Element {
  const { name, role, title, address, reason, findings, stats, proxy } = service;
  const own = log
    .filter((event) => event.service === name)
    .slice(-LOG_LINES_MAX)
    .toReversed();
  const group = nodeGroups(snapshot).find((one) => one.members.some((member) => member.name === name));
  const intentions = [
    ...commandsFor(service).map((command) => serviceIntention(snapshot, service, command)),
    ...(group === undefined || !mayOrder
      ? []
      : switchTargets(group)
          .filter((to) => to.name === name)
          .map((to) => switchIntention(group, to))),
  ];
  return (
    <>
      <p class="faint">
        {title} · <code>{address}</code>
      </p>
      {[reason, ...findings]
        .filter((text) => text !== '')
        .map((text) => (
          <p key={text} class="reason">
            {text}
          </p>
        ))}
      {mayAct ? (
        <p class="buttons">
          {intentions.map((intention) => (
            <button key={intention.title} type="button" onClick={() => onIntent(intention)}>
              {intention.title.replace(` ${name}`, '')} …
            </button>
          ))}
        </p>
      ) : null}
      <dl class="facts">
        {factsOf(service, group === undefined ? null : roleWord(service, group)).map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {role === 'node' && stats !== null ? <Twins service={service} snapshot={snapshot} /> : null}
      {proxy === null ? null : (
        <>
          {service.pools.length === 0 ? (
            <>
              <h3>Servers</h3>
              <ServerList views={shardViews(service)} services={snapshot.services} />
            </>
          ) : (
            <>
              <h3>Pools</h3>
              {poolViews(service).map(({ name: pool, address: at, state, stats: figures, shards }) => (
                <section key={pool} aria-label={`pool ${pool}`}>
                  <p class="pool-line">
                    <StateWord state={state} /> <b>{pool}</b> <code>{at}</code>{' '}
                    <span class="faint">{figures === null ? '' : requestsText(figures)}</span>
                  </p>
                  <ServerList views={shards} services={snapshot.services} />
                </section>
              ))}
            </>
          )}
          {proxy.hotKeys.length === 0 ? null : (
            <details>
              <summary>what its routes for hot keys have counted</summary>
              <pre>{proxy.hotKeys.map(([label, counted]) => `${label} ${counted}`).join('\n')}</pre>
            </details>
          )}
        </>
      )}
      <h3>Last hour</h3>
      <ChartGrid service={name} role={role} source={CLUSTER_HISTORY} span="hour" newestAtMs={newestAtMs} />
      {role === 'node' && service.state === 'running' ? (
        <>
          <h3>Slabs</h3>
          <SlabTable node={name} newestAtMs={newestAtMs} />
        </>
      ) : null}
      <h3>Events and output</h3>
      {own.length === 0 ? (
        <p class="empty">Nothing yet.</p>
      ) : (
        <ol class="events">
          {own.map((event) => (
            <EventLine key={`${event.sequence} ${event.atMs}`} event={event} isKnown={false} />
          ))}
        </ol>
      )}
    </>
  );
}

/** What clients of a pool have asked, as a line. */
function requestsText({ requestsPerSecond, requests, p99Micros, open, failures }: ProxyStats): string {
  return [
    rateText(requestsPerSecond),
    `${countText(requests)} requests`,
    ...(p99Micros === null ? [] : [`99 % within ${microsText(p99Micros)}`]),
    ...(open === 0 ? [] : [`${open} unanswered`]),
    `${countText(failures)} failures`,
  ].join(' · ');
}

function ServerList({
  views,
  services,
}: {
  readonly views: readonly ShardView[];
  readonly services: readonly ServiceStatus[];
}): JSX.Element {
  return (
    <ul class="servers-list">
      {views
        .flatMap(({ servers }) => servers)
        .map((server) => (
          <ServerLine key={server.address} server={server} services={services} />
        ))}
    </ul>
  );
}

function ServerLine({
  server,
  services,
}: {
  readonly server: ServerView;
  readonly services: readonly ServiceStatus[];
}): JSX.Element {
  const { name, address, figures } = server;
  const isKnown = services.some((service) => service.name === name);
  return (
    <li>
      <StateWord state={serverState(server)} />{' '}
      {isKnown ? <a href={serviceHref(name)}>{name}</a> : <code>{address}</code>}{' '}
      {figures === null ? null : (
        <span class="faint">
          {[rateText(figures.requestsPerSecond), serverDetail(figures)]
            .filter((text) => text !== '')
            .join(' · ')}
        </span>
      )}
    </li>
  );
}

function factsOf(service: ServiceStatus, role: string | null): readonly (readonly [string, string])[] {
  const { stats, proxy, process } = service;
  const facts: (readonly [string, string])[] = [
    ['process', service.pid === null ? NOTHING : String(service.pid)],
    ['up for', service.uptimeSeconds === null ? NOTHING : durationText(service.uptimeSeconds)],
    ['restarts', String(service.restarts)],
    ['CPU', percentText(process?.cpuPercent)],
    ['resident', process === null ? NOTHING : bytesText(process.residentBytes)],
    ['threads', process === null ? NOTHING : String(process.threads)],
    ['probe', millisecondsText(service.probeMs)],
  ];
  if (role !== null) facts.unshift(['role', role]);
  if (stats !== null)
    facts.push(
      ['requests', rateText(stats.requestsPerSecond)],
      ['items', countText(stats.currItems)],
      ['memory', `${bytesText(stats.bytes)} of ${bytesText(stats.limitMaxbytes)}`],
      ['evictions', countText(stats.evictions)],
      ['connections', countText(stats.currConnections)],
      ['version', stats.version],
    );
  if (proxy !== null)
    facts.push(
      ['requests', rateText(proxy.requestsPerSecond)],
      ['half within', microsText(proxy.p50Micros)],
      ['99 % within', microsText(proxy.p99Micros)],
      ['unanswered', String(proxy.open)],
      ['failures', String(proxy.failures)],
    );
  return facts;
}

function Twins({
  service,
  snapshot,
}: {
  readonly service: ServiceStatus;
  readonly snapshot: PageSnapshot;
}): JSX.Element {
  const links = twinLinks(service, snapshot.services);
  const lines = Object.entries(service.stats?.replication ?? {});
  const isKnown = (name: string): boolean => snapshot.services.some((one) => one.name === name);
  return (
    <>
      <h3>Twins</h3>
      {links.length === 0 ? (
        <p class="empty">No twin is linked.</p>
      ) : (
        <ul class="servers-list">
          {links.map(({ twin, state, lagMs, lagChanges, lagBytes, syncPercent, seenMs }) => (
            <li key={twin}>
              <StateWord state={state === 'linked' ? 'up' : 'connecting'} />{' '}
              {isKnown(twin) ? <a href={serviceHref(twin)}>{twin}</a> : <code>{twin}</code>}{' '}
              <span class="faint">
                {syncPercent < 100
                  ? `full copy at ${Math.floor(syncPercent)} %`
                  : `behind by ${millisecondsText(lagMs)}, ${countText(lagChanges ?? 0)} changes, ${bytesText(lagBytes ?? 0)}; heard ${millisecondsText(seenMs)} ago`}
              </span>
            </li>
          ))}
        </ul>
      )}
      <details>
        <summary>all that the node says of its replication</summary>
        <pre>{lines.map(([label, value]) => `${label} ${value}`).join('\n')}</pre>
      </details>
    </>
  );
}
