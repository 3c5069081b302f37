/** What `import … from 'twincached'` gives. */
export { StartError } from './base/start-error.ts';
export { TWINCACHED_VERSION as version } from './base/version.ts';
export { CacheNode, type CacheNodeOptions } from './node/cache-node.ts';
