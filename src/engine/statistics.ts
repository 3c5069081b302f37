import { MEMCACHED_VERSION, REPCACHED_VERSION } from '../base/version.ts';
import type { Cache } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import type { GeneralFacts, NodeContext, StatLine } from './node-context.ts';

/** Seconds and microseconds, as memcached shows processor time. */
function processorTime(micros: number): string {
  return `${Math.floor(micros / 1e6)}.${String(Math.floor(micros % 1e6)).padStart(6, '0')}`;
}

/** Lines of a part that may be switched off. */
function onlyIf(isOn: boolean, ...lines: readonly StatLine[]): readonly StatLine[] {
  return isOn ? lines : [];
}

function tlsStatistics({ tls, nowSeconds }: GeneralFacts): readonly StatLine[] {
  if (tls === null) return [];
  return [
    ...onlyIf(tls.countsSessions, ['ssl_new_sessions', tls.newSessions]),
    ['ssl_handshake_errors', tls.handshakeErrors],
    ['ssl_proto_errors', tls.protocolErrors],
    ['time_since_server_cert_refresh', Math.max(0, nowSeconds - tls.certificatesAt)],
  ];
}

/**
 * `stats`: memcached's fields in memcached's order; those of parts that do not exist here (libevent, …) keep the value that an idle
 * memcached shows. Fields of a part that an option has switched off are left out, because tools count on their number. With a replication port repcached's three lines follow.
 */
export function generalStatistics(context: NodeContext): StatLine[] {
  const facts = context.reports.general();
  const { tunables } = context;
  const cache = context.cache.statistics();
  const count = (counter: number): number => context.cache.counterTotal(counter);
  const lines: StatLine[] = [
    ['pid', facts.pid],
    ['uptime', facts.uptimeSeconds],
    ['time', facts.nowSeconds],
    ['version', MEMCACHED_VERSION],
    ['libevent', 'none'],
    ['pointer_size', 64],
    ['rusage_user', processorTime(facts.userMicros)],
    ['rusage_system', processorTime(facts.systemMicros)],
    ['max_connections', facts.connectionsMax],
    ['curr_connections', facts.connections],
    ['total_connections', facts.connectionsTotal],
    ...onlyIf(facts.rejectsSurplus, ['rejected_connections', facts.connectionsRejected]),
    ['connection_structures', facts.connections],
    ['response_obj_oom', facts.outputOverflows],
    ['response_obj_count', 0],
    ['response_obj_bytes', facts.outputBytesWaiting],
    ['read_buf_count', facts.threads],
    ['read_buf_bytes', facts.threads * facts.receiveBytes],
    ['read_buf_bytes_free', 0],
    ['read_buf_oom', 0],
    ['reserved_fds', facts.threads * 5],
    ['cmd_get', count(COUNTER.cmdGet)],
    ['cmd_set', cache.cmdSet],
    ['cmd_flush', count(COUNTER.cmdFlush)],
    ['cmd_touch', count(COUNTER.cmdTouch)],
    ['cmd_meta', count(COUNTER.cmdMeta)],
    ['get_hits', cache.getHits],
    ['get_misses', count(COUNTER.getMisses)],
    ['get_expired', cache.getExpired],
    ['get_flushed', cache.getFlushed],
    ['delete_misses', count(COUNTER.deleteMisses)],
    ['delete_hits', cache.deleteHits],
    ['incr_misses', count(COUNTER.incrMisses)],
    ['incr_hits', cache.incrHits],
    ['decr_misses', count(COUNTER.decrMisses)],
    ['decr_hits', cache.decrHits],
    ['cas_misses', count(COUNTER.casMisses)],
    ['cas_hits', cache.casHits],
    ['cas_badval', cache.casBadval],
    ['touch_hits', cache.touchHits],
    ['touch_misses', count(COUNTER.touchMisses)],
    ['store_too_large', cache.storeTooLarge],
    ['store_no_memory', cache.storeNoMemory],
    ['auth_cmds', count(COUNTER.authCommands)],
    ['auth_errors', count(COUNTER.authErrors)],
    ...onlyIf(facts.kicksIdle, ['idle_kicks', count(COUNTER.idleKicks)]),
    ['bytes_read', facts.bytesRead],
    ['bytes_written', facts.bytesWritten],
    ['limit_maxbytes', cache.limitMaxbytes],
    ['accepting_conns', facts.accepting ? 1 : 0],
    ['listen_disabled_num', facts.acceptPauses],
    ['time_in_listen_disabled_us', facts.listenDisabledMicros],
    ['threads', facts.threads],
    ['conn_yields', count(COUNTER.connectionYields)],
    ['hash_power_level', cache.hashPowerLevel],
    ['hash_bytes', cache.hashBytes],
    ['hash_is_expanding', 0],
    ...onlyIf(
      tunables.reassign,
      ['slab_reassign_rescues', cache.moveRescues],
      ['slab_reassign_chunk_rescues', cache.moveChunkRescues],
      ['slab_reassign_inline_reclaim', cache.moveInlineReclaims],
      ['slab_reassign_busy_items', cache.moveBusyItems],
      ['slab_reassign_busy_deletes', 0],
      ['slab_reassign_busy_nomem', cache.moveBusyNoMemory],
      ['slab_reassign_last_busy_status', 0],
      ['slab_reassign_running', cache.moveRunning ? 1 : 0],
      ['slabs_moved', cache.slabsMoved],
    ),
    ...onlyIf(
      tunables.crawler,
      ['lru_crawler_running', cache.crawlerRunning || context.claim.isTaken ? 1 : 0],
      ['lru_crawler_starts', cache.crawlerStarts],
    ),
    ...onlyIf(tunables.maintainer, ['lru_maintainer_juggles', cache.maintainerJuggles]),
    ['malloc_fails', 0],
    ['log_worker_dropped', count(COUNTER.logWorkerDropped)],
    ['log_worker_written', count(COUNTER.logWorkerWritten)],
    ['log_watcher_skipped', count(COUNTER.logWatcherSkipped)],
    ['log_watcher_sent', count(COUNTER.logWatcherSent)],
    ['log_watchers', context.log.watchers],
    ...tlsStatistics(facts),
    ['unexpected_napi_ids', 0],
    ['round_robin_fallback', 0],
    ['bytes', cache.bytes],
    ['curr_items', cache.currItems],
    ['total_items', cache.totalItems],
    ['slab_global_page_pool', cache.poolPages],
    ['expired_unfetched', cache.expiredUnfetched],
    ['evicted_unfetched', cache.evictedUnfetched],
    ...onlyIf(tunables.maintainer, ['evicted_active', cache.evictedActive]),
    ['evictions', cache.evictions],
    ['reclaimed', cache.reclaimed],
    ['crawler_reclaimed', cache.crawlerReclaimed],
    ['crawler_items_checked', cache.crawlerItemsChecked],
    ['lrutail_reflocked', cache.lruTailBusy],
    ...onlyIf(
      tunables.maintainer,
      ['moves_to_cold', cache.movedToCold],
      ['moves_to_warm', cache.movedToMain],
      ['moves_within_lru', cache.movedWithinMain],
      ['direct_reclaims', cache.directReclaims],
      ['lru_bumps_dropped', 0],
    ),
  ];
  if (context.reports.replicates) {
    lines.push(
      ['replication', 'MASTER'],
      ['repcached_version', REPCACHED_VERSION],
      ['repcached_qi_free', context.reports.replicationQueueFree()],
    );
  }
  return lines;
}

