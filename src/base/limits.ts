/** Bounds that more than one room must know. Each has a test at the bound. */

/** Most bytes of an unfinished request that a session may leave unconsumed; a transport closes a connection beyond it. */
export const INPUT_REST_BYTES_MAX: number = 64 * 1024;

/** Longest key, as in memcached. */
export const KEY_BYTES_MAX = 250;

/** Longest command line without a line end, other than get and gets. */
export const LINE_BYTES_MAX = 2048;

/** Largest item size that `-I` accepts: 1 GiB. */
export const ITEM_BYTES_MAX: number = 1024 * 1024 * 1024;

/** Most item memory of one node (`-m`): 30 GiB. A place in it has 32 bits, in units of 8 bytes; buffers and first pages want some, too. */
export const MEMORY_BYTES_MAX: number = 30 * 1024 * 1024 * 1024;

/** Bytes that the peer of one connection has not taken, beyond which no further reply is kept and the connection is closed. */
export const PENDING_BYTES_MAX: number = 64 * 1024 * 1024;

/** The same over all connections of one loop. */
export const PENDING_BYTES_TOTAL_MAX: number = 1024 * 1024 * 1024;
