import { DESTINATION, type Destination } from './destination.ts';
import { FIGURE } from './destination-figures.ts';

const STATE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(DESTINATION).map(([name, state]) => [state, name]),
);

/**
 * What `stats servers` tells of some destinations, as `name value`, without `STAT`, of one thread.
 *
 * @param ejected those that have lost their keys to others; null where that cannot be
 * @param withBuckets also how long answers took, bucket by bucket, so that it can be put together with what other threads say
 */
export function serverFigureLines(
  destinations: readonly Destination[],
  withBuckets = false,
  ejected: ReadonlySet<Destination> | null = null,
): string[] {
  return destinations.flatMap((destination, index) => {
    const { figures, queue, queuedBytes, name, state, replicates } = destination;
    const { counts, latency, failures } = figures;
    const figure = (place: number): number => counts[place] ?? 0;
    const keys = figure(FIGURE.keys);
    const found = figure(FIGURE.found);
    const stateName = destination.isRefusing ? 'refused' : (STATE_NAMES.get(state) ?? '');
    const lines: readonly (readonly [string, string | number])[] = [
      ['name', name],
      ['state', stateName],
      ['twins', replicates === true ? 1 : 0],
      ...(ejected === null ? [] : ([['ejected', ejected.has(destination) ? 1 : 0]] as const)),
      ['requests', figure(FIGURE.requests)],
      ['responses', figure(FIGURE.responses)],
      ['request_bytes', figure(FIGURE.requestBytes)],
      ['response_bytes', figure(FIGURE.responseBytes)],
      ['get_hits', found],
      ['get_misses', Math.max(0, keys - found)],
      ['failures', failures],
      ['flaps', destination.flaps],
      ['downs', destination.downs],
      ['dial_in_ms', destination.dialInMs],
      ['connections_closed', figure(FIGURE.ends)],
      ['connection_errors', figure(FIGURE.errors)],
      ['refusals', figure(FIGURE.refusals)],
      ['timeouts', figure(FIGURE.timedOut)],
      ['queue', queue.length],
      ['queue_bytes', queuedBytes],
      ['latency_p50_us', latency.percentileMicros(0.5)],
      ['latency_p99_us', latency.percentileMicros(0.99)],
      ['latency_max_us', latency.percentileMicros(1)],
      ...(withBuckets ? ([['latency_buckets_us', latency.text || '-']] as const) : []),
    ];
    return lines.map(([what, value]) => `server_${index}_${what} ${value}`);
  });
}