/**
 * `stats items`: what each slab class holds. See ClassStatistics for which queue is shown under which of memcached's names. Where the
 * segments are switched off (`lru mode flat`, `no_lru_maintainer`), their fields are left out, as in memcached.
 */
export function itemStatistics(cache: Cache): StatLine[] {
  const lines: StatLine[] = [];
  const { segmented: isSegmented, hasTemporary } = cache.upkeep.settings;
  for (const one of cache.classStatistics()) {
    if (one.number === 0) continue;
    const add = (name: string, value: number): void => {
      lines.push([`items:${one.slabClass}:${name}`, value]);
    };
    add('number', one.number);
    if (isSegmented) {
      add('number_hot', one.numberHot);
      add('number_warm', one.numberWarm);
      add('number_cold', one.numberCold);
      if (hasTemporary) add('number_temp', one.numberTemporary);
      add('age_hot', one.ageHot);
      add('age_warm', one.ageWarm);
    }
    add('age', one.ageCold);
    add('mem_requested', one.memRequested);
    add('evicted', one.evicted);
    add('evicted_nonzero', one.evictedNonzero);
    add('evicted_time', one.evictedTime);
    add('outofmemory', one.outOfMemory);
    add('tailrepairs', 0);
    add('reclaimed', one.reclaimed);
    add('expired_unfetched', one.expiredUnfetched);
    add('evicted_unfetched', one.evictedUnfetched);
    if (isSegmented) add('evicted_active', one.evictedActive);
    add('crawler_reclaimed', one.crawlerReclaimed);
    add('crawler_items_checked', one.crawlerItemsChecked);
    add('lrutail_reflocked', one.lruTailBusy);
    if (!isSegmented) continue;
    add('moves_to_cold', one.movedToCold);
    add('moves_to_warm', one.movedToMain);
    add('moves_within_lru', one.movedWithinMain);
    add('direct_reclaims', one.directReclaims);
    add('hits_to_hot', one.hitsSmall);
    add('hits_to_warm', one.hitsMain);
    add('hits_to_cold', 0);
    add('hits_to_temp', one.hitsTemporary);
  }
  return lines;
}

/** `stats slabs`: chunks and pages of each slab class, then the totals. */
export function slabStatistics(cache: Cache): StatLine[] {
  const lines: StatLine[] = [];
  for (const one of cache.classStatistics()) {
    const add = (name: string, value: number): void => {
      lines.push([`${one.slabClass}:${name}`, value]);
    };
    add('chunk_size', one.chunkSize);
    add('chunks_per_page', one.chunksPerPage);
    add('total_pages', one.totalPages);
    add('total_chunks', one.totalChunks);
    add('used_chunks', one.usedChunks);
    // memcached, too, gives a page out whole.
    add('free_chunks', one.freeChunks + one.freeChunksEnd);
    add('free_chunks_end', 0);
    add('get_hits', one.getHits);
    add('cmd_set', one.cmdSet);
    add('delete_hits', one.deleteHits);
    add('incr_hits', one.incrHits);
    add('decr_hits', one.decrHits);
    add('cas_hits', one.casHits);
    add('cas_badval', one.casBadval);
    add('touch_hits', one.touchHits);
  }
  const totals = cache.statistics();
  lines.push(['active_slabs', totals.activeSlabs], ['total_malloced', totals.totalMalloced]);
  return lines;
}
