import { assert } from '../base/assert.ts';
import { type CacheOptions, MAINTENANCE_DEFAULTS } from './cache-options.ts';
import { changeFeedBytes } from './change-feed.ts';
import { countersBytes } from './counters.ts';
import { CLASS_WORD, CONTROL, CONTROL_DOUBLE, Geometry, NO_PAGE, STAMP_SET_DOUBLES } from './geometry.ts';
import { NO_END } from './lifetime.ts';
import { MaintenanceSettings } from './maintenance-settings.ts';
import type { SharedCache } from './shared-cache.ts';

/**
 * Makes the shared memory of a cache. All of it is reserved at its largest size and none of it written, so the system gives real memory
 * only as it is used.
 *
 * @throws AssertionError when an option is out of its range; the command line is checked before
 */
export function createSharedCache(options: CacheOptions): SharedCache {
  assert(options.threads >= 1, 'a cache has at least one data thread');
  assert(options.nodeSlot >= 0 && options.nodeSlot <= 7, 'a node slot is a number of three bits');
  const geometry = new Geometry(options);
  const control = new SharedArrayBuffer(geometry.controlBytes);
  const words = new Int32Array(control);
  words[CONTROL.buckets] = geometry.bucketsFirst;
  words[CONTROL.nodeSlot] = options.nodeSlot;
  words[CONTROL.pagesLimit] = geometry.pagesMax;
  words[CONTROL.earliestEnd] = NO_END;
  for (let slabClass = 1; slabClass <= geometry.classes.largest; slabClass++) {
    words[geometry.classRecord(slabClass) + CLASS_WORD.leavingPage] = NO_PAGE;
  }
  const doubles = new Float64Array(control, geometry.controlDoubles * 8, CONTROL_DOUBLE.count);
  doubles[CONTROL_DOUBLE.memoryLimit] = options.memoryBytesMax;
  new MaintenanceSettings(words, doubles).begin({ ...MAINTENANCE_DEFAULTS, ...options.maintenance });
  return {
    options,
    arenas: geometry.arenaBytes.map((bytes) => new SharedArrayBuffer(bytes)),
    control,
    buckets: new SharedArrayBuffer(geometry.bucketsMax * 4),
    pageClasses: new SharedArrayBuffer(geometry.pageRoom),
    ghosts: new SharedArrayBuffer(geometry.ghostBytes),
    counters: new SharedArrayBuffer(countersBytes(geometry.rows)),
    feed: new SharedArrayBuffer(changeFeedBytes(options.feedBytes, geometry.rows)),
    stamps: new SharedArrayBuffer(geometry.stampSets * STAMP_SET_DOUBLES * 8),
  };
}
