import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { bytesText, countText } from '../src/dashboard/display-units.ts';
import type { HistoryFigure, HistoryPart, HistorySpan } from '../src/dashboard/figure-history.ts';
import { millisecondsText, percentText } from './figures.ts';
import { useHistory } from './history.ts';

interface ChartKind {
  readonly title: string;
  readonly figures: readonly (readonly [figure: HistoryFigure, name: string])[];
  readonly unit: (value: number | null) => string;
  /** Of the axis; null: as high as the values. */
  readonly top: number | null;
  /** Of the axis, where steps of ten would not do. */
  readonly steps?: number[];
  /** What it is about. */
  readonly of: 'node' | 'proxy' | 'all';
}

/** Steps of an axis of bytes: powers of two. */
const BYTE_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

const perSecond = (value: number | null): string =>
  value === null ? '–' : value > 0 && value < 10 ? value.toFixed(1) : countText(value);
const count = (value: number | null): string => (value === null ? '–' : countText(value));
const bytes = (value: number | null): string => (value === null ? '–' : bytesText(value));

const CHARTS: readonly ChartKind[] = [
  {
    title: 'Gets and sets per second',
    figures: [
      ['gets', 'gets'],
      ['sets', 'sets'],
    ],
    unit: perSecond,
    top: null,
    of: 'node',
  },
  {
    title: 'Requests per second',
    figures: [['requests', 'requests']],
    unit: perSecond,
    top: null,
    of: 'proxy',
  },
  { title: 'Hits', figures: [['hitPercent', 'hits']], unit: percentText, top: 100, of: 'node' },
  {
    title: '99 % answered within',
    figures: [['p99Ms', 'within']],
    unit: millisecondsText,
    top: null,
    of: 'proxy',
  },
  { title: 'Memory', figures: [['bytes', 'used']], unit: bytes, top: null, steps: BYTE_STEPS, of: 'node' },
  {
    title: 'Evictions per second',
    figures: [['evictions', 'evicted']],
    unit: perSecond,
    top: null,
    of: 'node',
  },
  { title: 'Lag of twins', figures: [['lagMs', 'behind']], unit: millisecondsText, top: null, of: 'node' },
  { title: 'Connections', figures: [['connections', 'open']], unit: count, top: null, of: 'node' },
  { title: 'Processor', figures: [['cpuPercent', 'of a core']], unit: percentText, top: null, of: 'all' },
  {
    title: 'Resident memory',
    figures: [['residentBytes', 'resident']],
    unit: bytes,
    top: null,
    steps: BYTE_STEPS,
    of: 'all',
  },
];

/** What charts are drawn of; `process`: of what the kernel knows, no more. */
export type ChartRole = 'node' | 'proxy' | 'process';

