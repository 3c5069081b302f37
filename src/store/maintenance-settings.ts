import { CONTROL, CONTROL_DOUBLE } from './geometry.ts';

/** What background work does, as memcached's options name it. */
export interface MaintenanceDefaults {
  /** `-o slab_reassign`: pages may move between slab classes. */
  readonly reassign: boolean;
  /** `-o slab_automove`: 0 only when told to; 1 when demand has moved for a while; 2 at once. */
  readonly automove: 0 | 1 | 2;
  /** A class gives a page when the age of its tail times this is still above that of the class which evicts. */
  readonly automoveRatio: number;
  /** Share of a class's chunks that may be free before its pages go to the pool; memcached's name, not used by the policy. */
  readonly automoveFreeRatio: number;
  /** Seconds that demand is looked at for. */
  readonly automoveWindowSeconds: number;
  /** `-o lru_maintainer`: items are sorted into hot, warm and cold in the background. */
  readonly maintainer: boolean;
  /** `-o lru_crawler`: items that have ended are reclaimed in the background. */
  readonly crawler: boolean;
  /** `-o lru_crawler_sleep`; shown only, since a pass is cut in slices by itself. */
  readonly crawlerSleepMicros: number;
  /** `-o lru_crawler_tocrawl`: items of a class that one pass looks at, 0 all. */
  readonly crawlerItemsMax: number;
  /** `-o temporary_ttl`: items that live this many seconds at most have a queue of their own and are never evicted; 0: none. */
  readonly temporaryTtlSeconds: number;
}

/** memcached's defaults. */
export const MAINTENANCE_DEFAULTS: MaintenanceDefaults = {
  reassign: true,
  automove: 1,
  automoveRatio: 0.8,
  automoveFreeRatio: 0.01,
  automoveWindowSeconds: 10,
  maintainer: true,
  crawler: true,
  crawlerSleepMicros: 100,
  crawlerItemsMax: 0,
  temporaryTtlSeconds: 0,
};

const SETTING = {
  reassign: CONTROL.settings,
  automove: CONTROL.settings + 1,
  automoveWindow: CONTROL.settings + 2,
  maintainer: CONTROL.settings + 3,
  crawler: CONTROL.settings + 4,
  crawlerSleep: CONTROL.settings + 5,
  crawlerItemsMax: CONTROL.settings + 6,
  temporaryTtl: CONTROL.settings + 7,
} as const;

/** The settings of background work in shared memory: any thread reads and changes them. */
export class MaintenanceSettings {
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
    this.automoveRatio = settings.automoveRatio;
    this.automoveFreeRatio = settings.automoveFreeRatio;
    this.automoveWindowSeconds = settings.automoveWindowSeconds;
    this.maintainer = settings.maintainer;
    this.crawler = settings.crawler;
    this.crawlerSleepMicros = settings.crawlerSleepMicros;
    this.crawlerItemsMax = settings.crawlerItemsMax;
    this.temporaryTtlSeconds = settings.temporaryTtlSeconds;
  }

  get reassign(): boolean {
    return this.#control[SETTING.reassign] !== 0;
  }
  set reassign(on: boolean) {
    this.#control[SETTING.reassign] = on ? 1 : 0;
  }

  get automove(): number {
    return this.#control[SETTING.automove]!;
  }
  set automove(mode: number) {
    this.#control[SETTING.automove] = mode;
  }

  get automoveRatio(): number {
    return this.#doubles[CONTROL_DOUBLE.automoveRatio]!;
  }
  set automoveRatio(ratio: number) {
    this.#doubles[CONTROL_DOUBLE.automoveRatio] = ratio;
  }

  get automoveFreeRatio(): number {
    return this.#doubles[CONTROL_DOUBLE.automoveFreeRatio]!;
  }
  set automoveFreeRatio(ratio: number) {
    this.#doubles[CONTROL_DOUBLE.automoveFreeRatio] = ratio;
  }

  get automoveWindowSeconds(): number {
    return this.#control[SETTING.automoveWindow]!;
  }
  set automoveWindowSeconds(seconds: number) {
    this.#control[SETTING.automoveWindow] = seconds;
  }

  get maintainer(): boolean {
    return this.#control[SETTING.maintainer] !== 0;
  }
  set maintainer(on: boolean) {
    this.#control[SETTING.maintainer] = on ? 1 : 0;
  }

  get crawler(): boolean {
    return this.#control[SETTING.crawler] !== 0;
  }
  set crawler(on: boolean) {
    this.#control[SETTING.crawler] = on ? 1 : 0;
  }

  get crawlerSleepMicros(): number {
    return this.#control[SETTING.crawlerSleep]!;
  }
  set crawlerSleepMicros(micros: number) {
    this.#control[SETTING.crawlerSleep] = micros;
  }

  get crawlerItemsMax(): number {
    return this.#control[SETTING.crawlerItemsMax]! >>> 0;
  }
  set crawlerItemsMax(items: number) {
    this.#control[SETTING.crawlerItemsMax] = items;
  }

  get temporaryTtlSeconds(): number {
    return this.#control[SETTING.temporaryTtl]!;
  }
  set temporaryTtlSeconds(seconds: number) {
    this.#control[SETTING.temporaryTtl] = Math.max(0, seconds);
  }
}
