import type { TunableSettings } from '../engine/administration.ts';
import type { NodeOptions } from './options.ts';

/** Where each setting stands, as a double; yes is 1. */
const CELL = {
  reassign: 0,
  automove: 1,
  automoveRatio: 2,
  automoveFreeRatio: 3,
  automoveWindowSeconds: 4,
  maintainer: 5,
  crawler: 6,
  crawlerSleepMicros: 7,
  crawlerItemsMax: 8,
  temporaryTtlSeconds: 9,
  segmented: 10,
  hotPercent: 11,
  warmPercent: 12,
  hotMaxFactor: 13,
  warmMaxFactor: 14,
} as const;
const CELLS = 16;

/** memcached's own beginning, for the one that no option sets. */
const AUTOMOVE_FREE_RATIO = 0.01;

/** The settings that administrators change while the node runs, in memory that all threads share. */
export class SharedTunables implements TunableSettings {
  readonly #cells: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Float64Array(buffer);
  }

  /** The memory, with what the options say in it. */
  static allocate({ extended }: NodeOptions): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(CELLS * 8);
    const cells = new Float64Array(buffer);
    cells[CELL.reassign] = extended.slabReassign ? 1 : 0;
    cells[CELL.automove] = extended.slabAutomove;
    cells[CELL.automoveRatio] = extended.slabAutomoveRatio;
    cells[CELL.automoveFreeRatio] = AUTOMOVE_FREE_RATIO;
    cells[CELL.automoveWindowSeconds] = extended.slabAutomoveWindow;
    cells[CELL.maintainer] = extended.lruMaintainer ? 1 : 0;
    cells[CELL.crawler] = extended.lruCrawler ? 1 : 0;
    cells[CELL.crawlerSleepMicros] = extended.lruCrawlerSleepMicroseconds;
    cells[CELL.crawlerItemsMax] = extended.lruCrawlerToCrawl;
    cells[CELL.temporaryTtlSeconds] = extended.temporaryTtlSeconds ?? -1;
    cells[CELL.segmented] = extended.lruSegmented ? 1 : 0;
    cells[CELL.hotPercent] = extended.hotLruPercent;
    cells[CELL.warmPercent] = extended.warmLruPercent;
    cells[CELL.hotMaxFactor] = extended.hotMaxFactor;
    cells[CELL.warmMaxFactor] = extended.warmMaxFactor;
    return buffer;
  }

  get reassign(): boolean {
    return this.#cells[CELL.reassign] === 1;
  }

  get automove(): number {
    return this.#cells[CELL.automove]!;
  }
  set automove(level: number) {
    this.#cells[CELL.automove] = level;
  }

  get automoveRatio(): number {
    return this.#cells[CELL.automoveRatio]!;
  }
  set automoveRatio(ratio: number) {
    this.#cells[CELL.automoveRatio] = ratio;
  }

  get automoveFreeRatio(): number {
    return this.#cells[CELL.automoveFreeRatio]!;
  }
  set automoveFreeRatio(ratio: number) {
    this.#cells[CELL.automoveFreeRatio] = ratio;
  }

  get automoveWindowSeconds(): number {
    return this.#cells[CELL.automoveWindowSeconds]!;
  }
  set automoveWindowSeconds(seconds: number) {
    this.#cells[CELL.automoveWindowSeconds] = seconds;
  }

  get maintainer(): boolean {
    return this.#cells[CELL.maintainer] === 1;
  }

  get crawler(): boolean {
    return this.#cells[CELL.crawler] === 1;
  }
  set crawler(isOn: boolean) {
    this.#cells[CELL.crawler] = isOn ? 1 : 0;
  }

  get crawlerSleepMicros(): number {
    return this.#cells[CELL.crawlerSleepMicros]!;
  }
  set crawlerSleepMicros(micros: number) {
    this.#cells[CELL.crawlerSleepMicros] = micros;
  }

  get crawlerItemsMax(): number {
    return this.#cells[CELL.crawlerItemsMax]!;
  }
  set crawlerItemsMax(items: number) {
    this.#cells[CELL.crawlerItemsMax] = items;
  }

  get temporaryTtlSeconds(): number {
    return this.#cells[CELL.temporaryTtlSeconds]!;
  }
  set temporaryTtlSeconds(seconds: number) {
    this.#cells[CELL.temporaryTtlSeconds] = seconds;
  }

  get segmented(): boolean {
    return this.#cells[CELL.segmented] === 1;
  }
  set segmented(isOn: boolean) {
    this.#cells[CELL.segmented] = isOn ? 1 : 0;
  }

  get hotPercent(): number {
    return this.#cells[CELL.hotPercent]!;
  }
  set hotPercent(percent: number) {
    this.#cells[CELL.hotPercent] = percent;
  }

  get warmPercent(): number {
    return this.#cells[CELL.warmPercent]!;
  }
  set warmPercent(percent: number) {
    this.#cells[CELL.warmPercent] = percent;
  }

  get hotMaxFactor(): number {
    return this.#cells[CELL.hotMaxFactor]!;
  }
  set hotMaxFactor(factor: number) {
    this.#cells[CELL.hotMaxFactor] = factor;
  }

  get warmMaxFactor(): number {
    return this.#cells[CELL.warmMaxFactor]!;
  }
  set warmMaxFactor(factor: number) {
    this.#cells[CELL.warmMaxFactor] = factor;
  }
}
