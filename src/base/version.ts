/** The memcached release whose behaviour nodes show; clients negotiate by it. */
export const MEMCACHED_VERSION = '1.6.45';

/** The repcached release whose statistics lines nodes show. */
export const REPCACHED_VERSION = '2.3.1';

/** This package's own version. */
export const TWINCACHED_VERSION = '0.1.0';