/** Charts of the whole or of one service, over an hour or a day. */
export function Charts({
  services,
  whole,
  wholeRole,
  source,
  newestAtMs,
}: {
  readonly services: readonly { readonly name: string; readonly role: ChartRole }[];
  /** What the whole is called. */
  readonly whole: string;
  /** Null: it has all of them. */
  readonly wholeRole: ChartRole | null;
  /** Path that tells the figures. */
  readonly source: string;
  readonly newestAtMs: number;
}): JSX.Element {
  const [chosen, setChosen] = useState('');
  const [span, setSpan] = useState<HistorySpan>('hour');
  const service = services.find(({ name }) => name === chosen);
  return (
    <section id="charts" class="card" aria-labelledby="charts-title">
      <div class="title-row">
        <h2 id="charts-title">Charts</h2>
        <label>
          {'of '}
          <select value={service?.name ?? ''} onChange={(event) => setChosen(event.currentTarget.value)}>
            <option value="">{whole}</option>
            {services.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <fieldset class="choice">
          <legend class="unseen">Span</legend>
          {(['hour', 'day'] as const).map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="span"
                value={one}
                checked={span === one}
                onChange={() => setSpan(one)}
              />
              <span>{one === 'hour' ? '1 h' : '24 h'}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <ChartGrid
        service={service?.name ?? ''}
        role={service?.role ?? wholeRole}
        source={source}
        span={span}
        newestAtMs={newestAtMs}
      />
    </section>
  );
}

/** @param role null: the cluster, which has all of them */
export function ChartGrid({
  service,
  role,
  source,
  span,
  newestAtMs,
}: {
  readonly service: string;
  readonly role: ChartRole | null;
  readonly source: string;
  readonly span: HistorySpan;
  readonly newestAtMs: number;
}): JSX.Element {
  const part = useHistory(source, service, span, newestAtMs);
  const kinds = CHARTS.filter(({ of, title }) =>
    role === null ? title !== 'Requests per second' : of === 'all' || of === role,
  );
  return (
    <div class="charts">
      {kinds.map((kind) => (
        <Chart key={`${kind.title} ${service} ${span}`} kind={kind} part={part} span={span} />
      ))}
    </div>
  );
}

const SPAN_SECONDS: Readonly<Record<HistorySpan, number>> = { hour: 3600, day: 86_400 };
const SPAN_SECONDS_MIN = 300;
const HEIGHT = 132;

function Chart({
  kind,
  part,
  span,
}: {
  readonly kind: ChartKind;
  readonly part: HistoryPart | null;
  readonly span: HistorySpan;
}): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const isNear = useNearness(place);
  // A chart of another kind has another key.
  useEffect(() => {
    const element = place.current;
    if (element === null || !isNear) return undefined;
    const made = new uPlot(optionsOf(kind, span, element.clientWidth, setAt), dataOf(kind, part), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    // Colours are read when lines are drawn.
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => made.redraw(false, true);
    scheme.addEventListener('change', redraw);
    return () => {
      scheme.removeEventListener('change', redraw);
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [isNear]);
  useEffect(() => plot.current?.setData(dataOf(kind, part)), [kind, part]);
  const index = at ?? (part?.atMs.length ?? 0) - 1;
  const read = (figure: HistoryFigure): string => kind.unit(part?.figures[figure][index] ?? null);
  const isEmpty = kind.figures.every(
    ([figure]) => part?.figures[figure].every((value) => value === null) ?? true,
  );
  return (
    <figure class="chart">
      <figcaption>
        {kind.title}
        <span class="reading">
          {kind.figures.map(([figure, name], place) => (
            <span key={figure} data-series={place}>
              {kind.figures.length > 1 ? `${name} ` : ''}
              <b>{read(figure)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div
        ref={place}
        class="plot"
        role="img"
        aria-label={`${kind.title}: ${kind.figures.map(([figure, name]) => `${name} ${read(figure)}`).join(', ')}`}
      />
      {isEmpty ? <p class="nothing">nothing yet</p> : null}
    </figure>
  );
}

/** Whether an element is in view, or has been: what nobody looks at is not drawn. */
function useNearness(place: { readonly current: Element | null }): boolean {
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    if (place.current === null) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        setNear(true);
        observer.disconnect();
      },
      { rootMargin: '300px' },
    );
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [place]);
  return isNear;
}

function dataOf(kind: ChartKind, part: HistoryPart | null): uPlot.AlignedData {
  const atSeconds = part?.atMs.map((ms) => ms / 1000) ?? [];
  return [atSeconds, ...kind.figures.map(([figure]) => [...(part?.figures[figure] ?? [])])];
}

function colour(name: string): () => string {
  return () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function optionsOf(
  { figures, unit, top, steps }: ChartKind,
  span: HistorySpan,
  width: number,
  onPoint: (index: number | null) => void,
): uPlot.Options {
  const ink = colour('--chart-ink');
  const line = colour('--chart-line');
  const font = '11px system-ui, sans-serif';
  return {
    width,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'charts' }, drag: { setScale: false }, y: false },
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    scales: {
      x: {
        // What is remembered fills the width, but not less than five minutes.
        range: (_, oldest, newest) => {
          const end = newest > 0 ? newest : Date.now() / 1000;
          const age = end - (oldest > 0 ? oldest : end);
          return [end - Math.min(SPAN_SECONDS[span], Math.max(SPAN_SECONDS_MIN, age * 1.02)), end];
        },
      },
      y: {
        range: (_, __, most) => (top === null ? [0, most > 0 ? most * 1.12 : 1] : [0, top * 1.02]),
      },
    },
    axes: [
      {
        stroke: ink,
        font,
        size: 22,
        gap: 3,
        space: 64,
        grid: { stroke: line, width: 1 },
        ticks: { show: false },
        values: (_, splits) => splits.map((at) => new Date(at * 1000).toTimeString().slice(0, 5)),
      },
      {
        stroke: ink,
        font,
        size: 56,
        gap: 4,
        space: 34,
        grid: { stroke: line, width: 1 },
        ticks: { show: false },
        values: (_, splits) => splits.map((value) => unit(value)),
        ...(steps === undefined ? {} : { incrs: steps }),
      },
    ],
    series: [
      {},
      ...figures.map((_, index) => ({
        stroke: colour(`--series-${index}`),
        width: 1.5,
        ...(figures.length === 1 ? { fill: colour('--series-fill') } : {}),
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}
