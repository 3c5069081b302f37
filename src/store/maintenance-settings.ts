import type { MaintenanceDefaults } from './cache-options.ts';
import { CONTROL, CONTROL_DOUBLE } from './geometry.ts';

/** Words of the control block. */
const WORD = {
  reassign: CONTROL.settings + 0,
  automove: CONTROL.settings + 1,
  automoveWindowSeconds: CONTROL.settings + 2,
  maintainer: CONTROL.settings + 3,
  crawler: CONTROL.settings + 4,
  crawlerSleepMicros: CONTROL.settings + 5,
  crawlerItemsMax: CONTROL.settings + 6,
  temporaryTtlSeconds: CONTROL.settings + 7,
  segmented: CONTROL.settings + 8,
  hotPercent: CONTROL.settings + 9,
  warmPercent: CONTROL.settings + 10,
} as const;

/** Doubles of the control block. */
const DOUBLE = {
  automoveRatio: CONTROL_DOUBLE.settings + 0,
  automoveFreeRatio: CONTROL_DOUBLE.settings + 1,
  hotMaxFactor: CONTROL_DOUBLE.settings + 2,
  warmMaxFactor: CONTROL_DOUBLE.settings + 3,
} as const;

/** The settings of background work in shared memory: any thread reads and changes them. See MaintenanceDefaults for what they say. */
export class MaintenanceSettings implements MaintenanceDefaults {
  readonly #control: Int32Array;
  readonly #doubles: Float64Array;

  constructor(control: Int32Array, doubles: Float64Array) {
    this.#control = control;
    this.#doubles = doubles;
  }

  /** Writes what a cache begins with. */
  begin(settings: MaintenanceDefaults): void {
    this.reassign = settings.reassign;
    this.automove = settings.automove;
    this.automoveWindowSeconds = settings.automoveWindowSeconds;
    this.maintainer = settings.maintainer;
    this.crawler = settings.crawler;
    this.crawlerSleepMicros = settings.crawlerSleepMicros;
    this.crawlerItemsMax = settings.crawlerItemsMax;
    this.temporaryTtlSeconds = settings.temporaryTtlSeconds;
    this.segmented = settings.segmented;
    this.hotPercent = settings.hotPercent;
    this.warmPercent = settings.warmPercent;
    this.automoveRatio = settings.automoveRatio;
    this.automoveFreeRatio = settings.automoveFreeRatio;
    this.hotMaxFactor = settings.hotMaxFactor;
    this.warmMaxFactor = settings.warmMaxFactor;
  }

  /** Whether any item may be in the queue of those that end soon; asked with every store. */
  get hasTemporary(): boolean {
    return this.#control[WORD.temporaryTtlSeconds] !== 0;
  }

  get reassign(): boolean {
    return this.#control[WORD.reassign] !== 0;
  }
  set reassign(isOn: boolean) {
    this.#control[WORD.reassign] = isOn ? 1 : 0;
  }

  get automove(): number {
    return this.#control[WORD.automove]!;
  }
  set automove(value: number) {
    this.#control[WORD.automove] = value;
  }

  get automoveWindowSeconds(): number {
    return this.#control[WORD.automoveWindowSeconds]!;
  }
  set automoveWindowSeconds(value: number) {
    this.#control[WORD.automoveWindowSeconds] = value;
  }

  get maintainer(): boolean {
    return this.#control[WORD.maintainer] !== 0;
  }
  set maintainer(isOn: boolean) {
    this.#control[WORD.maintainer] = isOn ? 1 : 0;
  }

  get crawler(): boolean {
    return this.#control[WORD.crawler] !== 0;
  }
  set crawler(isOn: boolean) {
    this.#control[WORD.crawler] = isOn ? 1 : 0;
  }

  get crawlerSleepMicros(): number {
    return this.#control[WORD.crawlerSleepMicros]!;
  }
  set crawlerSleepMicros(value: number) {
    this.#control[WORD.crawlerSleepMicros] = value;
  }

  get crawlerItemsMax(): number {
    return this.#control[WORD.crawlerItemsMax]! >>> 0;
  }
  set crawlerItemsMax(items: number) {
    this.#control[WORD.crawlerItemsMax] = items;
  }

  get temporaryTtlSeconds(): number {
    return this.#control[WORD.temporaryTtlSeconds]! - 1;
  }
  set temporaryTtlSeconds(seconds: number) {
    // One more than it is, so that 0 says that there is none.
    this.#control[WORD.temporaryTtlSeconds] = Math.max(0, seconds + 1);
  }

  get segmented(): boolean {
    return this.#control[WORD.segmented] !== 0;
  }
  set segmented(isOn: boolean) {
    this.#control[WORD.segmented] = isOn ? 1 : 0;
  }

  get hotPercent(): number {
    return this.#control[WORD.hotPercent]!;
  }
  set hotPercent(value: number) {
    this.#control[WORD.hotPercent] = value;
  }

  get warmPercent(): number {
    return this.#control[WORD.warmPercent]!;
  }
  set warmPercent(value: number) {
    this.#control[WORD.warmPercent] = value;
  }

  get automoveRatio(): number {
    return this.#doubles[DOUBLE.automoveRatio]!;
  }
  set automoveRatio(value: number) {
    this.#doubles[DOUBLE.automoveRatio] = value;
  }

  get automoveFreeRatio(): number {
    return this.#doubles[DOUBLE.automoveFreeRatio]!;
  }
  set automoveFreeRatio(value: number) {
    this.#doubles[DOUBLE.automoveFreeRatio] = value;
  }

  get hotMaxFactor(): number {
    return this.#doubles[DOUBLE.hotMaxFactor]!;
  }
  set hotMaxFactor(value: number) {
    this.#doubles[DOUBLE.hotMaxFactor] = value;
  }

  get warmMaxFactor(): number {
    return this.#doubles[DOUBLE.warmMaxFactor]!;
  }
  set warmMaxFactor(value: number) {
    this.#doubles[DOUBLE.warmMaxFactor] = value;
  }
}
