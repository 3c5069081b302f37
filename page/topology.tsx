import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ServiceStatus } from '../src/checks/cluster-status.ts';
import {
  type Flow,
  flows,
  linkWord,
  nodeGroups,
  roleWord,
  stateWord,
} from '../src/dashboard/cluster-view.ts';
import type { PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import { type PlacedFlow, type PlacedTwins, topologyLayout } from '../src/dashboard/topology-layout.ts';
import { rateText } from './figures.ts';
import { MarkAt, toneOf } from './marks.tsx';
import { serviceHref } from './navigation.ts';

/** A character of the picture's smaller text, about, in pixels. */
const NAME_CHARACTER = 7.6;
const LINE_CHARACTER = 6.3;

/** Who sends to whom, who is whose twin, and how they are. Each service leads to what is known of it. */
export function Topology({ snapshot }: { readonly snapshot: PageSnapshot }): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(() => Math.min(760, document.documentElement.clientWidth - 50));
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const { services } = snapshot;
  // Where things are depends on who there is, not on how they are.
  const names = services.map(({ name, group, sendsTo }) => `${name} ${group} ${sendsTo}`).join(';');
  // The names stand for the services.
  const layout = useMemo(() => topologyLayout(services, width), [names, width]);
  const now = new Map(services.map((service) => [service.name, service]));
  const rates = flows(services);
  const groups = nodeGroups(snapshot);

  const lineOf = (service: ServiceStatus): string => {
    if (service.state !== 'running') return stateWord(service.state);
    const group = groups.find(({ name }) => name === service.group);
    if (service.role === 'node' && group !== undefined)
      return `${roleWord(service, group)} · ${rateText(service.stats?.requestsPerSecond)}`;
    const { length } = service.pools;
    return `${length === 0 ? '' : `${length} pools · `}${rateText(service.proxy?.requestsPerSecond)}`;
  };

  return (
    <div ref={frame} class="topology">
      {/* biome-ignore lint/a11y/useSemanticElements: a picture is no set of fields */}
      <svg
        width={layout.width}
        height={layout.height}
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        role="group"
        aria-label="Clients, proxies and nodes"
      >
        <defs>
          <marker
            id="arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="9"
            markerHeight="9"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path d="M0 .8 7.2 4 0 7.2Z" />
          </marker>
        </defs>
        {layout.groups.map(({ name, x, y, width: w, height: h }) => (
          <g key={`group ${name}`} class="frame">
            <rect x={x} y={y} width={w} height={h} rx="10" />
            <text x={x + 10} y={y + 18}>
              {shortened(name, w - 20, LINE_CHARACTER)}
            </text>
          </g>
        ))}
        {layout.flows.map((flow) => (
          <FlowLine
            key={`${flow.from} ${flow.to}`}
            placed={flow}
            flow={rates.find(({ from, to }) => from === flow.from && to === flow.to) ?? clientFlow(flow, now)}
          />
        ))}
        {layout.twins.map((twins) => (
          <TwinLine
            key={`${twins.one.name} ${twins.other.name}`}
            placed={twins}
            now={now}
            services={services}
          />
        ))}
        {layout.clients === null ? null : (
          <g class="clients">
            <rect {...rectOf(layout.clients)} rx={layout.clients.height / 2} />
            <text
              x={layout.clients.x + layout.clients.width / 2}
              y={layout.clients.y + layout.clients.height / 2 + 4}
              text-anchor="middle"
            >
              clients
            </text>
          </g>
        )}
        {layout.services.map(({ service: placed, ...box }) => {
          const service = now.get(placed.name) ?? placed;
          const line = lineOf(service);
          return (
            <a
              key={service.name}
              href={serviceHref(service.name)}
              class="box"
              data-tone={toneOf(service.state)}
              data-service={service.name}
              aria-label={`${service.name}, ${stateWord(service.state)}, ${line}`}
            >
              <rect {...rectOf(box)} rx="8" />
              <MarkAt tone={toneOf(service.state)} x={box.x + 11} y={box.y + 13} />
              <text class="name" x={box.x + 30} y={box.y + 23.5}>
                {shortened(service.name, box.width - 38, NAME_CHARACTER)}
              </text>
              <text class="line" x={box.x + 11} y={box.y + 41}>
                {shortened(line, box.width - 18, LINE_CHARACTER)}
              </text>
            </a>
          );
        })}
      </svg>
    </div>
  );
}

function FlowLine({ placed, flow }: { readonly placed: PlacedFlow; readonly flow: Flow }): JSX.Element {
  const { requestsPerSecond, state } = flow;
  const isBroken = state === 'down' || state === 'refused';
  const kind = isBroken ? 'down' : state === 'out' ? state : requestsPerSecond > 0 ? 'busy' : 'quiet';
  return (
    <path
      class="flow"
      data-kind={kind}
      d={placed.path}
      stroke-width={lineWidth(requestsPerSecond)}
      marker-end="url(#arrow)"
    >
      <title>{`${flow.from === '' ? 'clients' : flow.from} → ${flow.to}: ${isBroken || state === 'out' ? stateWord(state) : rateText(requestsPerSecond)}`}</title>
    </path>
  );
}

/** What clients send to a proxy. */
function clientFlow({ from, to }: PlacedFlow, now: ReadonlyMap<string, ServiceStatus>): Flow {
  const proxy = now.get(to);
  return {
    from,
    to,
    requestsPerSecond: proxy?.proxy?.requestsPerSecond ?? 0,
    state: proxy?.state === 'running' ? 'up' : 'down',
  };
}

function TwinLine({
  placed,
  now,
  services,
}: {
  readonly placed: PlacedTwins;
  readonly now: ReadonlyMap<string, ServiceStatus>;
  readonly services: readonly ServiceStatus[];
}): JSX.Element {
  const { x, y1, y2 } = placed;
  const { text, tone } = linkWord(
    now.get(placed.one.name) ?? placed.one,
    now.get(placed.other.name) ?? placed.other,
    services,
  );
  return (
    <g class="twins" data-tone={tone}>
      <path d={`M${x - 34} ${y1 + 2}V${y2 - 2}m-3 -5 3 5 3 -5M${x - 37} ${y1 + 7}l3 -5 3 5`} />
      <text x={x - 24} y={(y1 + y2) / 2 + 4}>
        {text}
      </text>
    </g>
  );
}

/** Thicker with each power of ten. */
function lineWidth(requestsPerSecond: number): number {
  return 1.25 + Math.min(4.5, Math.log10(1 + Math.max(0, requestsPerSecond)) * 0.9);
}

function rectOf({
  x,
  y,
  width,
  height,
}: {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}): {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
} {
  return { x, y, width, height };
}

/** A text that fits into so many pixels. */
function shortened(text: string, room: number, character: number): string {
  const length = Math.max(3, Math.floor(room / character));
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
