import type { ProxyShard, ProxyStats, ServiceStatus } from '../checks/cluster-status.ts';
import type { PrometheusText } from '../telemetry/prometheus-text.ts';

/** What a proxy has said of itself and of its servers when it was probed last; nothing of those that do not run. Of several pools each by itself. */
export function addProxyMetrics(
  text: PrometheusText,
  { name, role, address, proxy, shards, pools }: ServiceStatus,
): void {
  const labels = { instance: address, service: name, role };
  if (pools.length === 0) {
    if (proxy !== null) addPoolMetrics(text, labels, proxy, shards);
    return;
  }
  for (const pool of pools) {
    const of = { ...labels, instance: pool.address, pool: pool.name };
    if (proxy !== null && pool.answers !== null)
      text.add('twincached_proxy_pool_up', 'gauge', 'Whether the pool answers', of, pool.answers ? 1 : 0);
    if (pool.stats !== null) addPoolMetrics(text, of, pool.stats, pool.shards);
  }
}

function addPoolMetrics(
  text: PrometheusText,
  labels: Readonly<Record<string, string>>,
  proxy: ProxyStats,
  shards: readonly ProxyShard[],
): void {
  text.add(
    'twincached_proxy_requests_total',
    'counter',
    'Requests that were sent on',
    labels,
    proxy.requests,
  );
  text.add(
    'twincached_proxy_failures_total',
    'counter',
    'Requests answered with an error of the proxy',
    labels,
    proxy.failures,
  );
  text.add('twincached_proxy_open_requests', 'gauge', 'Requests not answered yet', labels, proxy.open);
  if (proxy.carried !== null)
    text.add(
      'twincached_proxy_keys_carried_total',
      'counter',
      'Keys that were carried over from the shards where they were',
      labels,
      proxy.carried,
    );
  if (proxy.ejections !== null)
    text.add(
      'twincached_proxy_shard_ejections_total',
      'counter',
      'Times that a server has lost its keys to others',
      labels,
      proxy.ejections,
    );
  for (const [quantile, micros] of [
    ['0.5', proxy.p50Micros],
    ['0.99', proxy.p99Micros],
  ] as const)
    if (micros !== null)
      text.add(
        'twincached_proxy_latency_seconds',
        'gauge',
        'From request to answer, over the last seconds',
        { ...labels, quantile },
        micros / 1_000_000,
      );
  for (const server of proxy.servers) {
    const of = { ...labels, server: server.name };
    text.add(
      'twincached_proxy_server_up',
      'gauge',
      'Whether the proxy has a connection to the server',
      of,
      server.state === 'up' ? 1 : 0,
    );
    text.add(
      'twincached_proxy_server_requests_total',
      'counter',
      'Requests sent to the server',
      of,
      server.requests,
    );
    if (proxy.ejections !== null)
      text.add(
        'twincached_proxy_server_ejected',
        'gauge',
        'Whether others have the keys of the server',
        of,
        server.isEjected ? 1 : 0,
      );
    text.add('twincached_proxy_server_queue', 'gauge', 'Requests that wait for the server', of, server.queue);
    text.add(
      'twincached_proxy_server_timeouts_total',
      'counter',
      'Requests that the server did not answer in time',
      of,
      server.timeouts,
    );
    text.add(
      'twincached_proxy_server_connection_errors_total',
      'counter',
      'Connections to the server that failed',
      of,
      server.connectionErrors,
    );
    text.add(
      'twincached_proxy_server_downs_total',
      'counter',
      'Times that the proxy took the server for dead after it had answered',
      of,
      server.downs,
    );
  }
  for (const server of shards.flatMap((shard) => shard.servers))
    text.add(
      'twincached_proxy_server_taken_out',
      'gauge',
      'Whether an operator has told the proxy not to ask the server',
      { ...labels, server: server.address },
      server.isOut ? 1 : 0,
    );
}
