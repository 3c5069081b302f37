/** What `import … from 'twincached'` gives. */
export { StartError } from './base/start-error.ts';
export { TWINCACHED_VERSION as version } from './base/version.ts';
export { CacheError } from './client/cache-error.ts';
export { type CachedItem, type CacheValue, Client, type StoreOptions } from './client/client.ts';
export type { ClientBounds } from './client/server-connection.ts';
export { CacheNode, type CacheNodeOptions } from './node/cache-node.ts';
export { CacheProxy as Proxy, type CacheProxyOptions as ProxyOptions } from './proxy/cache-proxy.ts';
