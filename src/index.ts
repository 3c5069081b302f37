/** What `import … from 'twincached'` gives. */
export { TWINCACHED_VERSION as version } from './base/version.ts';
