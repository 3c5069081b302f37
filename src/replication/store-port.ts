/**
 * What a link needs of the store, named here so that the link can run on a small double in a simulation. The meaning of each member is
 * with the store's `Cache` and `FeedReader`.
 */
import type { Cache, MetaAccess } from '../store/cache.ts';
import type { FeedReader } from '../store/change-feed.ts';

export type { FlushState } from '../store/cache.ts';
export { CHANGE, FEED } from '../store/change-feed.ts';

/** What the meta commands remember of items, as a link sees it. */
export type LinkMarks = Pick<MetaAccess, 'marks' | 'casHigh' | 'casLow' | 'setNewCas'>;

/** The cache as a link sees it. */
export type LinkCache = { readonly meta: LinkMarks } & Pick<
  Cache,
  | 'hash'
  | 'touchAll'
  | 'peek'
  | 'release'
  | 'isTombstone'
  | 'version'
  | 'exptime'
  | 'touchStamp'
  | 'nowSeconds'
  | 'clientFlags'
  | 'keyBytes'
  | 'valueBytes'
  | 'copyKey'
  | 'copyKeyAndValue'
  | 'copyValue'
  | 'applySet'
  | 'reserveForPeer'
  | 'failure'
  | 'fill'
  | 'applyReserved'
  | 'abandon'
  | 'applyDelete'
  | 'applyTouch'
  | 'applyWin'
  | 'applyFlush'
  | 'scan'
  | 'flushState'
  | 'entryCount'
  | 'observeVersion'
  | 'highestVersion'
  | 'nodeSlot'
>;

/** One data thread's ring of changes, read from a position of its own. */
export type ChangeReader = Pick<
  FeedReader,
  | 'position'
  | 'head'
  | 'seek'
  | 'skipToHead'
  | 'next'
  | 'kind'
  | 'key'
  | 'keyBytes'
  | 'hash'
  | 'version'
  | 'exptime'
  | 'exptimeBefore'
  | 'stamp'
  | 'threshold'
  | 'activeAtSeconds'
  | 'backlogBytes'
>;

/** The cache as a link to a repcached changes it: as clients do. */
export type LegacyCache = LinkCache &
  Pick<Cache, 'store' | 'reserve' | 'commit' | 'delete' | 'flushAll' | 'lastVersion'>;
