/** What is remembered of each service, and of the whole, in the order in which it is stored. */
export const HISTORY_FIGURES = [
  'requests',
  'gets',
  'sets',
  'hitPercent',
  'evictions',
  'bytes',
  'connections',
  'lagMs',
  'p99Ms',
  'cpuPercent',
  'residentBytes',
] as const;

export type HistoryFigure = (typeof HISTORY_FIGURES)[number];

/** One look at one series; what is not given, or null, is not known. */
export type HistoryPoint = { readonly [Figure in HistoryFigure]?: number | null };

/** How far back, and in what steps. */
export const HISTORY_SPANS = {
  hour: { stepMs: 5000, points: 720 },
  day: { stepMs: 120_000, points: 720 },
} as const;

export type HistorySpan = keyof typeof HISTORY_SPANS;

/** Series that are kept; further services have none. Each takes 63 KiB, so all take 8 MiB at most. */
export const HISTORY_SERIES_MAX = 128;

/** Part of a span, oldest first. */
export interface HistoryPart {
  readonly stepMs: number;
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: readonly number[];
  /** By figure, as long as `atMs`; null where nothing is known. */
  readonly figures: { readonly [Figure in HistoryFigure]: readonly (number | null)[] };
}

/** Rings of one span: a time for each place, and by series as many numbers for each place as there are figures. */
interface Rings {
  readonly stepMs: number;
  readonly points: number;
  readonly atMs: Float64Array;
  readonly series: Map<string, Float32Array>;
  /** Where the next point goes, counted from the first one ever. */
  next: number;
}

const FIGURES = HISTORY_FIGURES.length;

/** Sums of the points since the last one of the coarser span. */
interface Sums {
  readonly sums: Float64Array;
  readonly counts: Float64Array;
}

/**
 * What charts are drawn of: figures of each service over an hour in steps of five seconds, and over a day in steps of two minutes, each of which is the
 * mean of its points. Memory is bounded by the number of series and never grows with time.
 */
export class FigureHistory {
  readonly #hour: Rings = rings('hour');
  readonly #day: Rings = rings('day');
  readonly #sums: Map<string, Sums> = new Map();
  #dayBeganMs: number | null = null;

  /** Names of the series that are kept. */
  get names(): readonly string[] {
    return [...this.#hour.series.keys()];
  }

  /**
   * Adds a point to all series. A series that is not among them is forgotten: its service is gone.
   *
   * @param atMs wall clock
   * @param points by name
   */
  add(atMs: number, points: ReadonlyMap<string, HistoryPoint>): void {
    const kept = new Map([...points].slice(0, HISTORY_SERIES_MAX));
    put(this.#hour, atMs, kept);
    for (const name of this.#sums.keys()) if (!kept.has(name)) this.#sums.delete(name);
    for (const [name, point] of kept) this.#sum(name, point);
    this.#dayBeganMs ??= atMs;
    // A wall clock that was put back must not stop the day.
    const elapsedMs = Math.abs(atMs - this.#dayBeganMs);
    if (elapsedMs + HISTORY_SPANS.hour.stepMs / 2 < this.#day.stepMs) return;
    this.#dayBeganMs = atMs;
    put(this.#day, atMs, new Map([...this.#sums].map(([name, sums]) => [name, mean(sums)])));
    for (const { sums, counts } of this.#sums.values()) {
      sums.fill(0);
      counts.fill(0);
    }
  }

  /**
   * @param name of the series
   * @param afterMs only points later than this
   * @returns without points when there is no such series
   */
  read(name: string, span: HistorySpan, afterMs: number): HistoryPart {
    const from = span === 'hour' ? this.#hour : this.#day;
    const values = from.series.get(name);
    const places: number[] = [];
    const isKnown = this.#hour.series.has(name);
    for (let count = Math.max(0, from.next - from.points); isKnown && count < from.next; count++) {
      const place = count % from.points;
      if ((from.atMs[place] ?? 0) > afterMs) places.push(place);
    }
    const column = (figure: number): (number | null)[] =>
      places.map((place) => rounded(values?.[place * FIGURES + figure] ?? Number.NaN));
    return {
      stepMs: from.stepMs,
      atMs: places.map((place) => from.atMs[place] ?? 0),
      figures: {
        requests: column(0),
        gets: column(1),
        sets: column(2),
        hitPercent: column(3),
        evictions: column(4),
        bytes: column(5),
        connections: column(6),
        lagMs: column(7),
        p99Ms: column(8),
        cpuPercent: column(9),
        residentBytes: column(10),
      },
    };
  }

  #sum(name: string, point: HistoryPoint): void {
    let entry = this.#sums.get(name);
    if (entry === undefined) {
      entry = { sums: new Float64Array(FIGURES), counts: new Float64Array(FIGURES) };
      this.#sums.set(name, entry);
    }
    for (const [index, figure] of HISTORY_FIGURES.entries()) {
      const value = point[figure];
      if (value === undefined || value === null) continue;
      entry.sums[index]! += value;
      entry.counts[index]! += 1;
    }
  }
}

function rings(span: HistorySpan): Rings {
  const { stepMs, points } = HISTORY_SPANS[span];
  return { stepMs, points, atMs: new Float64Array(points), series: new Map(), next: 0 };
}

function put(into: Rings, atMs: number, points: ReadonlyMap<string, HistoryPoint>): void {
  for (const name of into.series.keys()) if (!points.has(name)) into.series.delete(name);
  const place = into.next % into.points;
  into.atMs[place] = atMs;
  for (const [name, point] of points) {
    let values = into.series.get(name);
    if (values === undefined) {
      values = new Float32Array(into.points * FIGURES).fill(Number.NaN);
      into.series.set(name, values);
    }
    for (const [index, figure] of HISTORY_FIGURES.entries())
      values[place * FIGURES + index] = point[figure] ?? Number.NaN;
  }
  into.next += 1;
}

function mean({ sums, counts }: Sums): HistoryPoint {
  return Object.fromEntries(
    HISTORY_FIGURES.map((figure, index) => {
      const count = counts[index] ?? 0;
      return [figure, count === 0 ? null : (sums[index] ?? 0) / count];
    }),
  );
}

/** Four significant digits are more than a chart shows. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : null;
}
