import type { JSX } from 'preact';
import { entryProxies, incidents, totals } from '../src/dashboard/cluster-view.ts';
import { bytesText, countText, durationText, NOTHING } from '../src/dashboard/display-units.ts';
import type { HistoryPart } from '../src/dashboard/figure-history.ts';
import type { PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import { OfflineBadge } from './actions.tsx';
import type { Intention } from './confirm.tsx';
import { microsText, millisecondsText, percentText, rateText } from './figures.ts';
import { downIntention, reloadIntention, rollingIntention } from './intentions.ts';
import { Mark, StateWord } from './marks.tsx';
import { Menu } from './menu.tsx';
import { serviceHref } from './navigation.ts';
import type { Session } from './session.ts';
import { Sparkline } from './sparkline.tsx';
import { UserName } from './user-name.tsx';

const ANCHORS = [
  ['nodes', 'Nodes'],
  ['proxies', 'Proxies'],
  ['charts', 'Charts'],
  ['slabs', 'Slabs'],
  ['lookup', 'Key'],
  ['log', 'Events'],
] as const;

export function Header({
  snapshot,
  isLive,
  session,
  mayOrder,
  onIntent,
}: {
  readonly snapshot: PageSnapshot;
  readonly isLive: boolean;
  readonly session: Session | null;
  readonly mayOrder: boolean;
  readonly onIntent: (intention: Intention) => void;
}): JSX.Element {
  return (
    <header class="top">
      <h1>
        <span class="product">twincached</span> {snapshot.cluster}
      </h1>
      <span id="cluster-state" class="badge" data-tone={snapshot.state}>
        <StateWord state={snapshot.state} />
      </span>
      <OfflineBadge isLive={isLive} />
      <nav aria-label="Parts of the page">
        {ANCHORS.map(([id, name]) => (
          <a key={id} href={`#${id}`}>
            {name}
          </a>
        ))}
      </nav>
      <span class="who">
        <UserName session={session} />
        {session?.canLogOut === true ? (
          <form method="post" action="/_logout">
            <button type="submit">Log out</button>
          </form>
        ) : null}
        {mayOrder ? (
          <Menu
            label="Cluster"
            items={[
              ['Restart one by one …', () => onIntent(rollingIntention(null))],
              ['What has changed in the file? …', () => onIntent(reloadIntention(true))],
              ['Apply the file …', () => onIntent(reloadIntention(false))],
              ['Stop everything …', () => onIntent(downIntention(snapshot))],
            ]}
          />
        ) : null}
      </span>
    </header>
  );
}

/** The numbers that an operator asks for first. */
export function Overview({
  snapshot,
  history,
}: {
  readonly snapshot: PageSnapshot;
  readonly history: HistoryPart | null;
}): JSX.Element {
  const now = totals(snapshot.services);
  const figures = history?.figures;
  const usedPercent = now.limitBytes > 0 ? (now.bytes * 100) / now.limitBytes : 0;
  return (
    <section class="overview" aria-label="Overview">
      <Tile
        id="up"
        label="nodes up"
        value={`${now.nodesUp}/${now.nodes}`}
        note={`proxies ${now.proxiesUp}/${now.proxies}`}
        isBad={now.nodesUp < now.nodes}
      />
      <Tile
        id="requests"
        label="requests"
        value={rateText(now.requestsPerSecond)}
        note={`${countText(now.connections)} connections`}
      >
        <Sparkline values={figures?.requests} label="requests over the last minutes" />
      </Tile>
      <Tile id="hits" label="hits" value={percentText(now.hitPercent)} note="of gets">
        <Sparkline values={figures?.hitPercent} max={100} label="hits over the last minutes" />
      </Tile>
      <Tile
        id="memory"
        label="memory"
        value={bytesText(now.bytes)}
        note={`of ${bytesText(now.limitBytes)} · ${percentText(usedPercent)}`}
      >
        <Sparkline values={figures?.bytes} label="memory over the last minutes" />
      </Tile>
      <Tile
        id="lag"
        label="lag of twins"
        value={now.lagMs === null ? NOTHING : millisecondsText(now.lagMs)}
        note="the furthest behind"
        isBad={(now.lagMs ?? 0) > 1000}
      >
        <Sparkline values={figures?.lagMs} label="lag over the last minutes" />
      </Tile>
      <Tile id="latency" label="answers within" value={microsText(slowest(snapshot))} note="99 % of requests">
        <Sparkline values={figures?.p99Ms} label="latency over the last minutes" />
      </Tile>
      <Tile
        id="uptime"
        label="monitor up"
        value={durationText(snapshot.uptimeSeconds)}
        note={`version ${snapshot.version}`}
      />
    </section>
  );
}

/** Of the proxies where clients come in; null while there are no requests. */
function slowest({ services }: PageSnapshot): number | null {
  const known = entryProxies(services).flatMap(({ proxy }) => proxy?.p99Micros ?? []);
  return known.length === 0 ? null : Math.max(...known);
}

function Tile({
  id,
  label,
  value,
  note,
  isBad = false,
  children,
}: {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly isBad?: boolean;
  readonly children?: JSX.Element;
}): JSX.Element {
  return (
    <div class="tile" data-bad={isBad}>
      <h2>{label}</h2>
      <p class="value" id={`total-${id}`}>
        {value}
      </p>
      <p class="note">{note}</p>
      {children}
    </div>
  );
}

/** What is not as it should be; nothing at all when all is well. */
export function Incidents({ snapshot }: { readonly snapshot: PageSnapshot }): JSX.Element | null {
  const found = incidents(snapshot);
  const isService = (name: string): boolean => snapshot.services.some((service) => service.name === name);
  return (
    <section class="incidents" aria-label="Needs attention" aria-live="polite">
      {found.length === 0 ? null : (
        <ul>
          {found.map(({ service, tone, text }) => (
            <li key={`${service} ${text}`} data-tone={tone}>
              <Mark tone={tone} />
              {isService(service) ? <a href={serviceHref(service)}>{service}</a> : <b>{service}</b>}
              <span>{text}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** An order to the cluster that is under way, or has ended a moment ago. */
export function Operation({ snapshot }: { readonly snapshot: PageSnapshot }): JSX.Element | null {
  const { operation, atMs } = snapshot;
  if (operation === null) return null;
  const { action, by, state, stepsDone, stepsTotal, text, endedAtMs, lines } = operation;
  if (endedAtMs !== null && atMs - endedAtMs > OPERATION_SHOWN_MS) return null;
  const tone = state === 'failed' ? 'bad' : state === 'done' ? 'good' : 'busy';
  return (
    <section class="operation" aria-label="Order to the cluster" data-tone={tone} aria-live="polite">
      <p>
        <Mark tone={tone} />
        <b>{action.replace('-', ' ')}</b> <span>{text}</span>
        <small>by {by}</small>
      </p>
      {state === 'under-way' ? (
        <progress value={stepsDone} max={Math.max(1, stepsTotal)} aria-label="Progress">
          {`${stepsDone} of ${stepsTotal}`}
        </progress>
      ) : null}
      {lines.length === 0 ? null : (
        <details>
          <summary>{`${stepsDone} of ${stepsTotal} steps`}</summary>
          <ol>
            {lines.map((line, index) => (
              <li key={`${index} ${line}`}>{line}</li>
            ))}
          </ol>
        </details>
      )}
    </section>
  );
}

const OPERATION_SHOWN_MS = 60_000;
