/** What `import … from 'twincached'` gives. */
export { StartError } from './base/start-error.ts';
export { TWINCACHED_VERSION as version } from './base/version.ts';
export type { ClusterStatus, ServiceStatus } from './checks/cluster-status.ts';
export type { LogEvent } from './checks/event-log.ts';
export { DEFAULT_POLICY, type ServicePolicy } from './checks/service-policy.ts';
export { CacheError } from './client/cache-error.ts';
export { type CachedItem, type CacheValue, Client, type StoreOptions } from './client/client.ts';
export type { ClientBounds } from './client/server-connection.ts';
export { Cluster } from './cluster/cluster-object.ts';
export type { ClusterOptions } from './cluster/embedded-cluster.ts';
export { Monitor, type MonitorOptions } from './monitor/monitor.ts';
export type { ServiceDefinition } from './monitor/service-definition.ts';
export { CacheNode, type CacheNodeOptions } from './node/cache-node.ts';
export { CacheProxy as Proxy, type CacheProxyOptions as ProxyOptions } from './proxy/cache-proxy.ts';
